#include <chrono>
#include <string>

#include <catch2/catch.hpp>

#include "asked.hpp"
#include <fanmill/core/cut_offs.hpp>
#include <fanmill/core/refusals.hpp>

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using test::start;

TEST_CASE("refusals: the first of an address is said, then one line in ten seconds with their number") {
  Refusals refusals;
  CHECK(refusals.refused("10.0.0.1", "no key", start) == "refused a connection from 10.0.0.1: no key");
  for (int i = 0; i < 100; ++i) CHECK_FALSE(refusals.refused("10.0.0.1", "no key", start + 9s).has_value());
  CHECK(refusals.refused("10.0.0.2", "no key", start + 9s).has_value());
  CHECK(refusals.refused("10.0.0.1", "another", start + 9s).has_value());
  CHECK_THAT(refusals.refused("10.0.0.1", "no key", start + 10s).value(), Contains("(101 of them"));
  CHECK(refusals.count() == 104);
}

TEST_CASE("refusals: a stranger with another key each time is one stranger") {
  Refusals refusals;
  CHECK(refusals.refused("10.0.0.1", "key a", start, "key") == "refused a connection from 10.0.0.1: key a");
  CHECK_FALSE(refusals.refused("10.0.0.1", "key b", start + 1s, "key").has_value());
  CHECK(refusals.refused("10.0.0.1", "key c", start + 10s, "key") ==
        "refused a connection from 10.0.0.1: key c (2 of them since this was last said)");
}

TEST_CASE("refusals: however many addresses there are, what is said is bounded") {
  Refusals refusals;
  int lines = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (refusals.refused("10.0." + std::to_string(i), "no key", start + i * 1ms)) ++lines;
  }
  CHECK(lines <= 66);
  CHECK(refusals.refused("10.9.9.9", "no key", start + 1h).has_value());
}

TEST_CASE("refusals: what is held back is said after ten seconds without another, or at the end") {
  Refusals refusals;
  static_cast<void>(refusals.refused("10.0.0.1", "no key", start));
  CHECK(refusals.next() == never);
  CHECK(refusals.rest().empty());
  for (int i = 0; i < 7; ++i) CHECK_FALSE(refusals.refused("10.0.0.1", "no key", start + 1s).has_value());
  CHECK(refusals.next() == start + 10s);
  CHECK(refusals.due(start + 10s - 1ns).empty());
  const std::string line = "refused a connection from 10.0.0.1: no key (7 of them since this was last said)";
  CHECK(refusals.due(start + 10s) == std::vector{line});
  CHECK(refusals.due(start + 1h).empty());

  for (int i = 0; i < 7; ++i) CHECK_FALSE(refusals.refused("10.0.0.1", "no key", start + 11s).has_value());
  CHECK(refusals.rest() == std::vector{line});
  CHECK(refusals.rest().empty());
}

TEST_CASE("refusals: a connection that ended by itself is not called refused") {
  CHECK(Refusals().ended("10.0.0.1", start) ==
        "a connection from 10.0.0.1 ended during the handshake: it had no key, or went away");
}

TEST_CASE("refusals: an address that libzmq does not know is left out") {
  CHECK(Refusals().refused("", "no key", start) == "refused a connection: no key");
}

TEST_CASE("cut-offs: the third in a row is worth a word, and ten seconds of them are enough") {
  using Verdict = CutOffs::Verdict;
  CutOffs cut_offs;
  CHECK(cut_offs.cut_off(start) == Verdict::wait);
  CHECK(cut_offs.cut_off(start + 1s) == Verdict::wait);
  CHECK(cut_offs.cut_off(start + 2s) == Verdict::say);
  CHECK(cut_offs.cut_off(start + 9s) == Verdict::wait);
  CHECK(cut_offs.cut_off(start + 10s) == Verdict::give_up);
}

TEST_CASE("cut-offs: few of them, or one that got through, prove nothing") {
  using Verdict = CutOffs::Verdict;
  CutOffs cut_offs;
  CHECK(cut_offs.cut_off(start) == Verdict::wait);
  CHECK(cut_offs.cut_off(start + 60s) == Verdict::wait);
  cut_offs.reached();
  CHECK(cut_offs.cut_off(start + 61s) == Verdict::wait);
  CHECK(cut_offs.cut_off(start + 62s) == Verdict::wait);
  CHECK(cut_offs.cut_off(start + 63s) == Verdict::say);
  CHECK(cut_offs.cut_off(start + 64s) == Verdict::wait);
}
