#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>

#include <sys/eventfd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/base/quantity.hpp>
#include <fanmill/wire/limits.hpp>
#include <fanmill/work/function_runner.hpp>

namespace fanmill::work {

namespace {
// How much of a failed task's item stands in its detail.
constexpr std::size_t failed_item = std::size_t{4} << 10;

std::uint64_t microseconds(std::chrono::nanoseconds duration) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

// Of the one that is being handled.
std::string text_of_exception() {
  std::string text;
  try {
    throw;
  } catch (const std::exception& exception) {
    const char* const what = exception.what();
    text = what != nullptr ? what : "the function threw an exception that says nothing";
  } catch (...) {
    text = "the function threw something that is not an exception";
  }
  text.resize(std::min(text.size(), wire::max_text));
  return text;
}
}  // namespace

class FunctionRunner::Executor final : public FunctionCall {
 public:
  Executor(FunctionRunner& runner, std::uint32_t slot) : FunctionCall(slot), runner_(runner) {}

  [[nodiscard]] bool pause(Duration duration) override {
    std::unique_lock lock(runner_.mutex_);
    const auto abandoned = [this] { return generation_ != runner_.generation_ || given_up_; };
    return !runner_.abandonment_.wait_for(lock, duration, abandoned);
  }

 private:
  friend class FunctionRunner;

  // With what is in handout_.
  void begin(Time now, bool times_tasks) {
    chunk_started_ = now;
    if (frame_.empty()) frame_begun_ = now;
    times_tasks_ = times_tasks || handout_.context->wants_detail || handout_.context->wants_item;
    looks_closely_ = times_tasks_ || runner_.is_careful();
    epoch_ = std::chrono::system_clock::now().time_since_epoch() - now.time_since_epoch();
  }

  FunctionRunner& runner_;
  SharedSpan span_;                          // of handout_.tasks
  ResultsFrame frame_{OutputForm::records};  // the executor's own thread's alone

  // Written by the executor with the mutex held, so that others can read them with it.
  Handout handout_;
  std::uint64_t generation_ = 0;  // of what is in handout_ and frame_
  Time chunk_started_{};
  Time frame_begun_{};
  bool busy_ = false;

  // Of the call that is being made, where there is a timeout. While it is, the loop may add to frame_.
  std::mutex call_;
  Time call_began_ = never;
  const wire::TaskView* task_ = nullptr;
  bool given_up_ = false;  // the loop changes it with the runner's mutex held as well

  std::atomic<bool> calling_{false};  // in the function, or in what begins it or ends it

  // Of the chunk.
  bool times_tasks_ = false;
  bool looks_closely_ = false;
  std::chrono::nanoseconds epoch_{};  // from Clock to the time since 1970
  std::size_t ran_ = 0;

  std::thread thread_;
};

FunctionRunner::FunctionRunner(Function function, std::size_t slots, FunctionCare care)
    : function_(std::move(function)),
      care_(std::move(care)),
      late_(care_.timeout ? "timed out after " + format_duration(*care_.timeout) : ""),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      room_(slots),
      pace_(slots) {
  assert(slots > 0 && function_);
  if (!wake_) throw Error(ErrorCode::unavailable, "start", "executors", reason_of(errno));
  for (std::size_t slot = 1; slot <= slots; ++slot) {
    executors_.push_back(std::make_unique<Executor>(*this, static_cast<std::uint32_t>(slot)));
  }
  loop_slot_ = std::make_unique<Executor>(*this, 1);
  beginning_ = care_.begin ? slots : 0;
  // Each may look at all others as soon as it runs.
  try {
    for (const auto& executor : executors_) {
      executor->thread_ = std::thread([this, &executor = *executor] { run_executor(executor); });
    }
  } catch (const std::system_error& refused) {
    join();
    throw Error(ErrorCode::unavailable, "start", std::to_string(slots) + " threads",
                reason_of(refused.code().value()), "raise the limit (ulimit -u) or lower --jobs");
  }
  if (care_.begin) begin_all();
}

void FunctionRunner::begin_all() {
  std::unique_lock lock(mutex_);
  work_.wait(lock, [this] { return beginning_ == 0; });
  if (!no_beginning_) return;
  lock.unlock();
  join();
  std::rethrow_exception(no_beginning_);
}

FunctionRunner::~FunctionRunner() {
  join();
}

void FunctionRunner::join() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  abandon();
  work_.notify_all();
  for (const auto& executor : executors_) {
    if (executor->thread_.joinable()) executor->thread_.join();
  }
}

std::size_t FunctionRunner::room() const {
  if (worn_out_) return 0;
  const std::size_t all = room_.load(std::memory_order_relaxed);
  return all > running_ ? all - running_ : 0;
}

