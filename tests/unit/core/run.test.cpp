#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "asked.hpp"
#include <fanmill/core/run.hpp>

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using test::asked;
using test::said;
using test::start;

namespace {

constexpr RunId run_id{1};  // the first number that is drawn

Run::Settings settings() {
  Run::Settings result;
  result.dispatcher.prefetch = 0;
  result.delimiter = "\n";
  result.address = result.address_word = "tcp://head:5555";
  return result;
}

wire::Hello worker_hello(std::uint64_t incarnation) {
  wire::Hello hello;
  hello.incarnation = Incarnation{incarnation};
  hello.reached = "tcp://head:5555";
  hello.name = "w" + std::to_string(incarnation);
  hello.marks = true;
  return hello;
}

wire::Hello sink_hello(std::uint64_t incarnation = 777) {
  wire::Hello hello;
  hello.role = wire::Role::sink;
  hello.incarnation = Incarnation{incarnation};
  hello.reached = "tcp://head:5555";
  hello.name = "s" + std::to_string(incarnation);
  hello.results = {"tcp://sink:1"};
  return hello;
}

// A run, its peers' connections, and what it asks for.
class Scene {
  std::uint64_t drawn_ = 0;  // before the run, which draws from it

 public:
  explicit Scene(const Run::Settings& of = settings()) : run(of, [this] { return ++drawn_; }) {}

  std::vector<Run::Action> actions() { return run.take_actions(); }

  // A connection of this name; its descriptor is `link`.
  Run::From connect(const std::string& peer, int link) {
    run.on_link_up(link);
    return {peer, link, ""};
  }
  void hear(const Run::From& from, const wire::Control& message) { run.on_message(from, message, now); }

  // HELLO to the lane's being usable.
  LaneToken join(const Run::From& from, const wire::Hello& hello) {
    static_cast<void>(actions());
    hear(from, hello);
    const LaneToken token = offered();
    hear(from, wire::Ready{token});
    CHECK(asked<Run::AwaitLane>(actions()).size() == 1);
    run.lane_usable(token);
    return token;
  }
  // Binds the lane that is asked for.
  LaneToken offered() {
    const auto open = asked<Run::OpenLane>(actions());
    REQUIRE(open.size() == 1);
    run.lane_opened(open.front().token, "tcp://head:6000");
    return open.front().token;
  }
  void join_sink(const wire::Hello& hello = sink_hello()) {
    sink = connect("sink", 90);
    hear(sink, hello);
    static_cast<void>(actions());
  }
  void add(int tasks) {
    for (int i = 0; i < tasks; ++i) run.add("task");
  }
  std::vector<TaskId> next_ids() {
    std::vector<TaskId> ids;
    Dispatcher::Handout out;
    if (!run.next(out)) return ids;
    for (const wire::TaskView& task : out.tasks()) ids.push_back(task.id);
    return ids;
  }
  void ack(IdRange ids) { hear(sink, wire::Ack{run_id, Outcome::ok, {ids}}); }
  std::vector<Run::Action> pass(Duration time) {
    now += time;
    run.tick(now);
    return actions();
  }

  Time now = start;
  Run run;
  Run::From sink;
};

[[nodiscard]] std::vector<std::string> peers_told(const std::vector<Run::Action>& actions) {
  std::vector<std::string> peers;
  for (const auto& one : asked<Run::SayTo>(actions)) peers.push_back(one.peer);
  return peers;
}

[[nodiscard]] std::string told(const std::vector<Run::Action>& actions) {
  std::string all;
  for (const Tell& one : asked<Tell>(actions)) all += one.text + "\n";
  return all;
}

}  // namespace

// --- a worker joins

TEST_CASE("run: a worker's way from HELLO to its first task") {
  Scene scene;
  scene.add(3);
  const auto from = scene.connect("peer", 5);
  scene.hear(from, worker_hello(1));
  auto actions = scene.actions();
  REQUIRE(asked<Run::OpenLane>(actions).size() == 1);
  const auto open = asked<Run::OpenLane>(actions).front();
  CHECK(open.reached == "tcp://head:5555");
  CHECK(peers_told(actions).empty());

  scene.run.lane_opened(open.token, "tcp://head:6000");
  actions = scene.actions();
  CHECK(peers_told(actions) == std::vector<std::string>{"peer"});
  CHECK(said<wire::Welcome>(actions) ==
        std::vector<wire::Welcome>{{run_id, "\n", "", "tcp://head:6000", open.token, {}}});
  CHECK(scene.next_ids().empty());

  scene.hear(from, wire::Ready{open.token});
  actions = scene.actions();
  REQUIRE(asked<Run::AwaitLane>(actions).size() == 1);
  CHECK(asked<Run::AwaitLane>(actions).front().token == open.token);
  CHECK(scene.next_ids().empty());

  scene.run.lane_usable(open.token);
  scene.join_sink();
  Dispatcher::Handout out;
  REQUIRE(scene.run.next(out));
  CHECK(scene.run.token_of(out.lane) == open.token);
  CHECK(scene.run.stale() == 0);
}

TEST_CASE("run: the same HELLO again gets the same answer, and no second lane") {
  Scene scene;
  const auto from = scene.connect("peer", 5);
  scene.hear(from, worker_hello(1));
  scene.hear(from, worker_hello(1));
  auto actions = scene.actions();
  CHECK(asked<Run::OpenLane>(actions).size() == 1);
  CHECK(peers_told(actions).empty());  // there is nothing to answer yet
  scene.run.lane_opened(asked<Run::OpenLane>(actions).front().token, "tcp://head:6000");
  const auto first = said<wire::Welcome>(scene.actions());
  scene.hear(from, worker_hello(1));
  actions = scene.actions();
  CHECK(said<wire::Welcome>(actions) == first);
  CHECK(asked<Run::OpenLane>(actions).empty());
  CHECK(scene.run.workers() == 1);
}

TEST_CASE(
    "run: a new incarnation over the same connection is a new worker, and what the old one held goes again") {
  Scene scene;
  scene.join_sink();
  scene.add(2);
  const auto from = scene.connect("peer", 5);
  const LaneToken old = scene.join(from, worker_hello(1));
  CHECK(scene.next_ids() == std::vector<TaskId>{0});
  scene.hear(from, worker_hello(2));
  const auto actions = scene.actions();
  REQUIRE(asked<Run::CloseLane>(actions).size() == 1);
  CHECK(asked<Run::CloseLane>(actions).front().token == old);
  REQUIRE(asked<Run::OpenLane>(actions).size() == 1);
  CHECK(asked<Run::OpenLane>(actions).front().token != old);
  CHECK_THAT(told(actions), Contains("w1 has joined anew; 1 unfinished task goes to others"));
  CHECK(scene.run.workers() == 1);
  CHECK(scene.run.dispatcher().pending() == 2);
  // What the old one says comes too late.
  scene.hear(from, wire::Leaving{old, {{0, 0}}, ""});
  CHECK(scene.run.stale() == 1);
}

