#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "asked.hpp"
#include <fanmill/core/dispatcher.hpp>

// What the dispatcher does with tasks that fail, kill, get lost, or are there already.

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;
using test::start;

namespace {

using Settings = Dispatcher::Settings;
using Fate = Dispatcher::Fate;
using Ruling = Dispatcher::Ruling;

void add(Dispatcher& dispatcher, int tasks) {
  for (int i = 0; i < tasks; ++i) dispatcher.add("task " + std::to_string(dispatcher.added()));
}

[[nodiscard]] std::vector<TaskId> ids_of(const Dispatcher::Handout& handout) {
  std::vector<TaskId> ids;
  for (const wire::TaskView& task : handout.tasks()) ids.push_back(task.id);
  return ids;
}

[[nodiscard]] std::vector<TaskId> next_ids(Dispatcher& dispatcher) {
  Dispatcher::Handout out;
  if (!dispatcher.next(out)) return {};
  return ids_of(out);
}

// Everything that can be handed out now.
std::vector<TaskId> drain(Dispatcher& dispatcher) {
  std::vector<TaskId> all;
  Dispatcher::Handout out;
  while (dispatcher.next(out)) {
    for (const TaskId id : ids_of(out)) all.push_back(id);
  }
  return all;
}

[[nodiscard]] Ruling rule(Dispatcher& dispatcher, TaskId id, std::uint32_t attempt, Time now = start) {
  bool fresh_failure = false;
  return dispatcher.rule(id, attempt, now, fresh_failure);
}

std::uint64_t acknowledge(Dispatcher& dispatcher, IdRange range) {
  return dispatcher.acknowledge(std::vector<IdRange>{range}, start);
}

void check_conserved(const Dispatcher& dispatcher) {
  CHECK(dispatcher.out() + dispatcher.pending() + dispatcher.acknowledged() == dispatcher.added());
}

// Task 0 has been with two workers that died.
[[nodiscard]] Dispatcher with_suspect(int tasks) {
  Dispatcher dispatcher(Settings{.prefetch = 0});
  add(dispatcher, tasks);
  for (int deaths = 0; deaths < 2; ++deaths) {
    const LaneIndex lane = dispatcher.open({});
    CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
    dispatcher.close(lane, Fate::died);
  }
  return dispatcher;
}

}  // namespace

// --- failures

TEST_CASE("dispatcher: without retries a failure counts at once, and is owed until it is acknowledged") {
  Dispatcher dispatcher(Settings{.prefetch = 0});
  const LaneIndex lane = dispatcher.open({});
  add(dispatcher, 1);
  dispatcher.end_input();
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
  bool fresh_failure = false;
  CHECK(dispatcher.rule(0, 0, start, fresh_failure) == Ruling::keep);
  CHECK(fresh_failure);
  CHECK(dispatcher.held(lane) == 0);
  CHECK_FALSE(dispatcher.done());
  SECTION("the same question gets the same answer") {
    CHECK(dispatcher.rule(0, 0, start, fresh_failure) == Ruling::keep);
    CHECK_FALSE(fresh_failure);
  }
  SECTION("and its worker's death does not make it go again") {
    CHECK(dispatcher.close(lane, Fate::died) == 0);
    dispatcher.open({});
    CHECK(next_ids(dispatcher).empty());
  }
  check_conserved(dispatcher);
  CHECK(acknowledge(dispatcher, {0, 0}) == 1);
  CHECK(dispatcher.done());
  CHECK(dispatcher.bytes() == 0);
}

TEST_CASE("dispatcher: a failure is tried again as often as was asked for, then it counts") {
  Dispatcher dispatcher(Settings{.prefetch = 0, .retries = 2});
  dispatcher.open({});
  add(dispatcher, 1);
  Dispatcher::Handout out;
  for (std::uint32_t attempt = 0; attempt < 2; ++attempt) {
    REQUIRE(dispatcher.next(out));
    CHECK(out.tasks() == std::vector<wire::TaskView>{{0, attempt, "task 0"}});
    CHECK(rule(dispatcher, 0, attempt) == Ruling::retry);
    check_conserved(dispatcher);
  }
  REQUIRE(dispatcher.next(out));
  CHECK(rule(dispatcher, 0, 2) == Ruling::keep);
  CHECK(dispatcher.redelivered() == 0);
}

