#pragma once
// A sink by itself: a C++ program that gets the results of a run whose ventilator and workers are other
// processes.
//
//   fanmill::Sink sink([&](const fanmill::Result& result) { table.add(result.id, result.output); },
//                      {.connect = "tcp://127.0.0.1:5555"});
//   const fanmill::Counts counts = sink.run();
//
// Each task has one result. It counts as delivered when the callback has returned, and not before; while the
// ventilator and this process live, none is lost. For results that survive this process there is
// fanmill-sink --results.
//
// Threads: run() works, and calls back, on the calling thread.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/base/notice.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/error.hpp>
#include <fanmill/keys.hpp>
#include <fanmill/result.hpp>

namespace fanmill {

// How a sink works.
struct SinkOptions {
  std::string connect{};  // the ventilator: "tcp://HOST:PORT", "ipc://PATH"
  // Where workers send results; empty: on the transport of `connect`, any free port or a path of its own.
  std::vector<std::string> bind{};
  Keys keys{};              // all three of them
  bool insecure = false;    // tcp beyond loopback without keys
  Duration wait_timeout{};  // how long to do without a ventilator; zero: for ever
  // What is said to people. From the thread of run(); must not throw.
  Notice notice = [](Severity, std::string_view) {};
};

class Sink {
 public:
  // Throws Error{usage} for options that cannot be, Error{unavailable} for keys that cannot be read and where
  // the system lacks descriptors.
  Sink(OnResult on_result, SinkOptions options);
  ~Sink();  // not before run() has returned
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  // Collects until every task of the run has its result, or stop(); returns what it has delivered. Once.
  // Throws Error{unavailable} where the run has ended without that, Error{refused} where the ventilator has a
  // sink already; what the callback throws comes out here, and ends the run.
  Counts run();

  // Ends it now. From any thread, the callback, and a signal handler.
  void stop() noexcept;

 private:
  class Run;
  std::unique_ptr<Run> run_;
};

}  // namespace fanmill
