#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "asked.hpp"
#include "dispatcher_model.hpp"
#include <fanmill/core/dispatcher.hpp>
#include <fanmill/wire/limits.hpp>

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;
using test::start;

namespace {

using Settings = Dispatcher::Settings;

void add(Dispatcher& dispatcher, int tasks) {
  for (int i = 0; i < tasks; ++i) dispatcher.add("task " + std::to_string(dispatcher.added()));
}

[[nodiscard]] std::vector<TaskId> ids_of(const Dispatcher::Handout& handout) {
  std::vector<TaskId> ids;
  for (const wire::TaskView& task : handout.tasks()) ids.push_back(task.id);
  return ids;
}

// Everything that can be handed out now, by lane, in order.
[[nodiscard]] std::map<LaneIndex, std::vector<TaskId>> hand_out(Dispatcher& dispatcher) {
  std::map<LaneIndex, std::vector<TaskId>> all;
  Dispatcher::Handout out;
  while (dispatcher.next(out)) {
    for (const TaskId id : ids_of(out)) all[out.lane].push_back(id);
  }
  return all;
}

[[nodiscard]] std::vector<TaskId> next_ids(Dispatcher& dispatcher) {
  Dispatcher::Handout out;
  if (!dispatcher.next(out)) return {};
  return ids_of(out);
}

void acknowledge(Dispatcher& dispatcher, IdRange range) {
  dispatcher.acknowledge(std::vector<IdRange>{range}, start);
}

}  // namespace

// --- order

TEST_CASE("dispatcher: tasks go out in the order of the input, with their payloads, as first attempts") {
  Dispatcher dispatcher(Settings{.prefetch = 9});
  const LaneIndex lane = dispatcher.open({.slots = 1, .max_batch = 100});
  CHECK(dispatcher.add("a") == 0);
  CHECK(dispatcher.add("") == 1);
  CHECK(dispatcher.add(std::string_view("c\0d", 3)) == 2);
  Dispatcher::Handout out;
  // Less than there is room for: a slot is filled first, and then the rest.
  std::vector<wire::TaskView> all;
  while (dispatcher.next(out)) {
    CHECK(out.lane == lane);
    for (const wire::TaskView& task : out.tasks()) all.push_back(task);
  }
  CHECK(all == std::vector<wire::TaskView>{{0, 0, "a"}, {1, 0, ""}, {2, 0, std::string_view("c\0d", 3)}});
  CHECK(dispatcher.out() == 3);
  CHECK(dispatcher.pending() == 0);
}

TEST_CASE("dispatcher: a dead worker's tasks go first, in order, as another attempt") {
  Dispatcher dispatcher(Settings{.prefetch = 2});
  const LaneIndex first = dispatcher.open({.slots = 1, .max_batch = 3});
  add(dispatcher, 10);
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0, 1, 2});
  acknowledge(dispatcher, {1, 1});
  CHECK(dispatcher.close(first, Dispatcher::Fate::left) == 2);
  CHECK(dispatcher.redelivered() == 2);
  CHECK(dispatcher.out() == 0);
  CHECK(dispatcher.pending() == 9);

  dispatcher.open({.slots = 1, .max_batch = 3});
  Dispatcher::Handout out;
  REQUIRE(dispatcher.next(out));
  CHECK(out.tasks() == std::vector<wire::TaskView>{{0, 1, "task 0"}, {2, 1, "task 2"}, {3, 0, "task 3"}});
}

TEST_CASE("dispatcher: a small new task does not overtake a large one that goes again") {
  Dispatcher dispatcher(Settings{.prefetch = 2});
  const LaneIndex dead = dispatcher.open({.slots = 1, .max_batch = 3});
  for (const std::size_t size : {std::size_t{1}, wire::batch_bytes, std::size_t{1}, std::size_t{1}}) {
    dispatcher.add(std::string(size, 'x'));
  }
  static_cast<void>(hand_out(dispatcher));
  dispatcher.close(dead, Dispatcher::Fate::left);
  dispatcher.open({.slots = 1, .max_batch = 3});
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{1});
}

TEST_CASE("dispatcher: each death of a worker is one more attempt of what it held") {
  Dispatcher dispatcher(Settings{});
  add(dispatcher, 1);
  Dispatcher::Handout out;
  for (std::uint32_t attempt = 0; attempt < 5; ++attempt) {
    const LaneIndex lane = dispatcher.open({});
    REQUIRE(dispatcher.next(out));
    CHECK(out.tasks().front().attempt == attempt);
    dispatcher.close(lane, Dispatcher::Fate::left);
  }
  CHECK(dispatcher.redelivered() == 5);
}

TEST_CASE("dispatcher: what a worker gives back goes first, and no attempt is charged") {
  Dispatcher dispatcher(Settings{.prefetch = 3});
  const LaneIndex lane = dispatcher.open({.slots = 1, .max_batch = 4});
  add(dispatcher, 20);
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0, 1, 2, 3});
  dispatcher.drain(lane);
  CHECK(dispatcher.give_back(lane, std::vector<IdRange>{{2, 3}}) == 2);
  CHECK(dispatcher.held(lane) == 2);
  CHECK(dispatcher.redelivered() == 0);
  dispatcher.open({.slots = 1, .max_batch = 4});
  Dispatcher::Handout out;
  REQUIRE(dispatcher.next(out));
  CHECK(out.lane != lane);
  CHECK(out.tasks() ==
        std::vector<wire::TaskView>{{2, 0, "task 2"}, {3, 0, "task 3"}, {4, 0, "task 4"}, {5, 0, "task 5"}});
}

