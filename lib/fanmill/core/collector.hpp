#pragma once
// The sink's side of the protocol: joining, which outcomes count, what is acknowledged, and when it is over.
//
//   calling ── WELCOME ──▶ collecting ── an outcome for every task, all safe ──▶ closing ── BYE ──▶ over
//
// A failure is held until the ventilator has said whether it is tried again (RETRY: forgotten) or counts
// (KEEP).
//
// A sink whose outcomes live in its memory cannot go on with another ventilator, nor the ventilator with
// another sink: when they lose each other for good, both end with 3. A sink with a store waits for the
// ventilator, or the next one; a new run begins then, and takes over what is stored. A connection that breaks
// and comes back is no harm: HELLO is said again with the same incarnation, and everything that may have been
// lost with it.
//
// Pure: events and `now` in, actions out. One thread.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/ranges.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/core/accounts.hpp>
#include <fanmill/core/action.hpp>
#include <fanmill/core/backoff.hpp>
#include <fanmill/core/meter.hpp>
#include <fanmill/core/patience.hpp>
#include <fanmill/core/progress.hpp>
#include <fanmill/wire/batch.hpp>
#include <fanmill/wire/control.hpp>

namespace fanmill::core {

class Collector {
 public:
  // The run is known; results may be read from now on. What a store has of it already goes to on_stored.
  struct Begin {
    RunId run{};
    std::string delimiter;
  };
  // Find outcomes for these tasks in the store, then call on_announced.
  struct Announce {
    TaskId first = 0;
    std::vector<Key> keys;
  };
  // A held failure counts: store it.
  struct StoreHeld {
    std::string frame;  // as it was given to hold()
  };
  // The ventilator's word is this task's outcome: store it.
  struct StoreDead {
    wire::Dead dead;
  };
  // Everything is safe and nothing will come: close the store, then call on_closed.
  struct CloseStore {
    bool complete = true;
    std::optional<std::uint64_t> count;  // of the run's tasks; none: there was more input
  };
  using Action = std::variant<Say, Tell, Finish, Begin, Announce, StoreHeld, StoreDead, CloseStore>;

  // `hello` with its incarnation.
  Collector(wire::Hello hello, Duration wait_timeout);

  // --- events
  void start(Time now);
  void on_control(const wire::Control& message, Time now);
  void on_control_up(Time now);
  void on_control_down(Time now);
  // No task from this id on can have a result: those that come are refused.
  void set_known(TaskId end) { known_ = end; }
  // What to do with a result; the caller asks for each result of a frame, in order.
  enum class Verdict : std::uint8_t {
    store,  // it counts
    hold,   // give it to hold()
    wait,   // the ventilator has not asked about this task yet: try again when questions() has grown
    drop,   // a duplicate, of another run, or of a task that cannot be out
  };
  [[nodiscard]] Verdict on_result(const wire::ResultsHeader& header, const wire::ResultView& result);
  // How many of these, from the first on, are to be stored and nothing else is to be done about them:
  // outcomes ok of neighbours, as nearly all are. The next one is for on_result.
  [[nodiscard]] std::size_t on_plain_results(const wire::ResultsHeader& header,
                                             std::span<const wire::ResultView> results);
  // The same where that is known of these results.
  [[nodiscard]] std::size_t on_plain_results(const wire::ResultsHeader& header, IdRange ids);
  // A failure in a RESULTS frame of its own.
  void hold(TaskId id, std::uint32_t attempt, std::string frame);
  void on_mark(const wire::Mark& mark);
  // The answer to Begin, where there is a store.
  void on_stored(const std::vector<IdRange>& ok, const std::vector<IdRange>& failed,
                 const std::vector<IdRange>& dead);
  void on_announced(const std::vector<std::pair<IdRange, Outcome>>& bound, const std::vector<IdRange>& fresh);
  // These outcomes are safe now. Ascending and disjoint is not needed.
  void on_safe(Outcome outcome, const std::vector<IdRange>& ids);
  // Says what on_safe, hold and on_mark have left to be said, and sees whether it is over. `took`: what the
  // store needed to make it safe.
  void flush(Time now, Duration took = {});
  void on_closed();
  // The store has failed, or somebody has asked the sink to end: the ventilator ends the run in order, or,
  // where this one does not stay for that, at once.
  void leave(const std::string& reason);
  void tick(Time now);
  [[nodiscard]] Time next_tick() const;

