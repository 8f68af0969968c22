#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "asked.hpp"
#include <fanmill/core/station.hpp>

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;
using test::asked;
using test::said;
using test::start;

namespace {

constexpr RunId run{11};
constexpr LaneToken lane{22};
constexpr Incarnation epoch{33};

wire::Hello hello() {
  wire::Hello result;
  result.reached = "tcp://head:5555";
  result.slots = 2;
  return result;
}

wire::SinkPlace sink_at(const std::string& endpoint, Incarnation of = epoch) {
  wire::SinkPlace place;
  place.endpoint = endpoint;
  place.epoch = of;
  return place;
}

wire::Welcome welcome(LaneToken token = lane, const std::string& sink = "tcp://sink:1") {
  wire::Welcome message;
  message.run = run;
  message.delimiter = "\n";
  message.lane = "tcp://head:6000";
  message.token = token;
  message.sink = sink_at(sink);
  return message;
}

// A station, what it asks for, and the tasks that it is given.
class Scene {
 public:
  explicit Scene(Duration wait_timeout = Duration::max(), bool keep = false)
      : station(
            hello(), wait_timeout, [this] { return ++drawn_; }, keep) {
    station.start(now);
  }

  std::vector<Station::Action> actions() { return station.take_actions(); }

  void join() {
    station.on_control(welcome(), now);
    station.on_lane_up(now);
    station.on_results_up(now);
    REQUIRE(said<wire::Ready>(actions()).size() == 1);
    REQUIRE(station.working());
  }

  bool give(std::vector<TaskId> ids, LaneToken token = lane, RunId of = run) {
    auto tasks = std::make_shared<wire::TaskBatch>();
    for (const TaskId id : ids) tasks->add({id, 0, "payload"});
    return station.on_tasks({of, token}, {tasks, tasks->list()}, now);
  }

  std::vector<TaskId> take(std::size_t most) {
    std::vector<TaskId> ids;
    const Station::Holding holding = station.take(most);
    for (const wire::TaskView task : holding.tasks) ids.push_back(task.id);
    return ids;
  }

  void sent(TaskId id) { station.on_sent(std::vector<IdRange>{{id, id}}, now); }

  Time now = start;
  Station station;

 private:
  std::uint64_t drawn_ = 100;
};

[[nodiscard]] std::vector<Finish> finished(const std::vector<Station::Action>& actions) {
  return asked<Finish>(actions);
}

}  // namespace

// --- the end of a run

TEST_CASE("station: who stays for the next run does not take the end of the last one for it") {
  Scene kept(Duration::max(), true);
  kept.station.on_control(wire::Stop{}, kept.now);
  CHECK(finished(kept.actions()).empty());
  kept.join();
  kept.station.on_control(wire::Stop{}, kept.now);
  REQUIRE(finished(kept.actions()).size() == 1);
  CHECK(kept.station.stopped());

  Scene other;
  other.station.on_control(wire::Stop{}, other.now);
  CHECK(finished(other.actions()).size() == 1);
}

TEST_CASE("station: who was leaving when the run ended has left, and was not stopped") {
  Scene scene(Duration::max(), true);
  scene.join();
  scene.give({1, 2});
  static_cast<void>(scene.take(1));
  scene.station.leave("", scene.now);
  scene.station.on_control(wire::Stop{}, scene.now);
  CHECK(finished(scene.actions()).size() == 1);
  CHECK_FALSE(scene.station.stopped());
}

// --- joining

TEST_CASE("station: says HELLO until it is answered, each time the same, with a longer wait") {
  Scene scene;
  const auto first = said<wire::Hello>(scene.actions());
  REQUIRE(first.size() == 1);
  CHECK(first.front().incarnation == Incarnation{101});
  CHECK(first.front().slots == 2);
  for (const Duration wait : {100ms, 200ms, 400ms, 800ms, 1600ms, 2000ms, 2000ms}) {
    scene.now += wait - 1ns;
    scene.station.tick(scene.now);
    CHECK(said<wire::Hello>(scene.actions()).empty());
    scene.now += 1ns;
    scene.station.tick(scene.now);
    CHECK(said<wire::Hello>(scene.actions()) == first);
  }
  scene.station.on_control(welcome(), scene.now);
  scene.station.tick(scene.now + 10s);
  CHECK(said<wire::Hello>(scene.actions()).empty());
}