TEST_CASE("dispatcher: a lost worker is no failure") {
  Dispatcher dispatcher(Settings{.prefetch = 0, .retries = 1});
  const LaneIndex lane = dispatcher.open({});
  add(dispatcher, 1);
  CHECK(next_ids(dispatcher).size() == 1);
  dispatcher.close(lane, Fate::left);
  dispatcher.open({});
  CHECK(next_ids(dispatcher).size() == 1);
  CHECK(rule(dispatcher, 0, 1) == Ruling::retry);
  CHECK(next_ids(dispatcher).size() == 1);
  CHECK(rule(dispatcher, 0, 2) == Ruling::keep);
}

TEST_CASE("dispatcher: a failure of an attempt that is history, or of no task, changes nothing") {
  Dispatcher dispatcher(Settings{.prefetch = 0});
  const LaneIndex lane = dispatcher.open({});
  add(dispatcher, 2);
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
  dispatcher.close(lane, Fate::left);
  CHECK(rule(dispatcher, 0, 0) == Ruling::retry);  // it goes again
  CHECK(rule(dispatcher, 0, 1) == Ruling::retry);  // and has not been handed out yet
  CHECK(rule(dispatcher, 1, 0) == Ruling::retry);
  CHECK(rule(dispatcher, 2, 0) == Ruling::retry);
  CHECK(rule(dispatcher, max_task_id, 0) == Ruling::retry);
  CHECK(dispatcher.pending() == 2);
  CHECK(dispatcher.out() == 0);
  dispatcher.open({});
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
  CHECK(acknowledge(dispatcher, {0, 0}) == 1);
  CHECK(rule(dispatcher, 0, 1) == Ruling::retry);
  CHECK(dispatcher.pending() == 1);
}

TEST_CASE("dispatcher: what has failed on one worker tries another one first") {
  Dispatcher dispatcher(Settings{.prefetch = 0, .retries = 5});
  const LaneIndex a = dispatcher.open({});
  const LaneIndex b = dispatcher.open({});
  add(dispatcher, 1);
  Dispatcher::Handout out;
  REQUIRE(dispatcher.next(out));
  LaneIndex last = out.lane;
  for (std::uint32_t attempt = 0; attempt < 4; ++attempt) {
    CHECK(rule(dispatcher, 0, attempt) == Ruling::retry);
    REQUIRE(dispatcher.next(out));
    CHECK(out.lane == (last == a ? b : a));
    last = out.lane;
  }
}

TEST_CASE("dispatcher: the only worker there is gets it again") {
  Dispatcher dispatcher(Settings{.prefetch = 0, .retries = 1});
  dispatcher.open({});
  add(dispatcher, 1);
  CHECK(next_ids(dispatcher).size() == 1);
  CHECK(rule(dispatcher, 0, 0) == Ruling::retry);
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
}

TEST_CASE("dispatcher: --retry-delay is waited for, and doubled each time") {
  Dispatcher dispatcher(Settings{.prefetch = 0, .retries = 3, .retry_delay = 100ms});
  dispatcher.open({});
  add(dispatcher, 1);
  Time now = start;
  for (std::uint32_t attempt = 0; attempt < 3; ++attempt) {
    CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
    CHECK(rule(dispatcher, 0, attempt, now) == Ruling::retry);
    const Time again = now + 100ms * (1 << attempt);
    CHECK(dispatcher.next_wake() == again);
    dispatcher.wake(again - 1ns);
    CHECK(next_ids(dispatcher).empty());
    CHECK(dispatcher.pending() == 1);
    dispatcher.wake(again);
    CHECK(dispatcher.next_wake() == never);
    now = again;
  }
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
}

TEST_CASE("dispatcher: a task that waits for its retry can be acknowledged") {
  Dispatcher dispatcher(Settings{.prefetch = 0, .retries = 3, .retry_delay = 100ms});
  dispatcher.open({});
  add(dispatcher, 1);
  dispatcher.end_input();
  CHECK(next_ids(dispatcher).size() == 1);
  CHECK(rule(dispatcher, 0, 0) == Ruling::retry);
  CHECK(acknowledge(dispatcher, {0, 0}) == 1);
  CHECK(dispatcher.next_wake() == never);
  CHECK(dispatcher.done());
}

// --- deaths

