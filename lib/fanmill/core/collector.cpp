#include <algorithm>
#include <chrono>
#include <utility>

#include <fanmill/base/quantity.hpp>
#include <fanmill/core/collector.hpp>
#include <fanmill/wire/limits.hpp>

namespace fanmill::core {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {
// A little more than the ventilator gives the sink, so that it is the ventilator that says what happened.
constexpr auto ventilator_grace = seconds(3);
// With everything stored, and nobody told: one that was only stopped, or cut off, would wait for a sink for
// ever if this one went.
constexpr auto last_word_grace = seconds(15);
// A sink that was stopped meanwhile has not waited: of two looks that are further apart only this much
// counts.
constexpr auto between_looks = milliseconds(250);
constexpr Outcome outcomes[] = {Outcome::ok, Outcome::failed, Outcome::dead};

std::size_t index(Outcome outcome) {
  return static_cast<std::size_t>(outcome);
}
}  // namespace

Collector::Collector(wire::Hello hello, Duration wait_timeout)
    : hello_(std::move(hello)),
      calling_(milliseconds(100), seconds(2)),
      patience_(wait_timeout),
      reporting_(seconds(1), seconds(1)) {}

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
  } else if (const auto* end = std::get_if<wire::End>(&message)) {
    on(*end);
  } else if (const auto* check = std::get_if<wire::Check>(&message)) {
    on(*check);
  } else if (const auto* retry = std::get_if<wire::Retry>(&message)) {
    on(*retry);
  } else if (const auto* keep = std::get_if<wire::Keep>(&message)) {
    on(*keep);
  } else if (const auto* dead = std::get_if<wire::Dead>(&message)) {
    on(*dead);
  }
}

// --- joining

void Collector::on(const wire::Welcome& welcome, Time now) {
  calling_.stop();
  static_cast<void>(patience_.check(false, now));
  looked_ = never;
  if (state_ == State::calling) {
    begin_run(welcome);
  } else if (welcome.run == run_) {
    say_again();
  } else if (closed_ && !hello_.has_store) {
    finish(exit_status(), "");
  } else if (!hello_.has_store) {
    finish(3, "another run has begun at " + hello_.reached + "; the results of this one cannot be completed");
  } else {
    // Also where all is closed: a ventilator that has not heard so begins again.
    actions_.emplace_back(Tell{
        Severity::info, "another run has begun at " + hello_.reached + "; it takes over what is stored"});
    begin_run(welcome);
  }
}

void Collector::begin_run(const wire::Welcome& welcome) {
  state_ = State::collecting;
  closed_ = partial_ = false;
  run_ = welcome.run;
  acknowledged_ = welcome.acknowledged;
  accounts_ = Accounts{};
  stored_ = 0;
  retried_ = 0;
  announced_.clear();
  asked_to_ = 0;
  asked_all_ = false;
  held_.clear();
  to_report_.clear();
  reporting_.stop();
  fresh_.clear();
  unsafe_.clear();
  for (IdSet& ids : to_ack_) ids.clear();
  waiting_marks_.clear();
  last_marks_.clear();
  said_backlog_ = 0;
  actions_.emplace_back(Begin{welcome.run, welcome.delimiter});
}

// The connection was lost and is back, and with it perhaps what was under way.
void Collector::say_again() {
  settle();
  said_backlog_ = ~std::uint64_t{0};
  for (const Outcome outcome : outcomes) {
    IdSet& again = to_ack_[index(outcome)];
    for (const IdRange& range : accounts_.finished(outcome)) again.add(range);
    for (const IdRange& range : unsafe_.ranges()) again.remove(range);
  }
  to_report_.clear();
  for (const auto& [id, failure] : held_) to_report_.push_back({id, failure.attempt});
  for (const auto& [token, mark] : last_marks_) waiting_marks_.push_back({run_, token, mark});
}

// What the ventilator has had acknowledged it has forgotten, and nobody will send again.
void Collector::on_stored(const std::vector<IdRange>& ok, const std::vector<IdRange>& failed,
                          const std::vector<IdRange>& dead) {
  for (const IdRange& range : ok) accounts_.restore(range, Outcome::ok);
  for (const IdRange& range : failed) accounts_.restore(range, Outcome::failed);
  for (const IdRange& range : dead) accounts_.restore(range, Outcome::dead);
  const std::uint64_t stored = accounts_.accepted();
  if (stored >= acknowledged_) return;
  finish(3, "the sink before this one has made " + format_count(acknowledged_, "outcome") +
                " of this run safe, and the results file here has " + std::to_string(stored) +
                " of them; start the sink with that one's file, and --resume");
}

