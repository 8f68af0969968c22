#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include <catch2/catch.hpp>

#include "trial.hpp"

using namespace fanmill::simulation;

namespace {

std::uint32_t number_from(const char* variable, std::uint32_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : static_cast<std::uint32_t>(std::stoul(text));
}

}  // namespace

// FANMILL_SIMULATION_FIRST and FANMILL_SIMULATION_SEEDS choose others.
TEST_CASE("seeds: every promise is kept, whatever happens") {
  const std::uint32_t first = number_from("FANMILL_SIMULATION_FIRST", 1);
  const std::uint32_t seeds = number_from("FANMILL_SIMULATION_SEEDS", 20000);
  const auto began = std::chrono::steady_clock::now();
  Tally tally;
  std::uint32_t failed = 0;
  for (std::uint32_t seed = first; seed - first < seeds && failed < 5; ++seed) {
    const Scenario scenario = draw_scenario(seed);
    const auto failure = try_scenario(scenario, nullptr, &tally);
    if (!failure) continue;
    ++failed;
    std::cout << "seed " << seed << " fails: " << text_of(scenario, *failure)
              << "shortest replay: " << text_of(scenario, shrink(scenario, *failure)) << std::flush;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::cout << "seeds " << first << " to " << first + seeds - 1 << ": " << failed << " failed; "
            << tally.steps << " steps, " << tally.faults << " faults, " << tally.executions << " tasks run, "
            << took.count() << " s\n";
  CHECK(failed == 0);
}