TEST_CASE("station: what was said before the connection was up is said again at once") {
  Scene scene;
  static_cast<void>(scene.actions());
  scene.station.on_control_up(scene.now + 1ms);
  scene.station.tick(scene.now + 1ms);
  CHECK(said<wire::Hello>(scene.actions()).size() == 1);
}

TEST_CASE("station: connects lane and results as it is told, and is ready when both are up") {
  Scene scene;
  scene.station.on_control(welcome(), scene.now);
  const auto actions = scene.actions();
  REQUIRE(asked<Station::OpenLane>(actions).size() == 1);
  CHECK(asked<Station::OpenLane>(actions).front().endpoint == "tcp://head:6000");
  REQUIRE(asked<Station::OpenResults>(actions).size() == 1);
  CHECK(asked<Station::OpenResults>(actions).front().endpoint == "tcp://sink:1");
  CHECK(said<wire::Ready>(actions).empty());
  SECTION("the lane first") {
    scene.station.on_lane_up(scene.now);
    CHECK(scene.actions().empty());
    scene.station.on_results_up(scene.now);
  }
  SECTION("the results first") {
    scene.station.on_results_up(scene.now);
    CHECK(scene.actions().empty());
    scene.station.on_lane_up(scene.now);
  }
  CHECK(said<wire::Ready>(scene.actions()) == std::vector<wire::Ready>{{lane}});
  CHECK(scene.station.working());
}

TEST_CASE("station: without a sink it waits for one, however long, and says nothing") {
  Scene scene;
  scene.station.on_control(welcome(lane, ""), scene.now);
  CHECK(asked<Station::OpenResults>(scene.actions()).empty());
  scene.station.on_lane_up(scene.now);
  scene.station.tick(scene.now + 1h);
  CHECK(scene.actions().empty());
  scene.station.on_control(wire::SinkAt{sink_at("tcp://sink:1")}, scene.now + 1h);
  CHECK(asked<Station::OpenResults>(scene.actions()).size() == 1);
  scene.station.on_results_up(scene.now + 1h);
  CHECK(said<wire::Ready>(scene.actions()).size() == 1);
}

TEST_CASE("station: the same WELCOME once more changes nothing") {
  Scene scene;
  scene.station.on_control(welcome(), scene.now);
  static_cast<void>(scene.actions());
  scene.station.on_control(welcome(), scene.now);
  CHECK(scene.actions().empty());
  scene.station.on_lane_up(scene.now);
  scene.station.on_results_up(scene.now);
  static_cast<void>(scene.actions());
  scene.station.on_control(welcome(), scene.now);
  CHECK(scene.actions().empty());
  CHECK(scene.station.working());
}

TEST_CASE("station: of two WELCOMEs the later one names its lane") {
  Scene scene;
  // The answer to a HELLO before, whose lane is closed by now.
  scene.station.on_control(welcome(LaneToken{21}), scene.now);
  static_cast<void>(scene.actions());
  scene.station.on_control(welcome(), scene.now);
  CHECK(asked<Station::OpenLane>(scene.actions()).size() == 1);
  CHECK(scene.station.token() == lane);
  scene.station.on_lane_up(scene.now);
  scene.station.on_results_up(scene.now);
  CHECK(said<wire::Ready>(scene.actions()) == std::vector<wire::Ready>{{lane}});
}

TEST_CASE("station: at work and told of another lane, it joins anew") {
  Scene scene;
  scene.join();
  scene.station.on_control(welcome(LaneToken{23}), scene.now);
  const auto actions = scene.actions();
  CHECK(asked<Station::CloseLane>(actions).size() == 1);
  CHECK(said<wire::Hello>(actions).size() == 1);
}

TEST_CASE("station: over ipc it is no firewall that keeps it from its lane") {
  Scene scene;
  wire::Welcome here = welcome();
  here.lane = "ipc:///tmp/lane";
  scene.station.on_control(here, scene.now);
  scene.station.tick(scene.now + 3s);
  const auto told = asked<Tell>(scene.actions());
  REQUIRE(told.size() == 1);
  CHECK(told.front().text ==
        "cannot reach its lane ipc:///tmp/lane though control works: is it another user's, or in a directory "
        "that is closed to this one?");
}