// --- what is stored already

void Collector::on(const wire::Check& check) {
  if (check.run != run_ || state_ != State::collecting) {
    ++stale_;
    return;
  }
  ++questions_;
  if (check.keys.empty()) {
    asked_to_ = std::max(asked_to_, check.first);
    asked_all_ = true;
    return;
  }
  const IdRange asked{check.first, check.first + check.keys.size() - 1};
  asked_to_ = std::max(asked_to_, asked.last + 1);
  const std::optional<TaskId> asked_before = announced_.next_from(asked.first);
  if (!accounts_.any_in(asked) && (!asked_before || *asked_before > asked.last)) {
    announced_.add(asked);
    actions_.emplace_back(Announce{check.first, check.keys});
    return;
  }
  // Some of these are known, and the store is told of each task once.
  std::vector<IdRange> fresh;
  Announce unknown;
  const auto announce = [&] {
    if (!unknown.keys.empty()) actions_.emplace_back(std::exchange(unknown, {}));
  };
  for (std::size_t i = 0; i < check.keys.size(); ++i) {
    const TaskId id = check.first + i;
    if (announced_.contains(id) || accounts_.outcome_of(id)) {
      announce();
      answer_known(id, fresh);
      continue;
    }
    if (unknown.keys.empty()) unknown.first = id;
    unknown.keys.push_back(check.keys[i]);
  }
  announce();
  announced_.add(asked);
  if (!fresh.empty()) actions_.emplace_back(Say{wire::Fresh{run_, std::move(fresh)}});
}

void Collector::answer_known(TaskId id, std::vector<IdRange>& fresh) {
  settle();
  if (const auto outcome = accounts_.outcome_of(id)) {
    // One that is not safe yet is acknowledged when it is.
    if (!unsafe_.contains(id)) to_ack_[index(*outcome)].add(id);
  } else if (held_.count(id) == 0) {
    append_neighbours(fresh, {id, id});
  }
}

void Collector::on_announced(const std::vector<std::pair<IdRange, Outcome>>& bound,
                             const std::vector<IdRange>& fresh) {
  for (const auto& [range, outcome] : bound) {
    // A question that came together with WELCOME was asked of the store before on_stored was called.
    const bool some_known = accounts_.any_in(range);
    for (TaskId id = range.first; id <= range.last; ++id) {
      if (some_known && accounts_.outcome_of(id)) continue;
      if (!held_.empty()) retried_ += held_.erase(id);
      accept(id, outcome);
    }
  }
  if (!fresh.empty()) actions_.emplace_back(Say{wire::Fresh{run_, fresh}});
}

// --- results

// Workers may reach a new sink before the ventilator's question does. Without it the store would not know
// which item the outcome is of, and a later run would do it again. Once all questions about what was out have
// come, a task is asked about before it goes out: a result of another is of no task.
bool Collector::is_unasked(TaskId id) const {
  return hello_.has_store && id >= asked_to_ && !(accounts_.count() && id >= *accounts_.count()) &&
         !accounts_.outcome_of(id);
}

Collector::Verdict Collector::on_result(const wire::ResultsHeader& header, const wire::ResultView& result) {
  if (header.run != run_) {
    ++stale_;
    return Verdict::drop;
  }
  const bool is_early = is_unasked(result.id);
  if (is_early && !asked_all_) return Verdict::wait;
  if (is_early || result.id >= known_) {
    accounts_.reject();
    return Verdict::drop;
  }
  switch (accounts_.check(result.id)) {
    case Accounts::Verdict::rejected:
      return Verdict::drop;
    case Accounts::Verdict::duplicate:
      acknowledge_again(result.id);
      return Verdict::drop;
    case Accounts::Verdict::accepted:
      break;
  }
  if (result.outcome != Outcome::ok) return Verdict::hold;
  // Another attempt has done better than the one that is held.
  if (!held_.empty()) retried_ += held_.erase(result.id);
  accept(result.id, result.outcome);
  ++stored_;
  return Verdict::store;
}

std::size_t Collector::on_plain_results(const wire::ResultsHeader& header,
                                        std::span<const wire::ResultView> results) {
  const auto is_plain = [&](std::size_t at) {
    return results[at].id == results.front().id + at && results[at].outcome == Outcome::ok &&
           !results[at].detail;
  };
  std::size_t count = 0;
  while (count < results.size() && is_plain(count)) ++count;
  if (count == 0) return 0;
  return on_plain_results(header, IdRange{results.front().id, results.front().id + count - 1});
}

