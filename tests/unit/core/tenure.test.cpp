#include <chrono>

#include <catch2/catch.hpp>

#include "asked.hpp"
#include <fanmill/core/tenure.hpp>

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;
using test::start;

TEST_CASE("tenure: without a limit it is never over") {
  Tenure tenure({}, start);
  CHECK(tenure.next() == never);
  tenure.started(1'000'000'000);
  tenure.look(true, start + 1h);
  tenure.look(false, start + 2h);
  CHECK(tenure.next() == never);
  CHECK(tenure.over(start + 100'000h).empty());
}

TEST_CASE("tenure: it is over after its lifetime, whatever it has to do") {
  Tenure tenure({.lifetime = 5s}, start);
  tenure.look(true, start + 1s);
  CHECK(tenure.next() == start + 5s);
  CHECK(tenure.over(start + 5s - 1ns).empty());
  CHECK(tenure.over(start + 5s) == "its --lifetime is over");
}

TEST_CASE("tenure: it is over after a time without a task, counted from the start or from the last one") {
  Tenure tenure({.idle_timeout = 2s}, start);
  CHECK(tenure.next() == start + 2s);
  tenure.look(false, start + 1s);  // no news
  CHECK(tenure.over(start + 2s) == "no task came within its --idle-timeout");
  tenure.look(true, start + 1s);
  CHECK(tenure.next() == never);
  CHECK(tenure.over(start + 1h).empty());
  tenure.look(false, start + 1h);
  CHECK(tenure.next() == start + 1h + 2s);
  CHECK(tenure.over(start + 1h + 2s - 1ns).empty());
  CHECK_FALSE(tenure.over(start + 1h + 2s).empty());
}

TEST_CASE("tenure: it is over when so many tasks have begun; one that is taken back has not") {
  Tenure tenure({.max_tasks = 3}, start);
  tenure.started(2);
  CHECK(tenure.left() == 1);
  CHECK(tenure.over(start).empty());
  tenure.taken_back(1);
  CHECK(tenure.left() == 2);
  tenure.started(2);
  CHECK(tenure.left() == 0);
  CHECK(tenure.over(start) == "it has begun all of its --max-tasks");
}

TEST_CASE("tenure: a time beyond the clock's end is as good as none") {
  const Tenure tenure({.idle_timeout = Duration::max() - 1ns, .lifetime = Duration::max() - 1ns}, start);
  CHECK(tenure.next() == never);
}
