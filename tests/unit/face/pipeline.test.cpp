#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include <catch2/catch.hpp>
#include <zmq.hpp>

#include "../main/gate.hpp"
#include <fanmill/fanmill.hpp>
#include <fanmill/roles/worker.hpp>
#include <fanmill/transport/ipc_path.hpp>
#include <fanmill/transport/random.hpp>
#include <fanmill/wire/batch.hpp>
#include <fanmill/wire/control.hpp>

using namespace fanmill;
using namespace std::chrono_literals;
using test::Gate;

namespace {

std::string echo(std::string_view payload) {
  return std::string(payload);
}

void ignore(const Result&) {}

PipelineOptions two_workers() {
  PipelineOptions options;
  options.workers = 2;
  return options;
}

// In time, or the test fails.
void pass(Gate& gate) {
  if (!gate.pass()) throw std::logic_error("never opened");
}

// Waits until the task is; false where nobody asks in time.
bool is_asked_to_stop(const Task& task) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any changed;
  return changed.wait_for(lock, task.stop, 50s, [&] { return task.stop.stop_requested(); });
}

// What a callback was given.
struct Mute : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return nullptr; }
};

struct Copied {
  Outcome outcome = Outcome::ok;
  std::string output;
  std::uint32_t attempts = 0;
  std::string reason;
  std::string worker;
};

class Copies {
 public:
  void operator()(const Result& result) {
    if (all.count(result.id) != 0) twice = true;
    all[result.id] = {result.outcome, std::string(result.output), result.attempts, std::string(result.reason),
                      std::string(result.worker)};
  }
  [[nodiscard]] auto taker() {
    return [this](const Result& result) { (*this)(result); };
  }
  std::map<std::uint64_t, Copied> all;
  bool twice = false;
};

}  // namespace