TEST_CASE("station: says once and in plain words what it cannot reach") {
  Scene scene;
  scene.station.on_control(welcome(), scene.now);
  std::string what;
  SECTION("the lane") {
    scene.station.on_results_up(scene.now);
    what = "cannot reach its lane tcp://head:6000";
  }
  SECTION("the sink") {
    scene.station.on_lane_up(scene.now);
    what = "cannot reach the sink at tcp://sink:1";
  }
  static_cast<void>(scene.actions());
  scene.station.tick(scene.now);
  CHECK(scene.station.next_tick() == scene.now + 3s);
  scene.station.tick(scene.now + 3s - 1ns);
  CHECK(scene.actions().empty());
  scene.station.tick(scene.now + 3s);
  const auto actions = scene.actions();
  REQUIRE(asked<Tell>(actions).size() == 1);
  CHECK_THAT(asked<Tell>(actions).front().text, Catch::Matchers::StartsWith(what));
  REQUIRE(said<wire::Trouble>(actions).size() == 1);
  CHECK(said<wire::Trouble>(actions).front().text == asked<Tell>(actions).front().text);
  scene.station.tick(scene.now + 1h);
  CHECK(scene.actions().empty());
}

TEST_CASE("station: for a lane that cannot be reached it asks again and again, and complains once") {
  Scene scene;
  Incarnation known{};
  std::size_t complaints = 0;
  for (std::uint64_t i = 0; i < 20; ++i) {
    scene.station.on_control(welcome(LaneToken{50 + i}), scene.now);
    scene.station.on_results_up(scene.now);
    REQUIRE(asked<Station::OpenLane>(scene.actions()).size() == 1);
    scene.station.on_lane_down(scene.now);
    auto actions = scene.actions();
    CHECK(asked<Station::CloseLane>(actions).size() == 1);
    CHECK(said<wire::Hello>(actions).empty());
    const Time due = scene.now + 500ms;
    while (scene.now < due) {
      scene.now = std::min(scene.station.next_tick(), due);
      scene.station.tick(scene.now);
      actions = scene.actions();
      for (const Tell& told : asked<Tell>(actions)) complaints += told.severity == Severity::warning ? 1 : 0;
    }
    const auto hellos = said<wire::Hello>(actions);
    REQUIRE(hellos.size() == 1);
    CHECK(hellos.front().incarnation != known);
    known = hellos.front().incarnation;
  }
  CHECK(complaints == 1);
  scene.station.on_control(welcome(LaneToken{99}), scene.now);
  scene.station.on_lane_up(scene.now);
  CHECK(said<wire::Ready>(scene.actions()).size() == 1);
}

TEST_CASE("station: without a ventilator it says so, and gives up after --wait-timeout") {
  Scene scene(5s);
  scene.station.tick(scene.now + 1s);
  const auto told = asked<Tell>(scene.actions());
  REQUIRE(told.size() == 1);
  CHECK(told.front().text == "waiting for a ventilator at tcp://head:5555");
  scene.station.tick(scene.now + 5s);
  const auto finish = finished(scene.actions());
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 3);
  CHECK_THAT(finish.front().why, Catch::Matchers::Contains("tcp://head:5555"));
}

TEST_CASE("station: refused, it ends with 4 and the reason; told to stop, with 0") {
  Scene scene;
  scene.station.on_control(wire::Refused{"too many"}, scene.now);
  auto finish = finished(scene.actions());
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 4);
  CHECK_THAT(finish.front().why, Catch::Matchers::EndsWith("refused this worker: too many"));
  scene.station.on_control(wire::Stop{}, scene.now);
  scene.station.tick(scene.now + 1h);
  CHECK(scene.actions().empty());

  Scene other;
  other.join();
  other.give({1, 2});
  other.station.on_control(wire::Stop{}, other.now);
  finish = finished(other.actions());
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 0);
}

// --- work

