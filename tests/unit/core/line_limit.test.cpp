#include <chrono>

#include <catch2/catch.hpp>

#include "asked.hpp"
#include <fanmill/core/line_limit.hpp>

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;
using test::start;

TEST_CASE("line limit: so many lines in a span, and then how many were left out") {
  LineLimit limit(3, 10s);
  for (int i = 0; i < 3; ++i) CHECK(limit.admit(start) == 0u);
  CHECK_FALSE(limit.admit(start + 1s));
  CHECK_FALSE(limit.admit(start + 10s - 1ns));
  CHECK(limit.admit(start + 10s) == 2u);
  CHECK(limit.admit(start + 10s) == 0u);
}

TEST_CASE("line limit: a span begins with its first line") {
  LineLimit limit(1, 10s);
  CHECK(limit.admit(start) == 0u);
  CHECK(limit.admit(start + 15s) == 0u);
  CHECK_FALSE(limit.admit(start + 24s));
  CHECK(limit.admit(start + 25s) == 1u);
}