std::size_t Collector::on_plain_results(const wire::ResultsHeader& header, IdRange ids) {
  if (header.run != run_ || !held_.empty()) return 0;
  std::size_t count = std::min<std::size_t>(ids.count(), known_ - std::min(known_, ids.first));
  if (hello_.has_store) count = std::min<std::size_t>(count, asked_to_ - std::min(asked_to_, ids.first));
  if (count > 0) count = accounts_.on_results({ids.first, ids.first + count - 1}, Outcome::ok);
  if (count > 0) append_neighbours(fresh_, {ids.first, ids.first + count - 1});
  stored_ += count;
  return count;
}

void Collector::acknowledge_again(TaskId id) {
  settle();
  // One that is not safe yet is acknowledged when it is.
  if (!unsafe_.contains(id)) to_ack_[index(*accounts_.outcome_of(id))].add(id);
}

void Collector::accept(TaskId id, Outcome outcome) {
  accounts_.accept(id, outcome);
  append_neighbours(fresh_, {id, id});
}

void Collector::hold(TaskId id, std::uint32_t attempt, std::string frame) {
  HeldFailure& held = held_[id];
  if (!held.frame.empty()) {
    ++retried_;  // one of the two
    // A KEEP for the later attempt may be under way; nobody keeps an earlier one.
    if (held.attempt > attempt) return;
  }
  held = {attempt, std::move(frame)};
  to_report_.push_back({id, attempt});
}

void Collector::on(const wire::Retry& retry) {
  if (retry.run != run_ || state_ != State::collecting) {
    ++stale_;
    return;
  }
  for (const wire::AttemptId& attempt : retry.attempts) {
    const auto found = held_.find(attempt.id);
    if (found == held_.end() || found->second.attempt != attempt.attempt) continue;
    held_.erase(found);
    ++retried_;
  }
}

void Collector::on(const wire::Keep& keep) {
  if (keep.run != run_ || state_ != State::collecting) {
    ++stale_;
    return;
  }
  for (const wire::AttemptId& attempt : keep.attempts) {
    const auto found = held_.find(attempt.id);
    if (found == held_.end() || found->second.attempt != attempt.attempt) continue;
    accept(attempt.id, Outcome::failed);
    ++stored_;
    actions_.emplace_back(StoreHeld{std::move(found->second.frame)});
    held_.erase(found);
  }
}

void Collector::on(const wire::Dead& dead) {
  if (dead.run != run_ || state_ != State::collecting) {
    ++stale_;
    return;
  }
  if (accounts_.outcome_of(dead.attempt.id)) {
    acknowledge_again(dead.attempt.id);
    return;
  }
  if (accounts_.check(dead.attempt.id) != Accounts::Verdict::accepted) return;
  retried_ += held_.erase(dead.attempt.id);
  accept(dead.attempt.id, Outcome::dead);
  ++stored_;
  actions_.emplace_back(StoreDead{dead});
}