TEST_CASE("dispatcher: only what the lane holds can be given back") {
  Dispatcher dispatcher(Settings{.prefetch = 1});
  const LaneIndex a = dispatcher.open({.slots = 1, .max_batch = 2});
  const LaneIndex b = dispatcher.open({.slots = 1, .max_batch = 2});
  add(dispatcher, 8);
  auto held = hand_out(dispatcher);
  REQUIRE(held[a].size() == 2);
  REQUIRE(held[b].size() == 2);
  const TaskId acknowledged = held[a].front();
  acknowledge(dispatcher, {acknowledged, acknowledged});
  CHECK(dispatcher.give_back(a, std::vector<IdRange>{{0, max_task_id}}) == 1);
  CHECK(dispatcher.give_back(a, std::vector<IdRange>{{0, max_task_id}}) == 0);
  CHECK(dispatcher.held(a) == 0);
  CHECK(dispatcher.held(b) == 2);
}

TEST_CASE("dispatcher: a batch that could not be sent is as if it had not been asked for") {
  Dispatcher dispatcher(Settings{.prefetch = 2});
  const LaneIndex dead = dispatcher.open({.slots = 1, .max_batch = 3});
  add(dispatcher, 6);
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0, 1, 2});
  dispatcher.close(dead, Dispatcher::Fate::left);
  acknowledge(dispatcher, {1, 1});
  const LaneIndex lane = dispatcher.open({.slots = 1, .max_batch = 3});
  Dispatcher::Handout out;
  REQUIRE(dispatcher.next(out));
  CHECK(ids_of(out) == std::vector<TaskId>{0, 2, 3});
  const std::size_t bytes = dispatcher.bytes();
  dispatcher.unsent(out);
  CHECK(dispatcher.held(lane) == 0);
  CHECK(dispatcher.out() == 0);
  CHECK(dispatcher.pending() == 5);
  CHECK(dispatcher.redelivered() == 3);  // by the death before, and not by this
  CHECK(dispatcher.bytes() == bytes);
  Dispatcher::Handout again;
  REQUIRE(dispatcher.next(again));
  CHECK(again.tasks() == std::vector<wire::TaskView>{{0, 1, "task 0"}, {2, 1, "task 2"}, {3, 0, "task 3"}});
}

// --- acknowledgements

TEST_CASE("dispatcher: an acknowledgement takes a task off its lane and out of the queue") {
  Dispatcher dispatcher(Settings{.prefetch = 2});
  const LaneIndex a = dispatcher.open({.slots = 1, .max_batch = 3});
  add(dispatcher, 3);
  CHECK(hand_out(dispatcher)[a] == std::vector<TaskId>{0, 1, 2});
  acknowledge(dispatcher, {0, 0});
  CHECK(dispatcher.held(a) == 2);
  dispatcher.close(a, Dispatcher::Fate::left);
  CHECK(dispatcher.acknowledge(std::vector<IdRange>{{1, 1}}, start) == 1);
  CHECK(dispatcher.pending() == 1);
  dispatcher.open({.slots = 1, .max_batch = 3});
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{2});
}

TEST_CASE("dispatcher: ids that are unknown, were never handed out or are forgotten change nothing") {
  Dispatcher dispatcher(Settings{.prefetch = 0});
  const LaneIndex lane = dispatcher.open({});
  add(dispatcher, 10);
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
  CHECK(dispatcher.acknowledge(std::vector<IdRange>{{1, 9}, {10, 10}, {max_task_id, max_task_id}}, start) ==
        0);
  CHECK(dispatcher.acknowledge(std::vector<IdRange>{{0, max_task_id}, {0, max_task_id}}, start) == 1);
  CHECK(dispatcher.acknowledge(std::vector<IdRange>{{0, 0}}, start) == 0);
  CHECK(dispatcher.acknowledge({}, start) == 0);
  CHECK(dispatcher.acknowledged() == 1);
  CHECK(dispatcher.pending() == 9);
  CHECK(dispatcher.held(lane) == 0);
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{1});
}

// --- lanes

TEST_CASE("dispatcher: a lane that drains gets nothing more and keeps what it has") {
  Dispatcher dispatcher(Settings{.prefetch = 0});
  const LaneIndex lane = dispatcher.open({});
  add(dispatcher, 3);
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
  dispatcher.drain(lane);
  acknowledge(dispatcher, {0, 0});
  CHECK(next_ids(dispatcher).empty());
  CHECK(dispatcher.close(lane, Dispatcher::Fate::left) == 0);
  CHECK(next_ids(dispatcher).empty());
  dispatcher.open({});
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{1});
}

TEST_CASE("dispatcher: a lane's number used again brings nothing of its last owner") {
  Dispatcher dispatcher(Settings{.prefetch = 1});
  const LaneIndex first = dispatcher.open({.slots = 4, .max_batch = 8});
  add(dispatcher, 20);
  CHECK(next_ids(dispatcher).size() == 5);
  dispatcher.drain(first);
  CHECK(dispatcher.close(first, Dispatcher::Fate::left) == 5);
  const LaneIndex second = dispatcher.open({.slots = 1, .max_batch = 1});
  CHECK(second == first);
  CHECK(dispatcher.held(second) == 0);
  CHECK(hand_out(dispatcher)[second] == std::vector<TaskId>{0, 1});
}

