#pragma once
// A worker's side of the protocol: joining, what it holds, what it gives back, when it may go.
//
//   calling ── WELCOME ──▶ joining ── lane and results up ──▶ working ── leave() ──▶ leaving ── BYE ──▶ over
//      ▲                      │                                  │
//      └───── settled ──── rejoining ◀── lane or control broke ──┘
//
// STOP and REFUSED end it from anywhere; while calling, one that stays for the next run does not hear STOP.
// Rejoining: what runs is finished and delivered, what had not been started is dropped, and a new incarnation
// says HELLO; the ventilator sends again whatever it has not seen acknowledged. The results connection may
// break without that: once it is up again, a MARK down it and a HELD to the ventilator let the others find
// out which results were lost on the way.
//
// Pure: events and `now` in, actions out. One thread.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/ranges.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/core/action.hpp>
#include <fanmill/core/backoff.hpp>
#include <fanmill/core/patience.hpp>
#include <fanmill/wire/batch.hpp>
#include <fanmill/wire/control.hpp>

namespace fanmill::core {

class Station {
 public:
  // Connect a lane or the results socket to this address (as told: its host may be empty), in place of any
  // before.
  struct OpenLane {
    std::string endpoint;
  };
  struct CloseLane {};
  struct OpenResults {
    std::string endpoint;
    std::string key;  // the sink's, as told; empty: it has none
  };
  // Say this down the results connection, before anything else that is to be sent there.
  struct SendMark {
    wire::Mark mark;
  };
  // Take back up to so many tasks from the runner that it has not begun, and call on_taken_back with this.
  struct TakeBack {
    std::uint64_t most = 0;
    wire::Given given;  // what is given anyway
  };
  using Action = std::variant<Say, Tell, Finish, OpenLane, CloseLane, OpenResults, SendMark, TakeBack>;

  // Tasks that came in one message; `owner` keeps alive what they look at.
  struct Holding {
    std::shared_ptr<const void> owner;
    wire::TaskList tasks;
  };

  // `hello` with everything but the incarnation, which `random` draws. `random` never gives 0.
  // `keep`: the worker stays when a run ends, so a STOP that answers HELLO is of the run before.
  Station(wire::Hello hello, Duration wait_timeout, std::function<std::uint64_t()> random, bool keep = false);

  // --- events
  void start(Time now);
  void on_control(const wire::Control& message, Time now);
  void on_control_up(Time now);
  void on_control_down(Time now);
  void on_lane_up(Time now);
  void on_lane_down(Time now);  // or it could not be reached at all
  void on_results_up(Time now);
  void on_results_down(Time now);
  // False if the message is of another lane: nothing of it is taken.
  bool on_tasks(const wire::TasksHeader& header, Holding holding, Time now);
  // These results have been handed to the results socket.
  void on_sent(std::span<const IdRange> ids, Time now);
  // The answer to TakeBack: none of these will be run here, unless they are sent again.
  void on_taken_back(wire::Given given, std::span<const TaskId> ids, Time now);
  // End in order: give back what has not been started, finish and deliver the rest. `unstarted`: what take()
  // gave, and nobody has begun.
  void leave(const std::string& reason, Time now, std::span<const TaskId> unstarted = {});
  void tick(Time now);
  [[nodiscard]] Time next_tick() const;

  // --- what to do
  // At most `most` tasks to be started now, in order. Empty if there are none.
  [[nodiscard]] Holding take(std::size_t most);
  [[nodiscard]] bool has_waiting() const { return !waiting_.empty(); }
  // Undelivered results are of no use any more: throw them away, and call on_sent with their ids.
  [[nodiscard]] bool drop_results() const { return !results_up_ && (state_ == State::rejoining || unheard_); }
  [[nodiscard]] std::vector<Action> take_actions();

  // --- facts
  [[nodiscard]] RunId run() const { return run_; }
  [[nodiscard]] LaneToken token() const { return token_; }
  [[nodiscard]] const std::string& lane() const { return lane_; }  // as it was told
  [[nodiscard]] const std::string& delimiter() const { return delimiter_; }
  [[nodiscard]] const std::string& separator() const { return separator_; }
  [[nodiscard]] const wire::SinkPlace& sink() const { return sink_; }
  [[nodiscard]] std::uint64_t held() const { return unsent_.size(); }
  // It is over because the run is, and not because it was to leave.
  [[nodiscard]] bool stopped() const { return stopped_; }
  [[nodiscard]] bool working() const { return state_ == State::working; }

 private:
  enum class State : std::uint8_t { idle, calling, joining, working, leaving, rejoining, over };

  void call(Time now);
  void on(const wire::Welcome& welcome, Time now);
  void on(const wire::SinkAt& message, Time now);
  void on(const wire::Recall& recall, Time now);
  void check_ready(Time now);
  void check_mark();
  void rejoin(Time now);
  void check_settled(Time now);
  void check_unreachable(Time now);
  void finish(int status, std::string why);
  std::vector<IdRange> drop_waiting(std::span<const TaskId> more = {});

  wire::Hello hello_;
  std::function<std::uint64_t()> random_;
  bool keep_;
  bool stopped_ = false;
  State state_ = State::idle;
  Backoff calling_;
  Patience patience_;
  RunId run_{};
  LaneToken token_{};
  std::string delimiter_;
  std::string separator_;
  std::string lane_;
  wire::SinkPlace sink_;
  bool lane_up_ = false;
  bool results_up_ = false;
  bool owes_mark_ = false;       // results may have been lost since the last mark
  std::uint64_t mark_ = 0;       // the last one
  std::uint64_t received_ = 0;   // messages that have come down this lane
  std::uint64_t recall_ = 0;     // the last one that was answered
  bool unheard_ = false;         // leaving, and no ventilator knows it: no BYE will come
  Time ask_again_ = never;       // when another lane is to be asked for, this one being out of reach
  Time complain_ = never;        // when a connection that has not come up is worth a word
  Time explain_ = never;         // when it is, while it rejoins, why it does not yet
  bool complained_ = false;      // since it was last at work
  std::deque<Holding> waiting_;  // not started
  IdSet unsent_;                 // held: waiting, running, or finished and not handed to the results socket
  std::vector<Action> actions_;
};

}  // namespace fanmill::core