void Collector::on_mark(const wire::Mark& mark) {
  if (mark.run != run_) {
    ++stale_;
    return;
  }
  waiting_marks_.push_back(mark);
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

void Collector::say_failed(const std::vector<wire::AttemptId>& attempts) {
  for (std::size_t at = 0; at < attempts.size(); at += wire::max_attempts) {
    const std::size_t end = std::min(attempts.size(), at + wire::max_attempts);
    actions_.emplace_back(Say{wire::Failed{run_, {attempts.begin() + at, attempts.begin() + end}}});
  }
}

void Collector::flush(Time now, Duration took) {
  const auto microseconds =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  for (const Outcome outcome : outcomes) {
    IdSet& due = to_ack_[index(outcome)];
    if (due.empty()) continue;
    const std::vector<IdRange> all = due.ranges();
    for (std::size_t at = 0; at < all.size(); at += wire::max_ranges) {
      const std::size_t end = std::min(all.size(), at + wire::max_ranges);
      actions_.emplace_back(
          Say{wire::Ack{run_, outcome, {all.begin() + at, all.begin() + end}, microseconds}});
    }
    due.clear();
  }
  if (!to_report_.empty()) {
    say_failed(to_report_);
    to_report_.clear();
    if (!reporting_.running()) {
      reporting_.start(now);
      static_cast<void>(reporting_.due(now));  // just said
    }
  }
  // After what came before them: an ACK or FAILED that is said is heard first.
  settle();
  if (unsafe_.empty()) {
    for (const wire::Mark& mark : waiting_marks_) {
      std::uint64_t& last = last_marks_[mark.token];
      last = std::max(last, mark.mark);
      actions_.emplace_back(Say{wire::Marked{mark.run, mark.token, mark.mark}});
    }
    waiting_marks_.clear();
  }
  check_complete();
}

// --- the end

void Collector::on(const wire::End& end) {
  if (end.run != run_ || state_ == State::calling) {
    ++stale_;
    return;
  }
  if (closed_) {
    say_ended();
    return;
  }
  if (end.partial && !std::exchange(partial_, true)) {
    actions_.emplace_back(Tell{Severity::info, "the run ends before its input has been read to the end"});
  }
  accounts_.on_end(end.count, end.stopped);
  check_complete();
}

void Collector::check_complete() {
  if (state_ != State::collecting || !accounts_.complete()) return;
  settle();
  if (!unsafe_.empty()) return;
  state_ = State::closing;
  actions_.emplace_back(CloseStore{is_whole(), partial_ ? std::nullopt : accounts_.count()});
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

void Collector::leave(const std::string& reason) {
  actions_.emplace_back(Say{wire::Leaving{LaneToken{}, {}, reason}});
}

// Before it was up, nothing that was said has gone anywhere.
void Collector::on_control_up(Time now) {
  if (calling_.running()) calling_.start(now);
}

void Collector::on_control_down(Time now) {
  if (state_ == State::over) return;
  if (state_ != State::calling) {
    looked_ = now;
    alone_ = {};
  }
  if (!calling_.running()) calling_.start(now);
}

int Collector::exit_status() const {
  if (!is_whole()) return 3;
  return accounts_.accepted(Outcome::failed) + accounts_.accepted(Outcome::dead) > 0 ? 1 : 0;
}

void Collector::tick(Time now) {
  if (state_ == State::over) return;
  if (calling_.due(now)) actions_.emplace_back(Say{hello_});
  if (reporting_.due(now)) {
    std::vector<wire::AttemptId> unanswered;
    for (const auto& [id, failure] : held_) unanswered.push_back({id, failure.attempt});
    if (unanswered.empty()) {
      reporting_.stop();
    } else {
      say_failed(unanswered);
    }
  }
  say_backlog(now);
  meter(now);
  const bool missing = state_ == State::calling || looked_ != never;
  if (looked_ != never) {
    alone_ += std::min<Duration>(now - looked_, between_looks);
    looked_ = now;
  }
  if (looked_ != never && closed_ && alone_ >= last_word_grace) {
    finish(exit_status(), "");
    return;
  }
  if (looked_ != never && !closed_ && !hello_.has_store && alone_ >= ventilator_grace) {
    finish(3, "lost the ventilator at " + hello_.reached + " before the run was complete");
    return;
  }
  switch (patience_.check(missing, now)) {
    case Patience::Verdict::wait:
      break;
    case Patience::Verdict::say:
      actions_.emplace_back(Tell{Severity::info, "waiting for a ventilator at " + hello_.reached});
      break;
    case Patience::Verdict::give_up:
      if (closed_) {
        finish(exit_status(), "");
      } else {
        finish(3, "no ventilator at " + hello_.reached + " within --wait-timeout");
      }
  }
}

Time Collector::next_tick() const {
  const Time giving_up = looked_ == never || (hello_.has_store && !closed_) ? never : looked_ + between_looks;
  const Time backlog_due = state_ == State::collecting && backlog() != said_backlog_ ? backlog_due_ : never;
  return std::min({calling_.next(), patience_.next(), reporting_.next(), giving_up, backlog_due});
}

void Collector::meter(Time now) {
  if (run_ == RunId{}) return;
  if (began_ == never) {
    began_ = now;
    stores_.start(now);
  }
  if (stored_ > metered_) stores_.add(stored_ - metered_, now);
  metered_ = stored_;
}

Progress Collector::progress(Time now) const {
  Progress progress;
  progress.done = accounts_.accepted();
  progress.failed = accounts_.accepted(Outcome::failed) + accounts_.accepted(Outcome::dead);
  progress.total = accounts_.count();
  progress.rate = stores_.per_second(now);
  if (began_ != never) progress.elapsed = now - began_;
  return progress;
}

// Results that count and are not safe, each range of them as one where they have not been looked through yet.
std::uint64_t Collector::backlog() const {
  std::uint64_t results = unsafe_.size();
  for (const IdRange& range : fresh_) results += range.count();
  return results;
}

void Collector::say_backlog(Time now) {
  if (state_ != State::collecting || now < backlog_due_) return;
  const std::uint64_t results = backlog();
  if (results == said_backlog_) return;
  said_backlog_ = results;
  backlog_due_ = now + std::chrono::seconds(1);
  actions_.emplace_back(Say{wire::Backlog{run_, results}});
}

std::vector<Collector::Action> Collector::take_actions() {
  return std::exchange(actions_, {});
}

}  // namespace fanmill::core