TEST_CASE("run: a HELLO over a connection that has gone makes no ghost") {
  Scene scene;
  const auto from = scene.connect("peer", 5);
  scene.run.on_link_down(5, scene.now);
  scene.hear(from, worker_hello(1));
  scene.hear(from, sink_hello());
  CHECK(scene.actions().empty());
  CHECK(scene.run.workers() == 0);
  // Over inproc there is no connection to lose.
  scene.hear({"other", -1, ""}, worker_hello(1));
  CHECK(asked<Run::OpenLane>(scene.actions()).size() == 1);
}

TEST_CASE("run: whose descriptor is given to another is gone") {
  Scene scene;
  scene.join_sink();
  scene.add(1);
  const LaneToken old = scene.join(scene.connect("first", 5), worker_hello(1));
  CHECK(scene.next_ids().size() == 1);
  scene.hear(scene.connect("second", 5), worker_hello(2));
  const auto closed = asked<Run::CloseLane>(scene.actions());
  REQUIRE(closed.size() == 1);
  CHECK(closed.front().token == old);
  CHECK(scene.run.dispatcher().pending() == 1);
  CHECK(scene.run.workers() == 1);
}

TEST_CASE("run: a stranger who says anything but HELLO is asked who it is") {
  Scene scene;
  const auto from = scene.connect("peer", 5);
  const wire::Control messages[] = {wire::Ready{LaneToken{2}}, wire::Leaving{LaneToken{2}, {}, ""},
                                    wire::Ack{run_id, Outcome::ok, {{0, 9}}}, wire::Ended{run_id, 0, 0, 0, 0},
                                    wire::Trouble{"help"}};
  for (const wire::Control& message : messages) {
    scene.hear(from, message);
    const auto actions = scene.actions();
    CHECK(actions.size() == 1);
    CHECK(said<wire::Who>(actions).size() == 1);
    CHECK(peers_told(actions) == std::vector<std::string>{"peer"});
  }
}

TEST_CASE("run: a peer of another version is refused in words") {
  Scene scene;
  scene.run.on_foreign_version(scene.connect("peer", 5));
  const auto refused = said<wire::Refused>(scene.actions());
  REQUIRE(refused.size() == 1);
  CHECK_THAT(refused.front().reason, Contains("version 1"));
}

TEST_CASE("run: a worker for whom no lane can be bound is refused with the reason") {
  Scene scene;
  const auto from = scene.connect("peer", 5);
  scene.hear(from, worker_hello(1));
  scene.run.lane_failed(asked<Run::OpenLane>(scene.actions()).front().token, "no port is free");
  const auto actions = scene.actions();
  CHECK(said<wire::Refused>(actions) == std::vector<wire::Refused>{{"no port is free"}});
  CHECK_THAT(told(actions), Contains("w1 refused: no port is free"));
  CHECK(scene.run.workers() == 0);
  scene.hear(from, wire::Ready{});
  CHECK(said<wire::Who>(scene.actions()).size() == 1);
}

TEST_CASE("run: who takes less than another may send is refused, whoever comes first") {
  auto limited = settings();
  limited.max_message = 1 << 20;
  const auto with = [](wire::Hello hello, std::uint64_t size) {
    hello.max_message = size;
    return hello;
  };
  const auto refused = [](Scene& scene, const Run::From& from, const wire::Hello& hello) {
    static_cast<void>(scene.actions());
    scene.hear(from, hello);
    const auto refusals = said<wire::Refused>(scene.actions());
    return refusals.empty() ? std::string() : refusals.front().reason;
  };
  Scene scene(limited);
  const auto from = scene.connect("peer", 5);
  CHECK_THAT(refused(scene, from, with(worker_hello(1), (1 << 20) - 1)),
             Contains("the ventilator may send 1 MiB") && Contains("--max-message"));
  CHECK_THAT(refused(scene, from, with(sink_hello(), 4096)),
             Contains("takes messages up to 4 KiB, and the ventilator"));
  CHECK(refused(scene, from, with(worker_hello(1), 2 << 20)).empty());
  CHECK_THAT(refused(scene, scene.connect("sink", 90), with(sink_hello(), 1 << 20)),
             Contains("worker w1 may send 2 MiB"));
  CHECK(refused(scene, scene.connect("sink", 91), with(sink_hello(), 2 << 20)).empty());
  CHECK_THAT(refused(scene, scene.connect("late", 6), with(worker_hello(2), 3 << 20)),
             Contains("may send messages of 3 MiB, and the sink takes up to 2 MiB"));
  CHECK(scene.run.workers() == 1);
}

TEST_CASE("run: a lane that is bound for a worker that has gone meanwhile is nobody's") {
  Scene scene;
  scene.hear(scene.connect("peer", 5), worker_hello(1));
  const LaneToken token = asked<Run::OpenLane>(scene.actions()).front().token;
  scene.run.on_link_down(5, scene.now);
  CHECK(asked<Run::CloseLane>(scene.actions()).size() == 1);
  scene.run.lane_opened(token, "tcp://head:6000");
  scene.run.lane_failed(token, "whatever");
  scene.run.lane_usable(token);
  CHECK(scene.actions().empty());
}

TEST_CASE("run: messages that do not fit change nothing but a counter") {
  Scene scene;
  scene.add(2);
  scene.join_sink();
  const auto from = scene.connect("peer", 5);
  scene.hear(from, worker_hello(1));
  const LaneToken token = scene.offered();
  static_cast<void>(scene.actions());
  scene.hear(from, wire::Ready{LaneToken{999}});
  CHECK(scene.run.stale() == 1);
  scene.hear(from, wire::Ready{token});
  scene.hear(from, wire::Ready{token});
  CHECK(scene.run.stale() == 2);
  CHECK(asked<Run::AwaitLane>(scene.actions()).size() == 1);
  scene.run.lane_usable(token);
  CHECK(scene.next_ids() == std::vector<TaskId>{0});

  const RunId other{5};
  // Of a worker, what only a sink may say.
  const wire::Control from_worker[] = {wire::Ack{run_id, Outcome::ok, {{0, 0}}},
                                       wire::Ended{run_id, 1, 0, 0, 0},
                                       wire::Fresh{run_id, {{0, 0}}},
                                       wire::Failed{run_id, {{0, 0}}},
                                       wire::Marked{run_id, token, 1},
                                       wire::Leaving{LaneToken{999}, {{0, 0}}, ""},
                                       wire::Held{LaneToken{999}, 1, 1, {}},
                                       wire::Who{},
                                       wire::Stop{}};
  std::uint64_t stale = scene.run.stale();
  for (const wire::Control& message : from_worker) {
    scene.hear(from, message);
    CHECK(scene.run.stale() == ++stale);
  }
  // Of the sink: of another run, or what only a worker may say, or an end that nobody has asked for.
  const wire::Control from_sink[] = {wire::Ack{other, Outcome::ok, {{0, 0}}},
                                     wire::Ended{other, 1, 0, 0, 0},
                                     wire::Ended{run_id, 1, 0, 0, 0},
                                     wire::Fresh{other, {{0, 0}}},
                                     wire::Failed{other, {{0, 0}}},
                                     wire::Marked{other, token, 1},
                                     wire::Marked{run_id, LaneToken{999}, 1},
                                     wire::Ready{token},
                                     wire::Held{token, 1, 1, {}}};
  for (const wire::Control& message : from_sink) {
    scene.hear(scene.sink, message);
    CHECK(scene.run.stale() == ++stale);
  }
  CHECK(scene.actions().empty());
  CHECK(scene.run.dispatcher().out() == 1);
  CHECK(scene.run.dispatcher().pending() == 1);
  CHECK(scene.run.workers() == 1);
}