  [[nodiscard]] std::vector<Action> take_actions();

  // --- facts
  [[nodiscard]] bool collecting() const { return state_ == State::collecting; }  // results are welcome
  [[nodiscard]] bool begun() const { return run_ != RunId{}; }
  [[nodiscard]] bool alone() const { return looked_ != never; }         // begun, and control is down
  [[nodiscard]] std::uint64_t questions() const { return questions_; }  // CHECKs that have been heard
  [[nodiscard]] const Accounts& accounts() const { return accounts_; }
  // Of what accounts().received() counts, each is in one of stored, retried, held, duplicates and rejected.
  [[nodiscard]] std::uint64_t stored() const { return stored_; }
  [[nodiscard]] std::uint64_t held() const { return held_.size(); }  // failures that nobody has ruled on yet
  [[nodiscard]] std::uint64_t stale() const { return stale_; }       // results of another run
  [[nodiscard]] std::uint64_t retried() const { return retried_; }   // failures that did not count
  [[nodiscard]] Progress progress(Time now) const;
  [[nodiscard]] bool closed() const { return closed_; }  // the store is closed, every outcome in it

 private:
  enum class State : std::uint8_t { idle, calling, collecting, closing, closed, over };
  struct HeldFailure {
    std::uint32_t attempt = 0;
    std::string frame;
  };

  void on(const wire::Welcome& welcome, Time now);
  void on(const wire::End& end);
  void on(const wire::Check& check);
  void on(const wire::Retry& retry);
  void on(const wire::Keep& keep);
  void on(const wire::Dead& dead);
  void begin_run(const wire::Welcome& welcome);
  void say_backlog(Time now);
  void meter(Time now);
  [[nodiscard]] std::uint64_t backlog() const;
  void say_again();
  [[nodiscard]] bool is_unasked(TaskId id) const;
  void answer_known(TaskId id, std::vector<IdRange>& fresh);
  void accept(TaskId id, Outcome outcome);
  void check_complete();
  void settle();
  void acknowledge_again(TaskId id);
  void say_failed(const std::vector<wire::AttemptId>& attempts);
  void say_ended();
  void finish(int status, std::string why, bool by_peer = false);
  [[nodiscard]] bool is_whole() const { return accounts_.all_there() && !partial_; }
  [[nodiscard]] int exit_status() const;

  wire::Hello hello_;
  State state_ = State::idle;
  Backoff calling_;
  Patience patience_;
  RunId run_{};
  std::uint64_t acknowledged_ = 0;  // by sinks before this one, when it joined the run
  Time looked_ = never;             // while control is down, in a run: the last tick, or when it went down
  Duration alone_{};                // likewise: for how long, as far as this process ran
  Accounts accounts_;
  TaskId known_ = max_task_id + 1;
  IdSet announced_;         // asked about by CHECK
  TaskId asked_to_ = 0;     // likewise, and what comes before
  bool asked_all_ = false;  // no task beyond asked_to_ is out
  std::uint64_t questions_ = 0;
  std::map<TaskId, HeldFailure> held_;      // waiting for RETRY or KEEP
  std::vector<wire::AttemptId> to_report_;  // of these, what has not been reported yet
  Backoff reporting_;                       // FAILED, until all are answered
  std::vector<IdRange> fresh_;              // accepted and not in unsafe_ yet
  IdSet unsafe_;                            // accepted and not safe
  std::array<IdSet, 3> to_ack_;             // by outcome
  std::vector<wire::Mark> waiting_marks_;   // until all that came before them is safe
  std::map<LaneToken, std::uint64_t> last_marks_;
  std::uint64_t said_backlog_ =
      0;                  // with the last BACKLOG, which may have been lost: then no number of results
  Time backlog_due_{};    // when the next one may be
  bool partial_ = false;  // the input was not read to its end
  bool closed_ = false;
  std::uint64_t stale_ = 0;
  std::uint64_t retried_ = 0;
  std::uint64_t stored_ = 0;
  Time began_ = never;  // the first tick in a run
  Meter stores_;
  std::uint64_t metered_ = 0;  // of stored_
  std::vector<Action> actions_;
};

}  // namespace fanmill::core
