#include <chrono>

#include <catch2/catch.hpp>

#include "asked.hpp"
#include <fanmill/core/backoff.hpp>

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;
using test::start;

TEST_CASE("backoff: nothing is due before it is started") {
  Backoff backoff(100ms, 2s);
  CHECK_FALSE(backoff.running());
  CHECK(backoff.next() == never);
  CHECK_FALSE(backoff.due(start));
}

TEST_CASE("backoff: due at once, then after twice as long each time, up to the most") {
  Backoff backoff(100ms, 500ms);
  backoff.start(start);
  Time now = start;
  for (const Duration wait :
       {Duration(0ms), Duration(100ms), Duration(200ms), Duration(400ms), Duration(500ms), Duration(500ms)}) {
    now += wait;
    CHECK(backoff.next() == now);
    CHECK_FALSE(backoff.due(now - 1ns));
    CHECK(backoff.due(now));
    CHECK_FALSE(backoff.due(now));
  }
}

TEST_CASE("backoff: a late look is due once, and the wait counts from there") {
  Backoff backoff(100ms, 2s);
  backoff.start(start);
  CHECK(backoff.due(start + 10s));
  CHECK_FALSE(backoff.due(start + 10s));
  CHECK(backoff.next() == start + 10s + 100ms);
}

TEST_CASE("backoff: an answer stops it, and a new start begins with the first wait") {
  Backoff backoff(100ms, 2s);
  backoff.start(start);
  CHECK(backoff.due(start));
  CHECK(backoff.due(start + 1s));
  backoff.stop();
  CHECK_FALSE(backoff.running());
  CHECK_FALSE(backoff.due(start + 1h));
  backoff.start(start + 1h);
  CHECK(backoff.due(start + 1h));
  CHECK(backoff.next() == start + 1h + 100ms);
}