void FunctionRunner::start(Handout handout, Time) {
  const std::size_t count = handout.tasks.size();
  if (count == 0) return;
  if (is_for_loop(handout)) {
    run_on_loop(std::move(handout));
    return;
  }
  running_ += count;
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({std::move(handout), {0, static_cast<std::uint32_t>(count)}});
    queued_ += count;
  }
  if (count == 1) {
    work_.notify_one();
  } else {
    work_.notify_all();
  }
}

std::vector<TaskId> FunctionRunner::take_back(std::size_t most) {
  std::vector<TaskId> back;
  const auto take = [&back](const Handout& handout, TaskSpan span) {
    for (const wire::TaskView task : handout.tasks.subspan(span.first, span.count())) back.push_back(task.id);
  };
  const std::lock_guard lock(mutex_);
  while (back.size() < most && !queue_.empty()) {
    Queued& newest = queue_.back();
    const auto count = static_cast<std::uint32_t>(std::min(most - back.size(), newest.span.count()));
    take(newest.handout, {newest.span.last - count, newest.span.last});
    newest.span.last -= count;
    queued_ -= count;
    if (newest.span.count() == 0) queue_.pop_back();
  }
  const Time now = Clock::now();
  for (const auto& executor : executors_) {
    if (back.size() >= most || !executor->busy_ || now - executor->chunk_started_ < Pace::too_long())
      continue;
    take(executor->handout_, executor->span_.cut_off(most - back.size()));
  }
  running_ -= back.size();
  return back;
}

bool FunctionRunner::is_for_loop(const Handout& handout) {
  if (executors_.size() > 1 || handout.tasks.size() > 1 || running_ > 0 || is_careful()) return false;
  const std::lock_guard lock(mutex_);
  return pace_.short_lately();
}

// An executor that has not begun its next task yet may do so at once.
Time FunctionRunner::deadline() const {
  if (!care_.timeout || running_ == 0) return never;
  Time earliest = Clock::now();
  for (const auto& executor : executors_) {
    const std::lock_guard lock(executor->call_);
    if (executor->task_ != nullptr && !executor->given_up_)
      earliest = std::min(earliest, executor->call_began_);
  }
  return earliest + *care_.timeout;
}

std::string_view FunctionRunner::worn_out() const {
  return worn_out_ ? std::string_view("a task has timed out, and nothing but the end of the process ends it")
                   : "";
}

bool FunctionRunner::is_stuck() const {
  if (!is_careful() || care_.returns) return false;
  return std::any_of(executors_.begin(), executors_.end(),
                     [](const auto& executor) { return executor->calling_.load(); });
}

std::vector<std::stop_source> FunctionRunner::give_up_late(Time now) {
  std::vector<std::stop_source> stops;
  for (const auto& executor : executors_) {
    const std::lock_guard lock(executor->call_);
    const bool is_late =
        executor->task_ != nullptr && !executor->given_up_ && now - executor->call_began_ >= *care_.timeout;
    if (!is_late) continue;
    give_up(*executor, now);
    stops.push_back(executor->stop_);
  }
  return stops;
}

void FunctionRunner::tell(const std::vector<std::stop_source>& stops) {
  if (stops.empty()) return;
  abandonment_.notify_all();
  for (const std::stop_source& stop : stops) stop.request_stop();
}

void FunctionRunner::give_up(Executor& executor, Time now) {
  worn_out_ = !care_.returns;
  executor.given_up_ = true;
  if (executor.generation_ != generation_) return;
  const wire::TaskView& task = *executor.task_;
  wire::ResultView result;
  result.id = task.id;
  result.attempt = task.attempt;
  result.outcome = Outcome::failed;
  wire::Detail& detail = result.detail.emplace();
  detail.cause = wire::Cause::timeout;
  detail.error = late_;
  detail.slot = executor.slot();
  detail.started = microseconds(executor.call_began_.time_since_epoch() + executor.epoch_);
  detail.took = microseconds(now - executor.call_began_);
  detail.item = executor.handout_.context->wants_item ? task.payload : task.payload.substr(0, failed_item);
  executor.frame_.add(executor.handout_.context, result);
  finished_.push_back(executor.frame_.take());
}

void FunctionRunner::collect(Time now, std::vector<FinishedFrame>& finished) {
  std::unique_lock lock(mutex_);
  std::vector<std::stop_source> stops;
  if (care_.timeout && running_ > 0) stops = give_up_late(now);
  eventfd_t value = 0;
  // Where the signal has been announced and not come yet, it is left for the next time.
  if (signalled_ && ::eventfd_read(wake_.fd(), &value) == 0) signalled_ = false;
  for (FinishedFrame& frame : finished_) {
    running_ -= frame.count;
    finished.push_back(std::move(frame));
  }
  finished_.clear();
  lock.unlock();
  tell(stops);
}