TEST_CASE("station: takes its tasks in order, as many as are asked for, never across two messages") {
  Scene scene;
  scene.join();
  CHECK(scene.take(5).empty());
  CHECK(scene.give({4, 5, 6}));
  CHECK(scene.give({2}));
  CHECK(scene.station.held() == 4);
  CHECK(scene.take(0).empty());
  CHECK(scene.take(2) == std::vector<TaskId>{4, 5});
  CHECK(scene.station.has_waiting());
  CHECK(scene.take(2) == std::vector<TaskId>{6});
  CHECK(scene.take(2) == std::vector<TaskId>{2});
  CHECK_FALSE(scene.station.has_waiting());
  CHECK(scene.station.held() == 4);
  for (const TaskId id : {4, 5, 6, 2}) scene.sent(id);
  CHECK(scene.station.held() == 0);
  CHECK(scene.actions().empty());
}

TEST_CASE("station: takes nothing of another lane, of another run, or before it is ready") {
  Scene scene;
  CHECK_FALSE(scene.give({1}, LaneToken{}));
  scene.station.on_control(welcome(), scene.now);
  CHECK_FALSE(scene.give({1}));
  scene.station.on_lane_up(scene.now);
  scene.station.on_results_up(scene.now);
  CHECK_FALSE(scene.give({1}, LaneToken{21}));
  CHECK_FALSE(scene.give({1}, lane, RunId{12}));
  CHECK(scene.station.held() == 0);
  CHECK_FALSE(scene.station.has_waiting());
  CHECK(scene.give({1}));
}

TEST_CASE("station: what its tasks look at lives as long as somebody holds it") {
  Scene scene;
  scene.join();
  std::weak_ptr<const void> frame;
  {
    auto tasks = std::make_shared<wire::TaskBatch>();
    tasks->add({0, 0, "payload"});
    tasks->add({1, 0, "payload"});
    frame = tasks;
    CHECK(scene.station.on_tasks({run, lane}, {tasks, tasks->list()}, scene.now));
  }
  CHECK_FALSE(frame.expired());
  auto first = scene.station.take(1);
  auto second = scene.station.take(1);
  CHECK_FALSE(scene.station.has_waiting());
  first = {};
  CHECK_FALSE(frame.expired());
  second = {};
  CHECK(frame.expired());
}

// --- leaving

TEST_CASE("station: leaving gives back what has not been started, and goes with BYE") {
  Scene scene;
  scene.join();
  scene.give({1, 2, 3});
  scene.give({7, 8});
  CHECK(scene.take(1) == std::vector<TaskId>{1});
  scene.station.leave("asked to end", scene.now);
  CHECK(said<wire::Leaving>(scene.actions()) ==
        std::vector<wire::Leaving>{{lane, {{2, 3}, {7, 8}}, "asked to end"}});
  CHECK_FALSE(scene.station.has_waiting());
  CHECK(scene.station.held() == 1);

  // What was on its way goes back too.
  CHECK(scene.give({9}));
  CHECK(said<wire::Leaving>(scene.actions()) == std::vector<wire::Leaving>{{lane, {{9, 9}}, ""}});
  scene.sent(1);
  CHECK(scene.actions().empty());
  scene.station.on_control(wire::Bye{}, scene.now);
  const auto finish = finished(scene.actions());
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 0);
}

TEST_CASE("station: leaving gives back what was taken, and nobody has begun, too") {
  Scene scene;
  scene.join();
  scene.give({1, 2, 3, 4});
  CHECK(scene.take(3) == std::vector<TaskId>{1, 2, 3});
  scene.station.leave("worn out", scene.now, std::vector<TaskId>{3, 2});
  CHECK(said<wire::Leaving>(scene.actions()) == std::vector<wire::Leaving>{{lane, {{2, 4}}, "worn out"}});
  CHECK(scene.station.held() == 1);
}

TEST_CASE("station: a BYE that it has not asked for means nothing") {
  Scene scene;
  scene.join();
  scene.station.on_control(wire::Bye{}, scene.now);
  CHECK(scene.actions().empty());
  CHECK(scene.station.working());
}