TEST_CASE("pipeline: each task from any thread becomes one result, by the id that submit returned") {
  Copies copies;
  Pipeline pipeline([](std::string_view payload) { return "<" + std::string(payload) + ">"; }, copies.taker(),
                    two_workers());
  std::vector<std::future<std::map<std::uint64_t, std::string>>> submitters;
  for (int thread = 0; thread < 4; ++thread) {
    submitters.push_back(std::async(std::launch::async, [&pipeline, thread] {
      std::map<std::uint64_t, std::string> sent;
      for (int i = 0; i < 5000; ++i) {
        std::string payload = std::to_string(thread) + "/" + std::to_string(i);
        sent[pipeline.submit(payload)] = "<" + payload + ">";
      }
      return sent;
    }));
  }
  std::map<std::uint64_t, std::string> sent;
  for (auto& submitter : submitters) sent.merge(submitter.get());
  const Pipeline::Counts counts = pipeline.close();
  CHECK(counts.submitted == 20'000);
  CHECK(counts.ok == 20'000);
  CHECK(counts.unfinished() == 0);
  CHECK_FALSE(copies.twice);
  REQUIRE(copies.all.size() == 20'000);
  REQUIRE(sent.size() == 20'000);
  for (const auto& [id, copy] : copies.all) REQUIRE(copy.output == sent.at(id));
  CHECK(copies.all.begin()->second.reason.empty());
  CHECK(pipeline.close().ok == 20'000);  // as often as one likes
}

TEST_CASE("pipeline: nothing submitted, nothing delivered, and it ends") {
  Pipeline closed(echo, ignore);
  CHECK(closed.close().submitted == 0);
  const Pipeline never_closed(echo, ignore);
}

TEST_CASE("pipeline: bytes of any value and size pass") {
  Copies copies;
  Pipeline pipeline(echo, copies.taker(), two_workers());
  const std::vector<std::string> payloads = {"", std::string("\0\n\xff", 3), std::string(5 << 20, 'x')};
  for (const std::string& payload : payloads) pipeline.submit(payload);
  pipeline.close();
  for (std::size_t i = 0; i < payloads.size(); ++i) CHECK(copies.all.at(i).output == payloads[i]);
}

TEST_CASE("pipeline: results come while it is open, on one thread") {
  Gate first;
  std::set<std::thread::id> threads;
  Pipeline pipeline(
      echo,
      [&](const Result&) {
        threads.insert(std::this_thread::get_id());
        first.open();
      },
      two_workers());
  pipeline.submit("one");
  pass(first);
  for (int i = 0; i < 1000; ++i) pipeline.submit("more");
  pipeline.close();
  CHECK(threads.size() == 1);
  CHECK(threads.count(std::this_thread::get_id()) == 0);
}

TEST_CASE("pipeline: a handler's exception is a failure with its text, after its retries") {
  Copies copies;
  PipelineOptions options = two_workers();
  options.retries = 2;
  options.name = "ours";
  Pipeline pipeline(
      [](const Task& task) -> std::string {
        if (task.payload == "bad") throw std::runtime_error("no good");
        if (task.payload == "odd") throw 7;
        if (task.payload == "mute") throw Mute();
        if (task.payload == "third" && task.attempt < 3) throw std::runtime_error("not yet");
        return std::to_string(task.id);
      },
      copies.taker(), options);
  for (const char* payload : {"good", "bad", "odd", "third", "mute"}) pipeline.submit(payload);
  const Pipeline::Counts counts = pipeline.close();
  CHECK(counts.ok == 2);
  CHECK(counts.failed == 3);
  CHECK(copies.all.at(0).output == "0");
  CHECK(copies.all.at(0).attempts == 1);
  CHECK(copies.all.at(0).worker == "ours");
  CHECK(copies.all.at(1).outcome == Outcome::failed);
  CHECK(copies.all.at(1).reason == "no good");
  CHECK(copies.all.at(1).attempts == 3);
  CHECK(copies.all.at(2).reason == "the function threw something that is not an exception");
  CHECK(copies.all.at(3).output == "3");
  CHECK(copies.all.at(3).attempts == 3);
  CHECK(copies.all.at(4).reason == "the function threw an exception that says nothing");
}

TEST_CASE("pipeline: state per slot is one call's at a time") {
  struct Counter {
    std::size_t slot;
    std::unique_ptr<int> calls = std::make_unique<int>(0);  // not atomic, and not to be copied
    std::string operator()(const Task& task) {
      if (task.slot != slot) throw std::logic_error("of another slot");
      return std::to_string(++*calls);
    }
  };
  std::vector<std::size_t> made;
  Copies copies;
  PipelineOptions options;
  options.workers = 3;
  Pipeline pipeline(Handler::per_slot([&](std::size_t slot) {
                      made.push_back(slot);
                      return Counter{slot};
                    }),
                    copies.taker(), options);
  CHECK(made == std::vector<std::size_t>{1, 2, 3});
  for (int i = 0; i < 30'000; ++i) pipeline.submit("");
  CHECK(pipeline.close().ok == 30'000);
  std::map<std::string, int> seen;
  for (const auto& [id, copy] : copies.all) ++seen[copy.output];
  for (const auto& [count, times] : seen) REQUIRE(times <= 3);

  const auto broken = Handler::per_slot(
      [](std::size_t) -> std::function<std::string(std::string_view)> { throw std::runtime_error("no"); });
  CHECK_THROWS_WITH(Pipeline(broken, ignore), "no");
}

TEST_CASE("pipeline: submit waits while the window is full, try_submit does not") {
  Gate gate;
  PipelineOptions options = two_workers();
  options.window_tasks = 3;
  Pipeline pipeline(
      [&](std::string_view payload) {
        pass(gate);
        return std::string(payload);
      },
      ignore, options);
  for (int i = 0; i < 3; ++i) pipeline.submit("held");
  CHECK_FALSE(pipeline.try_submit("no room"));
  auto waiting = std::async(std::launch::async, [&] { return pipeline.submit("waits"); });
  CHECK_FALSE(pipeline.try_submit("no room"));
  gate.open();
  CHECK(waiting.get() == 3);
  CHECK(pipeline.close().ok == 4);
}

TEST_CASE("pipeline: a callback that takes long holds the tasks up, too") {
  Gate gate;
  Gate called;
  PipelineOptions options = two_workers();
  options.window_tasks = 10;
  Pipeline pipeline(
      echo,
      [&](const Result&) {
        called.open();
        pass(gate);
      },
      options);
  for (int i = 0; i < 10; ++i) pipeline.submit("");
  pass(called);
  CHECK(pipeline.try_submit(""));  // in the place of the one that is being delivered
  CHECK_FALSE(pipeline.try_submit(""));
  gate.open();
  CHECK(pipeline.close().ok == 11);
}

TEST_CASE("pipeline: a handler may submit as long as there is room, and is never left waiting") {
  std::promise<Pipeline*> made;
  const auto self = made.get_future().share();
  std::atomic<int> taken{0};
  std::atomic<int> refused{0};
  PipelineOptions options;
  options.workers = 1;
  options.window_tasks = 3;
  Pipeline pipeline(
      [&](const Task& task) {
        if (task.payload == "first") {
          for (int i = 0; i < 5; ++i) {
            try {
              self.get()->submit("more");
              ++taken;
            } catch (const Error& error) {
              if (std::string(error.what()).find("the window is full") != std::string::npos) ++refused;
            }
          }
          if (self.get()->try_submit("more")) throw std::logic_error("there was no room");
        }
        return std::string();
      },
      ignore, options);
  pipeline.submit("first");
  made.set_value(&pipeline);
  while (taken + refused < 5) std::this_thread::yield();
  CHECK(pipeline.close().ok == 3);
  CHECK(taken == 2);
  CHECK(refused == 3);
}

TEST_CASE("pipeline: a callback has room for one task more for each result, and is never left waiting") {
  std::promise<Pipeline*> made;
  const auto self = made.get_future().share();
  Gate done;
  int results = 0;
  int refused = 0;
  PipelineOptions options = two_workers();
  options.window_tasks = 3;
  Pipeline pipeline(
      echo,
      [&](const Result&) {
        if (results == 1000) return;
        self.get()->submit("next");
        try {
          self.get()->submit("one too many");
        } catch (const Error&) {
          ++refused;
        }
        if (++results == 1000) done.open();
      },
      options);
  for (int i = 0; i < 3; ++i) pipeline.submit("first");
  made.set_value(&pipeline);
  pass(done);
  CHECK(pipeline.close().ok == 1003);
  CHECK(refused == 1000);
}

TEST_CASE("pipeline: close within the callback or the handler is refused, cancel is not") {
  std::atomic<Pipeline*> self{nullptr};
  Gate ready;
  std::atomic<int> refused{0};
  const auto close_within = [&] {
    pass(ready);
    try {
      self.load()->close();
    } catch (const Error&) {
      ++refused;
    }
  };
  Pipeline pipeline(
      [&](std::string_view payload) {
        close_within();
        return std::string(payload);
      },
      [&](const Result&) {
        close_within();
        self.load()->cancel();
      },
      two_workers());
  self = &pipeline;
  pipeline.submit("one");
  ready.open();
  CHECK(pipeline.close().ok == 1);
  CHECK(refused == 2);
}

TEST_CASE("pipeline: after cancel nothing is delivered, of what has come together with it either") {
  // Many, so that the worker may have all of the few at once: its credit follows what it has done lately.
  constexpr int many = 20'000;
  constexpr int few = 16;
  std::atomic<Pipeline*> self{nullptr};
  Gate many_delivered;
  Gate few_done;
  std::atomic<int> done{0};
  std::atomic<int> delivered{0};
  Pipeline pipeline(
      [&](std::string_view payload) {
        if (++done == many + few) few_done.open();
        return std::string(payload);
      },
      [&](const Result&) {
        const int count = ++delivered;
        if (count == many) many_delivered.open();
        if (count == many + 1) pass(few_done);
        if (count > many + 1) self.load()->cancel();
      },
      two_workers());
  self = &pipeline;
  for (int i = 0; i < many; ++i) pipeline.submit("one of many");
  pass(many_delivered);
  for (int i = 0; i < few; ++i) pipeline.submit("one of few");
  CHECK(pipeline.close().ok == many + 2);
  CHECK(delivered == many + 2);
}

TEST_CASE("pipeline: after close nothing is taken") {
  Pipeline pipeline(echo, ignore);
  pipeline.close();
  CHECK_THROWS_AS(pipeline.submit("late"), Error);
  CHECK_THROWS_AS(pipeline.try_submit("late"), Error);
}

TEST_CASE("pipeline: a callback's exception cancels it, and close throws it") {
  struct Mine {};
  Gate running;
  std::atomic<bool> asked{false};
  Pipeline pipeline(
      [&](const Task& task) {
        if (task.payload == "short") return std::string();
        running.open();
        asked = is_asked_to_stop(task);
        return std::string();
      },
      [](const Result&) { throw Mine(); }, two_workers());
  pipeline.submit("long");
  pass(running);
  pipeline.submit("short");
  CHECK_THROWS_AS(pipeline.close(), Mine);
  CHECK_THROWS_AS(pipeline.close(), Mine);
  CHECK(asked);
  CHECK_THROWS_AS(pipeline.submit("late"), Error);

  Pipeline other(echo, [](const Result&) { throw Error(ErrorCode::unavailable, "write", "it", "no"); });
  other.submit("");
  CHECK_THROWS_WITH(other.close(), "cannot write it: no");
}

TEST_CASE("pipeline: cancel wakes those who submit, asks handlers to stop, and drops what is left") {
  Gate running;
  std::atomic<bool> asked{false};
  std::atomic<int> started{0};
  std::atomic<int> delivered{0};
  PipelineOptions options;
  options.workers = 1;
  options.window_tasks = 2;
  Pipeline pipeline(
      [&](const Task& task) {
        ++started;
        running.open();
        asked = is_asked_to_stop(task);
        return std::string();
      },
      [&](const Result&) { ++delivered; }, options);
  pipeline.submit("runs");
  pipeline.submit("waits");
  auto blocked = std::async(std::launch::async, [&] { pipeline.submit("for room"); });
  pass(running);
  pipeline.cancel();
  CHECK_THROWS_AS(blocked.get(), Error);
  const Pipeline::Counts counts = pipeline.close();
  CHECK(asked);
  CHECK(started == 1);
  CHECK(delivered == 0);
  CHECK(counts.submitted == 2);
  CHECK(counts.unfinished() == 2);
  CHECK_THROWS_AS(pipeline.submit("late"), Error);
}

TEST_CASE("pipeline: a task that takes too long has failed at its timeout, whatever its handler does") {
  Gate stuck;
  Gate all_told;
  std::atomic<int> asked{0};
  std::atomic<int> late{0};
  Copies copies;
  PipelineOptions options = two_workers();
  options.timeout = 500ms;
  options.retries = 1;
  Pipeline pipeline(
      [&](const Task& task) {
        if (task.payload == "obeys" && is_asked_to_stop(task)) ++asked;
        if (task.payload == "stuck" && task.attempt == 1) {
          pass(stuck);
          if (task.stop.stop_requested()) ++late;
        }
        return std::string("never mind");
      },
      [&](const Result& result) {
        copies(result);
        if (copies.all.size() == 12) all_told.open();
      },
      options);
  pipeline.submit("stuck");
  pipeline.submit("obeys");
  for (int i = 0; i < 10; ++i) pipeline.submit("short");
  // All while one handler has not returned.
  pass(all_told);
  CHECK(late == 0);
  stuck.open();
  const Pipeline::Counts counts = pipeline.close();
  CHECK(counts.ok == 11);
  CHECK(counts.failed == 1);
  CHECK_FALSE(copies.twice);
  CHECK(late == 1);
  CHECK(asked == 2);
  CHECK(copies.all.at(0).attempts == 2);
  CHECK(copies.all.at(1).attempts == 2);
  CHECK(copies.all.at(1).outcome == Outcome::failed);
  CHECK(copies.all.at(1).reason == "timed out after 500 ms");
}

TEST_CASE("pipeline: beside a ZeroMQ context of the program's own, neither knows of the other") {
  zmq::context_t context;
  zmq::socket_t one(context, zmq::socket_type::pair);
  zmq::socket_t other(context, zmq::socket_type::pair);
  one.bind("inproc://fanmill");
  other.connect("inproc://fanmill");
  Pipeline pipeline(
      [&](std::string_view payload) {
        zmq::context_t within;  // as a handler that calls some service would have
        zmq::socket_t unused(within, zmq::socket_type::push);
        return std::string(payload);
      },
      ignore, two_workers());
  for (int i = 0; i < 10; ++i) pipeline.submit("x");
  one.send(zmq::buffer("hello", 5), zmq::send_flags::none);
  CHECK(pipeline.close().ok == 10);
  zmq::message_t received;
  REQUIRE(other.recv(received));
  CHECK(received.to_string() == "hello");
}

TEST_CASE("pipeline: its destructor ends it at any moment") {
  for (int tasks = 0; tasks < 300; tasks += 10) {
    Pipeline pipeline(echo, ignore, two_workers());
    for (int i = 0; i < tasks; ++i) pipeline.submit("");
  }
}

TEST_CASE("pipeline: destroyed by its own callback it ends, too") {
  std::promise<void> gone;
  struct Holder {
    std::unique_ptr<Pipeline> pipeline;
    Gate ready;
  };
  auto holder = std::make_shared<Holder>();
  std::weak_ptr<Holder> weak = holder;
  struct Last {  // destroyed with the callback, when the last thread has ended
    std::promise<void>* gone;
    explicit Last(std::promise<void>& g) : gone(&g) {}
    ~Last() { gone->set_value(); }
    Last(const Last&) = delete;
    Last& operator=(const Last&) = delete;
  };
  auto last = std::make_shared<Last>(gone);
  holder->pipeline = std::make_unique<Pipeline>(
      echo,
      [weak, last = std::move(last)](const Result&) {
        const auto here = weak.lock();
        pass(here->ready);
        here->pipeline.reset();
      },
      two_workers());
  holder->pipeline->submit("");
  holder->ready.open();
  REQUIRE(gone.get_future().wait_for(50s) == std::future_status::ready);
}

TEST_CASE("pipeline: two at once, and one within another's handler") {
  Copies copies;
  Pipeline outer(
      [](std::string_view payload) {
        std::string all;
        Pipeline inner(
            echo, [&](const Result& result) { all += result.output; }, two_workers());
        inner.submit(payload);
        inner.submit(payload);
        inner.close();
        return all;
      },
      copies.taker(), two_workers());
  Pipeline other(echo, ignore, two_workers());
  other.submit("x");
  for (const char* payload : {"a", "b", "c"}) outer.submit(payload);
  CHECK(outer.close().ok == 3);
  CHECK(copies.all.at(2).output == "cc");
  CHECK(other.close().ok == 1);
}

TEST_CASE("pipeline: one that has nothing to do takes no processor time") {
  static_assert(CLOCKS_PER_SEC == 1'000'000);
  const auto used = [] { return std::chrono::microseconds(std::clock()); };
  std::chrono::microseconds spent{};
  Pipeline pipeline(
      [&](std::string_view) {
        // All others wait for this one.
        const auto before = used();
        std::this_thread::sleep_for(500ms);
        spent = used() - before;
        return std::string();
      },
      ignore, two_workers());
  pipeline.submit("sleeps");
  CHECK(pipeline.close().ok == 1);
  CHECK(spent < 25ms);
}

TEST_CASE("pipeline: worker processes that join run tasks, too") {
  const std::string at = "ipc://" + transport::runtime_directory() + "/face-" + transport::random_name(8);
  Copies copies;
  PipelineOptions options;
  options.workers = 0;
  options.listen = {at};
  Pipeline pipeline(echo, copies.taker(), options);
  roles::StopRequest stop;
  auto joined = std::async(std::launch::async, [&] {
    roles::WorkerSettings worker;
    worker.connect = parse_endpoint("test", at);
    worker.name = "another";
    work::WorkSettings work;
    work.kind = work::WorkKind::function;
    work.words = {"fail"};
    return roles::run_worker(worker, work, stop).exit_code;
  });
  pipeline.submit("one");
  CHECK(pipeline.close().failed == 1);
  CHECK(copies.all.at(0).worker == "another");
  CHECK(copies.all.at(0).reason == "this function always fails");
  CHECK(joined.get() == 0);
}

TEST_CASE("pipeline: a worker that claims what nobody has submitted takes no result from anybody") {
  const std::string at = "ipc://" + transport::runtime_directory() + "/face-" + transport::random_name(8);
  std::atomic<std::uint64_t> results{0};
  PipelineOptions options;
  options.workers = 1;
  options.window_tasks = 8;
  options.listen = {at};
  Pipeline pipeline(
      echo, [&](const Result&) { ++results; }, options);

  zmq::context_t context;
  zmq::socket_t control(context, zmq::socket_type::dealer);
  control.set(zmq::sockopt::rcvtimeo, 100);
  control.set(zmq::sockopt::linger, 0);
  control.connect(at);
  wire::Hello hello;
  hello.incarnation = Incarnation{77};
  hello.reached = at;
  hello.host = "here";
  hello.name = "rogue";
  wire::Welcome welcome;
  const auto deadline = std::chrono::steady_clock::now() + 50s;
  while (welcome.sink.endpoint.empty() && std::chrono::steady_clock::now() < deadline) {
    control.send(zmq::buffer(wire::encode(wire::Control(hello))));
    zmq::message_t answer;
    if (!control.recv(answer)) continue;
    const auto message = wire::decode_control(answer.to_string_view());
    if (message && std::holds_alternative<wire::Welcome>(*message))
      welcome = std::get<wire::Welcome>(*message);
  }
  REQUIRE_FALSE(welcome.sink.endpoint.empty());
  zmq::socket_t forging(context, zmq::socket_type::push);
  forging.set(zmq::sockopt::linger, 0);
  forging.connect(welcome.sink.endpoint);

  // Each of them of what is out, which counts, and of what may be submitted later.
  constexpr std::uint64_t count = 500;
  std::uint64_t submitted = 0;
  while (submitted < count && std::chrono::steady_clock::now() < deadline) {
    wire::ResultsWriter writer;
    writer.begin({welcome.run, welcome.token, "rogue", true});
    for (TaskId id = submitted; id < submitted + 50; ++id) writer.add(id, 0, "forged");
    static_cast<void>(forging.send(zmq::buffer(writer.take().view()), zmq::send_flags::dontwait));
    for (int i = 0; i < 8; ++i) submitted += pipeline.try_submit("a task") ? 1 : 0;
  }
  REQUIRE(submitted >= count);
  CHECK(pipeline.close().ok == submitted);
  CHECK(results == submitted);
}

TEST_CASE("pipeline: an endpoint that is taken is told by what comes next") {
  const std::string at = "ipc://" + transport::runtime_directory() + "/face-" + transport::random_name(8);
  const transport::IpcPath taken(at.substr(6));
  PipelineOptions options = two_workers();
  options.listen = {at};
  Pipeline pipeline(echo, ignore, options);
  CHECK_THROWS_WITH(pipeline.close(), Catch::Contains(at.substr(6)));
}

TEST_CASE("pipeline: options that cannot be are refused in words") {
  const auto with = [](auto change) {
    PipelineOptions options;
    change(options);
    const Pipeline pipeline(echo, ignore, options);
  };
  using O = PipelineOptions;
  CHECK_THROWS_WITH(with([](O& o) { o.workers = 0; }), Catch::StartsWith("PipelineOptions::workers: "));
  CHECK_THROWS_WITH(with([](O& o) { o.workers = 65537; }), Catch::StartsWith("PipelineOptions::workers: "));
  CHECK_THROWS_WITH(with([](O& o) { o.retries = 100'001; }), Catch::StartsWith("PipelineOptions::retries: "));
  CHECK_THROWS_WITH(with([](O& o) { o.retry_delay = -1s; }),
                    Catch::StartsWith("PipelineOptions::retry_delay: "));
  CHECK_THROWS_WITH(with([](O& o) { o.retry_delay = Duration::max(); }),
                    Catch::StartsWith("PipelineOptions::retry_delay: it is too long"));
  CHECK_THROWS_WITH(with([](O& o) { o.name.assign(257, 'n'); }),
                    Catch::StartsWith("PipelineOptions::name: "));
  CHECK_NOTHROW(with([](O& o) { o.name.assign(256, 'n'); }));
  CHECK_NOTHROW(with([](O& o) { o.timeout = Duration::max(); }));
  CHECK_THROWS_WITH(with([](O& o) { o.timeout = -1s; }), Catch::StartsWith("PipelineOptions::timeout: "));
  CHECK_THROWS_WITH(with([](O& o) { o.window_tasks = 0; }),
                    Catch::StartsWith("PipelineOptions::window_tasks: "));
  CHECK_THROWS_WITH(with([](O& o) { o.window_bytes = 0; }),
                    Catch::StartsWith("PipelineOptions::window_bytes: "));
  for (const char* endpoint : {"", "mill", "inproc://mill", "tcp://0.0.0.0:5555", "tcp://127.0.0.1:99999"}) {
    CAPTURE(endpoint);
    CHECK_THROWS_WITH(with([&](O& o) { o.listen = {endpoint}; }),
                      Catch::StartsWith("PipelineOptions::listen: "));
  }
  CHECK_THROWS_AS(Pipeline(echo, nullptr), Error);
  Pipeline pipeline(echo, ignore, two_workers());
  CHECK_THROWS_WITH(pipeline.submit(std::string((64 << 20) + 1, 'x')), Catch::Contains("the most is 64 MiB"));
}