TEST_CASE("dispatcher: nothing is handed out before so many lanes have been open at once") {
  Dispatcher dispatcher(Settings{.prefetch = 0, .min_lanes = 3});
  add(dispatcher, 10);
  const LaneIndex a = dispatcher.open({});
  dispatcher.open({});
  dispatcher.close(a, Dispatcher::Fate::left);
  dispatcher.open({});
  CHECK(next_ids(dispatcher).empty());
  const LaneIndex c = dispatcher.open({});
  CHECK(hand_out(dispatcher).size() == 3);
  dispatcher.close(c, Dispatcher::Fate::left);  // and from then on whoever is there works
  CHECK(next_ids(dispatcher).empty());
  acknowledge(dispatcher, {0, 0});
  CHECK(next_ids(dispatcher).size() == 1);
}

TEST_CASE("dispatcher: no lane carries more than its credit, and no batch more than its worker takes") {
  Dispatcher dispatcher(Settings{.prefetch = 5});
  const LaneIndex lane = dispatcher.open({.slots = 2, .max_batch = 3});
  add(dispatcher, 100);
  Dispatcher::Handout out;
  std::vector<std::size_t> sizes;
  while (dispatcher.next(out)) sizes.push_back(out.tasks().size());
  CHECK(sizes == std::vector<std::size_t>{3, 3, 1});
  CHECK(dispatcher.held(lane) == 7);
}

TEST_CASE("dispatcher: --prefetch 0 keeps none waiting behind a running task") {
  Dispatcher dispatcher(Settings{.prefetch = 0});
  const LaneIndex lane = dispatcher.open({.slots = 3, .max_batch = 100});
  add(dispatcher, 100);
  CHECK(hand_out(dispatcher)[lane] == std::vector<TaskId>{0, 1, 2});
  acknowledge(dispatcher, {1, 1});
  CHECK(hand_out(dispatcher)[lane] == std::vector<TaskId>{3});
}

// --- limits

TEST_CASE("dispatcher: the window bounds what is not acknowledged") {
  Dispatcher dispatcher(Settings{.window_tasks = 5, .prefetch = 99});
  dispatcher.open({.slots = 1, .max_batch = 100});
  add(dispatcher, 4);
  CHECK(dispatcher.wants_input());
  add(dispatcher, 1);
  CHECK_FALSE(dispatcher.wants_input());
  static_cast<void>(hand_out(dispatcher));
  CHECK(dispatcher.out() == 5);
  CHECK_FALSE(dispatcher.wants_input());
  acknowledge(dispatcher, {2, 2});
  CHECK(dispatcher.wants_input());
}

TEST_CASE("dispatcher: more than the window was read, and still no more than the window is out") {
  Dispatcher dispatcher(Settings{.window_tasks = 5, .prefetch = 99});
  dispatcher.open({.slots = 1, .max_batch = 100});
  add(dispatcher, 12);
  static_cast<void>(hand_out(dispatcher));
  CHECK(dispatcher.out() == 5);
  acknowledge(dispatcher, {0, 2});
  CHECK(hand_out(dispatcher).size() == 1);
  CHECK(dispatcher.out() == 5);
}

TEST_CASE("dispatcher: one item larger than the window of bytes passes, alone") {
  Dispatcher dispatcher(Settings{.window_bytes = 1000, .prefetch = 9});
  const LaneIndex lane = dispatcher.open({.slots = 1, .max_batch = 100});
  CHECK(dispatcher.wants_input());
  dispatcher.add(std::string(5000, 'x'));
  CHECK_FALSE(dispatcher.wants_input());
  CHECK(dispatcher.bytes() == 5000);
  CHECK(hand_out(dispatcher)[lane] == std::vector<TaskId>{0});
  CHECK_FALSE(dispatcher.wants_input());
  acknowledge(dispatcher, {0, 0});
  CHECK(dispatcher.bytes() == 0);
  CHECK(dispatcher.wants_input());
}

TEST_CASE("dispatcher: reads ahead a little before there is anybody to work, and no more") {
  Dispatcher small(Settings{});
  int read = 0;
  while (small.wants_input() && read < 100000) {
    small.add("x");
    ++read;
  }
  CHECK(read == 4096);
  Dispatcher large(Settings{});
  read = 0;
  while (large.wants_input() && read < 100000) {
    large.add(std::string(64 << 10, 'x'));
    ++read;
  }
  CHECK(read == 2 * wire::batch_bytes / (64 << 10));
}