TEST_CASE("station: with nothing to do it leaves at once") {
  Scene calling;
  calling.station.leave("asked to end", calling.now);
  CHECK(finished(calling.actions()).size() == 1);

  Scene joining;
  joining.station.on_control(welcome(), joining.now);
  joining.station.leave("asked to end", joining.now);
  const auto actions = joining.actions();
  CHECK(said<wire::Leaving>(actions).size() == 1);
  CHECK(finished(actions).size() == 1);
}

TEST_CASE("station: leaving without a ventilator that knows it, it goes when its results are out") {
  const bool can_deliver = GENERATE(true, false);
  Scene scene;
  scene.join();
  scene.give({1, 2});
  CHECK(scene.take(1).size() == 1);
  scene.station.leave("asked to end", scene.now);
  static_cast<void>(scene.actions());
  SECTION("control is down") {
    scene.station.on_control_down(scene.now);
  }
  SECTION("it is asked who it is") {
    scene.station.on_control(wire::Who{}, scene.now);
  }
  SECTION("its lane is down, and what was on its way cannot be given back") {
    scene.station.on_lane_down(scene.now);
  }
  CHECK(finished(scene.actions()).empty());
  CHECK_FALSE(scene.station.drop_results());
  if (!can_deliver) {
    scene.station.on_results_down(scene.now);
    CHECK(scene.station.drop_results());
  }
  scene.sent(1);
  const auto finish = finished(scene.actions());
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 0);
}

TEST_CASE("station: asked to leave while it joins anew, it delivers what runs and goes") {
  Scene scene;
  scene.join();
  scene.give({1});
  CHECK(scene.take(1).size() == 1);
  scene.station.on_control_down(scene.now);
  scene.station.leave("asked to end", scene.now);
  CHECK(finished(scene.actions()).empty());
  scene.sent(1);
  CHECK(finished(scene.actions()).size() == 1);
}

// --- when things break

TEST_CASE("station: a lost lane or control drops what waits, delivers what runs, and joins anew") {
  Scene scene;
  scene.join();
  scene.give({1, 2, 3});
  CHECK(scene.take(1) == std::vector<TaskId>{1});
  SECTION("lane") {
    scene.station.on_lane_down(scene.now);
  }
  SECTION("control") {
    scene.station.on_control_down(scene.now);
  }
  SECTION("a ventilator that was started anew") {
    scene.station.on_control(wire::Who{}, scene.now);
  }
  auto actions = scene.actions();
  CHECK(asked<Station::CloseLane>(actions).size() == 1);
  CHECK(said<wire::Hello>(actions).empty());
  CHECK_FALSE(scene.station.has_waiting());
  CHECK_FALSE(scene.give({4}));
  CHECK(scene.station.held() == 1);

  // For a task of hours somebody will wonder.
  CHECK(scene.station.next_tick() == scene.now + 3s);
  scene.station.tick(scene.now + 3s);
  const auto told = asked<Tell>(scene.actions());
  REQUIRE(told.size() == 1);
  CHECK_THAT(told.front().text,
             Catch::Matchers::Contains("joins again when what runs here has ended: 1 task"));
  scene.station.tick(scene.now + 1h);
  CHECK(asked<Tell>(scene.actions()).empty());

  scene.sent(1);
  const auto again = said<wire::Hello>(scene.actions());
  REQUIRE(again.size() == 1);
  CHECK(again.front().incarnation == Incarnation{102});
  CHECK_FALSE(scene.give({4}));

  // The results connection has held: with the new lane it is ready.
  scene.station.on_control(welcome(LaneToken{23}), scene.now);
  CHECK(asked<Station::OpenResults>(scene.actions()).empty());
  scene.station.on_lane_up(scene.now);
  CHECK(said<wire::Ready>(scene.actions()) == std::vector<wire::Ready>{{LaneToken{23}}});
  CHECK_FALSE(scene.give({4}, lane));
  CHECK(scene.give({4}, LaneToken{23}));
}

TEST_CASE("station: with nothing running it joins anew at once, and WHO then asks for nothing more") {
  Scene scene;
  scene.join();
  scene.give({1, 2});
  scene.station.on_control_down(scene.now);
  CHECK(said<wire::Hello>(scene.actions()).size() == 1);
  scene.station.on_control(wire::Who{}, scene.now);
  scene.station.on_control_down(scene.now);
  scene.station.on_lane_down(scene.now);
  CHECK(scene.actions().empty());
}

