#include <chrono>

#include <catch2/catch.hpp>

#include "asked.hpp"
#include <fanmill/core/patience.hpp>

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;
using test::start;
using Verdict = Patience::Verdict;

TEST_CASE("patience: speaks after a second, then each ten seconds") {
  Patience patience(Duration::max());
  CHECK(patience.check(true, start) == Verdict::wait);
  CHECK(patience.next() == start + 1s);
  CHECK(patience.check(true, start + 999ms) == Verdict::wait);
  CHECK(patience.check(true, start + 1s) == Verdict::say);
  CHECK(patience.check(true, start + 1s) == Verdict::wait);
  CHECK(patience.next() == start + 11s);
  CHECK(patience.check(true, start + 10s) == Verdict::wait);
  CHECK(patience.check(true, start + 11s) == Verdict::say);
}

TEST_CASE("patience: for ever is for ever") {
  Patience patience(Duration::max());
  CHECK(patience.check(true, start) == Verdict::wait);
  CHECK(patience.check(true, start + 24h * 365) == Verdict::say);
}

TEST_CASE("patience: gives up at its limit, also before it has said anything") {
  Patience patience(500ms);
  CHECK(patience.check(true, start) == Verdict::wait);
  CHECK(patience.next() == start + 500ms);
  CHECK(patience.check(true, start + 499ms) == Verdict::wait);
  CHECK(patience.check(true, start + 500ms) == Verdict::give_up);
}

TEST_CASE("patience: a limit of nothing gives up at once") {
  Patience patience(Duration::zero());
  CHECK(patience.check(true, start) == Verdict::give_up);
}

TEST_CASE("patience: a peer that comes ends the wait, and the next wait counts from its own beginning") {
  Patience patience(5s);
  CHECK(patience.check(true, start) == Verdict::wait);
  CHECK(patience.check(true, start + 2s) == Verdict::say);
  CHECK(patience.check(false, start + 4s) == Verdict::wait);
  CHECK(patience.next() == never);
  CHECK(patience.check(true, start + 6s) == Verdict::wait);
  CHECK(patience.check(true, start + 7s) == Verdict::say);
  CHECK(patience.check(true, start + 10s) == Verdict::wait);
  CHECK(patience.check(true, start + 11s) == Verdict::give_up);
}