TEST_CASE("run: frames that are not understood are counted, and told of at each power of ten") {
  Scene scene;
  std::string text;
  for (int i = 0; i < 250; ++i) {
    scene.run.on_malformed({"peer", 5, "10.0.0.7"}, "trailing bytes");
    text += told(scene.actions());
  }
  CHECK(scene.run.malformed() == 250);
  const std::string line =
      "a peer at 10.0.0.7 sent a message that is not understood and was dropped (trailing bytes); ";
  CHECK(text == line + "1 so far\n" + line + "10 so far\n" + line + "100 so far\n");
}

TEST_CASE("run: a worker's trouble is shown") {
  Scene scene;
  const auto from = scene.connect("peer", 5);
  scene.hear(from, worker_hello(1));
  static_cast<void>(scene.actions());
  scene.hear(from, wire::Trouble{"cannot reach its lane"});
  CHECK(told(scene.actions()) == "worker w1: cannot reach its lane\n");
}

// --- the sink joins

TEST_CASE("run: workers hear of a sink that comes late, and those that come later with their WELCOME") {
  Scene scene;
  const auto early = scene.connect("early", 5);
  scene.hear(early, worker_hello(1));
  static_cast<void>(scene.offered());
  const auto opening = scene.connect("opening", 6);
  scene.hear(opening, worker_hello(2));
  const auto open = asked<Run::OpenLane>(scene.actions());

  scene.hear(scene.connect("sink", 90), sink_hello());
  auto actions = scene.actions();
  CHECK(peers_told(actions) == std::vector<std::string>{"sink", "early"});
  CHECK(said<wire::Welcome>(actions) == std::vector<wire::Welcome>{{run_id, "\n", "", "", LaneToken{}, {}}});
  const auto shown = said<wire::SinkAt>(actions);
  REQUIRE(shown.size() == 1);
  CHECK(shown.front().sink.endpoint == "tcp://sink:1");
  CHECK(shown.front().sink.epoch == Incarnation{777});

  REQUIRE(open.size() == 1);
  scene.run.lane_opened(open.front().token, "tcp://head:6001");
  const auto welcome = said<wire::Welcome>(scene.actions());
  REQUIRE(welcome.size() == 1);
  CHECK(welcome.front().sink == shown.front().sink);
}

TEST_CASE("run: a worker is told of the sink's address that it can reach") {
  Scene scene;
  wire::Hello sink = sink_hello();
  sink.results = {"inproc://r", "ipc:///r", "tcp://:1"};
  std::string expected;
  std::string reached;
  std::string address;
  SECTION("by the way it came") {
    reached = "ipc:///control";
    expected = "ipc:///r";
  }
  SECTION("in the same process") {
    reached = "inproc://control";
    expected = "inproc://r";
  }
  SECTION("by one that goes further") {
    sink.results = {"tcp://:1"};
    reached = "inproc://control";
    expected = "tcp://:1";
  }
  SECTION("at the host that the sink came from") {
    reached = "tcp://head:5555";
    address = "10.0.0.7";
    expected = "tcp://10.0.0.7:1";
  }
  SECTION("at an IPv6 host") {
    reached = "tcp://head:5555";
    address = "fd00::7";
    expected = "tcp://[fd00::7]:1";
  }
  SECTION("by the ventilator's own host where the sink is on it") {
    reached = "tcp://head:5555";
    address = "127.0.0.1";
    expected = "tcp://:1";
  }
  scene.run.on_link_up(90);
  scene.hear({"sink", 90, address}, sink);
  static_cast<void>(scene.actions());
  wire::Hello worker = worker_hello(1);
  worker.reached = reached;
  scene.hear(scene.connect("peer", 5), worker);
  const auto open = asked<Run::OpenLane>(scene.actions());
  REQUIRE(open.size() == 1);
  scene.run.lane_opened(open.front().token, "lane");
  const auto welcome = said<wire::Welcome>(scene.actions());
  REQUIRE(welcome.size() == 1);
  CHECK(welcome.front().sink.endpoint == expected);
}

TEST_CASE("run: a second sink is refused, and the first is none the worse") {
  Scene scene;
  scene.join_sink();
  scene.hear(scene.connect("second", 91), sink_hello(778));
  const auto actions = scene.actions();
  CHECK(peers_told(actions) == std::vector<std::string>{"second"});
  CHECK(said<wire::Refused>(actions) == std::vector<wire::Refused>{{"this run has a sink already, s777"}});
  scene.join(scene.connect("peer", 5), worker_hello(1));
  scene.add(1);
  CHECK(scene.next_ids().size() == 1);
  scene.hear({"second", 91, ""}, wire::Ack{run_id, Outcome::ok, {{0, 0}}});
  CHECK(scene.run.dispatcher().out() == 1);
  scene.ack({0, 0});
  CHECK(scene.run.dispatcher().out() == 0);
}

TEST_CASE("run: who says that it is the sink, and has another key than the sink, is refused") {
  for (const bool lost : {false, true}) {
    Scene scene;
    scene.sink = scene.connect("sink", 90);
    scene.sink.key_name = "sink";
    wire::Hello hello = sink_hello();
    hello.has_store = true;
    scene.hear(scene.sink, hello);
    if (lost) scene.run.on_link_down(90, scene.now);
    static_cast<void>(scene.actions());

    // Every worker knows the sink's incarnation.
    Run::From lion = scene.connect("lion", 91);
    lion.key_name = "lion";
    scene.hear(lion, hello);
    const auto actions = scene.actions();
    CHECK(said<wire::Welcome>(actions).empty());
    CHECK(said<wire::Refused>(actions) ==
          std::vector<wire::Refused>{{"this run has a sink already, with another key: s777 (key sink)"}});
    CHECK_THAT(told(actions), Contains("s777 (key lion) says that it is the sink"));

    // One with its key may come back, and another may follow.
    Run::From again = scene.connect("again", 92);
    again.key_name = "sink";
    scene.hear(again, hello);
    CHECK(said<wire::Welcome>(scene.actions()).size() == 1);
  }
}

TEST_CASE("run: a lane is for the key of its worker, which is named by it") {
  Scene scene;
  Run::From tiger = scene.connect("tiger", 5);
  tiger.key_name = "tiger";
  scene.hear(tiger, worker_hello(1));
  const auto open = asked<Run::OpenLane>(scene.actions());
  REQUIRE(open.size() == 1);
  CHECK(open.front().key_name == "tiger");
  scene.run.lane_failed(open.front().token, "no port");
  CHECK_THAT(told(scene.actions()), Contains("worker w1 (key tiger) refused: no port"));
}