TEST_CASE("dispatcher: reads as far as the window goes once what waits will take a second and more") {
  Dispatcher dispatcher(Settings{.window_tasks = 20000, .prefetch = 1023});
  dispatcher.wake(start);
  const auto read = [&] {
    while (dispatcher.wants_input() && dispatcher.added() < 100000) dispatcher.add("x");
    return dispatcher.added();
  };
  dispatcher.wake(start + 2s);
  CHECK(read() == 4096);  // nobody is there
  const LaneIndex lane = dispatcher.open({.slots = 1, .max_batch = 16384});
  dispatcher.wake(start + 2s);
  CHECK(read() == 20000);

  // Fast workers: what waits is done in less.
  Time now = start + 2s;
  for (TaskId first = 0; first < 19000; first += 1000) {
    static_cast<void>(hand_out(dispatcher));
    REQUIRE(dispatcher.held(lane) >= 1000);
    dispatcher.acknowledge(std::vector{IdRange{first, first + 999}}, now += 50ms);
  }
  dispatcher.wake(now);
  CHECK(read() - dispatcher.acknowledged() <= 1024 + 4096);
}

TEST_CASE("dispatcher: a batch of larger tasks ends before its bytes do, and one that is larger goes alone") {
  Dispatcher dispatcher(Settings{.prefetch = 99});
  dispatcher.open({.slots = 50, .max_batch = 100});
  const std::size_t half = wire::batch_bytes / 2;
  for (const std::size_t size :
       {half, half, std::size_t{100}, wire::batch_bytes, 3 * wire::batch_bytes, half}) {
    dispatcher.add(std::string(size, 'x'));
  }
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0, 1});
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{2});
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{3});
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{4});
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{5});
}

TEST_CASE("dispatcher: neighbours of one block come out as they went in, whatever lies between them") {
  std::mt19937_64 random(7);
  const auto below = [&random](std::uint64_t end) { return random() % end; };
  Dispatcher dispatcher(
      Settings{.window_tasks = 1 << 20, .window_bytes = std::size_t{1} << 30, .prefetch = 3000});
  const LaneIndex lane = dispatcher.open({.slots = 1, .max_batch = wire::batch_tasks});
  std::vector<std::string> sent;
  constexpr std::size_t large = 70'000;
  for (int round = 0; round < 60; ++round) {
    std::string text;
    std::vector<std::pair<std::size_t, std::size_t>> places;
    const std::uint64_t distance = below(4);  // between them, and 3 is another one each time
    // Empty ones, ones of which a page holds few, and now and then a large one.
    for (std::uint64_t i = below(round % 3 == 0 ? 3000 : 20); i > 0; --i) {
      const std::size_t size = below(500) == 0 ? large + below(1000) : below(round % 2 == 0 ? 30 : 20'000);
      places.emplace_back(text.size(), size);
      text.append(size, static_cast<char>('a' + below(26)));
      text.append(distance < 3 ? distance : below(3), '-');
    }
    Bytes block(text.size());
    block.append(text);
    std::vector<ByteView> payloads;
    for (const auto& [offset, size] : places) payloads.push_back(block.view().substr(offset, size));
    // In one go, or in several.
    for (std::span<const ByteView> left = payloads; !left.empty();) {
      const std::size_t some =
          round % 2 == 0 ? left.size() : std::min<std::size_t>(1 + below(300), left.size());
      dispatcher.add(left.first(some), block);
      left = left.subspan(some);
    }
    for (const ByteView payload : payloads) sent.emplace_back(payload);
    CHECK(dispatcher.added() == sent.size());
  }
  std::size_t next = 0;
  std::size_t largest = 0;
  Dispatcher::Handout out;
  while (next < sent.size()) {
    REQUIRE(dispatcher.next(out));
    largest = std::max(largest, out.count);
    // All at once, or some here and there, and what is left of them.
    std::vector<IdRange> done;
    std::vector<IdRange> later;
    const std::uint64_t kind = below(3);
    for (const wire::TaskView& task : out.tasks()) {
      REQUIRE(task.id == next);
      REQUIRE(task.payload == sent[next]);
      const bool is_late = kind == 1 ? next % 2 == 0 : kind == 2 && below(20) == 0;
      append_id(is_late ? later : done, task.id);
      ++next;
    }
    const std::uint64_t count = dispatcher.acknowledge(done, Time{});
    CHECK(dispatcher.held(lane) == out.count - count);
    CHECK(dispatcher.acknowledge(done, Time{}) == 0);
    CHECK(count + dispatcher.acknowledge(later, Time{}) == out.count);
  }
  CHECK(dispatcher.held(lane) == 0);
  CHECK(largest > 1000);
  CHECK(dispatcher.bytes() == 0);
}

TEST_CASE("dispatcher: what lies in a block goes out with the memory that it lies in") {
  Dispatcher dispatcher(Settings{.prefetch = 99});
  dispatcher.open({.slots = 50, .max_batch = 100});
  Bytes block(100);
  block.append("one two three");
  const std::vector<ByteView> payloads{block.view().substr(0, 3), block.view().substr(4, 3)};
  dispatcher.add(payloads, block);
  Dispatcher::Handout out;
  REQUIRE(dispatcher.next(out));
  REQUIRE(out.blocks.size() == 1);
  CHECK(out.blocks[0].memory->data() == block.data());
  CHECK(out.tasks()[1].payload.data() == payloads[1].data());
  // What comes later may lie in the same one.
  const ByteView third = block.view().substr(8);
  dispatcher.add({&third, 1}, block);
  REQUIRE(dispatcher.next(out));
  CHECK(out.tasks() == std::vector<wire::TaskView>{{2, 0, "three"}});
  CHECK(block.is_shared());
  acknowledge(dispatcher, {0, 2});
  dispatcher.add("it goes when another one is begun");
  CHECK_FALSE(block.is_shared());
}

TEST_CASE("dispatcher: empty payloads lie somewhere, too") {
  Dispatcher dispatcher(Settings{.prefetch = 99});
  dispatcher.open({.slots = 50, .max_batch = 100});
  for (int i = 0; i < 6; ++i) dispatcher.add("");
  Dispatcher::Handout out;
  REQUIRE(dispatcher.next(out));
  wire::TasksWriter writer;
  writer.begin({}, 0);
  for (const wire::TaskBlock& block : out.blocks) writer.add(block);
  std::vector<ByteView> more;
  for (const auto& [memory, bytes] : writer.own_frames()) more.push_back(bytes);
  wire::TaskBatch batch;
  REQUIRE(wire::decode_tasks(writer.take(), batch, more));
  CHECK(batch.size() == 6);
}

TEST_CASE("dispatcher: who takes batches of a few tasks is told that in one frame") {
  for (const std::uint32_t most : {1U, 3U, 4U, 8192U}) {
    Dispatcher dispatcher(Settings{});
    dispatcher.open({.slots = 1, .max_batch = most});
    dispatcher.add("x");
    Dispatcher::Handout out;
    REQUIRE(dispatcher.next(out));
    CHECK(out.takes_frames == (most >= wire::least_neighbours));
  }
}

TEST_CASE("dispatcher: a batch that has most of what it may ends with its block") {
  Dispatcher dispatcher(Settings{.prefetch = 99});
  dispatcher.open({.slots = 50, .max_batch = 100});
  const auto add_block = [&](std::size_t size) {
    Bytes block(size);
    block.resize(size);
    const std::vector<ByteView> halves{block.view().substr(0, size / 2), block.view().substr(size / 2)};
    dispatcher.add(halves, block);
  };
  add_block(wire::batch_bytes * 3 / 5);
  add_block(wire::batch_bytes / 5);
  add_block(wire::batch_bytes / 5);
  add_block(wire::batch_bytes / 5);
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0, 1});
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{2, 3, 4, 5, 6, 7});
}

