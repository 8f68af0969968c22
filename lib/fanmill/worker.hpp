#pragma once
// A worker by itself: a C++ function that takes tasks from a ventilator in another process, however that was
// started (fanmill run --listen, fanmill-ventilator, a fanmill::Pipeline that listens, a
// fanmill::Ventilator).
//
//   fanmill::Worker worker([](std::string_view page) { return words_of(page); },
//                          {.connect = "tcp://127.0.0.1:5555"});
//   worker.run();
//
// It may be started before the ventilator. When the process dies, its tasks are done by others.
//
// Threads: run() works on the calling thread and starts those of the slots, which end before it returns.
// After fork(2) it is to be used where it was made.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <fanmill/base/notice.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/error.hpp>
#include <fanmill/handler.hpp>
#include <fanmill/keys.hpp>
#include <fanmill/processors.hpp>

namespace fanmill {

// How a worker works.
struct WorkerOptions {
  std::string connect{};                    // the ventilator: "tcp://HOST:PORT", "ipc://PATH"
  std::size_t slots = usable_processors();  // threads that run the handler, 1 … 65536
  Keys keys{};                              // `key` and `server_key`
  bool insecure = false;                    // tcp beyond loopback without keys
  // As in PipelineOptions. Where the handler does not return, nor does run().
  Duration timeout{};
  std::string name{};           // in Result::worker; empty: host:pid
  Duration idle_timeout{};      // leaves after so long without a task; zero: never
  Duration lifetime{};          // leaves after so long; zero: never
  std::uint64_t max_tasks = 0;  // leaves after so many; 0: never
  Duration wait_timeout{};      // how long to do without a ventilator or a sink; zero: for ever
  bool keep = false;            // stays for the next run when one ends
  // What is said to people. From the thread of run(); must not throw.
  Notice notice = [](Severity, std::string_view) {};
};

class Worker {
 public:
  // Throws Error{usage} for options that cannot be, Error{unavailable} for keys that cannot be read and where
  // the system lacks descriptors.
  Worker(Handler handler, WorkerOptions options);
  ~Worker();  // not before run() has returned
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Works until the run is over, an option says that it leaves, or stop(). Once at a time; after the end of a
  // run it may be called for another one, but not after stop(): then it returns at once. Throws
  // Error{unavailable} where nobody is there in `wait_timeout`, Error{refused} where the ventilator does not
  // take it.
  void run();

  // Once: gives back what has not been begun, finishes and delivers the rest. Twice: stop tokens are
  // requested, and the end does not wait for delivery. From any thread, and from a signal handler.
  void stop() noexcept;

  // Calls of the handler that have returned, and that have thrown. Any thread.
  [[nodiscard]] std::uint64_t returned() const noexcept;
  [[nodiscard]] std::uint64_t thrown() const noexcept;

 private:
  class Run;
  std::unique_ptr<Run> run_;
};

}  // namespace fanmill