// --- the sink is lost

TEST_CASE("run: the sink's connection is lost and back in time: nobody else hears of it") {
  Scene scene;
  scene.join_sink();
  scene.join(scene.connect("peer", 5), worker_hello(1));
  scene.add(1);
  CHECK(scene.next_ids().size() == 1);
  scene.run.on_link_down(90, scene.now);
  auto actions = scene.actions();
  CHECK_THAT(told(actions), Contains("lost the connection to the sink s777"));
  CHECK(asked<Finish>(scene.pass(2s - 1ns)).empty());
  const auto back = scene.connect("sink again", 91);
  scene.hear(back, sink_hello());
  actions = scene.actions();
  CHECK(peers_told(actions) == std::vector<std::string>{"sink again"});
  CHECK(said<wire::Welcome>(actions).size() == 1);
  CHECK(asked<Finish>(scene.pass(1h)).empty());
  // What comes over the old connection is nobody's any more.
  scene.ack({0, 0});
  CHECK(said<wire::Who>(scene.actions()).size() == 1);
  CHECK(scene.run.dispatcher().out() == 1);
  scene.hear(back, wire::Ack{run_id, Outcome::ok, {{0, 0}}});
  CHECK(scene.run.dispatcher().out() == 0);
}

TEST_CASE("run: the end of the sink's old connection, heard of late, is not its end") {
  Scene scene;
  scene.join_sink();
  SECTION("on another descriptor it is known at once") {
    scene.hear(scene.connect("sink again", 91), sink_hello());
    scene.run.on_link_down(90, scene.now);
  }
  SECTION("on the same one it is asked") {
    const auto back = scene.connect("sink again", 90);
    scene.hear(back, sink_hello());
    static_cast<void>(scene.actions());
    scene.run.on_link_down(90, scene.now);
    scene.run.on_link_up(90);
    const auto actions = scene.actions();
    // Both: which of the two connections is the older one, only the sink knows.
    CHECK(said<wire::Who>(actions).size() == 2);
    CHECK(peers_told(actions) == std::vector<std::string>{"sink again", "sink"});
    scene.hear(back, sink_hello());
  }
  CHECK(asked<Finish>(scene.pass(1h)).empty());
}

TEST_CASE("run: a sink that is lost for good takes its outcomes with it, and the run ends with 3") {
  Scene scene;
  scene.join_sink();
  scene.join(scene.connect("peer", 5), worker_hello(1));
  scene.run.on_link_down(90, scene.now);
  static_cast<void>(scene.actions());
  CHECK(scene.run.next_tick() <= scene.now + 2s);
  const auto actions = scene.pass(2s);
  const auto finish = asked<Finish>(actions);
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 3);
  CHECK_THAT(finish.front().why, Contains("the sink s777 is gone"));
  CHECK(said<wire::Stop>(actions).size() == 1);
}

TEST_CASE("run: a sink with a store is waited for, and another with one takes over") {
  Scene scene;
  wire::Hello durable = sink_hello();
  durable.has_store = true;
  scene.join_sink(durable);
  scene.add(2);
  auto actions = scene.pass(0s);
  REQUIRE(said<wire::Check>(actions).size() == 2);
  CHECK(said<wire::Check>(actions).front().keys.size() == 2);
  CHECK(said<wire::Check>(actions).back() == wire::Check{run_id, 2, {}});  // that was all that may be out
  scene.hear(scene.sink, wire::Fresh{run_id, {{0, 1}}});
  scene.join(scene.connect("marks", 5), worker_hello(1));
  CHECK(scene.next_ids() == std::vector<TaskId>{0});
  wire::Hello simple = worker_hello(2);
  simple.marks = false;
  const LaneToken old = scene.join(scene.connect("no marks", 6), simple);
  CHECK(scene.next_ids() == std::vector<TaskId>{1});

  wire::Hello other = sink_hello(778);
  other.has_store = true;
  scene.hear(scene.connect("early", 91), other);
  CHECK(said<wire::Refused>(scene.actions()).size() == 1);
  scene.run.on_link_down(90, scene.now);
  CHECK(asked<Finish>(scene.pass(1h)).empty());
  const auto from = scene.connect("other", 92);
  scene.hear(from, other);
  actions = scene.actions();
  CHECK_THAT(told(actions), Contains("the sink s778 takes over from s777"));
  const auto shown = said<wire::SinkAt>(actions);
  REQUIRE(shown.size() == 1);
  CHECK(shown.front().sink.epoch == Incarnation{778});
  // Who cannot say what it has sent to the one before begins again.
  CHECK(said<wire::Who>(actions).size() == 1);
  REQUIRE(asked<Run::CloseLane>(actions).size() == 1);
  CHECK(asked<Run::CloseLane>(actions).front().token == old);
  actions = scene.pass(0s);
  REQUIRE(said<wire::Check>(actions).size() == 2);
  CHECK(said<wire::Check>(actions).front().keys.size() == 2);
  CHECK(said<wire::Check>(actions).back() == wire::Check{run_id, 2, {}});  // that was all that may be out
  scene.add(1);
  CHECK(said<wire::Check>(scene.pass(0s)).size() == 1);
}

TEST_CASE("run: a sink hears how many outcomes the sinks before it have made safe") {
  Scene scene;
  wire::Hello durable = sink_hello();
  durable.has_store = true;
  scene.sink = scene.connect("sink", 90);
  scene.hear(scene.sink, durable);
  CHECK(said<wire::Welcome>(scene.actions()).front().acknowledged == 0);
  scene.add(3);
  static_cast<void>(scene.pass(0s));
  scene.ack({0, 0});  // from a run before
  scene.hear(scene.sink, wire::Fresh{run_id, {{1, 2}}});
  scene.join(scene.connect("worker", 5), worker_hello(1));
  CHECK(scene.next_ids() == std::vector<TaskId>{1});
  scene.ack({1, 1});
  scene.run.on_link_down(90, scene.now);
  static_cast<void>(scene.actions());
  durable.incarnation = Incarnation{778};
  scene.hear(scene.connect("other", 92), durable);
  const auto welcomes = said<wire::Welcome>(scene.actions());
  REQUIRE(welcomes.size() == 1);
  CHECK(welcomes.front().acknowledged == 2);
}

TEST_CASE("run: a sink that cannot go on ends the run, and its own message counts") {
  Scene scene;
  scene.join_sink();
  scene.join(scene.connect("peer", 5), worker_hello(1));
  scene.add(1);
  CHECK(scene.next_ids().size() == 1);
  scene.hear(scene.sink, wire::Leaving{LaneToken{}, {}, "disk full"});
  CHECK(asked<Finish>(scene.actions()).empty());
  scene.run.on_link_down(90, scene.now);
  const auto actions = scene.actions();
  const auto finish = asked<Finish>(actions);
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 3);
  CHECK(finish.front().by_peer);
  CHECK_THAT(finish.front().why, Contains("disk full"));
  CHECK(said<wire::Stop>(actions).size() == 1);
  CHECK_THAT(told(actions), !Contains("lost"));
}

