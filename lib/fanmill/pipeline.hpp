#pragma once
// A pipeline that is fed while it runs: tasks go in from any thread, each becomes one result, and the results
// come to one function.
//
//   fanmill::Pipeline pipeline([](std::string_view payload) { return shout(payload); },
//                              [](const fanmill::Result& result) { std::cout << result.output << '\n'; });
//   for (std::string line; std::getline(std::cin, line);) pipeline.submit(line);
//   pipeline.close();
//
// Payloads and outputs are bytes of any value, or types that <fanmill/codec.hpp> makes bytes of:
//
//   fanmill::Pipeline squares([](int number) { return std::int64_t{number} * number; },
//                             [&](const fanmill::Result& result) { sum += result.as<std::int64_t>(); });
//   squares.submit(7);
//
// Results come in no order; those of short tasks come in batches, and may wait for a long one that the same
// worker has begun after them.
//
// Threads: the constructor starts the pipeline's (its workers and four more), the destructor ends them. They
// sleep while there is nothing to do. Nothing is shared between pipelines, nor with other users of ZeroMQ.
//
// Processes: after fork(2) a pipeline is the parent's. In the child its members throw Error{unavailable}, and
// its destructor does nothing. exit(3) ends handlers and the callback where they are; called by one of them
// it does not wait for itself.

#include <concepts>
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
#include <fanmill/handler.hpp>
#include <fanmill/keys.hpp>
#include <fanmill/processors.hpp>
#include <fanmill/result.hpp>

namespace fanmill {

// How a pipeline works.
struct PipelineOptions {
  std::size_t workers = usable_processors();  // threads that run the handler; 0 only with `listen`
  std::uint32_t retries = 0;                  // further attempts after a failure
  Duration retry_delay{};                     // before the first of them; each further one waits longer
  // Of one call of the handler; zero: it may take for ever. When it is over the task has failed, and its stop
  // token is requested. A function cannot be ended from outside: one that does not look at its token keeps
  // its slot until it returns, close() and the destructor wait for that, and what it returns is dropped.
  Duration timeout{};
  // What may have been submitted and have no result yet; beyond, submit() waits. A task leaves the window
  // when the callback is called with its result. A payload larger than the window is taken when nothing else
  // is in it. Without `window_bytes` it is what keeps the workers busy and a processor's cache is large
  // enough for: 2 MiB, or 1 MiB for each worker, whichever is more; of larger payloads two for each worker,
  // up to 32 MiB, which is also what it is with `listen`.
  std::size_t window_tasks = 65536;
  std::optional<std::size_t> window_bytes{};
  // Where worker processes may join, to run tasks beside our own: "ipc:///run/user/1000/mill",
  // "tcp://127.0.0.1:5555". What they do with a task is theirs: fanmill-worker --connect ENDPOINT COMMAND.
  // tcp beyond loopback wants keys (`key` and `allow`); without them it has to be allowed in so many words
  // (insecure): whoever reaches the port can then read the tasks and forge results.
  std::vector<std::string> listen{};
  Keys keys{};
  bool insecure = false;
  std::string name{};  // of our own worker, in Result::worker; empty: host:pid
  // What is said to people: workers that come and go. From a thread of the pipeline; must not throw.
  Notice notice = [](Severity, std::string_view) {};
};

class Pipeline {
 public:
  // As in <fanmill/result.hpp>.
  using OnResult = fanmill::OnResult;
  using Counts = fanmill::Counts;

  // `on_result` is called on a thread of the pipeline. While it runs, results wait, and with them tasks, once
  // the window is full. An exception from it cancels the pipeline, and close() throws it.
  //
  // Throws Error{usage} for options that cannot be, and Error{unavailable} for keys that cannot be read and
  // where the system lacks threads or descriptors. An endpoint that cannot be listened on is told by what
  // comes next: submit() or close().
  Pipeline(Handler handler, OnResult on_result, PipelineOptions options = {});
  // Cancels what is not closed, and waits for handlers and a callback that run. Within one of these two,
  // where that would be for ever, it does not wait: then all ends by itself, soon.
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // Hands a task in, waits until the window has room, and returns the task's id. The payload is copied.
  // Throws Error{usage} where it is larger than 64 MiB, Error{unavailable} when the pipeline is closed,
  // cancelled or ended by an error. Any thread may; in a handler or the callback of this pipeline it throws
  // Error{unavailable} where it would have to wait, since it is that thread that has to make the room.
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

  // No more tasks; waits until the callback has had all results. Again, it returns the same. Throws what has
  // ended the pipeline early: the callback's exception, or Error{unavailable}. In a handler or the callback
  // it throws Error{usage}.
  Counts close();
  // Ends it now: no further task is begun, results that have not been delivered are dropped, the stop tokens
  // of running tasks are set. Does not wait; any thread, a handler or the callback too.
  void cancel();

 private:
  class Run;
  std::shared_ptr<Run> run_;
};

}  // namespace fanmill
