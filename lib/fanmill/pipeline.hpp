#pragma once
// A pipeline that is fed while it runs: tasks go in from any thread, each becomes one result, and the results
// come to one function.
//
//   fanmill::Pipeline pipeline([](std::string_view payload) { return shout(payload); },
//                              [](const fanmill::Result& result) { std::cout << result.output << '\n'; });
//   for (std::string line; std::getline(std::cin, line);) pipeline.submit(line);
//   pipeline.close();
//
// Payloads and outputs are bytes of any value. Results come in no order; those of short tasks come in
// batches, and may wait for a long one that the same worker has begun after them.
//
// Threads: the constructor starts the pipeline's (its workers and four more), the destructor ends them. They
// sleep while there is nothing to do. Nothing is shared between pipelines, nor with other users of ZeroMQ.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/notice.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/error.hpp>
#include <fanmill/processors.hpp>

namespace fanmill {

// A task as its handler sees it. Views hold during the call.
struct Task {
  std::string_view payload;
  std::uint64_t id = 0;       // as submit() has returned it: 0, 1, 2, …
  std::uint32_t attempt = 1;  // 2 with the first retry
  std::size_t slot = 1;       // 1 … PipelineOptions::workers; never twice at the same time
  std::stop_token stop;       // requested by cancel(): then what the handler returns is of no use any more
};

// What has become of a task. Views hold during the call.
struct Result {
  std::uint64_t id = 0;
  Outcome outcome = Outcome::ok;  // dead: worker processes died of it, three that ran nothing else
  std::string_view output;        // empty where it failed by an exception
  std::uint32_t attempts = 1;     // up to this outcome; a worker's death costs one, too
  std::string_view reason;        // for people; empty where it is ok
  std::string_view worker;        // who ran it; empty where it is dead
};

// What is done with a task: makes the output from it, or throws, and the task has failed. One of
//
//   std::string (std::string_view payload)      called from several threads at once
//   std::string (const fanmill::Task& task)     likewise
//   Handler::per_slot(make)                     make(slot) returns one of these for each slot, which is
//   called
//                                               by nobody else: state that need not be shared lives in it
//
// A Task is not made of more than once at the same time, but perhaps more than once: when it is retried, or
// the worker process that had it is gone.
class Handler {
 public:
  using Function = std::function<std::string(const Task&)>;

  template <class Call>
  requires(!std::same_as<std::remove_cvref_t<Call>, Handler> &&
           (std::invocable<Call&, std::string_view> || std::invocable<Call&, const Task&>))
      // NOLINTNEXTLINE(google-explicit-constructor): a lambda is a handler
      Handler(Call call)
      : make_([shared = std::make_shared<Call>(std::move(call))](std::size_t) -> Function {
          return [shared](const Task& task) { return output_of(*shared, task); };
        }) {}

  // `make` is called in the pipeline's constructor, for one slot after the other; what it throws comes out
  // there.
  template <class Make>
  requires std::invocable<Make&, std::size_t>
  static Handler per_slot(Make make) {
    Handler handler;
    handler.make_ = [make = std::make_shared<Make>(std::move(make))](std::size_t slot) -> Function {
      auto own = std::make_shared<std::invoke_result_t<Make&, std::size_t>>((*make)(slot));
      return [own](const Task& task) { return output_of(*own, task); };
    };
    return handler;
  }

  [[nodiscard]] Function for_slot(std::size_t slot) const { return make_(slot); }

 private:
  Handler() = default;

  template <class Call>
  static std::string output_of(Call& call, const Task& task) {
    if constexpr (std::invocable<Call&, std::string_view>) {
      return std::string(std::invoke(call, task.payload));
    } else {
      return std::string(std::invoke(call, task));
    }
  }

  std::function<Function(std::size_t slot)> make_;
};

struct PipelineOptions {
  std::size_t workers = usable_processors();  // threads that run the handler; 0 only with `listen`
  std::uint32_t retries = 0;                  // further attempts after a failure
  Duration retry_delay{};                     // before the first of them; each further one waits longer
  // What may have been submitted and have no result yet; beyond, submit() waits. A task leaves the window
  // when the callback is called with its result. A payload larger than the window is taken when nothing else
  // is in it.
  std::size_t window_tasks = 65536;
  std::size_t window_bytes = std::size_t{32} << 20;
  // Where worker processes may join, to run tasks beside our own: "ipc:///run/user/1000/mill",
  // "tcp://127.0.0.1:5555". What they do with a task is theirs: fanmill-worker --connect ENDPOINT COMMAND.
  // There are no keys here yet, so tcp beyond loopback has to be allowed (insecure): whoever reaches the port
  // can read the tasks and forge results.
  std::vector<std::string> listen{};
  bool insecure = false;
  std::string name{};  // of our own worker, in Result::worker; empty: host:pid
  // What is said to people: workers that come and go. From a thread of the pipeline; must not throw.
  Notice notice = [](Severity, std::string_view) {};
};

class Pipeline {
 public:
  // Called with each result, on one thread of the pipeline and never twice at the same time. While it runs,
  // results wait, and with them tasks, once the window is full. An exception from it cancels the pipeline,
  // and close() throws it.
  using OnResult = std::function<void(const Result&)>;

  struct Counts {
    std::uint64_t submitted = 0;
    std::uint64_t ok = 0;  // results that have been delivered, by outcome
    std::uint64_t failed = 0;
    std::uint64_t dead = 0;
    // Nothing, unless it was cancelled.
    [[nodiscard]] std::uint64_t unfinished() const { return submitted - ok - failed - dead; }
  };

  // Throws Error{usage} for options that cannot be, and Error{unavailable} where the system lacks threads or
  // descriptors. An endpoint that cannot be listened on is told by what comes next: submit() or close().
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
  // The same, but where there is no room returns nothing, at once.
  std::optional<std::uint64_t> try_submit(std::string_view payload);

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
  std::thread thread_;
};

}  // namespace fanmill