TEST_CASE("run: a sink that is asked to end stays until what is out is finished, and nothing more is begun") {
  Scene scene;
  scene.join_sink();
  scene.join(scene.connect("peer", 5), worker_hello(1));
  scene.add(2);
  CHECK(scene.next_ids().size() == 1);
  scene.hear(scene.sink, wire::Leaving{LaneToken{}, {}, "asked to end"});
  CHECK(scene.next_ids().empty());
  CHECK(said<wire::End>(scene.pass(0s)).empty());
  scene.ack({0, 0});
  CHECK(said<wire::End>(scene.pass(0s)) == std::vector<wire::End>{{run_id, 2, true, true}});
  scene.hear(scene.sink, wire::Ended{run_id, 1, 0, 0, 0});
  const auto finish = asked<Finish>(scene.actions());
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 3);
  CHECK_THAT(finish.front().why, Contains("the sink s777 has ended: asked to end"));
}

// --- workers go

TEST_CASE(
    "run: a worker that leaves gives back, gets nothing more, and BYE when all that it ran is acknowledged") {
  Run::Settings of = settings();
  of.dispatcher.prefetch = 2;
  Scene scene(of);
  scene.join_sink();
  const auto from = scene.connect("peer", 5);
  const LaneToken token = scene.join(from, worker_hello(1));
  scene.add(9);
  CHECK(scene.next_ids() == std::vector<TaskId>{0, 1, 2});
  scene.hear(from, wire::Leaving{token, {{1, 1}}, "asked to end"});
  CHECK(scene.actions().empty());
  CHECK(scene.next_ids().empty());
  scene.hear(from, wire::Leaving{token, {{2, 2}}, ""});  // a batch that had been on its way
  CHECK(scene.actions().empty());
  CHECK(scene.run.dispatcher().out() == 1);
  scene.ack({0, 0});
  const auto actions = scene.actions();
  CHECK(said<wire::Bye>(actions).size() == 1);
  CHECK(peers_told(actions) == std::vector<std::string>{"peer"});
  CHECK(asked<Run::CloseLane>(actions).size() == 1);
  CHECK(scene.run.workers() == 0);
  CHECK(scene.run.dispatcher().redelivered() == 0);
  CHECK(scene.run.dispatcher().pending() == 8);
}

TEST_CASE("run: a worker that leaves with nothing, or before its lane is usable, gets BYE at once") {
  Scene scene;
  const auto from = scene.connect("peer", 5);
  scene.hear(from, worker_hello(1));
  const LaneToken token = scene.offered();
  static_cast<void>(scene.actions());
  const bool ready = GENERATE(false, true);
  if (ready) scene.hear(from, wire::Ready{token});
  static_cast<void>(scene.actions());
  scene.hear(from, wire::Leaving{token, {}, ""});
  CHECK(said<wire::Bye>(scene.actions()).size() == 1);
  scene.run.lane_usable(token);
  CHECK(scene.run.workers() == 0);
  CHECK(scene.run.dispatcher().open_lanes() == 0);
}

TEST_CASE("run: what a worker that leaves had given in is lost with a failure, too: then it may go") {
  Scene scene;
  scene.join_sink();
  const auto from = scene.connect("peer", 5);
  const LaneToken token = scene.join(from, worker_hello(1));
  scene.add(1);
  CHECK(scene.next_ids().size() == 1);
  scene.hear(from, wire::Leaving{token, {}, ""});
  CHECK(scene.actions().empty());
  scene.hear(scene.sink, wire::Failed{run_id, {{0, 0}}});
  const auto actions = scene.actions();
  CHECK(said<wire::Keep>(actions) == std::vector<wire::Keep>{{run_id, {{0, 0}}}});
  CHECK(said<wire::Bye>(actions).size() == 1);
}

TEST_CASE("run: a worker whose connection goes down is gone, and what it held goes to others") {
  Scene scene;
  scene.join_sink();
  const auto from = scene.connect("peer", 5);
  const LaneToken token = scene.join(from, worker_hello(1));
  scene.add(2);
  CHECK(scene.next_ids() == std::vector<TaskId>{0});
  const bool leaving = GENERATE(false, true);
  if (leaving) scene.hear(from, wire::Leaving{token, {}, ""});
  scene.run.on_link_down(5, scene.now);
  const auto actions = scene.actions();
  CHECK_THAT(told(actions), Contains("w1 has gone; 1 unfinished task goes to others"));
  CHECK(asked<Run::CloseLane>(actions).size() == 1);
  CHECK(said<wire::Bye>(actions).empty());
  CHECK(scene.run.dispatcher().redelivered() == 1);
  scene.join(scene.connect("other", 6), worker_hello(2));
  CHECK(scene.next_ids() == std::vector<TaskId>{0});
  scene.ack({0, 0});
  CHECK(scene.actions().empty());
}

TEST_CASE("run: of a lane that is broken the batch comes back, and it gets nothing more") {
  Scene scene;
  scene.join_sink();
  scene.join(scene.connect("peer", 5), worker_hello(1));
  scene.add(2);
  Dispatcher::Handout out;
  REQUIRE(scene.run.next(out));
  scene.run.lane_broken(out);
  CHECK(scene.run.dispatcher().pending() == 2);
  CHECK(scene.next_ids().empty());
  scene.join(scene.connect("other", 6), worker_hello(2));
  CHECK(scene.next_ids() == std::vector<TaskId>{0});
}

// --- failures, deaths, losses

TEST_CASE("run: failures are tried again or kept, and the same question gets the same answer") {
  Run::Settings of = settings();
  of.dispatcher.retries = 1;
  Scene scene(of);
  scene.join_sink();
  scene.join(scene.connect("peer", 5), worker_hello(1));
  scene.add(1);
  CHECK(scene.next_ids().size() == 1);
  scene.hear(scene.sink, wire::Failed{run_id, {{0, 0}}});
  CHECK(said<wire::Retry>(scene.actions()) == std::vector<wire::Retry>{{run_id, {{0, 0}}}});
  CHECK(scene.next_ids().size() == 1);
  scene.hear(scene.sink, wire::Failed{run_id, {{0, 0}}});  // repeated, and long answered
  CHECK(said<wire::Retry>(scene.actions()).size() == 1);
  CHECK(scene.run.dispatcher().out() == 1);
  for (int i = 0; i < 2; ++i) {
    scene.hear(scene.sink, wire::Failed{run_id, {{0, 1}}});
    CHECK(said<wire::Keep>(scene.actions()) == std::vector<wire::Keep>{{run_id, {{0, 1}}}});
  }
}

