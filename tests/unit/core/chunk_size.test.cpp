#include <chrono>

#include <catch2/catch.hpp>

#include <fanmill/core/chunk_size.hpp>

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;

namespace {
constexpr std::size_t plenty = 1'000'000'000;
}

TEST_CASE("chunk size: one item, as long as nothing is known") {
  CHECK(ChunkSize(2).next(plenty) == 1);
  CHECK(ChunkSize(2).next(1) == 1);
}

TEST_CASE("chunk size: grows step by step to what fills 150 µs, and no further") {
  ChunkSize size(2);
  std::size_t before = 1;
  for (int i = 0; i < 20; ++i) {
    size.ran(before, before * 100ns);
    const std::size_t now = size.next(plenty);
    CHECK(now <= 4 * before);
    before = now;
  }
  CHECK(before == 1500);
}

TEST_CASE("chunk size: items that turn out long are taken one by one at once") {
  ChunkSize size(2);
  for (int i = 0; i < 20; ++i) size.ran(1000, 100us);
  REQUIRE(size.next(plenty) == 1500);
  size.ran(1500, 15s);
  CHECK(size.next(plenty) == 1);
}

TEST_CASE("chunk size: never more than an eighth of each worker's share of the rest, and never none") {
  ChunkSize size(4);
  for (int i = 0; i < 20; ++i) size.ran(1000, 10ms);
  REQUIRE(size.next(plenty) == 15);
  CHECK(size.next(32 * 15) == 15);
  CHECK(size.next(32 * 14) == 14);
  CHECK(size.next(32 * 3) == 3);
  CHECK(size.next(33) == 1);
  CHECK(size.next(1) == 1);
}

TEST_CASE("chunk size: the last ones are not cut so small that the way there costs more than they do") {
  ChunkSize size(4);
  for (int i = 0; i < 20; ++i) size.ran(1000, 100us);
  REQUIRE(size.next(plenty) == 1500);
  CHECK(size.next(1000) == 187);
  CHECK(size.next(100) == 100);
}

TEST_CASE("chunk size: items that take no time at all are no trouble") {
  ChunkSize size(1);
  for (int i = 0; i < 100; ++i) size.ran(1'000'000, 0ns);
  CHECK(size.next(8000) == 8000);
}
