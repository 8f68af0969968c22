#include <catch2/catch.hpp>

#include <fanmill/work/pace.hpp>

using namespace fanmill::work;
using namespace std::chrono_literals;

namespace {
// After many chunks of tasks that take so long each.
Pace used_to(std::chrono::nanoseconds per_task, std::size_t executors = 2) {
  Pace pace(executors);
  for (int i = 0; i < 100; ++i) {
    const std::size_t count = pace.chunk(1'000'000);
    pace.ran(count, per_task * static_cast<int>(count));
  }
  return pace;
}
}  // namespace

TEST_CASE("pace: the first chunk is one task, whatever waits") {
  const Pace pace(2);
  CHECK(pace.chunk(1'000'000) == 1);
  CHECK(pace.room() == 2);
}

TEST_CASE("pace: a chunk grows by doubling, and not in one leap") {
  Pace pace(2);
  for (std::size_t expected = 1; expected <= 1024; expected *= 2) {
    CHECK(pace.chunk(1'000'000) == expected);
    pace.ran(expected, std::chrono::nanoseconds(10 * expected));
  }
}

TEST_CASE("pace: a chunk takes a fraction of a millisecond") {
  for (const auto per_task : {100ns, 1000ns, 10'000ns, 70'000ns}) {
    CAPTURE(per_task.count());
    const auto took = per_task * static_cast<int>(used_to(per_task).chunk(1'000'000));
    CHECK(took >= 70us);
    CHECK(took <= 200us);
  }
  CHECK(used_to(1ns).chunk(1'000'000) == 4096);
}

TEST_CASE("pace: long tasks are taken one by one, with none waiting") {
  for (const auto per_task : {std::chrono::nanoseconds(3ms), std::chrono::nanoseconds(1h)}) {
    const Pace pace = used_to(per_task, 8);
    CHECK(pace.chunk(1000) == 1);
    CHECK(pace.room() == 8);
  }
}

TEST_CASE("pace: tasks of a millisecond have one each waiting, and microseconds' thousands") {
  CHECK(used_to(1ms, 4).room() == 8);
  CHECK(used_to(100ns, 2).room() >= 4000);
}

TEST_CASE("pace: the last tasks are shared out, if there is something to share") {
  const Pace pace = used_to(10us, 4);
  CHECK(pace.chunk(1000) > 8);
  CHECK(pace.chunk(16) == 2);
  CHECK(pace.chunk(3) == 1);
  CHECK(used_to(10ns, 4).chunk(16) == 16);
}

TEST_CASE("pace: one long task among short ones is forgotten") {
  Pace pace = used_to(1us);
  pace.ran(1, 10s);
  CHECK(pace.chunk(1'000'000) == 1);
  for (int i = 0; i < 100; ++i) {
    const std::size_t count = pace.chunk(1'000'000);
    pace.ran(count, 1us * static_cast<int>(count));
  }
  CHECK(pace.chunk(1'000'000) > 70);
}

TEST_CASE("pace: the clock is read where it costs nothing beside the task") {
  CHECK(Pace(2).allows_clock());
  CHECK(used_to(10us).allows_clock());
  CHECK_FALSE(used_to(50ns).allows_clock());
}

TEST_CASE("pace: short lately, when all have been, and for a while") {
  CHECK_FALSE(Pace(1).short_lately());
  Pace pace = used_to(50us, 1);
  CHECK(pace.short_lately());
  pace.ran(1, 101us);
  CHECK_FALSE(pace.short_lately());
  for (int i = 0; i < 63; ++i) pace.ran(1, 100us);
  CHECK_FALSE(pace.short_lately());
  pace.ran(1, 100us);
  CHECK(pace.short_lately());
  CHECK_FALSE(used_to(200us, 1).short_lately());
}