TEST_CASE("run: so many failed tasks end it, after what is out or at once") {
  Run::Settings of = settings();
  of.halt_after = 2;
  of.halt_now = GENERATE(false, true);
  Scene scene(of);
  scene.join_sink();
  wire::Hello hello = worker_hello(1);
  hello.slots = 3;
  scene.join(scene.connect("peer", 5), hello);
  scene.add(9);
  CHECK(scene.next_ids() == std::vector<TaskId>{0, 1, 2});
  scene.hear(scene.sink, wire::Failed{run_id, {{0, 0}}});
  scene.hear(scene.sink, wire::Failed{run_id, {{0, 0}}});
  CHECK(asked<Tell>(scene.actions()).empty());
  scene.hear(scene.sink, wire::Failed{run_id, {{1, 0}}});
  auto actions = scene.actions();
  CHECK_THAT(told(actions), Contains("halted after 2 failed tasks"));
  CHECK(scene.next_ids().empty());
  CHECK(asked<Finish>(actions).empty());
  CHECK(said<wire::Stop>(actions).size() == (of.halt_now ? 1 : 0));
  CHECK(said<wire::End>(scene.pass(0s)).empty());
  // What has failed has to be acknowledged; what runs does not, where its worker has been told to stop.
  scene.ack({0, of.halt_now ? 1U : 2U});
  CHECK(said<wire::End>(scene.pass(0s)) == std::vector<wire::End>{{run_id, 9, true, true}});
  scene.hear(scene.sink, wire::Ended{run_id, 0, 2, 0, 0});
  actions = scene.actions();
  const auto finish = asked<Finish>(actions);
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 3);
  CHECK(scene.run.statement().value().unfinished() == 7);
}

TEST_CASE("run: a dead task is a failed one to what ends a run") {
  Run::Settings of = settings();
  of.halt_after = 1;
  Scene scene(of);
  scene.join_sink();
  scene.add(1);
  for (int i = 0; i < 5; ++i) {
    CHECK(told(scene.pass(1s)).find("halted") == std::string::npos);
    scene.join(scene.connect("peer" + std::to_string(i), 5), worker_hello(static_cast<std::uint64_t>(i)));
    REQUIRE(scene.next_ids() == std::vector<TaskId>{0});
    scene.run.on_link_down(5, scene.now);
  }
  const auto actions = scene.pass(1s);
  CHECK_THAT(told(actions), Contains("halted after 1 failed task (--halt)"));
  CHECK(said<wire::Dead>(actions).size() == 1);
}

TEST_CASE("run: that a worker had said that it leaves excuses its task, but not for ever") {
  Scene scene;
  scene.join_sink();
  scene.add(1);
  const bool all_leave = GENERATE(false, true);
  const int needed = all_leave ? 8 : 6;
  for (int i = 0; i < needed; ++i) {
    CHECK(said<wire::Dead>(scene.pass(1s)).empty());
    const auto from = scene.connect("peer" + std::to_string(i), 5);
    const LaneToken token = scene.join(from, worker_hello(static_cast<std::uint64_t>(i)));
    CHECK(scene.next_ids() == std::vector<TaskId>{0});
    if (all_leave || i == 3) scene.hear(from, wire::Leaving{token, {}, ""});
    scene.run.on_link_down(5, scene.now);
  }
  const auto dead = said<wire::Dead>(scene.pass(1s));
  REQUIRE(dead.size() == 1);
  if (!all_leave)
    CHECK(dead.front().history == "w0 died, w1 died, w2 died, w3, leaving, died, w4 died, w5 died");
}

TEST_CASE(
    "run: a task that kills whoever runs it is told to the sink with its history, until it is acknowledged") {
  Scene scene;
  scene.join_sink();
  scene.add(1);
  for (int i = 0; i < 5; ++i) {
    CHECK(said<wire::Dead>(scene.pass(1s)).empty());
    scene.join(scene.connect("peer" + std::to_string(i), 5), worker_hello(static_cast<std::uint64_t>(i)));
    CHECK(scene.next_ids() == std::vector<TaskId>{0});
    scene.run.on_link_down(5, scene.now);
  }
  auto dead = said<wire::Dead>(scene.pass(1s));
  REQUIRE(dead.size() == 1);
  CHECK(dead.front().attempt.id == 0);
  CHECK(dead.front().history == "w0 died, w1 died, w2 died, w3 died, w4 died");
  CHECK(dead.front().item == "task");
  CHECK(said<wire::Dead>(scene.pass(1s)).size() == 1);
  scene.hear(scene.sink, wire::Ack{run_id, Outcome::dead, {{0, 0}}});
  CHECK(said<wire::Dead>(scene.pass(1s)).empty());
  CHECK(said<wire::Dead>(scene.pass(1h)).empty());
  CHECK(scene.run.dispatcher().acknowledged() == 1);
}

TEST_CASE("run: a mark from both sides says which results were lost on the way, and their tasks go again") {
  Run::Settings of = settings();
  of.dispatcher.prefetch = 3;
  Scene scene(of);
  scene.join_sink();
  const auto from = scene.connect("peer", 5);
  const LaneToken token = scene.join(from, worker_hello(1));
  scene.add(12);
  CHECK(scene.next_ids() == std::vector<TaskId>{0, 1, 2, 3});
  scene.ack({0, 0});
  CHECK(scene.next_ids() == std::vector<TaskId>{4});  // the second message, not there yet
  const wire::Held held{token, 1, 1, {{3, 3}}};
  const wire::Marked marked{run_id, token, 1};
  const bool held_first = GENERATE(true, false);
  if (held_first) {
    scene.hear(from, held);
  } else {
    scene.hear(scene.sink, marked);
  }
  CHECK(scene.actions().empty());
  CHECK(scene.run.dispatcher().out() == 4);
  if (held_first) {
    scene.hear(scene.sink, marked);
  } else {
    scene.hear(from, held);
  }
  CHECK_THAT(told(scene.actions()), Contains("2 results of worker w1 were lost on their way"));
  CHECK(scene.run.dispatcher().out() == 2);
  CHECK(scene.run.dispatcher().redelivered() == 2);
  CHECK(scene.next_ids() == std::vector<TaskId>{1, 2});
  // Said again, it means nothing more.
  scene.hear(scene.sink, marked);
  CHECK(scene.actions().empty());
  CHECK(scene.run.dispatcher().out() == 4);
}

TEST_CASE("run: an older mark does not hide a newer one") {
  Scene scene;
  scene.join_sink();
  const auto from = scene.connect("peer", 5);
  const LaneToken token = scene.join(from, worker_hello(1));
  scene.add(1);
  CHECK(scene.next_ids().size() == 1);
  scene.hear(scene.sink, wire::Marked{run_id, token, 2});
  scene.hear(scene.sink, wire::Marked{run_id, token, 1});
  scene.hear(from, wire::Held{token, 1, 1, {}});
  CHECK(scene.run.dispatcher().out() == 1);
  scene.hear(from, wire::Held{token, 2, 1, {}});
  CHECK(scene.run.dispatcher().out() == 0);
}

// --- the end

