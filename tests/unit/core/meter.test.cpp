#include <chrono>

#include <catch2/catch.hpp>

#include "asked.hpp"
#include <fanmill/core/meter.hpp>
#include <fanmill/core/progress.hpp>

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;
using test::start;

TEST_CASE("meter: nothing is known before anything has come, nor in the first moment") {
  Meter meter;
  CHECK(meter.per_second(start) == 0);
  meter.start(start);
  CHECK(meter.per_second(start) == 0);
  meter.add(5, start);
  CHECK(meter.per_second(start) == 0);
  CHECK(meter.per_second(start + 1s) == 5);
}

TEST_CASE("meter: a steady rate is what it says, and a change shows within two windows") {
  Meter meter;
  meter.start(start);
  Time now = start;
  const auto run = [&](std::uint64_t each, Duration step, int steps) {
    for (int i = 0; i < steps; ++i) meter.add(each, now += step);
  };
  run(10, 100ms, 300);
  CHECK(meter.per_second(now) == Approx(100).epsilon(0.05));
  run(1, 100ms, 101);
  CHECK(meter.per_second(now) == Approx(10).epsilon(0.1));
}

TEST_CASE("meter: what comes once a minute is measured in minutes") {
  Meter meter;
  meter.start(start);
  Time now = start;
  for (int i = 0; i < 5; ++i) meter.add(1, now += 1min);
  CHECK(meter.per_second(now) == Approx(1.0 / 60).epsilon(0.01));
}

TEST_CASE("meter: what has ended fades") {
  Meter meter;
  meter.start(start);
  meter.add(100, start + 1s);
  CHECK(meter.per_second(start + 1s) == 100);
  CHECK(meter.per_second(start + 100s) == 1);
}

TEST_CASE("progress: what is left, where the end and the rate are known") {
  Progress progress{.done = 40, .rate = 10};
  CHECK_FALSE(progress.left());
  progress.total = 100;
  CHECK(progress.left() == Duration(6s));
  progress.rate = 0;
  CHECK_FALSE(progress.left());
  progress.rate = 1e-300;
  CHECK_FALSE(progress.left());
  progress.done = 100;
  CHECK(progress.left() == Duration::zero());
}
