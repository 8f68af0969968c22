#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fanmill/core/run.hpp>
#include <fanmill/wire/limits.hpp>

// What a run tells those who look on. It changes nothing of the run.

namespace fanmill::core {

namespace {

constexpr int answers_per_second = 64;
constexpr std::size_t most_gone = 16;

std::uint64_t microseconds(Duration time) {
  const auto count = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  return count > 0 ? static_cast<std::uint64_t>(count) : 0;
}

std::uint64_t thousandths(double value) {
  return static_cast<std::uint64_t>(std::llround(value * 1000));
}

}  // namespace

// What the answers to those who do not read them take in memory is bounded so; and what they take of our
// time.
bool Run::may_answer(Time now) {
  if (now - answering_ >= std::chrono::seconds(1)) {
    answering_ = now;
    answers_ = 0;
  }
  return ++answers_ <= answers_per_second;
}

void Run::on_ask(const From& from, Time now) {
  if (may_answer(now)) say(from.peer, status(now));
}

void Run::on_backlog(const From& from, const wire::Backlog& backlog) {
  if (!is_sink(from.peer) || backlog.run != id_) {
    ++stale_;
    return;
  }
  sink_->queue = backlog.results;
}

std::size_t Run::workers_needed() const {
  const bool begun = dispatcher_.redelivered() > 0 || dispatcher_.out() + dispatcher_.acknowledged() > 0;
  return begun ? 1 : std::max<std::size_t>(1, settings_.dispatcher.min_lanes);
}

Progress Run::progress(Time now) const {
  Progress progress;
  progress.done = dispatcher_.acknowledged();
  progress.failed = outcomes_[static_cast<std::size_t>(Outcome::failed)] +
                    outcomes_[static_cast<std::size_t>(Outcome::dead)];
  if (dispatcher_.input_ended()) progress.total = dispatcher_.added();
  progress.workers = dispatcher_.open_lanes();
  progress.rate = finished_.per_second(now);
  if (began_ != never) progress.elapsed = now - began_;
  return progress;
}

wire::Status Run::status(Time now) const {
  wire::Status status;
  wire::RunStatus& run = status.run;
  run.run = id_;
  run.host = settings_.host;
  run.pid = settings_.pid;
  run.address = settings_.address;
  run.elapsed = began_ == never ? 0 : microseconds(now - began_);
  run.added = dispatcher_.added();
  run.input_ended = dispatcher_.input_ended();
  run.stopped = stopped_;
  run.pending = dispatcher_.pending();
  run.unchecked = dispatcher_.unchecked();
  run.delayed = dispatcher_.delayed();
  run.suspects = dispatcher_.suspects();
  run.out = dispatcher_.out();
  run.bytes = dispatcher_.bytes();
  run.window_tasks = settings_.dispatcher.window_tasks;
  run.window_bytes = settings_.dispatcher.window_bytes;
  run.ok = outcomes_[static_cast<std::size_t>(Outcome::ok)];
  run.failed = outcomes_[static_cast<std::size_t>(Outcome::failed)];
  run.dead = outcomes_[static_cast<std::size_t>(Outcome::dead)];
  run.restored = dispatcher_.restored();
  run.redelivered = dispatcher_.redelivered();
  run.rate = thousandths(finished_.per_second(now));
  run.needed = workers_needed();
  if (sink_) status.sink = sink_status(now);

  status.worker_count = workers_.size();
  status.workers.reserve(std::min(workers_.size() + gone_.size(), wire::max_status_workers));
  for (const auto& [token, worker] : workers_) {
    if (status.workers.size() + gone_.size() >= wire::max_status_workers) break;
    wire::WorkerStatus one = status_of(worker, now);
    if (worker.index) {
      const Dispatcher::LaneReport lane = dispatcher_.report(*worker.index, now);
      if (one.stage == wire::WorkerStage::working && lane.alone) one.stage = wire::WorkerStage::alone;
      one.held = dispatcher_.held(*worker.index);
      one.credit = lane.credit;
      one.done = lane.done;
      one.rate = thousandths(lane.rate);
      one.busy = thousandths(lane.busy);
      one.seen = microseconds(now - std::max(worker.seen, lane.finished));
    }
    status.workers.push_back(std::move(one));
  }
  for (const Gone& gone : gone_) {
    status.workers.push_back(gone.last);
    status.workers.back().seen = microseconds(now - gone.seen);
  }
  return status;
}

wire::SinkStatus Run::sink_status(Time now) const {
  return {.present = true,
          .lost = sink_->lost != never,
          .has_store = sink_->hello.has_store,
          .name = sink_->name(),
          .host = sink_->hello.host,
          .pid = sink_->hello.pid,
          .epoch = sink_->hello.incarnation,
          .queue = sink_->queue,
          .took = microseconds(sink_->took),
          .seen = microseconds(now - sink_->seen)};
}

wire::WorkerStatus Run::status_of(const Worker& worker, Time now) {
  wire::WorkerStatus status;
  status.name = worker.name();
  status.host = worker.hello.host;
  status.pid = worker.hello.pid;
  status.slots = worker.hello.slots;
  status.seen = microseconds(now - worker.seen);
  status.lost = worker.lost;
  status.trouble = worker.trouble;
  switch (worker.stage) {
    case Worker::Stage::opening:
    case Worker::Stage::offered:
    case Worker::Stage::ready:
      break;
    case Worker::Stage::working:
      status.stage = wire::WorkerStage::working;
      break;
    case Worker::Stage::leaving:
      status.stage = wire::WorkerStage::leaving;
      break;
  }
  return status;
}

// --- workers that have gone

// After its lane was closed, whose account stays until another takes it.
void Run::remember_gone(const Worker& worker, std::uint64_t lost) {
  wire::WorkerStatus status = status_of(worker, now_);
  status.stage = wire::WorkerStage::gone;
  status.lost += lost;
  if (worker.index) status.done = dispatcher_.report(*worker.index, now_).done;
  if (gone_.size() >= most_gone) gone_.pop_front();
  gone_.push_back({std::move(status), now_});
}

// One that is here again is not gone any more, and what was lost with it is known.
std::uint64_t Run::lost_before(const Worker& worker) {
  const auto same = std::find_if(gone_.begin(), gone_.end(), [&](const Gone& gone) {
    return gone.last.name == worker.name() && gone.last.host == worker.hello.host &&
           gone.last.pid == worker.hello.pid;
  });
  if (same == gone_.end()) return 0;
  const std::uint64_t lost = same->last.lost;
  gone_.erase(same);
  return lost;
}

}  // namespace fanmill::core
