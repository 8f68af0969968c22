// Tasks that wait behind a long one are taken back for those who have nothing to do: dispatcher, station,
// run.
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "asked.hpp"
#include <fanmill/core/dispatcher.hpp>
#include <fanmill/core/run.hpp>
#include <fanmill/core/station.hpp>

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;
using test::asked;
using test::said;
using test::start;

namespace {

constexpr Dispatcher::Limits one_slot{.slots = 1, .max_batch = 100};

std::vector<TaskId> next_ids(Dispatcher& dispatcher) {
  Dispatcher::Handout out;
  std::vector<TaskId> ids;
  if (!dispatcher.next(out)) return ids;
  for (const wire::TaskView& task : out.tasks()) ids.push_back(task.id);
  return ids;
}

// The first lane has ten tasks, of which nine wait.
Dispatcher loaded() {
  Dispatcher dispatcher(Dispatcher::Settings{.prefetch = 9});
  dispatcher.wake(start);
  dispatcher.open(one_slot);
  for (int i = 0; i < 10; ++i) dispatcher.add("task");
  while (!next_ids(dispatcher).empty()) {
  }
  CHECK(dispatcher.held(0) == 10);
  return dispatcher;
}

std::optional<Dispatcher::Recall> recall_at(Dispatcher& dispatcher, Time now) {
  dispatcher.wake(now);
  return dispatcher.recall();
}

}  // namespace

TEST_CASE(
    "recall: of what waits on a lane without progress, an idle lane gets its share, no attempt charged") {
  Dispatcher dispatcher = loaded();
  CHECK_FALSE(recall_at(dispatcher, start + 1h));  // nobody else is there
  const LaneIndex idle = dispatcher.open(one_slot);
  Time now = start + 1h;
  CHECK_FALSE(recall_at(dispatcher, now));
  now = dispatcher.next_wake();
  CHECK(now < start + 1h + 10ms);
  const auto recall = recall_at(dispatcher, now);
  REQUIRE(recall);
  CHECK(recall->lane == 0);
  CHECK(recall->most == 4);  // of nine, half
  CHECK_FALSE(recall_at(dispatcher, now));
  CHECK(dispatcher.next_wake() == never);  // until it has answered: there is nobody else to ask
  CHECK_FALSE(recall_at(dispatcher, now + 1h));

  CHECK_FALSE(dispatcher.given(0, recall->number + 1, std::vector<IdRange>{{6, 9}}));
  CHECK(dispatcher.given(0, recall->number, std::vector<IdRange>{{6, 9}}));
  CHECK_FALSE(dispatcher.given(0, recall->number, std::vector<IdRange>{{5, 5}}));
  CHECK(dispatcher.held(0) == 6);
  CHECK(dispatcher.recalled() == 4);
  CHECK(dispatcher.redelivered() == 0);
  Dispatcher::Handout out;
  REQUIRE(dispatcher.next(out));
  CHECK(out.lane == idle);
  CHECK(out.tasks().front().id == 6);
  CHECK(out.tasks().front().attempt == 0);
}

TEST_CASE("recall: a lane that gave nothing is asked again after twice as long, a second at the most") {
  Dispatcher dispatcher = loaded();
  dispatcher.open(one_slot);
  static_cast<void>(recall_at(dispatcher, start + 1h));
  Time now = dispatcher.next_wake();
  for (const Duration wait : {16ms, 32ms, 64ms, 128ms, 256ms, 512ms, 1000ms, 1000ms}) {
    const auto recall = recall_at(dispatcher, now);
    REQUIRE(recall);
    CHECK(dispatcher.given(0, recall->number, {}));
    CHECK_FALSE(recall_at(dispatcher, now));
    CHECK(dispatcher.next_wake() == now + wait);
    now += wait;
  }
  dispatcher.acknowledge(std::vector<IdRange>{{0, 0}}, now);
  CHECK_FALSE(recall_at(dispatcher, now));
  CHECK(recall_at(dispatcher, now + 8ms));
}

