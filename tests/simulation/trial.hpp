#pragma once
// One seed tried, and what it takes to fail it.

#include <cstdint>
#include <optional>
#include <string>

#include "fault.hpp"
#include "scenario.hpp"

namespace fanmill::simulation {

struct Failure {
  std::string promise;
  std::uint64_t steps = 0;
  Faults faults;  // those that had happened
};

struct Tally {
  std::uint64_t steps = 0;
  std::uint64_t faults = 0;
  std::uint64_t executions = 0;
};

// Without `replay`, faults are drawn.
[[nodiscard]] std::optional<Failure> try_scenario(const Scenario& scenario, const Faults* replay = nullptr,
                                                  Tally* tally = nullptr);

// Leaves out one fault after another for as long as it still fails.
[[nodiscard]] Failure shrink(const Scenario& scenario, Failure failure);

[[nodiscard]] std::string text_of(const Scenario& scenario, const Failure& failure);

}  // namespace fanmill::simulation