void FunctionRunner::abandon() {
  std::vector<std::stop_source> stops;
  {
    const std::lock_guard lock(mutex_);
    ++generation_;
    queue_.clear();
    queued_ = 0;
    finished_.clear();
    for (const auto& executor : executors_) {
      executor->span_.clear();
      const std::lock_guard call(executor->call_);
      if (executor->busy_) stops.push_back(executor->stop_);
    }
  }
  abandonment_.notify_all();
  tell(stops);
  running_ = 0;
}

void FunctionRunner::run_executor(Executor& executor) {
  std::exception_ptr failure;
  if (care_.begin) {
    executor.calling_ = true;
    try {
      care_.begin(executor.slot());
    } catch (...) {
      failure = std::current_exception();
    }
    executor.calling_ = false;
  }
  std::unique_lock lock(mutex_);
  if (failure && !no_beginning_) no_beginning_ = failure;
  if (beginning_ > 0 && --beginning_ == 0) work_.notify_all();
  if (failure) return;
  while (take_chunk(executor, lock)) {
    lock.unlock();
    run_chunk(executor);
    if (executor.given_up_) return;
    lock.lock();
  }
  lock.unlock();
  if (!care_.end) return;
  executor.calling_ = true;
  care_.end(executor.slot());
  executor.calling_ = false;
}

bool FunctionRunner::take_chunk(Executor& executor, std::unique_lock<std::mutex>& lock) {
  Time now = Clock::now();
  if (std::exchange(executor.busy_, false)) {
    pace_.ran(std::exchange(executor.ran_, 0), now - executor.chunk_started_);
    room_.store(pace_.room(), std::memory_order_relaxed);
  }
  while (!ending_) {
    // A frame waits for more only where there is more at once, and not for long.
    if (queue_.empty() || now - executor.frame_begun_ >= Pace::enough() || executor.frame_.full() ||
        executor.generation_ != generation_ || executor.frame_.context() != queue_.front().handout.context) {
      if (publish(executor, lock)) continue;
    }
    if (take_queued(executor) || take_from_others(executor, now)) {
      executor.busy_ = true;
      executor.generation_ = generation_;
      if (executor.stop_.stop_requested()) executor.stop_ = std::stop_source();
      executor.begin(now, pace_.allows_clock());
      return true;
    }
    executor.handout_ = {};
    const Time look_again = next_too_long(executor);
    if (look_again == never) {
      work_.wait(lock);
    } else {
      work_.wait_until(lock, look_again);
    }
    now = Clock::now();
  }
  return false;
}

bool FunctionRunner::take_queued(Executor& executor) {
  if (queue_.empty()) return false;
  Queued& front = queue_.front();
  const std::size_t count = std::min(pace_.chunk(queued_), front.span.count());
  const std::uint32_t end = front.span.first + static_cast<std::uint32_t>(count);
  executor.span_.set({front.span.first, end});
  queued_ -= count;
  if (end == front.span.last) {
    executor.handout_ = std::move(front.handout);
    queue_.pop_front();
  } else {
    executor.handout_ = front.handout;
    front.span.first = end;
  }
  return true;
}

bool FunctionRunner::take_from_others(Executor& executor, Time now) {
  for (const auto& other : executors_) {
    if (!other->busy_ || now - other->chunk_started_ < Pace::too_long()) continue;
    const TaskSpan span = other->span_.split();
    if (span.count() == 0) continue;
    executor.handout_ = other->handout_;
    executor.span_.set(span);
    return true;
  }
  return false;
}

// When another's chunk will have taken too long, if it has tasks left to take.
Time FunctionRunner::next_too_long(const Executor& executor) const {
  Time first = never;
  for (const auto& other : executors_) {
    if (other.get() == &executor || !other->busy_ || !other->span_.has_more()) continue;
    first = std::min(first, other->chunk_started_ + Pace::too_long());
  }
  return first;
}

bool FunctionRunner::publish(Executor& executor, std::unique_lock<std::mutex>& lock) {
  if (executor.frame_.empty()) return false;
  FinishedFrame frame = executor.frame_.take();
  if (executor.generation_ != generation_) return false;
  finished_.push_back(std::move(frame));
  if (std::exchange(signalled_, true)) return false;
  // The loop that this wakes takes the mutex at once.
  lock.unlock();
  ::eventfd_write(wake_.fd(), 1);
  lock.lock();
  return true;
}