TEST_CASE("station: joining anew, results that cannot be delivered are of no use") {
  Scene scene;
  scene.join();
  scene.give({1});
  CHECK(scene.take(1).size() == 1);
  scene.station.on_results_down(scene.now);
  CHECK_FALSE(scene.station.drop_results());  // the connection may come back, and they go down it
  scene.station.on_lane_down(scene.now);
  CHECK(scene.station.drop_results());
  scene.sent(1);
  CHECK(said<wire::Hello>(scene.actions()).size() == 1);
}

TEST_CASE("station: after a results connection was lost, a mark says what may be lost with it") {
  Scene scene;
  scene.join();
  scene.give({1, 2, 3});
  scene.give({8});
  CHECK(scene.take(2) == std::vector<TaskId>{1, 2});
  scene.sent(1);
  scene.station.on_results_down(scene.now);
  CHECK(scene.actions().empty());
  CHECK(scene.station.working());
  scene.station.on_results_up(scene.now);
  auto actions = scene.actions();
  REQUIRE(asked<Station::SendMark>(actions).size() == 1);
  CHECK(asked<Station::SendMark>(actions).front().mark == wire::Mark{run, lane, 1});
  CHECK(said<wire::Held>(actions) == std::vector<wire::Held>{{lane, 1, 2, {{2, 3}, {8, 8}}}});

  scene.station.on_results_down(scene.now);
  scene.station.on_results_up(scene.now);
  actions = scene.actions();
  REQUIRE(asked<Station::SendMark>(actions).size() == 1);
  CHECK(asked<Station::SendMark>(actions).front().mark.mark == 2);
}

TEST_CASE("station: another sink gets its results, and a mark; nothing is complained of for ever") {
  Scene scene;
  scene.join();
  scene.give({1});
  scene.station.on_control(wire::SinkAt{sink_at("tcp://other:1", Incarnation{34})}, scene.now);
  auto actions = scene.actions();
  REQUIRE(asked<Station::OpenResults>(actions).size() == 1);
  CHECK(asked<Station::OpenResults>(actions).front().endpoint == "tcp://other:1");
  CHECK(scene.station.sink().epoch == Incarnation{34});
  scene.station.on_results_up(scene.now);
  actions = scene.actions();
  CHECK(asked<Station::SendMark>(actions).size() == 1);
  CHECK(said<wire::Held>(actions).size() == 1);
  CHECK(scene.station.working());
  // A loop sleeps until next_tick(): a moment that has passed would keep it awake.
  scene.station.tick(scene.now + 4s);
  CHECK(scene.station.next_tick() > scene.now + 4s);
  CHECK(scene.actions().empty());
}

TEST_CASE("station: the sink that it has already is no news") {
  Scene scene;
  scene.join();
  scene.station.on_control(wire::SinkAt{sink_at("tcp://sink:1")}, scene.now);
  scene.station.on_control(wire::SinkAt{sink_at("")}, scene.now);
  CHECK(scene.actions().empty());
}

TEST_CASE("station: leaving and its results connection lost, it stays and says which results may be lost") {
  Scene scene;
  scene.join();
  scene.give({1});
  CHECK(scene.take(1).size() == 1);
  scene.station.leave("asked to end", scene.now);
  scene.sent(1);
  static_cast<void>(scene.actions());
  scene.station.on_results_down(scene.now);
  scene.station.on_results_up(scene.now);
  const auto actions = scene.actions();
  CHECK(asked<Station::SendMark>(actions).size() == 1);
  CHECK(said<wire::Held>(actions) == std::vector<wire::Held>{{lane, 1, 1, {}}});
  CHECK(finished(actions).empty());
}

TEST_CASE("station: what only a ventilator hears changes nothing") {
  Scene scene;
  scene.join();
  scene.station.on_control(wire::Ready{lane}, scene.now);
  scene.station.on_control(wire::Ack{run, Outcome::ok, {{0, 1}}}, scene.now);
  scene.station.on_control(hello(), scene.now);
  scene.station.on_control(wire::End{run, 1, false}, scene.now);
  CHECK(scene.actions().empty());
  CHECK(scene.station.working());
}