TEST_CASE(
    "dispatcher: what two workers have died with goes out alone, and only to a worker that has nothing") {
  Dispatcher dispatcher = with_suspect(5);
  const LaneIndex lane = dispatcher.open({.slots = 3, .max_batch = 10});
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
  CHECK(next_ids(dispatcher).empty());
  CHECK(dispatcher.held(lane) == 1);
  acknowledge(dispatcher, {0, 0});
  CHECK(drain(dispatcher) == std::vector<TaskId>{1, 2, 3});
}

TEST_CASE("dispatcher: for a suspect a busy worker is kept free") {
  Dispatcher dispatcher = with_suspect(1);
  const LaneIndex busy = dispatcher.open({.slots = 1, .max_batch = 1});
  // It has a task already when the suspect's turn comes.
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
  dispatcher.close(busy, Fate::left);
  const LaneIndex lane = dispatcher.open({.slots = 2, .max_batch = 2});
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
  CHECK(dispatcher.give_back(lane, std::vector<IdRange>{{0, 0}}) == 1);
  add(dispatcher, 3);
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
  check_conserved(dispatcher);
}

TEST_CASE("dispatcher: three deaths alone, and it is dead; nothing else is ever blamed") {
  Dispatcher dispatcher = with_suspect(2);
  for (int solo = 0; solo < 3; ++solo) {
    CHECK(dispatcher.dead_count() == 0);
    const LaneIndex lane = dispatcher.open({});
    CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
    dispatcher.close(lane, Fate::died);
  }
  CHECK(dispatcher.dead_count() == 1);
  const std::vector<wire::TaskView> dead = dispatcher.dead();
  REQUIRE(dead.size() == 1);
  CHECK(dead.front().id == 0);
  CHECK(dead.front().payload == "task 0");
  check_conserved(dispatcher);
  dispatcher.open({});
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{1});
  dispatcher.end_input();
  acknowledge(dispatcher, {1, 1});
  CHECK_FALSE(dispatcher.done());
  acknowledge(dispatcher, {0, 0});
  CHECK(dispatcher.dead().empty());
  CHECK(dispatcher.done());
}

TEST_CASE(
    "dispatcher: innocent suspects are tried a few at a time, and one by one where that worker dies too") {
  Dispatcher dispatcher(Settings{.prefetch = 156});
  add(dispatcher, 100);
  for (int deaths = 0; deaths < 2; ++deaths) {
    const LaneIndex lane = dispatcher.open({.slots = 100, .max_batch = 100});
    CHECK(drain(dispatcher).size() == 100);
    dispatcher.close(lane, Fate::died);
  }
  CHECK(dispatcher.suspects() == 100);
  const LaneIndex lane = dispatcher.open({.slots = 100, .max_batch = 100});
  const std::vector<TaskId> first = next_ids(dispatcher);
  REQUIRE(first.size() == 32);  // an eighth of the credit
  CHECK(first.front() == 0);
  add(dispatcher, 1);
  CHECK(next_ids(dispatcher).empty());
  SECTION("they finish, and the next ones follow") {
    acknowledge(dispatcher, {0, 30});
    CHECK(next_ids(dispatcher).empty());
    acknowledge(dispatcher, {31, 31});
    CHECK(next_ids(dispatcher).size() == 32);
  }
  SECTION("given back, they are suspects still") {
    CHECK(dispatcher.give_back(lane, std::vector<IdRange>{{0, 31}}) == 32);
    CHECK(dispatcher.suspects() == 100);
  }
  SECTION("their worker dies: that is no death alone, and each of them has three of its own") {
    dispatcher.close(lane, Fate::died);
    acknowledge(dispatcher, {1, 31});  // late results
    acknowledge(dispatcher, {32, 100});
    for (int solo = 0; solo < 3; ++solo) {
      CHECK(dispatcher.dead_count() == 0);
      const LaneIndex last = dispatcher.open({.slots = 100, .max_batch = 100});
      CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
      dispatcher.close(last, Fate::died);
    }
    CHECK(dispatcher.dead_count() == 1);
  }
  SECTION("their worker dies: each of them goes alone") {
    acknowledge(dispatcher, {2, 31});
    dispatcher.close(lane, Fate::died);
    acknowledge(dispatcher, {32, 100});
    dispatcher.open({.slots = 100, .max_batch = 100});
    CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
    CHECK(next_ids(dispatcher).empty());
    acknowledge(dispatcher, {0, 0});
    CHECK(next_ids(dispatcher) == std::vector<TaskId>{1});
  }
  check_conserved(dispatcher);
}

