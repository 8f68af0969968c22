#include "trial.hpp"

#include <cstddef>
#include <exception>

#include "world.hpp"

namespace fanmill::simulation {

std::optional<Failure> try_scenario(const Scenario& scenario, const Faults* replay, Tally* tally) {
  std::optional<World> world;
  try {
    world.emplace(scenario, replay);
    world->run();
  } catch (const std::exception& error) {
    if (!world) return Failure{error.what(), 0, {}};
    return Failure{error.what(), world->steps(), world->faults()};
  }
  if (tally != nullptr) {
    tally->steps += world->steps();
    tally->faults += world->faults().size();
    tally->executions += world->ledger().executions();
  }
  return std::nullopt;
}

Failure shrink(const Scenario& scenario, Failure failure) {
  for (bool shorter = true; shorter;) {
    shorter = false;
    for (std::size_t i = 0; i < failure.faults.size(); ++i) {
      Faults fewer = failure.faults;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      auto again = try_scenario(scenario, &fewer);
      if (!again) continue;
      failure = std::move(*again);
      shorter = true;
      break;
    }
  }
  return failure;
}

std::string text_of(const Scenario& scenario, const Failure& failure) {
  std::string text = failure.promise + "\n  after " + std::to_string(failure.steps) + " steps of " +
                     text_of(scenario) + "\n";
  for (const Fault& fault : failure.faults) text += "    " + text_of(fault) + "\n";
  return text;
}

}  // namespace fanmill::simulation
