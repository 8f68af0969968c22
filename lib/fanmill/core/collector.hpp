#pragma once
// The sink's side of the protocol: joining, which outcomes count, what is acknowledged, and when it is over.
//
//   calling ── WELCOME ──▶ collecting ── an outcome for every task, all safe ──▶ closing ── BYE ──▶ over
//
// A sink whose outcomes live in its memory cannot go on with another ventilator, nor the ventilator with
// another sink: when they lose each other for good, both end with 3. A connection that breaks and comes back
// is no harm: HELLO is said again with the same incarnation, and everything is acknowledged again.
//
// Pure: events and `now` in, actions out. One thread.

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/core/accounts.hpp>
#include <fanmill/core/action.hpp>
#include <fanmill/core/backoff.hpp>
#include <fanmill/core/patience.hpp>
#include <fanmill/wire/batch.hpp>
#include <fanmill/wire/control.hpp>

namespace fanmill::core {

class Collector {
 public:
  // The run is known; results may be read from now on.
  struct Begin {
    RunId run{};
    std::string delimiter;
  };
  // Everything is safe and nothing will come: close the store, then call on_closed.
  struct CloseStore {
    bool complete = true;
  };
  using Action = std::variant<Say, Tell, Finish, Begin, CloseStore>;

  // `hello` with its incarnation.
  Collector(wire::Hello hello, Duration wait_timeout);

  // --- events
  void start(Time now);
  void on_control(const wire::Control& message, Time now);
  void on_control_down(Time now);
  // True if this result is to be stored; the caller asks for each result of a frame, in order. Duplicates are
  // acknowledged again by flush_acks.
  [[nodiscard]] bool on_result(const wire::ResultsHeader& header, const wire::ResultView& result);
  // These outcomes are safe now. Ascending and disjoint is not needed.
  void on_safe(Outcome outcome, const std::vector<IdRange>& ids);
  // Puts what on_safe and duplicates have left to be acknowledged into ACKs, and sees whether it is over.
  void flush_acks();
  void on_closed();
  // The store has failed, or somebody has asked the sink to end.
  void fail(const std::string& reason);
  void tick(Time now);
  [[nodiscard]] Time next_tick() const;

  [[nodiscard]] std::vector<Action> take_actions();

  // --- facts
  [[nodiscard]] bool collecting() const { return state_ == State::collecting; }  // results are welcome
  [[nodiscard]] bool begun() const { return run_ != RunId{}; }
  [[nodiscard]] const Accounts& accounts() const { return accounts_; }
  [[nodiscard]] std::uint64_t stale() const { return stale_; }  // results of another run
  [[nodiscard]] bool closed() const { return closed_; }         // the store is closed, every outcome in it

 private:
  enum class State : std::uint8_t { idle, calling, collecting, closing, closed, over };

  void on(const wire::Welcome& welcome, Time now);
  void on(const wire::End& end);
  void check_complete();
  void settle();
  void say_ended();
  void finish(int status, std::string why, bool by_peer = false);
  [[nodiscard]] int exit_status() const;

  wire::Hello hello_;
  State state_ = State::idle;
  Backoff calling_;
  Patience patience_;
  RunId run_{};
  Time lost_ = never;  // when control went down, in a run
  Accounts accounts_;
  std::vector<IdRange> fresh_;   // accepted and not in unsafe_ yet
  IdSet unsafe_;                 // accepted and not safe
  std::array<IdSet, 3> to_ack_;  // by outcome
  bool closed_ = false;
  std::uint64_t stale_ = 0;
  std::vector<Action> actions_;
};

}  // namespace fanmill::core