TEST_CASE("dispatcher: suspects are shared among the workers that have nothing") {
  Dispatcher dispatcher(Settings{.prefetch = 156});
  add(dispatcher, 12);
  for (int deaths = 0; deaths < 2; ++deaths) {
    const LaneIndex lane = dispatcher.open({.slots = 100, .max_batch = 100});
    CHECK(drain(dispatcher).size() == 12);
    dispatcher.close(lane, Fate::died);
  }
  for (int lane = 0; lane < 4; ++lane) dispatcher.open({.slots = 100, .max_batch = 100});
  CHECK(next_ids(dispatcher).size() == 3);
  CHECK(next_ids(dispatcher).size() == 2);
}

TEST_CASE("dispatcher: workers that leave are no deaths, however many") {
  Dispatcher dispatcher(Settings{.prefetch = 0});
  add(dispatcher, 2);
  for (int i = 0; i < 10; ++i) {
    const LaneIndex lane = dispatcher.open({.slots = 2, .max_batch = 2});
    CHECK(drain(dispatcher) == std::vector<TaskId>{0, 1});
    dispatcher.close(lane, Fate::left);
  }
  CHECK(dispatcher.dead_count() == 0);
}

TEST_CASE("dispatcher: a worker that was kept free for a suspect works again when there is none any more") {
  Dispatcher dispatcher(Settings{.prefetch = 0});
  add(dispatcher, 10);
  const LaneIndex busy = dispatcher.open({.slots = 2, .max_batch = 2});
  CHECK(drain(dispatcher) == std::vector<TaskId>{0, 1});
  // The next ones kill two workers.
  for (int deaths = 0; deaths < 2; ++deaths) {
    const LaneIndex lane = dispatcher.open({});
    CHECK(next_ids(dispatcher) == std::vector<TaskId>{2});
    dispatcher.close(lane, Fate::died);
  }
  acknowledge(dispatcher, {0, 0});
  CHECK(next_ids(dispatcher).empty());  // it is kept free, though it has a slot
  // A late result of one of the dead.
  CHECK(acknowledge(dispatcher, {2, 2}) == 1);
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{3});
  CHECK(dispatcher.held(busy) == 2);
}

TEST_CASE("dispatcher: with every worker busy, suspects wait for no more than half of them") {
  Dispatcher dispatcher(Settings{.prefetch = 0});
  add(dispatcher, 40);
  for (int i = 0; i < 4; ++i) dispatcher.open({.slots = 2, .max_batch = 2});
  CHECK(drain(dispatcher).size() == 8);
  // Ten suspects.
  for (int deaths = 0; deaths < 2; ++deaths) {
    const LaneIndex lane = dispatcher.open({.slots = 10, .max_batch = 10});
    CHECK(drain(dispatcher).size() == 10);
    dispatcher.close(lane, Fate::died);
  }
  // One slot of each of the four: two of them are kept free.
  CHECK(next_ids(dispatcher).empty());
  CHECK(next_ids(dispatcher).empty());
  std::uint64_t filled = 0;
  for (const TaskId id : {0, 2, 4, 6}) acknowledge(dispatcher, {id, id});
  filled = drain(dispatcher).size();
  CHECK(filled == 2);
  check_conserved(dispatcher);
}

// --- results that were lost

TEST_CASE("dispatcher: what a worker has had and does not have, and nobody else has, goes again") {
  Dispatcher dispatcher(Settings{.prefetch = 8});
  const LaneIndex lane = dispatcher.open({.slots = 1, .max_batch = 3});
  add(dispatcher, 9);
  CHECK(drain(dispatcher).size() == 9);  // in three messages, and more, of which two have arrived
  acknowledge(dispatcher, {0, 0});
  IdSet held;
  held.add(TaskId{2});
  CHECK(dispatcher.reclaim(lane, 2, held) == 4);
  CHECK(dispatcher.redelivered() == 4);
  CHECK(dispatcher.held(lane) == 4);  // 2, and what is on its way
  check_conserved(dispatcher);
  Dispatcher::Handout out;
  REQUIRE(dispatcher.next(out));
  CHECK(out.tasks().front().id == 1);
  CHECK(out.tasks().front().attempt == 1);
}

// --- what the sink has