TEST_CASE("run: END says the count as soon as it is known, each second until it is answered") {
  Scene scene;
  scene.join_sink();
  scene.join(scene.connect("peer", 5), worker_hello(1));
  scene.add(2);
  CHECK(scene.next_ids().size() == 1);
  CHECK(said<wire::End>(scene.pass(0s)).empty());
  scene.run.end_input(scene.now);
  const std::vector<wire::End> end{{run_id, 2, false}};
  CHECK(said<wire::End>(scene.pass(0s)) == end);
  CHECK(said<wire::End>(scene.pass(999ms)).empty());
  CHECK(said<wire::End>(scene.pass(1ms)) == end);
  CHECK(scene.run.next_tick() == scene.now + 1s);
  scene.ack({0, 0});
  CHECK(scene.next_ids().size() == 1);
  scene.ack({1, 1});
  CHECK(asked<Finish>(scene.pass(0s)).empty());
  scene.hear(scene.sink, wire::Ended{run_id, 2, 0, 0, 5});
  const auto actions = scene.actions();
  const auto finish = asked<Finish>(actions);
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 0);
  CHECK(finish.front().why.empty());
  CHECK(said<wire::Bye>(actions).size() == 1);
  CHECK(said<wire::Stop>(actions).size() == 1);
  CHECK(peers_told(actions) == std::vector<std::string>{"peer", "sink"});
  const auto& statement = scene.run.statement();
  REQUIRE(statement);
  CHECK(statement->tasks == 2);
  CHECK(statement->ok == 2);
  CHECK(statement->duplicates == 5);
  CHECK(statement->unfinished() == 0);
  CHECK(said<wire::End>(scene.pass(1h)).empty());
}

TEST_CASE("run: END waits for a sink, and is said at once to one that is back or takes over") {
  Scene scene;
  scene.run.end_input(scene.now);
  CHECK(said<wire::End>(scene.pass(10s)).empty());
  wire::Hello hello = sink_hello(777);
  hello.has_store = true;
  scene.join_sink(hello);
  CHECK(said<wire::End>(scene.pass(0s)).size() == 1);
  scene.run.on_link_down(90, scene.now);
  hello.incarnation = Incarnation{GENERATE(777U, 778U)};
  scene.hear(scene.connect("again", 91), hello);
  static_cast<void>(scene.actions());
  const auto actions = scene.pass(0s);
  CHECK(said<wire::End>(actions).size() == 1);
  CHECK(peers_told(actions) == std::vector<std::string>(2, "again"));  // CHECK and END
  CHECK(said<wire::End>(scene.pass(999ms)).empty());
}

TEST_CASE("run: a complete run with failed or dead tasks ends with 1") {
  Scene scene;
  scene.join_sink();
  scene.add(1);
  scene.run.end_input(scene.now);
  static_cast<void>(scene.pass(0s));
  SECTION("failed") {
    scene.hear(scene.sink, wire::Ended{run_id, 0, 1, 0, 0});
  }
  SECTION("dead") {
    scene.hear(scene.sink, wire::Ended{run_id, 0, 0, 1, 0});
  }
  CHECK(asked<Finish>(scene.actions()).front().status == 1);
}

TEST_CASE("run: whoever comes when it is over is told so") {
  Scene scene;
  scene.join_sink();
  scene.run.end_input(scene.now);
  static_cast<void>(scene.pass(0s));
  scene.hear(scene.sink, wire::Ended{run_id, 0, 0, 0, 0});
  static_cast<void>(scene.actions());
  scene.hear(scene.connect("worker", 5), worker_hello(1));
  CHECK(said<wire::Stop>(scene.actions()).size() == 1);
  scene.hear(scene.connect("again", 6), sink_hello());
  CHECK(said<wire::Bye>(scene.actions()).size() == 1);
  scene.hear(scene.sink, wire::Ended{run_id, 0, 0, 0, 0});
  CHECK(scene.actions().empty());
}

TEST_CASE("run: stopped, it hands out nothing more and ends when what is out is finished") {
  Scene scene;
  scene.join_sink();
  scene.join(scene.connect("peer", 5), worker_hello(1));
  scene.add(3);
  CHECK(scene.next_ids().size() == 1);
  const bool end_was_said = GENERATE(false, true);
  if (end_was_said) {
    scene.run.end_input(scene.now);
    CHECK(said<wire::End>(scene.pass(0s)) == std::vector<wire::End>{{run_id, 3, false}});
  }
  scene.run.stop(scene.now);
  CHECK_FALSE(scene.run.wants_input());
  CHECK(scene.next_ids().empty());
  CHECK(said<wire::End>(scene.pass(10s)).empty());
  std::uint64_t ok = 0;
  SECTION("its result has come") {
    scene.ack({0, 0});
    ok = 1;
  }
  SECTION("its worker has died") {
    scene.run.on_link_down(5, scene.now);
  }
  SECTION("its worker has joined anew") {
    scene.hear({"peer", 5, ""}, worker_hello(2));
  }
  SECTION("its worker has given it back") {
    scene.hear({"peer", 5, ""}, wire::Leaving{LaneToken{2}, {{0, 0}}, ""});
  }
  CHECK(said<wire::End>(scene.pass(0s)) == std::vector<wire::End>{{run_id, 3, true, !end_was_said}});
  scene.hear(scene.sink, wire::Ended{run_id, ok, 0, 0, 0});
  const auto finish = asked<Finish>(scene.actions());
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 3);
  REQUIRE(scene.run.statement());
  CHECK(scene.run.statement()->unfinished() == 3 - ok);
}

TEST_CASE("run: stopped with nothing left to do, it has ended well, if that was the whole input") {
  const bool is_whole = GENERATE(false, true);
  Scene scene;
  scene.join_sink();
  scene.join(scene.connect("peer", 5), worker_hello(1));
  scene.add(1);
  CHECK(scene.next_ids().size() == 1);
  scene.ack({0, 0});
  if (is_whole) scene.run.end_input(scene.now);
  scene.run.stop(scene.now);
  CHECK(said<wire::End>(scene.pass(0s)) == std::vector<wire::End>{{run_id, 1, true, !is_whole}});
  scene.hear(scene.sink, wire::Ended{run_id, 1, 0, 0, 0});
  CHECK(asked<Finish>(scene.actions()).front().status == (is_whole ? 0 : 3));
}

TEST_CASE("run: of input that breaks off what has been read is done, and the run is not complete") {
  Scene scene;
  scene.join_sink();
  scene.join(scene.connect("peer", 5), worker_hello(1));
  scene.add(1);
  scene.run.end_input(scene.now, true);
  CHECK(said<wire::End>(scene.pass(0s)) == std::vector<wire::End>{{run_id, 1, false, true}});
  CHECK(scene.next_ids().size() == 1);
  scene.ack({0, 0});
  scene.hear(scene.sink, wire::Ended{run_id, 1, 0, 0, 0});
  CHECK(asked<Finish>(scene.actions()).front().status == 3);
}

