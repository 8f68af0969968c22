#include <algorithm>
#include <chrono>
#include <utility>

#include <fanmill/core/collector.hpp>
#include <fanmill/wire/limits.hpp>

namespace fanmill::core {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {
// A little more than the ventilator gives the sink, so that it is the ventilator that says what happened.
constexpr auto ventilator_grace = seconds(3);
constexpr Outcome outcomes[] = {Outcome::ok, Outcome::failed, Outcome::dead};

std::size_t index(Outcome outcome) {
  return static_cast<std::size_t>(outcome);
}
}  // namespace

Collector::Collector(wire::Hello hello, Duration wait_timeout)
    : hello_(std::move(hello)), calling_(milliseconds(100), seconds(2)), patience_(wait_timeout) {}

void Collector::start(Time now) {
  state_ = State::calling;
  calling_.start(now);
  tick(now);
}

void Collector::finish(int status, std::string why, bool by_peer) {
  if (state_ == State::over) return;
  state_ = State::over;
  actions_.emplace_back(Finish{status, std::move(why), by_peer});
}

void Collector::on_control(const wire::Control& message, Time now) {
  if (state_ == State::over) return;
  if (const auto* welcome = std::get_if<wire::Welcome>(&message)) {
    on(*welcome, now);
  } else if (const auto* end = std::get_if<wire::End>(&message)) {
    on(*end);
  } else if (const auto* refused = std::get_if<wire::Refused>(&message)) {
    finish(4, "the ventilator at " + hello_.reached + " refused this sink: " + refused->reason);
  } else if (std::holds_alternative<wire::Who>(message)) {
    if (!calling_.running()) calling_.start(now);
  } else if (std::holds_alternative<wire::Bye>(message)) {
    if (closed_) {
      finish(exit_status(), "");
    } else {
      finish(3, "the ventilator has ended the run before it was complete; its own message says why", true);
    }
  }
}

void Collector::on(const wire::Welcome& welcome, Time now) {
  calling_.stop();
  static_cast<void>(patience_.check(false, now));
  lost_ = never;
  if (state_ == State::calling) {
    state_ = State::collecting;
    run_ = welcome.run;
    actions_.emplace_back(Begin{welcome.run, welcome.delimiter});
    return;
  }
  if (welcome.run != run_) {
    finish(3, "another run has begun at " + hello_.reached + "; the results of this one cannot be completed");
    return;
  }
  // ACKs on their way may have been lost with the connection.
  settle();
  for (const Outcome outcome : outcomes) {
    IdSet& again = to_ack_[index(outcome)];
    for (const IdRange& range : accounts_.finished(outcome)) again.add(range);
    for (const IdRange& range : unsafe_.ranges()) again.remove(range);
  }
  flush_acks();
}

void Collector::on(const wire::End& end) {
  if (end.run != run_ || state_ == State::calling) {
    ++stale_;
    return;
  }
  if (closed_) {
    say_ended();
    return;
  }
  accounts_.on_end(end.count, end.stopped);
  check_complete();
}

bool Collector::on_result(const wire::ResultsHeader& header, const wire::ResultView& result) {
  if (header.run != run_) {
    ++stale_;
    return false;
  }
  switch (accounts_.on_result(result.id, result.outcome)) {
    case Accounts::Verdict::accepted:
      if (!fresh_.empty() && fresh_.back().last + 1 == result.id) {
        fresh_.back().last = result.id;
      } else {
        fresh_.push_back({result.id, result.id});
      }
      return true;
    case Accounts::Verdict::duplicate:
      settle();
      // One that is not safe yet is acknowledged when it is.
      if (!unsafe_.contains(result.id)) to_ack_[index(*accounts_.outcome_of(result.id))].add(result.id);
      return false;
    case Accounts::Verdict::rejected:
      return false;
  }
  return false;
}

// Neighbours are gathered first, so that a set is touched once for a run of them.
void Collector::settle() {
  for (const IdRange& range : fresh_) unsafe_.add(range);
  fresh_.clear();
}

void Collector::on_safe(Outcome outcome, const std::vector<IdRange>& ids) {
  settle();
  for (const IdRange& range : ids) {
    unsafe_.remove(range);
    to_ack_[index(outcome)].add(range);
  }
}

void Collector::flush_acks() {
  for (const Outcome outcome : outcomes) {
    IdSet& due = to_ack_[index(outcome)];
    if (due.empty()) continue;
    const std::vector<IdRange> all = due.ranges();
    for (std::size_t at = 0; at < all.size(); at += wire::max_ranges) {
      const std::size_t end = std::min(all.size(), at + wire::max_ranges);
      actions_.emplace_back(Say{wire::Ack{run_, outcome, {all.begin() + at, all.begin() + end}}});
    }
    due.clear();
  }
  check_complete();
}

void Collector::check_complete() {
  if (state_ != State::collecting || !accounts_.complete()) return;
  settle();
  if (!unsafe_.empty()) return;
  state_ = State::closing;
  actions_.emplace_back(CloseStore{accounts_.all_there()});
}

void Collector::on_closed() {
  closed_ = true;
  state_ = State::closed;
  say_ended();
}

void Collector::say_ended() {
  actions_.emplace_back(
      Say{wire::Ended{run_, accounts_.accepted(Outcome::ok), accounts_.accepted(Outcome::failed),
                      accounts_.accepted(Outcome::dead), accounts_.duplicates()}});
}

void Collector::fail(const std::string& reason) {
  actions_.emplace_back(Say{wire::Leaving{LaneToken{}, {}, reason}});
}

void Collector::on_control_down(Time now) {
  if (state_ == State::over) return;
  if (closed_) {
    // The ventilator that had asked for the end is gone; nothing is missing here.
    finish(exit_status(), "");
    return;
  }
  if (state_ == State::collecting || state_ == State::closing) lost_ = now;
  if (!calling_.running()) calling_.start(now);
}

int Collector::exit_status() const {
  return accounts_.accepted(Outcome::failed) + accounts_.accepted(Outcome::dead) > 0 ? 1 : 0;
}

void Collector::tick(Time now) {
  if (state_ == State::over) return;
  if (calling_.due(now)) actions_.emplace_back(Say{hello_});
  if (lost_ != never && now - lost_ >= ventilator_grace) {
    finish(3, "lost the ventilator at " + hello_.reached + " before the run was complete");
    return;
  }
  switch (patience_.check(state_ == State::calling, now)) {
    case Patience::Verdict::wait:
      break;
    case Patience::Verdict::say:
      actions_.emplace_back(Tell{Severity::info, "waiting for a ventilator at " + hello_.reached});
      break;
    case Patience::Verdict::give_up:
      finish(3, "no ventilator at " + hello_.reached + " within --wait-timeout");
  }
}

Time Collector::next_tick() const {
  const Time giving_up = lost_ == never ? never : lost_ + ventilator_grace;
  return std::min({calling_.next(), patience_.next(), giving_up});
}

std::vector<Collector::Action> Collector::take_actions() {
  return std::exchange(actions_, {});
}

}  // namespace fanmill::core
