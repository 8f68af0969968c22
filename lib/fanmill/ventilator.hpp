#pragma once
// A ventilator by itself, for a program that makes tasks while workers and the sink are other processes:
//
//   fanmill::Ventilator ventilator({.bind = {"tcp://127.0.0.1:5555"}});
//   for (const Request& request : requests) ventilator.submit(request.bytes);
//   const fanmill::Counts counts = ventilator.close();
//
// The others are fanmill-worker and fanmill-sink, a fanmill::Worker and a fanmill::Sink, or programs in other
// languages (docs/protocol.md); they may come before it and after it. Where the results are wanted in this
// program, and its own threads are to work too, a fanmill::Pipeline is all three in one.
//
// Threads: the constructor starts one (and ZeroMQ's), the destructor ends it. After fork(2) it is the
// parent's, as with a Pipeline.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/base/notice.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/codec.hpp>
#include <fanmill/error.hpp>
#include <fanmill/keys.hpp>
#include <fanmill/result.hpp>

namespace fanmill {

// How a ventilator works.
struct VentilatorOptions {
  // Where workers and the sink find it, ≥ 1: "ipc:///run/user/1000/mill", "tcp://127.0.0.1:5555". tcp beyond
  // loopback wants keys (`key` and `allow`), or `insecure`, as with a Pipeline.
  std::vector<std::string> bind{};
  Keys keys{};
  bool insecure = false;
  std::uint32_t retries = 0;      // further attempts after a failure
  Duration retry_delay{};         // before the first of them; each further one waits longer
  std::uint32_t min_workers = 1;  // nothing is handed out before so many are there
  // What may be out and waiting; beyond, submit() waits. As many bytes again, of up to 4,096 tasks, may be on
  // their way from submit() to there.
  std::size_t window_tasks = 65536;
  std::size_t window_bytes = std::size_t{32} << 20;
  Duration wait_timeout{};  // how long to do without a worker or a sink before ending; zero: for ever
  // What is said to people: who comes and goes. From the ventilator's thread; must not throw.
  Notice notice = [](Severity, std::string_view) {};
};

class Ventilator {
 public:
  // Throws Error{usage} for options that cannot be, and Error{unavailable} for keys that cannot be read and
  // where the system lacks threads or descriptors. An endpoint that cannot be bound is told by what comes
  // next: submit() or close().
  explicit Ventilator(VentilatorOptions options);
  ~Ventilator();  // cancels what is not closed
  Ventilator(const Ventilator&) = delete;
  Ventilator& operator=(const Ventilator&) = delete;

  // Hands a task in, waits until the window has room, and returns the task's id: 0, 1, 2, … The payload is
  // copied. Throws Error{usage} where it is larger than 64 MiB, Error{unavailable} when the ventilator is
  // closed, cancelled or ended by an error. Any thread may.
  std::uint64_t submit(std::string_view payload);
  // The same for what <fanmill/codec.hpp> makes bytes of.
  template <Writable Value>
  requires(!detail::Text<Value>) std::uint64_t submit(const Value& value) {
    return submit(std::string_view(detail::bytes_of(value)));
  }
  // The same, but where there is no room returns nothing, at once.
  std::optional<std::uint64_t> try_submit(std::string_view payload);
  // Likewise.
  template <Writable Value>
  requires(!detail::Text<Value>) std::optional<std::uint64_t> try_submit(const Value& value) {
    return try_submit(std::string_view(detail::bytes_of(value)));
  }

  // No more tasks; waits until each has its outcome at the sink. Again, it returns the same. Throws what has
  // ended the run early: Error{unavailable}, for example without a sink for `wait_timeout`.
  Counts close();
  // Ends the run now, for workers and the sink too. Does not wait; any thread.
  void cancel();

 private:
  class Run;
  std::unique_ptr<Run> run_;
};

}  // namespace fanmill