TEST_CASE("dispatcher: with a store nothing goes out that the sink has not called new") {
  Dispatcher dispatcher(Settings{.prefetch = 8});
  dispatcher.open({.slots = 1, .max_batch = 9});
  add(dispatcher, 2);
  dispatcher.check_everything();
  add(dispatcher, 2);
  CHECK(next_ids(dispatcher).empty());
  TaskId first = 99;
  std::vector<ByteView> payloads;
  REQUIRE(dispatcher.next_check(first, payloads));
  CHECK(first == 0);
  CHECK(payloads == std::vector<ByteView>{"task 0", "task 1", "task 2", "task 3"});
  CHECK_FALSE(dispatcher.next_check(first, payloads));
  // It has the first and the third.
  CHECK(dispatcher.acknowledge(std::vector<IdRange>{{0, 0}, {2, 2}}, start) == 2);
  CHECK(next_ids(dispatcher).empty());
  dispatcher.confirm_fresh(std::vector<IdRange>{{1, 1}, {3, 3}});
  CHECK(drain(dispatcher) == std::vector<TaskId>{1, 3});
  check_conserved(dispatcher);
}

TEST_CASE("dispatcher: with a store the input is read a few questions ahead of the answers, and no further") {
  Dispatcher dispatcher(Settings{});
  dispatcher.check_everything();
  TaskId first = 0;
  std::vector<ByteView> payloads;
  while (dispatcher.wants_input() && dispatcher.added() < 40 * wire::max_keys) {
    add(dispatcher, wire::max_keys / 2);
    while (dispatcher.next_check(first, payloads)) {
    }
  }
  CHECK(dispatcher.added() == 16 * wire::max_keys);
  dispatcher.acknowledge(std::vector<IdRange>{{0, wire::max_keys - 1}}, start);
  CHECK(dispatcher.wants_input());
}

TEST_CASE("dispatcher: a question is as long as may be, in whatever pages its tasks are, and ends at a gap") {
  Dispatcher dispatcher(Settings{});
  dispatcher.check_everything();
  const std::string payload(200, 'x');
  for (std::size_t i = 0; i < 2 * wire::max_keys; ++i) dispatcher.add(payload);
  TaskId first = 0;
  std::vector<ByteView> payloads;
  REQUIRE(dispatcher.next_check(first, payloads));
  CHECK(first == 0);
  CHECK(payloads.size() == wire::max_keys);
  dispatcher.acknowledge(std::vector<IdRange>{{wire::max_keys + 1000, 3 * wire::max_keys / 2}}, start);
  REQUIRE(dispatcher.next_check(first, payloads));
  CHECK(first == wire::max_keys);
  CHECK(payloads.size() == 1000);
  REQUIRE(dispatcher.next_check(first, payloads));
  CHECK(first == 3 * wire::max_keys / 2 + 1);
  CHECK(payloads.size() == wire::max_keys / 2 - 1);
  CHECK_FALSE(dispatcher.next_check(first, payloads));
}

TEST_CASE("dispatcher: of another sink everything is asked that is owed, and what is out stays out") {
  Dispatcher dispatcher(Settings{.prefetch = 1});
  const LaneIndex lane = dispatcher.open({.slots = 1, .max_batch = 9});
  dispatcher.check_everything();
  add(dispatcher, 5);
  TaskId first = 0;
  std::vector<ByteView> payloads;
  REQUIRE(dispatcher.next_check(first, payloads));
  CHECK(dispatcher.confirm_fresh(std::vector<IdRange>{{0, 4}}) == 0);
  CHECK(drain(dispatcher) == std::vector<TaskId>{0, 1});
  CHECK(rule(dispatcher, 0, 0) == Ruling::keep);  // the sink that was told so is gone
  CHECK(drain(dispatcher) == std::vector<TaskId>{2});
  acknowledge(dispatcher, {1, 1});

  dispatcher.check_everything();
  REQUIRE(dispatcher.next_check(first, payloads));
  CHECK(first == 0);
  CHECK(payloads.size() == 1);
  REQUIRE(dispatcher.next_check(first, payloads));
  CHECK(first == 2);
  CHECK(payloads.size() == 3);
  CHECK_FALSE(dispatcher.next_check(first, payloads));
  CHECK(drain(dispatcher).empty());
  CHECK(dispatcher.confirm_fresh(std::vector<IdRange>{{0, 0}, {2, 4}}) == 1);
  CHECK(dispatcher.held(lane) == 1);
  check_conserved(dispatcher);
  Dispatcher::Handout out;
  REQUIRE(dispatcher.next(out));
  CHECK(out.tasks().front() == wire::TaskView{0, 1, "task 0"});
}
