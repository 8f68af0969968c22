#include "planted.hpp"

#include <cstdint>
#include <iomanip>
#include <iostream>
#include <string>

#include <catch2/catch.hpp>

#include "trial.hpp"

using namespace fanmill::simulation;

namespace {

// As many as are tried without a bug, see simulation.test.cpp.
constexpr std::uint32_t most_seeds = 20000;

struct SwitchedOn {
  explicit SwitchedOn(Bug bug) { switched_on = bug; }
  ~SwitchedOn() { switched_on = Bug::none; }
};

}  // namespace

TEST_CASE("planted bugs: each is caught, so the promises can be seen to be broken") {
  std::cout << std::left << std::setw(46) << "bug" << std::right << std::setw(6) << "seed" << std::setw(8)
            << "steps" << std::setw(8) << "faults"
            << "  invariant of docs/protocol.md\n";
  for (std::size_t i = 1; i < static_cast<std::size_t>(Bug::count_); ++i) {
    const SwitchedOn on(static_cast<Bug>(i));
    bool caught = false;
    for (std::uint32_t seed = 1; seed <= most_seeds && !caught; ++seed) {
      const auto failure = try_scenario(draw_scenario(seed));
      if (!failure) continue;
      caught = true;
      const Failure shortest = shrink(draw_scenario(seed), *failure);
      std::cout << std::left << std::setw(46) << name_of(switched_on) << std::right << std::setw(6) << seed
                << std::setw(8) << shortest.steps << std::setw(8) << shortest.faults.size() << "  "
                << shortest.promise << std::endl;
    }
    INFO(name_of(switched_on));
    if (!caught) std::cout << name_of(switched_on) << ": NOT CAUGHT" << std::endl;
    CHECK(caught);
  }
}