TEST_CASE("dispatcher: a block is not kept for the few of its tasks that are slow") {
  constexpr std::size_t blocks = 200;
  constexpr std::size_t each = 100;
  constexpr std::size_t size = 1000;
  Dispatcher dispatcher(Settings{.prefetch = 100'000});
  dispatcher.open({.slots = 1, .max_batch = wire::batch_tasks});
  std::vector<Bytes> watched;
  std::vector<std::string> slow;
  for (std::size_t number = 0; number < blocks; ++number) {
    Bytes block(each * size);
    std::vector<ByteView> payloads;
    for (std::size_t i = 0; i < each; ++i) {
      const std::string payload(size, static_cast<char>('a' + (number + i) % 26));
      block.append(payload);
      payloads.push_back(block.view().substr(block.size() - size));
      if (i == 3) slow.push_back(payload);
    }
    dispatcher.add(payloads, block);
    watched.push_back(std::move(block));
    static_cast<void>(hand_out(dispatcher));
    const TaskId first = number * each;
    acknowledge(dispatcher, {first, first + 2});
    acknowledge(dispatcher, {first + 4, first + each - 1});
  }
  const auto kept =
      std::count_if(watched.begin(), watched.end(), [](const Bytes& b) { return b.is_shared(); });
  CHECK(kept <= 17);
  CHECK(dispatcher.bytes() == blocks * size);
  // They say what they said, and can go again.
  dispatcher.close(0, Dispatcher::Fate::left);
  dispatcher.open({.slots = 1, .max_batch = wire::batch_tasks});
  Dispatcher::Handout out;
  std::size_t next = 0;
  while (dispatcher.next(out)) {
    for (const wire::TaskView& task : out.tasks()) {
      CHECK(task.id == next * each + 3);
      CHECK(task.payload == slow[next]);
      ++next;
    }
  }
  CHECK(next == blocks);
  acknowledge(dispatcher, {0, blocks * each - 1});
  CHECK(dispatcher.bytes() == 0);
}

TEST_CASE("dispatcher: a lane carries a mebibyte, or its slots and one task more, whichever is more") {
  Dispatcher dispatcher(Settings{.window_bytes = std::size_t{1} << 30, .prefetch = 1000});
  const LaneIndex lane = dispatcher.open({.slots = 2, .max_batch = 100});
  for (int i = 0; i < 20; ++i) dispatcher.add(std::string(256 << 10, 'x'));
  static_cast<void>(hand_out(dispatcher));
  CHECK(dispatcher.held(lane) == 4);
  acknowledge(dispatcher, {0, 19});
  dispatcher.close(lane, Dispatcher::Fate::left);

  Dispatcher huge(Settings{.window_bytes = std::size_t{1} << 30, .prefetch = 1000});
  const LaneIndex other = huge.open({.slots = 2, .max_batch = 100});
  for (int i = 0; i < 20; ++i) huge.add(std::string(2 << 20, 'x'));
  static_cast<void>(hand_out(huge));
  CHECK(huge.held(other) == 3);
}

// --- balance

TEST_CASE("dispatcher: ten tasks for three workers of one slot: each has one to run and one in hand") {
  Dispatcher dispatcher(Settings{});
  std::vector<LaneIndex> lanes;
  for (int i = 0; i < 3; ++i) lanes.push_back(dispatcher.open({.slots = 1, .max_batch = 100}));
  add(dispatcher, 10);
  dispatcher.end_input();
  auto held = hand_out(dispatcher);
  CHECK(held[lanes[0]] == std::vector<TaskId>{0, 3});
  CHECK(held[lanes[1]] == std::vector<TaskId>{1, 4});
  CHECK(held[lanes[2]] == std::vector<TaskId>{2, 5});
  CHECK(dispatcher.pending() == 4);
  // Whoever is done first gets the next one.
  for (const TaskId id : {4, 1}) acknowledge(dispatcher, {id, id});
  held = hand_out(dispatcher);
  CHECK(held[lanes[1]] == std::vector<TaskId>{6, 7});
}

TEST_CASE("dispatcher: fewer tasks than there is room for fill empty slots before any task waits") {
  const int tasks = GENERATE(1, 3, 5, 7, 9, 11);
  CAPTURE(tasks);
  const bool ended = GENERATE(false, true);
  Dispatcher dispatcher(Settings{.prefetch = 50});
  std::map<LaneIndex, std::uint32_t> slots;
  for (const std::uint32_t n : {1U, 3U, 1U, 4U, 2U}) {
    slots[dispatcher.open({.slots = n, .max_batch = 100})] = n;
  }
  add(dispatcher, tasks);
  if (ended) dispatcher.end_input();
  auto held = hand_out(dispatcher);
  std::uint64_t given = 0;
  for (const auto& [lane, n] : slots) {
    CHECK(held[lane].size() <= n);
    given += held[lane].size();
  }
  CHECK(given == static_cast<std::uint64_t>(tasks));
}

TEST_CASE("dispatcher: what is left when all slots are filled is spread") {
  Dispatcher dispatcher(Settings{.prefetch = 50});
  std::vector<LaneIndex> lanes;
  for (int i = 0; i < 4; ++i) lanes.push_back(dispatcher.open({.slots = 1, .max_batch = 100}));
  add(dispatcher, 24);
  dispatcher.end_input();
  auto held = hand_out(dispatcher);
  for (const LaneIndex lane : lanes) {
    CHECK(held[lane].size() >= 3);
    CHECK(held[lane].size() <= 9);
  }
}

TEST_CASE("dispatcher: a lone task goes at once, and to the one who has waited longest") {
  Dispatcher dispatcher(Settings{});
  const LaneIndex a = dispatcher.open({});
  const LaneIndex b = dispatcher.open({});
  for (TaskId id = 0; id < 6; ++id) {
    add(dispatcher, 1);
    Dispatcher::Handout out;
    REQUIRE(dispatcher.next(out));
    CHECK(out.lane == (id % 2 == 0 ? a : b));
    CHECK(ids_of(out) == std::vector<TaskId>{id});
    acknowledge(dispatcher, {id, id});
  }
}

TEST_CASE("dispatcher: a fast lane's credit grows with its rate, a slow one's stays; and both are fed") {
  Dispatcher dispatcher(Settings{});
  const LaneIndex fast = dispatcher.open({.slots = 1, .max_batch = 2048});
  const LaneIndex slow = dispatcher.open({.slots = 1, .max_batch = 2048});
  Time now = start;
  std::uint64_t most = 0;
  Dispatcher::Handout out;
  std::map<LaneIndex, std::vector<TaskId>> held;
  for (int step = 0; step < 200; ++step) {
    while (dispatcher.wants_input()) add(dispatcher, 1);
    while (dispatcher.next(out)) {
      for (const TaskId id : ids_of(out)) held[out.lane].push_back(id);
    }
    REQUIRE(dispatcher.held(slow) == 2);
    most = std::max(most, dispatcher.held(fast));
    // In a millisecond the fast one finishes a thousand, or all that it has.
    now += 1ms;
    std::vector<TaskId>& of_fast = held[fast];
    const std::size_t done = std::min<std::size_t>(1000, of_fast.size());
    std::vector<IdRange> ids;
    for (std::size_t i = 0; i < done; ++i) append_id(ids, of_fast[i]);
    of_fast.erase(of_fast.begin(), of_fast.begin() + static_cast<std::ptrdiff_t>(done));
    REQUIRE(dispatcher.acknowledge(ids, now) == done);
  }
  CHECK(most >= 3000);
  CHECK(most <= 8000);
}

// --- the end

TEST_CASE("dispatcher: done when the input has ended and everything is acknowledged") {
  Dispatcher dispatcher(Settings{});
  dispatcher.open({});
  add(dispatcher, 2);
  static_cast<void>(hand_out(dispatcher));
  acknowledge(dispatcher, {0, 0});
  CHECK_FALSE(dispatcher.done());
  dispatcher.end_input();
  CHECK_FALSE(dispatcher.wants_input());
  CHECK_FALSE(dispatcher.done());
  acknowledge(dispatcher, {1, 1});
  CHECK(dispatcher.done());
}

TEST_CASE("dispatcher: stopped, it hands out nothing more and is done when nothing is out") {
  Dispatcher dispatcher(Settings{.prefetch = 0});
  const LaneIndex lane = dispatcher.open({});
  add(dispatcher, 5);
  CHECK(next_ids(dispatcher) == std::vector<TaskId>{0});
  dispatcher.stop();
  CHECK_FALSE(dispatcher.wants_input());
  CHECK_FALSE(dispatcher.done());
  dispatcher.open({});
  CHECK(next_ids(dispatcher).empty());
  SECTION("because it was acknowledged") {
    acknowledge(dispatcher, {0, 0});
  }
  SECTION("because its worker died") {
    dispatcher.close(lane, Dispatcher::Fate::left);
  }
  CHECK(dispatcher.done());
  CHECK(next_ids(dispatcher).empty());
}

// --- memory

TEST_CASE("dispatcher: memory follows what is unacknowledged, whatever was ever read") {
  Dispatcher dispatcher(Settings{.window_bytes = 100000, .prefetch = std::nullopt});
  const LaneIndex lane = dispatcher.open({.slots = 8, .max_batch = 2048});
  Time now = start;
  Dispatcher::Handout out;
  for (int round = 0; round < 3000; ++round) {
    while (dispatcher.wants_input()) dispatcher.add(std::string(100, 'x'));
    REQUIRE(dispatcher.bytes() <= 100000 + 100);
    while (dispatcher.next(out)) {
      std::vector<IdRange> ids;
      for (const TaskId id : ids_of(out)) append_id(ids, id);
      dispatcher.acknowledge(ids, now);
    }
    now += 1ms;
  }
  CHECK(dispatcher.held(lane) == 0);
  CHECK(dispatcher.added() > 100000);
  CHECK(dispatcher.bytes() == dispatcher.pending() * 100);
}

// --- everything at once

namespace {

using Model = test::DispatcherModel;
using State = Model::State;

// REQUIRE where it is asked a million times: counted once, and said only where it does not hold.
#define DEMAND(condition)               \
  do {                                  \
    if (!(condition)) FAIL(#condition); \
  } while (false)

class Comparison {
 public:
  explicit Comparison(std::uint32_t seed)
      : random_(seed), settings_(draw_settings()), dispatcher_(settings_), greedy_(below(4) == 0) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      compare();
    }
    finish();
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  Settings draw_settings() {
    constexpr std::size_t windows[] = {1, 7, 100, 5000, 131072};
    Settings settings;
    settings.window_tasks = windows[below(5)];
    if (below(3) == 0) settings.window_bytes = 1 + below(200000);
    if (below(2) == 0) settings.prefetch = static_cast<std::uint32_t>(below(2) == 0 ? below(4) : below(300));
    settings.min_lanes = static_cast<std::uint32_t>(1 + below(3));
    return settings;
  }

  std::string draw_payload() {
    std::size_t size = below(64);
    if (below(20) == 0) size = below(60000);
    if (below(200) == 0) size = below(1500000);
    std::string payload(size, static_cast<char>('a' + below(26)));
    return payload.insert(0, std::to_string(model_.tasks.size()));
  }

  std::vector<IdRange> draw_ranges() {
    std::vector<IdRange> ids;
    const std::uint64_t known = model_.tasks.size() + 3;
    for (std::uint64_t i = below(4); i > 0; --i) {
      const TaskId first = below(known);
      ids.push_back({first, first + below(below(3) == 0 ? 300 : 4)});
    }
    if (below(20) == 0) ids.push_back({below(known), max_task_id});
    if (below(20) == 0) ids.push_back({max_task_id - below(5), max_task_id});
    return ids;
  }

  static std::vector<IdRange> ascending(const std::vector<IdRange>& ranges) {
    IdSet ids;
    for (const IdRange& range : ranges) ids.add({range.first, std::min(range.last, max_task_id)});
    return ids.ranges();
  }

  std::optional<LaneIndex> draw_lane() {
    if (model_.lanes.empty()) return std::nullopt;
    auto lane = model_.lanes.begin();
    std::advance(lane, below(model_.lanes.size()));
    return lane->first;
  }

  void step() {
    now_ += std::chrono::microseconds(below(2000));
    const std::uint64_t what = below(100);
    if (what < 30) {
      add();
    } else if (what < 65) {
      hand_out();
    } else if (what < 85) {
      const std::vector<IdRange> ids = draw_ranges();
      const std::uint64_t forgotten = model_.acknowledge(ids);
      DEMAND(dispatcher_.acknowledge(ids, now_) == forgotten);
      acknowledged_ += forgotten;
    } else if (what < 92) {
      if (model_.lanes.size() < 6) open();
    } else if (const auto lane = draw_lane(); !lane) {
      return;
    } else if (what < 95) {
      const std::uint64_t lost = model_.close(*lane);
      DEMAND(dispatcher_.close(*lane, Dispatcher::Fate::left) == lost);
      redelivered_ += lost;
    } else if (what < 96) {
      dispatcher_.drain(*lane);
      model_.lanes.at(*lane).draining = true;
    } else {
      const std::vector<IdRange> ids = ascending(draw_ranges());
      DEMAND(dispatcher_.give_back(*lane, ids) == model_.give_back(*lane, ids));
    }
  }

  void open() {
    const Dispatcher::Limits limits{static_cast<std::uint32_t>(1 + below(5)),
                                    static_cast<std::uint32_t>(1 + below(below(2) == 0 ? 3 : 3000))};
    const LaneIndex lane = dispatcher_.open(limits);
    DEMAND(model_.lanes.count(lane) == 0);
    model_.open(lane, limits);
    started_ = started_ || model_.lanes.size() >= settings_.min_lanes;
  }

  void add() {
    for (std::uint64_t i = below(below(3) == 0 ? 400 : 5); i > 0; --i) {
      // A block of input may bring more than was wanted.
      if (!greedy_ && !dispatcher_.wants_input()) {
        return;
      }
      const std::string payload = draw_payload();
      DEMAND(dispatcher_.add(payload) == model_.tasks.size());
      model_.add(payload);
      if (!greedy_) {
        DEMAND(dispatcher_.out() + dispatcher_.pending() <= settings_.window_tasks);
        DEMAND(dispatcher_.bytes() < settings_.window_bytes + payload.size());
      }
    }
  }

  std::uint64_t least_credit(const Model::Lane& lane) const {
    return lane.limits.slots + settings_.prefetch.value_or(1);
  }
  std::uint64_t most_credit(const Model::Lane& lane) const {
    return settings_.prefetch ? least_credit(lane) : std::max<std::uint64_t>(65536, least_credit(lane));
  }

  void hand_out() {
    bool any_room = false;
    bool any_empty_slot = false;
    for (const auto& [index, lane] : model_.lanes) {
      const bool room = model_.has_room(lane, least_credit(lane));
      any_room = any_room || room;
      any_empty_slot = any_empty_slot || (room && lane.held.size() < lane.limits.slots);
    }
    const bool has_work = model_.front().has_value();
    const bool window_full = model_.count(State::out) >= settings_.window_tasks;
    Dispatcher::Handout out;
    if (!dispatcher_.next(out)) {
      DEMAND((!started_ || !has_work || window_full || !any_room));
      return;
    }
    DEMAND((started_ && has_work && !window_full));
    DEMAND(model_.lanes.count(out.lane) == 1);
    Model::Lane& lane = model_.lanes.at(out.lane);
    DEMAND(model_.has_room(lane, most_credit(lane)));
    if (any_empty_slot) DEMAND(lane.held.size() < lane.limits.slots);
    DEMAND(!out.tasks().empty());
    DEMAND(out.tasks().size() <= std::min<std::size_t>(lane.limits.max_batch, wire::batch_tasks));
    std::size_t bytes = 0;
    for (const wire::TaskView& task : out.tasks()) {
      DEMAND(model_.front().value_or(~TaskId{0}) == task.id);
      const Model::Task& expected = model_.tasks[task.id];
      DEMAND(task.attempt == expected.attempt);
      DEMAND(task.payload == expected.payload);
      bytes += task.payload.size();
      model_.hand_out(task.id, out.lane);
    }
    DEMAND((out.tasks().size() == 1 || bytes <= wire::batch_bytes));
    DEMAND(lane.held.size() <= most_credit(lane));
    DEMAND(model_.count(State::out) <= settings_.window_tasks);
    if (below(15) == 0) {
      std::vector<IdRange> ids;
      for (const TaskId id : ids_of(out)) ids.push_back({id, id});
      dispatcher_.unsent(out);
      DEMAND(model_.give_back(out.lane, ids) == ids.size());
    }
  }

  void compare() {
    DEMAND(dispatcher_.added() == model_.tasks.size());
    DEMAND(dispatcher_.out() == model_.count(State::out));
    DEMAND(dispatcher_.pending() == model_.count(State::fresh) + model_.count(State::again));
    DEMAND(dispatcher_.acknowledged() == acknowledged_);
    DEMAND(dispatcher_.out() + dispatcher_.pending() + dispatcher_.acknowledged() == dispatcher_.added());
    DEMAND(dispatcher_.redelivered() == redelivered_);
    DEMAND(dispatcher_.bytes() == model_.bytes());
    DEMAND(dispatcher_.open_lanes() == model_.lanes.size());
    for (const auto& [index, lane] : model_.lanes) DEMAND(dispatcher_.held(index) == lane.held.size());
  }

  // A last lane takes all that is left.
  void finish() {
    dispatcher_.end_input();
    while (!model_.lanes.empty()) {
      const LaneIndex lane = model_.lanes.begin()->first;
      const std::uint64_t lost = model_.close(lane);
      DEMAND(dispatcher_.close(lane, Dispatcher::Fate::left) == lost);
      redelivered_ += lost;
    }
    while (!started_ || model_.lanes.empty()) open();
    while (!dispatcher_.done()) {
      DEMAND(dispatcher_.pending() > 0);
      hand_out();
      const std::vector<IdRange> all{{0, model_.tasks.size()}};
      acknowledged_ += model_.acknowledge(all);
      dispatcher_.acknowledge(all, now_ += 1ms);
      compare();
    }
    DEMAND(dispatcher_.bytes() == 0);
    DEMAND(dispatcher_.acknowledged() == dispatcher_.added());
    DEMAND(model_.count(State::done) == model_.tasks.size());
  }

  std::mt19937 random_;
  Settings settings_;
  Dispatcher dispatcher_;
  bool greedy_;  // adds without being asked
  Model model_;
  bool started_ = false;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t redelivered_ = 0;
  Time now_ = start;
};

}  // namespace

TEST_CASE("dispatcher: does what a plain model does, whatever happens in whatever order") {
  const auto seed = GENERATE(range(1U, 61U));
  CAPTURE(seed);
  Comparison(seed).run(400);
}
