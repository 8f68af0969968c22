#include <chrono>
#include <cstdint>
#include <optional>

#include <catch2/catch.hpp>

#include "asked.hpp"
#include <fanmill/core/credit.hpp>

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;
using test::start;

namespace {

// Acknowledges `tasks` each `interval`, so many times; returns when the last of them was.
Time acknowledge(Credit& credit, std::uint64_t tasks, Duration interval, int times, Time from) {
  for (int i = 0; i < times; ++i) {
    from += interval;
    credit.acknowledged(tasks, false, from);
  }
  return from;
}

}  // namespace

TEST_CASE("credit: starts with the slots and one task more") {
  CHECK(Credit(1, std::nullopt).tasks() == 2);
  CHECK(Credit(8, std::nullopt).tasks() == 9);
}

TEST_CASE(
    "credit: half of what is many for each slot may go at once, but not what is so much for the store's "
    "sake") {
  Credit quick(1, std::nullopt);
  CHECK(quick.lump() == 0);
  const Time then = acknowledge(quick, 1000, 1ms, 100, start);
  CHECK(quick.lump() == quick.tasks() / 2);
  for (int i = 1; i < 100; ++i) quick.acknowledged(1000, false, then + i * 1ms, 100ms);
  CHECK(quick.lump() == 0);
  CHECK(Credit(64, std::nullopt).lump() == 0);
  CHECK(Credit(1, 1000).lump() == 0);
}

TEST_CASE("credit: of slow tasks each is worth a message; of quick ones a few are not, for who has many") {
  Credit slow(1, std::nullopt);
  acknowledge(slow, 1, 1ms, 100, start);
  CHECK(slow.least_message() == 1);
  CHECK(slow.enough() == slow.tasks());
  Credit quick(1, std::nullopt);
  acknowledge(quick, 1000, 1ms, 100, start);
  CHECK(quick.least_message() == quick.tasks() / 16);
  CHECK(quick.enough() == quick.tasks() / 2);
  CHECK(Credit(1, 999).enough() == 1000);
  // Its slots have to be filled all the same.
  Credit wide(500, std::nullopt);
  CHECK(wide.enough() == 501);
}

TEST_CASE("credit: --prefetch fixes it, whatever the rate") {
  for (const std::uint32_t prefetch : {0U, 1U, 100U}) {
    Credit credit(4, prefetch);
    CHECK(credit.tasks() == 4 + prefetch);
    acknowledge(credit, 1000, 1ms, 100, start);
    CHECK(credit.tasks() == 4 + prefetch);
    credit.acknowledged(1, true, start + 10s);
    credit.acknowledged(1, true, start + 20s);
    CHECK(credit.tasks() == 4 + prefetch);
  }
}

TEST_CASE("credit: a thousand tasks each millisecond earn four milliseconds' worth") {
  Credit credit(1, std::nullopt);
  acknowledge(credit, 1000, 1ms, 100, start);
  CHECK(credit.tasks() == 4000);
}

TEST_CASE("credit: where four milliseconds' worth is a handful it is up to sixteen milliseconds' worth") {
  struct Case {
    Duration each;
    std::uint32_t tasks;
  };
  for (const auto& [each, tasks] : {Case{100us, 40}, Case{250us, 16}, Case{500us, 16}, Case{1ms, 16},
                                    Case{2ms, 8}, Case{4ms, 4}, Case{100ms, 2}}) {
    Credit credit(1, std::nullopt);
    acknowledge(credit, 5, 5 * each, 100, start);
    CHECK(credit.tasks() == tasks);
  }
}

TEST_CASE("credit: is four times as large at the most with each window") {
  Credit credit(1, std::nullopt);
  Time now = acknowledge(credit, 1000, 1ms, 1, start);  // the first one starts the clock
  for (const std::uint32_t expected : {8U, 32U, 128U, 512U}) {
    now = acknowledge(credit, 1000, 1ms, 1, now);
    CHECK(credit.tasks() == expected);
  }
}

TEST_CASE("credit: many acknowledgements within half a millisecond are one window") {
  Credit credit(1, std::nullopt);
  Time now = acknowledge(credit, 1, 1us, 1, start);
  now = acknowledge(credit, 1, 1us, 499, now);
  CHECK(credit.tasks() == 2);
  acknowledge(credit, 1, 1us, 1, now);
  CHECK(credit.tasks() == 8);
}

TEST_CASE("credit: has an upper bound, and a worker with more slots than that still fills them") {
  Credit credit(1, std::nullopt);
  acknowledge(credit, 1'000'000, 1ms, 100, start);
  CHECK(credit.tasks() == 65536);
  Credit wide(70000, std::nullopt);
  acknowledge(wide, 1'000'000, 1ms, 100, start);
  CHECK(wide.tasks() == 70001);
}

TEST_CASE("credit: one task a second stays at the slots and one more") {
  for (const std::uint32_t slots : {1U, 2U, 16U}) {
    Credit credit(slots, std::nullopt);
    acknowledge(credit, 1, 1s, 100, start);
    CHECK(credit.tasks() == slots + 1);
  }
}

