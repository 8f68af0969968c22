#include <chrono>

#include <catch2/catch.hpp>

#include "asked.hpp"
#include <fanmill/core/run.hpp>
#include <fanmill/core/waits.hpp>

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;
using test::said;
using test::start;
using wire::WorkerStage;

namespace {

constexpr std::uint64_t second = 1'000'000;  // of a status

// A run whose sink and workers come when the test says so.
class Scene {
  std::uint64_t drawn_ = 0;

 public:
  explicit Scene(Dispatcher::Settings dispatcher = {.prefetch = 1})
      : run(settings(dispatcher), [this] { return ++drawn_; }) {
    run.tick(now);
  }

  static Run::Settings settings(const Dispatcher::Settings& dispatcher) {
    Run::Settings result;
    result.dispatcher = dispatcher;
    result.delimiter = "\n";
    result.address = "tcp://head:5555";
    result.host = "head";
    result.pid = 4711;
    return result;
  }

  Run::From join_worker(const std::string& name, int link, std::uint32_t slots = 1) {
    Run::From from{name, link, ""};
    run.on_link_up(link);
    wire::Hello hello;
    hello.incarnation = Incarnation{static_cast<std::uint64_t>(link)};
    hello.reached = "tcp://head:5555";
    hello.host = "host-of-" + name;
    hello.name = name;
    hello.slots = slots;
    hello.marks = true;
    run.on_message(from, hello, now);
    static_cast<void>(run.take_actions());
    const LaneToken token{drawn_};
    run.lane_opened(token, "tcp://head:6000");
    run.on_message(from, wire::Ready{token}, now);
    run.lane_usable(token);
    static_cast<void>(run.take_actions());
    return from;
  }
  void join_sink(bool has_store = false) {
    run.on_link_up(90);
    wire::Hello hello;
    hello.role = wire::Role::sink;
    hello.incarnation = Incarnation{777};
    hello.reached = "tcp://head:5555";
    hello.name = "sink";
    hello.results = {"tcp://sink:1"};
    hello.has_store = has_store;
    run.on_message(sink, hello, now);
    static_cast<void>(run.take_actions());
  }
  void add(int tasks) {
    for (int i = 0; i < tasks; ++i) run.add("task");
  }
  void hand_out() {
    Dispatcher::Handout out;
    while (run.next(out)) {
    }
  }
  void ack(IdRange ids, Outcome outcome = Outcome::ok, std::uint64_t took = 0) {
    run.on_message(sink, wire::Ack{run.id(), outcome, {ids}, took}, now);
  }
  void pass(Duration time) {
    now += time;
    run.tick(now);
    static_cast<void>(run.take_actions());
  }
  wire::Status status() const { return run.status(now); }
  std::vector<Wait> waits() const { return why_it_waits(status()); }

  Time now = start;
  Run run;
  Run::From sink{"sink", 90, ""};
};

}  // namespace

TEST_CASE("status: whoever asks is answered, without a HELLO, and nothing else changes") {
  Scene scene;
  scene.add(3);
  const Run::From stranger{"stranger", 5, ""};
  scene.run.on_message(stranger, wire::Ask{}, scene.now + 2s);
  const auto actions = scene.run.take_actions();
  REQUIRE(actions.size() == 1);
  const auto statuses = said<wire::Status>(actions);
  REQUIRE(statuses.size() == 1);
  CHECK(std::get<Run::SayTo>(actions.front()).peer == "stranger");
  CHECK(statuses.front().run.run == scene.run.id());
  CHECK(statuses.front().run.host == "head");
  CHECK(statuses.front().run.pid == 4711);
  CHECK(statuses.front().run.address == "tcp://head:5555");
  CHECK(statuses.front().run.added == 3);
  CHECK(statuses.front().run.elapsed == 2 * second);
  CHECK_FALSE(statuses.front().sink.present);
  CHECK(scene.run.workers() == 0);
}

TEST_CASE("status: so many answers in a second, whoever asks, and then again") {
  Scene scene;
  const auto answers = [&](int asked) {
    for (int i = 0; i < asked; ++i)
      scene.run.on_message({"p" + std::to_string(i), -1, ""}, wire::Ask{}, scene.now);
    return said<wire::Status>(scene.run.take_actions()).size();
  };
  CHECK(answers(1000) == 64);
  CHECK(answers(1000) == 0);
  scene.now += 1s;
  CHECK(answers(10) == 10);
}

