#include <chrono>

#include <catch2/catch.hpp>

#include <fanmill/wire/limits.hpp>
#include <fanmill/work/depth.hpp>

using namespace fanmill;
using namespace fanmill::work;
using namespace std::chrono_literals;

namespace {

Depth after(int batches, std::chrono::nanoseconds each) {
  Depth depth;
  for (int i = 0; i < batches; ++i) {
    const std::size_t count = depth.batch(100'000, 1);
    depth.answered(count, each * count);
  }
  return depth;
}

}  // namespace

TEST_CASE("depth: nothing waits behind an item before it is known to be short") {
  CHECK(Depth().batch(100, 1) == 1);
  CHECK(Depth().room(3) == 3);
  const Depth slow = after(20, 10ms);
  CHECK(slow.batch(100, 1) == 1);
  CHECK(slow.room(3) == 3);
}

TEST_CASE("depth: short items are asked together, up to a bound") {
  CHECK(after(30, 1ns).batch(100'000, 1) == wire::batch_tasks);
  const std::size_t some = after(30, 10us).batch(100'000, 1);
  CHECK(some >= 64);
  CHECK(some <= 256);
}

TEST_CASE("depth: where items become long it falls to one, and rises again") {
  Depth depth = after(30, 1ns);
  for (int i = 0; i < 14; ++i) depth.answered(depth.batch(100'000, 1), 1s);
  CHECK(depth.batch(100, 1) == 1);
  for (int i = 0; i < 14; ++i) depth.answered(depth.batch(100'000, 1), 10us);
  CHECK(depth.batch(100'000, 1) == wire::batch_tasks);
}

TEST_CASE("depth: what is there is shared among the slots") {
  const Depth depth = after(30, 1ns);
  CHECK(depth.batch(10, 2) == 5);
  CHECK(depth.batch(3, 2) == 2);
  CHECK(depth.batch(1, 8) == 1);
}