TEST_CASE("credit: shrinks by halves when the worker slows down, and never below the slots and one more") {
  Credit credit(2, std::nullopt);
  Time now = acknowledge(credit, 1000, 1ms, 100, start);
  now = acknowledge(credit, 1, 1s, 1, now);
  CHECK(credit.tasks() == 2000);
  acknowledge(credit, 1, 1s, 100, now);
  CHECK(credit.tasks() == 3);
}

TEST_CASE("credit: a small change of rate changes nothing") {
  Credit credit(1, std::nullopt);
  const Time now = acknowledge(credit, 1000, 1ms, 100, start);
  acknowledge(credit, 600, 1ms, 100, now);
  CHECK(credit.tasks() == 4000);
}

TEST_CASE("credit: a lane that ran dry gets more, although its rate does not ask for it") {
  Credit credit(1, std::nullopt);
  Time now = start;
  credit.acknowledged(1, false, now);
  for (std::uint32_t expected = 3; expected < 10; ++expected) {
    now += 10ms;
    credit.acknowledged(1, true, now);
    CHECK(credit.tasks() == expected);
  }
}

TEST_CASE("credit: where the way there and back is long it is soon as much as lasts for that") {
  // Ten tasks a millisecond, and an answer after 50 ms: what is sent at once comes back at once.
  Credit credit(1, std::nullopt);
  Time now = start;
  credit.acknowledged(1, false, now);
  for (int round = 0; round < 5; ++round) {
    now += 50ms;
    credit.acknowledged(credit.tasks(), true, now);
  }
  CHECK(credit.tasks() >= 500);
  // What it does not use does not make it more.
  const std::uint32_t before = credit.tasks();
  credit.acknowledged(1, true, now + 50ms);
  CHECK(credit.tasks() == before + 1);
}

TEST_CASE("credit: a worker that does many together, but seldom, keeps twice as many") {
  // As one of many that share a processor: its rate is two tasks a millisecond.
  Credit credit(1, std::nullopt);
  Time now = acknowledge(credit, 1000, 1ms, 100, start);
  REQUIRE(credit.tasks() == 4000);
  now = acknowledge(credit, 200, 100ms, 100, now);
  CHECK(credit.tasks() == 400);
  now = acknowledge(credit, 1000, 100ms, 100, now);
  CHECK(credit.tasks() == 400);
  // Those that come one by one tell that they take long.
  acknowledge(credit, 1, 500ms, 100, now);
  CHECK(credit.tasks() == 2);
}

TEST_CASE("credit: as many together as there are slots are not quick for that") {
  Credit credit(64, std::nullopt);
  const Time now = acknowledge(credit, 4000, 1ms, 100, start);
  acknowledge(credit, 64, 1s, 100, now);
  CHECK(credit.tasks() == 65);
}

TEST_CASE("credit: a window in which the lane ran dry once counts as dry, and the next one does not") {
  Credit credit(1, std::nullopt);
  Time now = acknowledge(credit, 1, 1ms, 1, start);
  credit.acknowledged(1, true, now + 100us);
  credit.acknowledged(1, false, now + 16ms);
  CHECK(credit.tasks() == 8);  // 2 tasks in 16 ms would be worth 2
  now += 16ms;
  credit.acknowledged(1, true, now + 100us);
  credit.acknowledged(0, false, now + 16ms);
  CHECK(credit.tasks() == 9);
  now += 16ms;
  credit.acknowledged(1, false, now + 1s);
  CHECK(credit.tasks() == 4);
}

TEST_CASE("credit: where the store takes long to make results safe, that is what it goes by") {
  // A worker of 10,000 tasks a second, and a disk that commits what there is each 20 ms: with the worker's
  // four milliseconds alone it would wait most of the time.
  constexpr double per_second = 10000;
  for (const Duration commit : {Duration(1ms), Duration(20ms), Duration(300ms)}) {
    Credit credit(1, std::nullopt);
    std::uint64_t waiting = 0;  // done, and not in a commit yet
    std::uint64_t in_commit = 0;
    std::uint64_t done = 0;  // of the last ten commits
    Time now = start;
    constexpr int commits = 60;
    for (int i = 0; i < commits; ++i) {
      // Meanwhile the worker does what the lane may carry.
      const auto able =
          static_cast<std::uint64_t>(per_second * std::chrono::duration<double>(commit).count());
      const std::uint64_t free = credit.tasks() > in_commit ? credit.tasks() - in_commit : 0;
      waiting = std::min(able, free);
      now += commit;
      if (in_commit > 0) credit.acknowledged(in_commit, false, now, commit);
      if (i >= commits - 10) done += in_commit;
      in_commit = waiting;
    }
    CAPTURE(commit.count());
    CHECK(static_cast<double>(done) > 0.95 * per_second * 10 * std::chrono::duration<double>(commit).count());
    CHECK(credit.tasks() <=
          1 + per_second * std::chrono::duration<double>(std::max<Duration>(4ms, 4 * commit)).count());
  }
}