TEST_CASE("run: stopped before there was a sink, it ends at once") {
  Scene scene;
  scene.join(scene.connect("peer", 5), worker_hello(1));
  scene.add(3);
  scene.run.stop(scene.now);
  const auto actions = scene.actions();
  CHECK(asked<Finish>(actions).size() == 1);
  CHECK(said<wire::Stop>(actions).size() == 1);
  REQUIRE(scene.run.statement());
  CHECK(scene.run.statement()->unfinished() == 3);
}

TEST_CASE("run: at its end it tells some workers, and the others when these are gone or do not go") {
  constexpr int count = 120;
  Scene scene;
  scene.join_sink();
  std::map<std::string, int> links;
  for (int i = 0; i < count; ++i) {
    const std::string peer = "peer" + std::to_string(i);
    links[peer] = 100 + i;
    scene.join(scene.connect(peer, 100 + i), worker_hello(1 + static_cast<std::uint64_t>(i)));
  }
  const auto told = [](const std::vector<Run::Action>& actions) {
    std::vector<std::string> peers;
    for (const auto& one : asked<Run::SayTo>(actions)) {
      if (std::holds_alternative<wire::Stop>(one.message)) peers.push_back(one.peer);
    }
    return peers;
  };
  const auto leave = [&](const std::vector<std::string>& peers) {
    for (const std::string& peer : peers) {
      scene.run.on_link_down(links.at(peer), scene.now);
      links.erase(peer);
    }
  };
  scene.hear(scene.sink, wire::Leaving{LaneToken{}, {}, "disk full"});
  scene.run.on_link_down(90, scene.now);
  auto actions = scene.actions();
  CHECK(said<wire::Bye>(actions).empty());
  CHECK(asked<Finish>(actions).empty());
  auto peers = told(actions);
  REQUIRE(peers.size() == 50);
  CHECK_FALSE(scene.run.wants_input());

  SECTION("each is told once") {
    leave({peers.begin() + 1, peers.end()});
    CHECK(told(scene.pass(1ms)).empty());
    CHECK(scene.run.next_tick() > scene.now);
    leave({peers.front()});
    // One of those that are not told yet goes by itself.
    leave({links.begin()->first});
    actions = scene.pass(1ms);
    peers = told(actions);
    CHECK(peers.size() == 50);
    CHECK(asked<Finish>(actions).empty());
    // These do not go.
    CHECK(told(scene.pass(100ms)).empty());
    CHECK(scene.run.next_tick() <= scene.now + 400ms);
    actions = scene.pass(400ms);
    CHECK(told(actions).size() == 19);
    CHECK(said<wire::Bye>(actions).size() == 1);
    REQUIRE(asked<Finish>(actions).size() == 1);
    CHECK(asked<Finish>(actions).front().status == 3);
    CHECK(scene.pass(10s).empty());
    CHECK(scene.run.next_tick() == never);
  }
  SECTION("one that comes back meanwhile is told") {
    leave({peers.front()});
    scene.hear(scene.connect("again", 300), worker_hello(1000));
    CHECK(told(scene.actions()) == std::vector<std::string>{"again"});
  }
  SECTION("abandoned, it tells all the others at once") {
    scene.run.abandon();
    actions = scene.actions();
    CHECK(told(actions).size() == 70);
    CHECK(asked<Finish>(actions).size() == 1);
  }
}

TEST_CASE("run: abandoned, it tells everybody and hands out nothing") {
  Scene scene;
  scene.join_sink();
  scene.join(scene.connect("peer", 5), worker_hello(1));
  scene.add(3);
  scene.run.abandon();
  const auto actions = scene.actions();
  REQUIRE(asked<Finish>(actions).size() == 1);
  CHECK(asked<Finish>(actions).front().status == 3);
  CHECK(said<wire::Bye>(actions).size() == 1);
  CHECK(said<wire::Stop>(actions).size() == 1);
  CHECK(scene.next_ids().empty());
  scene.run.abandon();
  scene.run.stop(scene.now);
  CHECK(scene.pass(1h).empty());
}

// --- waiting

TEST_CASE("run: says what is missing and how to start it, and gives up after --wait-timeout") {
  Run::Settings of = settings();
  of.wait_timeout = 30s;
  Scene scene(of);
  scene.add(1);
  std::string missing;
  std::string gave_up;
  SECTION("a sink") {
    scene.join(scene.connect("peer", 5), worker_hello(1));
    missing = "waiting for a sink: fanmill-sink --connect tcp://head:5555\n";
    gave_up = "no sink came";
  }
  SECTION("a worker") {
    scene.join_sink();
    missing = "waiting for a worker: fanmill-worker --connect tcp://head:5555 COMMAND\n";
    gave_up = "no worker came";
  }
  CHECK(told(scene.pass(0s)).empty());
  CHECK(scene.run.next_tick() == scene.now + 1s);
  CHECK(told(scene.pass(1s)) == missing);
  CHECK(told(scene.pass(9s)).empty());
  CHECK(told(scene.pass(1s)) == missing);
  const auto finish = asked<Finish>(scene.pass(19s));
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 3);
  CHECK_THAT(finish.front().why, Contains(gave_up));
}

TEST_CASE("run: what it says to start has the options that keys need") {
  Run::Settings of = settings();
  of.worker_options = " --key FILE";
  of.sink_options = " --key FILE --allow DIR";
  Scene scene(of);
  scene.add(1);
  static_cast<void>(scene.pass(0s));
  CHECK(told(scene.pass(1s)) ==
        "waiting for a sink: fanmill-sink --connect tcp://head:5555 --key FILE --allow DIR\n"
        "waiting for a worker: fanmill-worker --connect tcp://head:5555 --key FILE COMMAND\n");
}

TEST_CASE("run: a worker that cannot begin before there is a sink is not missed") {
  Scene scene;
  scene.add(1);
  scene.hear(scene.connect("peer", 5), worker_hello(1));
  static_cast<void>(scene.pass(0s));
  CHECK(told(scene.pass(1s)) == "waiting for a sink: fanmill-sink --connect tcp://head:5555\n");
}

TEST_CASE("run: with --min-workers it says how many are there") {
  Run::Settings of = settings();
  of.dispatcher.min_lanes = 3;
  Scene scene(of);
  scene.join_sink();
  scene.add(1);
  scene.join(scene.connect("peer", 5), worker_hello(1));
  static_cast<void>(scene.pass(0s));
  CHECK_THAT(told(scene.pass(1s)), Contains("waiting for workers, 1 of 3 are here"));
  CHECK(scene.next_ids().empty());
}

TEST_CASE("run: with nothing to do no worker is missed") {
  Scene scene;
  scene.join_sink();
  CHECK(told(scene.pass(0s)).empty());
  CHECK(told(scene.pass(1h)).empty());
  CHECK(scene.run.next_tick() == never);
}

TEST_CASE("run: nothing is handed out before a sink is here") {
  Scene scene;
  scene.join(scene.connect("one", 1), worker_hello(1));
  scene.add(1);
  CHECK(scene.next_ids().empty());
  scene.join_sink();
  CHECK(scene.next_ids() == std::vector<TaskId>{0});
}