TEST_CASE("status: what is done, by outcome, and how fast") {
  Scene scene;
  scene.join_sink();
  scene.join_worker("w", 1, 10);
  scene.add(20);
  scene.run.end_input(scene.now);
  scene.hand_out();
  scene.pass(2s);
  scene.ack({0, 3}, Outcome::ok, 1500);
  scene.ack({4, 5}, Outcome::failed, 1500);
  scene.ack({0, 3});  // said again: nobody is done twice
  const wire::Status status = scene.status();
  CHECK(status.run.added == 20);
  CHECK(status.run.input_ended);
  CHECK(status.run.ok == 4);
  CHECK(status.run.failed == 2);
  CHECK(status.run.dead == 0);
  CHECK(status.run.out + status.run.pending == 14);
  CHECK(status.run.rate == 3000);
  CHECK(status.sink.present);
  CHECK(status.sink.name == "sink");
  CHECK(status.sink.took == 1125);  // three of 1.5 ms, none counted twice, and one of none
  const Progress progress = scene.run.progress(scene.now);
  CHECK(progress.done == 6);
  CHECK(progress.failed == 2);
  CHECK(progress.total == 20);
  CHECK(progress.workers == 1);
  CHECK(progress.rate == 3);
  CHECK(progress.elapsed == 2s);
}

TEST_CASE("status: what the sink had before counts as done, and not for the rate") {
  Scene scene;
  scene.join_sink(true);
  scene.add(10);
  scene.pass(1s);
  scene.ack({0, 7});
  CHECK(scene.status().run.ok == 8);
  CHECK(scene.status().run.restored == 8);
  CHECK(scene.status().run.rate == 0);
}

TEST_CASE("status: a worker's tasks, its rate, and how busy it is") {
  Scene scene;
  scene.join_sink();
  scene.join_worker("idle", 1);
  scene.pass(1s);
  scene.add(1);
  scene.hand_out();
  scene.pass(3s);
  wire::WorkerStatus worker = scene.status().workers.at(0);
  CHECK(worker.name == "idle");
  CHECK(worker.host == "host-of-idle");
  CHECK(worker.stage == WorkerStage::working);
  CHECK(worker.slots == 1);
  CHECK(worker.held == 1);
  CHECK(worker.credit == 2);
  CHECK(worker.done == 0);
  CHECK(worker.busy == 750);
  CHECK(worker.seen == 4 * second);
  scene.ack({0, 0});
  worker = scene.status().workers.at(0);
  CHECK(worker.held == 0);
  CHECK(worker.done == 1);
  CHECK(worker.rate == 250);
  CHECK(worker.busy == 750);
  CHECK(worker.seen == 0);
  scene.pass(4s);
  CHECK(scene.status().workers.at(0).busy == 375);
}

TEST_CASE("status: a worker that died is told of, with what it lost, until it is here again") {
  Scene scene;
  scene.join_sink();
  scene.join_worker("w", 1, 2);
  scene.add(5);
  scene.hand_out();
  scene.pass(1s);
  scene.run.on_link_down(1, scene.now);
  scene.pass(2s);
  wire::Status status = scene.status();
  CHECK(status.worker_count == 0);
  REQUIRE(status.workers.size() == 1);
  CHECK(status.workers[0].stage == WorkerStage::gone);
  CHECK(status.workers[0].lost == 3);
  CHECK(status.workers[0].seen == 2 * second);
  CHECK(status.run.redelivered == 3);

  scene.join_worker("w", 2, 2);
  status = scene.status();
  CHECK(status.worker_count == 1);
  REQUIRE(status.workers.size() == 1);
  CHECK(status.workers[0].stage == WorkerStage::working);
  CHECK(status.workers[0].lost == 3);
}

TEST_CASE("status: of the workers that died the last few are told of") {
  Scene scene;
  for (int i = 1; i <= 40; ++i) {
    scene.join_worker("w" + std::to_string(i), i);
    scene.run.on_link_down(i, scene.now);
  }
  const wire::Status status = scene.status();
  CHECK(status.workers.size() == 16);
  CHECK(status.workers.front().name == "w25");
  CHECK(status.workers.back().name == "w40");
}

TEST_CASE("status: of more workers than fit, the first are shown and all are counted") {
  Scene scene;
  const int many = static_cast<int>(wire::max_status_workers) + 10;
  for (int i = 1; i <= many; ++i) scene.join_worker("w" + std::to_string(i), 100 + i);
  const wire::Status status = scene.status();
  CHECK(status.worker_count == static_cast<std::uint64_t>(many));
  CHECK(status.workers.size() == wire::max_status_workers);
}