// Not a TaskView: what is in registers here would be stored in parts, and loaded as a whole before it is
// there. And in one piece with the loop around it: for a task of nothing a call is as much as all the rest.
[[gnu::always_inline]] inline void FunctionRunner::run_task(Executor& executor, TaskId id,
                                                            std::uint32_t attempt, ByteView payload) {
  executor.buffer_.clear();
  executor.id_ = id;
  executor.attempt_ = attempt;
  if (executor.looks_closely_) return run_closely(executor, {id, attempt, payload});
  ByteView output;
  try {
    output = function_(payload, executor);
  } catch (...) {
    return add_result(executor, {id, attempt, payload}, {}, text_of_exception(), {});
  }
  executor.frame_.add(executor.handout_.context, id, attempt, output, payload);
}

void FunctionRunner::run_chunk(Executor& executor) {
  wire::TaskCursor tasks(executor.handout_.tasks);
  std::size_t ran = 0;
  while (const auto index = executor.span_.next()) {
    if (tasks.moves_to(*index)) executor.frame_.lend_from(executor.handout_.owner, tasks.memory());
    run_task(executor, tasks.id(), tasks.attempt(), tasks.payload());
    if (executor.given_up_) return;
    ++ran;
    if (executor.frame_.full()) {
      std::unique_lock lock(mutex_);
      static_cast<void>(publish(executor, lock));
    }
  }
  executor.ran_ += ran;
  executor.frame_.hold();
}

void FunctionRunner::run_on_loop(Handout handout) {
  const Time started = Clock::now();
  loop_slot_->handout_ = std::move(handout);
  loop_slot_->begin(started, true);
  const wire::TaskView task = loop_slot_->handout_.tasks.front();
  loop_slot_->frame_.lend_from(loop_slot_->handout_.owner, task.payload.data());
  run_task(*loop_slot_, task.id, task.attempt, task.payload);
  ++running_;
  FinishedFrame frame = loop_slot_->frame_.take();
  loop_slot_->handout_ = {};
  const std::lock_guard lock(mutex_);
  pace_.ran(1, Clock::now() - started);
  room_.store(pace_.room(), std::memory_order_relaxed);
  finished_.push_back(std::move(frame));
}

// Where there is a clock or a time limit, or more to say of a task than its output.
void FunctionRunner::run_closely(Executor& executor, const wire::TaskView& task) {
  std::optional<Time> started;
  if (executor.times_tasks_) started = Clock::now();
  if (is_careful()) executor.calling_ = true;
  if (care_.timeout) {
    const std::lock_guard lock(executor.call_);
    executor.task_ = &task;
    executor.call_began_ = Clock::now();
  }
  ByteView output;
  std::optional<std::string> error;
  try {
    output = function_(task.payload, executor);
  } catch (...) {
    // Said once more: GCC 12 may leave anything in it.
    output = {};
    error = text_of_exception();
  }
  if (is_careful()) executor.calling_ = false;
  std::unique_lock<std::mutex> call;
  if (care_.timeout) {
    call = std::unique_lock(executor.call_);
    executor.task_ = nullptr;
  }
  if (!executor.given_up_) {
    add_result(executor, task, output, error, started);
  } else if (care_.returns) {
    executor.given_up_ = false;
    executor.stop_ = std::stop_source();
  }
}

// `error`: why it has failed. Where it was not timed, it has taken less than the microsecond that a detail
// counts in.
void FunctionRunner::add_result(Executor& executor, const wire::TaskView& task, ByteView output,
                                const std::optional<std::string>& error, std::optional<Time> started) {
  const RunContext& context = *executor.handout_.context;
  wire::ResultView result;
  result.id = task.id;
  result.attempt = task.attempt;
  result.output = output;
  if (error || context.wants_detail || context.wants_item) {
    const Time ended = Clock::now();
    wire::Detail& detail = result.detail.emplace();
    if (error) {
      result.outcome = Outcome::failed;
      detail.cause = wire::Cause::error;
      detail.error = *error;
    }
    detail.slot = executor.slot();
    detail.started = microseconds(started.value_or(ended).time_since_epoch() + executor.epoch_);
    detail.took = microseconds(ended - started.value_or(ended));
    if (context.wants_item) {
      detail.item = task.payload;
    } else if (error) {
      detail.item = task.payload.substr(0, failed_item);
    }
  }
  if (result.detail) {
    executor.frame_.add(executor.handout_.context, result);
  } else {
    executor.frame_.add(executor.handout_.context, task.id, task.attempt, output, task.payload);
  }
}

}  // namespace fanmill::work
