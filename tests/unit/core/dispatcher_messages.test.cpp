// In how many messages the dispatcher hands out what there is: each of them is a journey through eight
// threads.
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "asked.hpp"
#include <fanmill/core/dispatcher.hpp>
#include <fanmill/wire/limits.hpp>

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;
using test::start;

namespace {

// A run of quick tasks, whose workers have credit for many by now, and nothing to do.
class QuickRun {
 public:
  explicit QuickRun(std::size_t lanes) {
    for (std::size_t i = 0; i < lanes; ++i) {
      lanes_.push_back(dispatcher.open({.slots = 1, .max_batch = wire::batch_tasks}));
    }
    for (int step = 0; step < 20 && credit() < 2048; ++step) {
      add(static_cast<std::size_t>(credit()) * lanes);
      REQUIRE(messages() > 0);
      finish_all();
    }
    REQUIRE(credit() >= 2048);
  }

  void add(std::size_t tasks, std::size_t size = 1) {
    const std::string payload(size, 'x');
    for (std::size_t i = 0; i < tasks; ++i) dispatcher.add(payload);
  }
  // The next message's tasks.
  std::vector<TaskId> next() {
    std::vector<TaskId> ids;
    if (!dispatcher.next(out)) return ids;
    for (const wire::TaskView& task : out.tasks()) ids.push_back(task.id);
    return ids;
  }
  // How many messages there are.
  std::size_t messages() {
    std::size_t count = 0;
    while (!next().empty()) ++count;
    return count;
  }
  // Three quarters of what the first lane may carry, on it; returns how many that is. For a run of one lane.
  std::uint64_t give_enough() {
    const std::uint64_t tasks = credit() * 3 / 4;
    add(tasks);
    static_cast<void>(messages());
    REQUIRE(dispatcher.held(lane(0)) == tasks);
    return tasks;
  }
  void finish(IdRange ids, Duration later = 1ms) {
    now_ += later;
    dispatcher.acknowledge(std::vector<IdRange>{ids}, now_);
    first_owed_ = ids.last + 1;
  }
  void finish_all() { finish({0, dispatcher.added() - 1}); }
  [[nodiscard]] TaskId first_owed() const { return first_owed_; }
  [[nodiscard]] std::uint64_t credit() const { return dispatcher.report(lanes_.front(), now_).credit; }
  [[nodiscard]] LaneIndex lane(std::size_t number) const { return lanes_[number]; }

  Dispatcher dispatcher{Dispatcher::Settings{}};
  Dispatcher::Handout out;

 private:
  std::vector<LaneIndex> lanes_;
  Time now_ = start;
  TaskId first_owed_ = 0;
};

}  // namespace

TEST_CASE("dispatcher: what comes at once is not cut in halves, again and again") {
  QuickRun run(2);
  run.add(500);
  CHECK(run.messages() <= 4);
  CHECK(run.dispatcher.pending() == 0);
  CHECK(run.dispatcher.held(run.lane(0)) >= 100);
  CHECK(run.dispatcher.held(run.lane(1)) >= 100);
}

TEST_CASE("dispatcher: many idle workers, and each gets one before any gets two") {
  QuickRun run(50);
  run.add(60);
  for (int i = 0; i < 50; ++i) CHECK(run.next().size() == 1);
  CHECK(run.messages() > 0);
  CHECK(run.dispatcher.pending() == 0);
}

TEST_CASE("dispatcher: many short tasks are not spread thin over many idle workers, while more will come") {
  QuickRun run(200);
  const std::uint64_t enough = run.credit() / 2;

  SECTION("each message has as many as keep a worker busy for a while") {
    run.add(2 * enough);
    CHECK(run.next().size() >= enough);
  }
  SECTION("a few of them go to as many workers as there are") {
    run.add(200);
    CHECK(run.messages() == 200);
  }
  SECTION("but not where many are under way, and more come as they are done") {
    run.add(2 * enough);
    static_cast<void>(run.messages());
    run.add(200);
    CHECK(run.messages() == 1);
  }
  SECTION("nor where they are fewer, and as many bytes as a message takes") {
    run.add(150, wire::batch_bytes / 128);
    CHECK(run.messages() <= 3);
  }
  SECTION("the last ones as well") {
    run.add(1200);
    run.dispatcher.end_input();
    CHECK(run.messages() >= 200);
  }
}

TEST_CASE(
    "dispatcher: in a flood a worker that has done all it had may have more, though nothing waits just "
    "then") {
  QuickRun run(20);
  run.add(20 * run.credit() / 2);
  static_cast<void>(run.messages());
  REQUIRE(run.dispatcher.pending() == 0);
  const std::uint64_t before = run.credit();
  const TaskId first = run.first_owed();
  const std::uint64_t has = run.dispatcher.held(run.lane(0));

  SECTION("where several came back together") {
    REQUIRE(has > 1);
    run.finish({first, first + has - 1}, 100ms);
    REQUIRE(run.dispatcher.held(run.lane(0)) == 0);
    CHECK(run.credit() > before);
  }
  SECTION("not when the input has ended") {
    run.dispatcher.end_input();
    run.finish({first, first + has - 1}, 100ms);
    CHECK(run.credit() <= before);
  }
}

TEST_CASE("dispatcher: who has enough is not sent a little, and gets it when there is room in its hands") {
  QuickRun run(1);
  const std::uint64_t most = run.give_enough();
  for (int i = 0; i < 5; ++i) {
    run.add(2);
    CHECK(run.next().empty());
  }
  run.finish({run.first_owed(), run.first_owed() + most / 2});
  CHECK(run.next().size() == 10);
}

TEST_CASE("dispatcher: who has enough is sent what is worth a message") {
  QuickRun run(1);
  static_cast<void>(run.give_enough());
  run.add(7, wire::batch_bytes / 16);
  CHECK(run.next().empty());
  run.add(1, wire::batch_bytes / 16);
  CHECK(run.next().size() == 8);
}

TEST_CASE("dispatcher: what goes again goes to who has enough, if there is nobody else") {
  QuickRun run(1);
  static_cast<void>(run.give_enough());
  const TaskId last = run.dispatcher.added() - 1;
  run.dispatcher.give_back(run.lane(0), std::vector<IdRange>{{last, last}});
  CHECK(run.next() == std::vector<TaskId>{last});
}