TEST_CASE("status: the sink says what it has and is not safe") {
  Scene scene;
  scene.join_sink();
  scene.run.on_message(scene.sink, wire::Backlog{scene.run.id(), 12}, scene.now);
  CHECK(scene.status().sink.queue == 12);
  scene.run.on_message(scene.sink, wire::Backlog{RunId{999}, 13}, scene.now);
  CHECK(scene.status().sink.queue == 12);
  const auto worker = scene.join_worker("w", 1);
  scene.run.on_message(worker, wire::Backlog{scene.run.id(), 14}, scene.now);
  CHECK(scene.status().sink.queue == 12);
  CHECK(scene.run.stale() == 2);
}

// --- why it waits

TEST_CASE("waits: for no sink, no worker, and too few of them") {
  Scene scene({.prefetch = 1, .min_lanes = 2});
  scene.add(1);
  CHECK(scene.waits() == std::vector{Wait::no_sink, Wait::no_worker});
  scene.join_sink();
  CHECK(scene.waits() == std::vector{Wait::no_worker});
  scene.join_worker("w", 1);
  CHECK(scene.waits() == std::vector{Wait::few_workers});
  scene.join_worker("v", 2);
  scene.hand_out();
  scene.run.end_input(scene.now);
  CHECK(scene.waits().empty());
  scene.run.on_link_down(90, scene.now);
  CHECK(scene.waits() == std::vector{Wait::no_sink});
}

TEST_CASE("waits: a slow input, and the end") {
  Scene scene;
  scene.join_sink();
  scene.join_worker("w", 1);
  CHECK(scene.waits() == std::vector{Wait::input});
  scene.add(1);
  scene.hand_out();
  CHECK(scene.waits().empty());
  scene.ack({0, 0});
  CHECK(scene.waits() == std::vector{Wait::input});
  scene.run.end_input(scene.now);
  CHECK(scene.waits() == std::vector{Wait::end});
}

TEST_CASE("waits: a worker that cannot reach its lane, until it can") {
  Scene scene;
  scene.join_sink();
  const auto from = scene.join_worker("w", 1);
  scene.add(1);
  scene.run.end_input(scene.now);
  scene.hand_out();
  scene.run.on_message(from, wire::Trouble{"cannot reach the sink"}, scene.now);
  CHECK(scene.waits() == std::vector{Wait::unreachable});
  CHECK(scene.status().workers.at(0).trouble == "cannot reach the sink");
  scene.run.on_link_down(1, scene.now);
  CHECK(scene.waits() == std::vector{Wait::no_worker});
}

TEST_CASE("waits: suspects, retries that are delayed, and what the sink has not answered") {
  {
    Scene scene;
    scene.join_sink();
    scene.add(1);
    scene.run.end_input(scene.now);
    for (int i = 1; i <= 2; ++i) {
      scene.join_worker("w" + std::to_string(i), i);
      scene.hand_out();
      scene.run.on_link_down(i, scene.now);
    }
    CHECK(scene.status().run.suspects == 1);
    CHECK(scene.waits() == std::vector{Wait::no_worker, Wait::suspects});
    scene.join_worker("w3", 3);
    scene.hand_out();
    CHECK(scene.status().workers.at(0).stage == WorkerStage::alone);
    CHECK(scene.waits().empty());
  }
  {
    Scene scene({.prefetch = 1, .retries = 1, .retry_delay = 10s});
    scene.join_sink();
    scene.join_worker("w", 1);
    scene.add(1);
    scene.run.end_input(scene.now);
    scene.hand_out();
    scene.run.on_message(scene.sink, wire::Failed{scene.run.id(), {{0, 0}}}, scene.now);
    CHECK(scene.status().run.delayed == 1);
    CHECK(scene.waits() == std::vector{Wait::retry_delay});
  }
  {
    Scene scene;
    scene.join_sink(true);
    scene.join_worker("w", 1);
    scene.add(1);
    scene.run.end_input(scene.now);
    CHECK(scene.waits() == std::vector{Wait::question});
  }
}

TEST_CASE("waits: a sink that takes long, and a window that is full behind it") {
  Scene scene({.window_tasks = 4, .prefetch = 3});
  scene.join_sink();
  scene.join_worker("w", 1);
  scene.add(4);
  scene.hand_out();
  CHECK(scene.waits() == std::vector{Wait::window});
  scene.run.on_message(scene.sink, wire::Backlog{scene.run.id(), 3}, scene.now);
  CHECK(scene.waits() == std::vector{Wait::sink, Wait::window});
  scene.run.on_message(scene.sink, wire::Backlog{scene.run.id(), 0}, scene.now);
  scene.ack({0, 0}, Outcome::ok, 3 * second);
  CHECK(scene.waits() == std::vector{Wait::sink});
}
