#pragma once
// Runs a function on executor threads, as many as there are slots.
//
// Threads: the constructor starts the executors, the destructor joins them; so it waits for a function that
// runs, if that does not pause() (see FunctionCall). The loop hands tasks over under one mutex, executors
// take them in chunks (see Pace) and write results straight into frames of their own; a frame is handed back
// when it is full, or when its executor has nothing else to do. An executor that is idle takes from one whose
// chunk has turned out long. Where there is one slot, a lone task that follows many short ones is run by the
// loop itself, which saves two threads' waking up: docs/decisions/0002.
//
// With a timeout, a call that takes longer is given up: its task has failed, its executor is left to itself,
// and the runner is worn out, for a thread cannot be ended. What that executor had finished before is saved.
// Of a function that `returns` the executor goes on when it does, and the runner is not worn out.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/work/function.hpp>
#include <fanmill/work/pace.hpp>
#include <fanmill/work/results_frame.hpp>
#include <fanmill/work/runner.hpp>
#include <fanmill/work/shared_span.hpp>

namespace fanmill::work {

class FunctionRunner final : public Runner {
 public:
  // Throws Error where the system gives no threads or descriptors, and what `care.begin` throws; waits for
  // all of these.
  FunctionRunner(Function function, std::size_t slots, FunctionCare care = {});
  ~FunctionRunner() override;
  FunctionRunner(const FunctionRunner&) = delete;
  FunctionRunner& operator=(const FunctionRunner&) = delete;

  [[nodiscard]] std::size_t slots() const override { return executors_.size(); }
  [[nodiscard]] std::size_t room() const override;
  void start(Handout handout, Time now) override;
  [[nodiscard]] std::vector<TaskId> take_back(std::size_t most) override;
  [[nodiscard]] std::size_t running() const override { return running_; }
  [[nodiscard]] int wait_fd() const override { return wake_.fd(); }
  [[nodiscard]] Time deadline() const override;
  void collect(Time now, std::vector<FinishedFrame>& finished) override;
  // What pauses ends. A function that does not is left to run on, on its executor; its result is dropped.
  void abandon() override;
  [[nodiscard]] std::string_view worn_out() const override;
  // Where it was asked to take care: a function without a timeout or a beginning is the caller's own.
  [[nodiscard]] bool is_stuck() const override;

 private:
  class Executor;

  struct Queued {
    Handout handout;
    TaskSpan span;
  };

  [[nodiscard]] bool is_for_loop(const Handout& handout);
  void run_on_loop(Handout handout);
  void run_executor(Executor& executor);
  // Waits for tasks. False at the end. All of these with the mutex held.
  [[nodiscard]] bool take_chunk(Executor& executor, std::unique_lock<std::mutex>& lock);
  [[nodiscard]] bool take_queued(Executor& executor);
  [[nodiscard]] bool take_from_others(Executor& executor, Time now);
  [[nodiscard]] Time next_too_long(const Executor& executor) const;
  // Whether it has let go of the mutex meanwhile.
  [[nodiscard]] bool publish(Executor& executor, std::unique_lock<std::mutex>& lock);

  void run_chunk(Executor& executor);
  void run_task(Executor& executor, TaskId id, std::uint32_t attempt, ByteView payload);
  void run_closely(Executor& executor, const wire::TaskView& task);
  static void add_result(Executor& executor, const wire::TaskView& task, ByteView output,
                         const std::optional<std::string>& error, std::optional<Time> started);
  [[nodiscard]] bool is_careful() const { return care_.begin || care_.timeout; }
  void begin_all();
  void join();
  // Those that are given up are to be told by their stop sources, without the mutex.
  [[nodiscard]] std::vector<std::stop_source> give_up_late(Time now);
  void give_up(Executor& executor, Time now);
  void tell(const std::vector<std::stop_source>& stops);

  Function function_;
  FunctionCare care_;
  std::string late_;  // "timed out after 2 s"
  Descriptor wake_;
  std::vector<std::unique_ptr<Executor>> executors_;

  // The loop's own.
  std::size_t running_ = 0;  // handed over and not collected
  bool worn_out_ = false;
  std::unique_ptr<Executor> loop_slot_;  // has no thread

  std::atomic<std::size_t> room_;  // for all that runs and waits; follows pace_

  std::mutex mutex_;
  std::condition_variable work_;         // there is something to take, or the end has come
  std::condition_variable abandonment_;  // for those that pause
  std::deque<Queued> queue_;
  std::size_t queued_ = 0;  // tasks in it
  std::vector<FinishedFrame> finished_;
  std::size_t beginning_ = 0;  // executors that have not begun yet
  std::exception_ptr no_beginning_;
  Pace pace_;
  bool signalled_ = false;        // wake_ is readable, or about to be
  std::uint64_t generation_ = 0;  // counts abandon(): results of an older one are dropped
  bool ending_ = false;
};

}  // namespace fanmill::work