TEST_CASE(
    "recall: nobody else is asked for a slot that what was asked for will fill; who does not answer is "
    "passed over") {
  Dispatcher dispatcher(Dispatcher::Settings{.prefetch = 9});
  dispatcher.wake(start);
  for (int i = 0; i < 3; ++i) dispatcher.open(one_slot);
  for (int i = 0; i < 30; ++i) dispatcher.add("task");
  while (!next_ids(dispatcher).empty()) {
  }
  dispatcher.open(one_slot);
  static_cast<void>(recall_at(dispatcher, start + 1h));
  const Time now = dispatcher.next_wake();
  const auto first = recall_at(dispatcher, now);
  REQUIRE(first);
  CHECK(first->most == 4);
  CHECK_FALSE(dispatcher.recall());
  CHECK_FALSE(recall_at(dispatcher, now + 999ms));
  CHECK(dispatcher.next_wake() == now + 1s);
  const auto second = recall_at(dispatcher, now + 1s);
  REQUIRE(second);
  CHECK(second->lane != first->lane);
}

TEST_CASE("recall: nothing is recalled while there is something to hand out, or no slot is empty") {
  Dispatcher dispatcher = loaded();
  const LaneIndex other = dispatcher.open(one_slot);
  dispatcher.add("task");
  CHECK_FALSE(recall_at(dispatcher, start + 1h));
  CHECK(dispatcher.next_wake() == never);
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{10});
  CHECK(dispatcher.held(other) == 1);
  CHECK_FALSE(recall_at(dispatcher, start + 2h));
  CHECK(dispatcher.next_wake() == never);
}

TEST_CASE("recall: a lane that makes progress is left alone") {
  Dispatcher dispatcher = loaded();
  dispatcher.open(one_slot);
  Time now = start + 1h;
  for (TaskId id = 0; id < 9; ++id) {
    dispatcher.acknowledge(std::vector<IdRange>{{id, id}}, now);
    CHECK_FALSE(recall_at(dispatcher, now));
    now += 2ms;
  }
  CHECK(dispatcher.recalled() == 0);
  CHECK(dispatcher.next_wake() == never);  // it has as much as it has slots
}

TEST_CASE("recall: a lane that goes while it is asked takes the question with it") {
  Dispatcher dispatcher = loaded();
  dispatcher.open(one_slot);
  static_cast<void>(recall_at(dispatcher, start + 1h));
  const auto recall = recall_at(dispatcher, dispatcher.next_wake());
  REQUIRE(recall);
  CHECK(dispatcher.close(0, Dispatcher::Fate::left) == 10);
  const LaneIndex again = dispatcher.open(one_slot);
  CHECK(again == 0);
  CHECK_FALSE(dispatcher.given(again, recall->number, std::vector<IdRange>{{6, 9}}));
  CHECK(dispatcher.pending() == 10);
}

// --- the station

namespace {

constexpr RunId run{11};
constexpr LaneToken lane{22};

class StationScene {
 public:
  StationScene() : station(hello(), Duration::max(), [this] { return ++drawn_; }) {
    station.start(start);
    wire::Welcome welcome;
    welcome.run = run;
    welcome.lane = "tcp://head:6000";
    welcome.token = lane;
    welcome.sink.endpoint = "tcp://sink:1";
    station.on_control(welcome, start);
    station.on_lane_up(start);
    station.on_results_up(start);
    static_cast<void>(station.take_actions());
  }
  void give(TaskId first, std::size_t count) {
    auto tasks = std::make_shared<wire::TaskBatch>();
    for (TaskId id = first; id < first + count; ++id) tasks->add({id, 0, "payload"});
    CHECK(station.on_tasks({run, lane}, {tasks, tasks->list()}, start));
  }
  std::vector<Station::Action> hear(const wire::Recall& recall) {
    station.on_control(recall, start);
    return station.take_actions();
  }

  Station station;

 private:
  static wire::Hello hello() {
    wire::Hello result;
    result.slots = 1;
    return result;
  }
  std::uint64_t drawn_ = 100;
};

}  // namespace

TEST_CASE("recall: a station gives the newest of what it has not started, and does not run them") {
  StationScene scene;
  scene.give(0, 4);
  scene.give(8, 3);
  CHECK(scene.station.take(1).tasks.size() == 1);
  CHECK(said<wire::Given>(scene.hear({lane, 1, 4})) ==
        std::vector<wire::Given>{{lane, 1, {{3, 3}, {8, 10}}}});
  CHECK(scene.station.held() == 3);
  const Station::Holding left = scene.station.take(100);
  REQUIRE(left.tasks.size() == 2);
  CHECK(left.tasks.last(1).front().id == 2);
  CHECK_FALSE(scene.station.has_waiting());
}

