#include <algorithm>
#include <utility>

#include <fanmill/base/quantity.hpp>
#include <fanmill/core/content_key.hpp>
#include <fanmill/core/run.hpp>
#include <fanmill/wire/limits.hpp>

// What the sink says of outcomes, and what follows from it. The rest of Run is in run.cpp.

namespace fanmill::core {

void Run::on_ack(const From& from, const wire::Ack& ack, Time now) {
  if (!is_sink(from.peer) || ack.run != id_) {
    ++stale_;
    return;
  }
  constexpr std::uint64_t day = 86'400'000'000;  // so that no number is too large for a Duration
  const Duration took = std::chrono::microseconds(std::min(ack.took, day));
  const std::uint64_t restored = dispatcher_.restored();
  const std::uint64_t forgotten = dispatcher_.acknowledge(ack.ids, now, took);
  outcomes_[static_cast<std::size_t>(ack.outcome)] += forgotten;
  finished_.add(forgotten - (dispatcher_.restored() - restored), now);
  constexpr int smoothing = 4;
  sink_->took = sink_->took == Duration{} ? took : sink_->took + (took - sink_->took) / smoothing;
  if (!deaths_.empty()) {
    for (const IdRange& range : ack.ids) {
      deaths_.erase(deaths_.lower_bound(range.first), deaths_.upper_bound(range.last));
    }
  }
  if (!leavers_.empty()) dismiss_leavers();
  check_end(now);
}

void Run::end_input(Time now, bool partial) {
  partial_ = partial_ || partial;
  dispatcher_.end_input();
  check_end(now);
}

void Run::stop(Time now) {
  if (over_) return;
  stopped_ = true;
  partial_ = partial_ || !dispatcher_.input_ended();
  dispatcher_.stop();
  if (!sink_) {
    statement_ = Statement{dispatcher_.added(), 0, 0, 0, 0};
    finish(3, "");
    return;
  }
  // An END that carries only the count may be under way; the one that cuts the run short has to wait.
  ending_.stop();
  check_end(now);
}

// END carries the count as soon as it is known; one that cuts the run short waits for what is out.
void Run::check_end(Time now) {
  if (over_ || !dispatcher_.input_ended() || ending_.running()) return;
  if (stopped_ && !dispatcher_.done()) return;
  ending_.start(now);
}

void Run::on_ended(const From& from, const wire::Ended& ended) {
  if (!is_sink(from.peer) || ended.run != id_ || over_ || !ending_.running()) {
    ++stale_;
    return;
  }
  statement_ = Statement{dispatcher_.added(), ended.ok, ended.failed, ended.dead, ended.duplicates};
  if (halted_ || partial_ || statement_->unfinished() > 0) {
    finish(3, sink_->leaving.empty() ? "" : sink_->end(), true);
    return;
  }
  finish(ended.failed == 0 && ended.dead == 0 ? 0 : 1, "");
}

// --- what is stored already

// Asks as far ahead as the input has been read; until the answer, nothing of it is handed out.
void Run::ask_sink() {
  if (!sink_ || sink_->lost != never) return;
  TaskId first = 0;
  while (dispatcher_.next_check(first, payloads_)) {
    wire::Check check{id_, first, {}};
    check.keys.reserve(payloads_.size());
    for (const ByteView payload : payloads_) check.keys.push_back(content_key(payload));
    say(sink_->from.peer, std::move(check));
  }
  if (std::exchange(owes_last_question_, false)) {
    say(sink_->from.peer, wire::Check{id_, dispatcher_.added(), {}});
  }
}

void Run::on_fresh(const From& from, const wire::Fresh& fresh) {
  if (!is_sink(from.peer) || fresh.run != id_) {
    ++stale_;
    return;
  }
  kept_ -= dispatcher_.confirm_fresh(fresh.ids);
}

// --- failures and deaths

void Run::on_failed(const From& from, const wire::Failed& failed, Time now) {
  if (!is_sink(from.peer) || failed.run != id_) {
    ++stale_;
    return;
  }
  wire::Retry retry{id_, {}};
  wire::Keep keep{id_, {}};
  bool any_new = false;
  for (const wire::AttemptId& attempt : failed.attempts) {
    bool fresh_failure = false;
    const auto ruling = dispatcher_.rule(attempt.id, attempt.attempt, now, fresh_failure);
    (ruling == Dispatcher::Ruling::keep ? keep.attempts : retry.attempts).push_back(attempt);
    any_new = any_new || fresh_failure;
    if (ruling == Dispatcher::Ruling::keep && fresh_failure) ++kept_;
  }
  if (!retry.attempts.empty()) say(from.peer, std::move(retry));
  if (!keep.attempts.empty()) say(from.peer, std::move(keep));
  if (any_new && !leavers_.empty()) dismiss_leavers();
  halt_if_due(now);
}

void Run::halt_if_due(Time now) {
  const std::uint64_t failed = kept_ + dispatcher_.dead_count();
  if (over_ || halted_ || !settings_.halt_after || failed < *settings_.halt_after) return;
  halted_ = true;
  tell(Severity::warning, "halted after " + format_count(failed, "failed task") + " (--halt)");
  // What they run ends with them: their tasks come back, and nobody gets them any more.
  while (settings_.halt_now && !workers_.empty()) {
    const auto& [token, worker] = *workers_.begin();
    say(worker.from.peer, wire::Stop{});
    forget(token, Fate::left, "");
  }
  stop(now);
}

void Run::say_dead() {
  const std::vector<wire::TaskView> dead = dispatcher_.dead();
  if (dead.empty()) burying_.stop();
  for (const wire::TaskView& task : dead) {
    say(sink_->from.peer, wire::Dead{id_,
                                     {task.id, task.attempt},
                                     history_of(task.id),
                                     std::string(task.payload.substr(0, wire::max_item_sample))});
  }
}

std::string Run::history_of(TaskId id) const {
  std::string history;
  const auto found = deaths_.find(id);
  if (found == deaths_.end()) return history;
  for (const std::uint32_t worker : found->second) {
    if (!history.empty()) history += ", ";
    history += names_[worker] + " died";
  }
  return history;
}

// --- results that were lost on their way

void Run::on_held(const From& from, const wire::Held& held) {
  Worker* worker = worker_of(from.peer);
  if (worker == nullptr || worker->token != held.token || !worker->index) {
    ++stale_;
    return;
  }
  worker->held_mark = held.mark;
  worker->received = held.received;
  worker->held.clear();
  for (const IdRange& range : held.ids) worker->held.add(range);
  check_mark(*worker);
}

void Run::on_marked(const From& from, const wire::Marked& marked) {
  const auto found = workers_.find(marked.token);
  if (!is_sink(from.peer) || marked.run != id_ || found == workers_.end() || !found->second.index) {
    ++stale_;
    return;
  }
  found->second.marked = std::max(found->second.marked, marked.mark);
  check_mark(found->second);
}

// Both sides of a mark are here: what the worker had had, does not have, and the sink has not got either, is
// lost.
void Run::check_mark(Worker& worker) {
  if (worker.held_mark == 0 || worker.held_mark != worker.marked) return;
  worker.held_mark = 0;
  const std::uint64_t lost = dispatcher_.reclaim(*worker.index, worker.received, worker.held);
  worker.held.clear();
  worker.lost += lost;
  if (lost > 0) {
    tell(Severity::info, std::to_string(lost) + " results of worker " + worker.name() +
                             " were lost on their way to the sink; their tasks go again");
  }
  if (!leavers_.empty()) dismiss_leavers();
}

}  // namespace fanmill::core