TEST_CASE("recall: what a station has handed to its runner is asked for too, and one answer has all") {
  StationScene scene;
  scene.give(0, 6);
  CHECK(scene.station.take(4).tasks.size() == 4);
  const auto actions = scene.hear({lane, 7, 4});
  CHECK(said<wire::Given>(actions).empty());
  const auto take_back = asked<Station::TakeBack>(actions);
  REQUIRE(take_back.size() == 1);
  CHECK(take_back.front().most == 2);
  scene.station.on_taken_back(take_back.front().given, std::vector<TaskId>{3, 2}, Time{});
  CHECK(said<wire::Given>(scene.station.take_actions()) == std::vector<wire::Given>{{lane, 7, {{2, 5}}}});
  CHECK(scene.station.held() == 2);
}

TEST_CASE("recall: the same question again is not answered again") {
  StationScene scene;
  scene.give(0, 9);
  CHECK(said<wire::Given>(scene.hear({lane, 1, 2})) == std::vector<wire::Given>{{lane, 1, {{7, 8}}}});
  CHECK(scene.hear({lane, 1, 2}).empty());
  CHECK(scene.station.held() == 7);
  CHECK(said<wire::Given>(scene.hear({lane, 2, 1})) == std::vector<wire::Given>{{lane, 2, {{6, 6}}}});
}

TEST_CASE("recall: a recall of another lane, or of who leaves or joins anew, is not answered") {
  StationScene scene;
  scene.give(0, 6);
  CHECK(scene.hear({LaneToken{23}, 1, 4}).empty());
  const bool leaves = GENERATE(false, true);
  if (leaves) {
    scene.station.leave("", start);
  } else {
    scene.station.on_lane_down(start);
  }
  static_cast<void>(scene.station.take_actions());
  CHECK(scene.hear({lane, 1, 4}).empty());
}

TEST_CASE("recall: who joins anew drops what its runner has not begun, and then does not wait for it") {
  StationScene scene;
  scene.give(0, 3);
  CHECK(scene.station.take(3).tasks.size() == 3);
  scene.station.on_lane_down(start);
  const auto actions = scene.station.take_actions();
  const auto take_back = asked<Station::TakeBack>(actions);
  REQUIRE(take_back.size() == 1);
  CHECK(take_back.front().most >= 3);
  scene.station.on_taken_back(take_back.front().given, std::vector<TaskId>{2, 1}, start);
  CHECK(scene.station.held() == 1);
  CHECK(said<wire::Given>(scene.station.take_actions()).empty());
  scene.station.on_sent(std::vector<IdRange>{{0, 0}}, start);
  CHECK(said<wire::Hello>(scene.station.take_actions()).size() == 1);
}

TEST_CASE(
    "recall: once a run is stopped, all that has not begun is asked for, at once and until it is there") {
  Dispatcher dispatcher = loaded();
  dispatcher.stop();
  auto recall = recall_at(dispatcher, start);
  REQUIRE(recall);
  CHECK(recall->lane == 0);
  CHECK(recall->most >= 9);
  CHECK_FALSE(dispatcher.recall());
  // What was on its way then comes with a second answer.
  CHECK(dispatcher.given(0, recall->number, std::vector<IdRange>{{5, 9}}));
  CHECK_FALSE(recall_at(dispatcher, start));
  recall = recall_at(dispatcher, dispatcher.next_wake());
  REQUIRE(recall);
  CHECK(dispatcher.given(0, recall->number, {}));
  const Time later = dispatcher.next_wake();
  CHECK(later > start);
  recall = recall_at(dispatcher, later);
  REQUIRE(recall);
  CHECK(dispatcher.given(0, recall->number, std::vector<IdRange>{{1, 4}}));
  CHECK(dispatcher.next_wake() == never);
  CHECK_FALSE(recall_at(dispatcher, start + 1h));
  CHECK_FALSE(dispatcher.done());
  dispatcher.acknowledge(std::vector<IdRange>{{0, 0}}, start + 1h);
  CHECK(dispatcher.done());
  CHECK(next_ids(dispatcher).empty());
}
