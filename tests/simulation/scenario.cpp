#include "scenario.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <random>
#include <sstream>

#include "fault.hpp"

namespace fanmill::simulation {

Scenario::Kind Scenario::kind_of(std::uint64_t payload) const {
  // Not all at the beginning.
  if (poison > 0 && (payload + seed) % std::max<std::uint64_t>(1, payloads / poison) == 0 &&
      (payload + seed) % payloads / std::max<std::uint64_t>(1, payloads / poison) < poison) {
    return Kind::poison;
  }
  if (fails > 0 && payload % fails == fails - 1) return Kind::fails;
  if (flaky > 0 && payload % flaky == flaky - 1) return Kind::flaky;
  return Kind::well;
}

Scenario draw_scenario(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t bound) { return static_cast<std::uint32_t>(random() % bound); };
  Scenario result;
  result.seed = seed;
  result.tasks = below(20) == 0 ? below(5) : 20 + below(below(3) == 0 ? 180 : 60);
  result.payloads = std::max<std::uint64_t>(1, result.tasks);
  if (below(4) == 0) result.payloads = 1 + below(static_cast<std::uint32_t>(result.payloads));
  result.stations = 1 + below(4);
  result.slots = 1 + below(3);
  result.max_batch = below(3) == 0 ? 1 : 1 + below(50);
  if (below(2) == 0) result.prefetch = below(6);
  if (below(4) == 0) result.window = 4 + below(40);
  result.retries = below(3);
  if (below(3) == 0) result.retry_delay = std::chrono::milliseconds(1 + below(500));
  result.store = below(5) != 0;
  result.retry_failed = below(3) == 0;
  result.same_address = below(2) == 0;
  if (below(3) == 0) result.fails = 3 + below(20);
  if (below(3) == 0) result.flaky = 3 + below(20);
  if (below(3) == 0) result.poison = 1 + below(2);
  result.longest_task =
      below(3) == 0 ? std::chrono::milliseconds(1 + below(2000)) : std::chrono::milliseconds(1);
  const std::uint32_t luck = below(10);
  result.luck = luck == 0 ? Scenario::Luck::good : luck <= 2 ? Scenario::Luck::slow : Scenario::Luck::bad;
  if (result.luck != Scenario::Luck::good) {
    result.one_in = 5 + below(120);
    result.faults = 1 + below(12);
  }
  if (below(2) == 0) result.runner_queue = 1 + below(4);
  return result;
}

std::string text_of(const Scenario& scenario) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  std::ostringstream text;
  text << "seed " << scenario.seed << ": " << scenario.tasks << " tasks (" << scenario.payloads
       << " payloads), " << scenario.stations << " stations of " << scenario.slots << " (+ "
       << scenario.runner_queue << " queued), batches of " << scenario.max_batch << ", prefetch "
       << (scenario.prefetch ? std::to_string(*scenario.prefetch) : std::string("adaptive")) << ", window "
       << scenario.window << ", " << scenario.retries << " retries after "
       << duration_cast<milliseconds>(scenario.retry_delay).count() << " ms, "
       << (scenario.store ? scenario.retry_failed ? "store (--retry-failed)" : "store" : "no store")
       << (scenario.same_address ? ", same address" : "") << ", fails 1/" << scenario.fails << ", flaky 1/"
       << scenario.flaky << ", " << scenario.poison << " poison, tasks up to "
       << duration_cast<milliseconds>(scenario.longest_task).count() << " ms";
  return text.str();
}

std::string text_of(const Fault& fault) {
  static constexpr std::array names = {"station leaves",
                                       "control of station, upwards: late",
                                       "control of station, downwards: late",
                                       "lane late",
                                       "results late",
                                       "control of sink, upwards: late",
                                       "control of sink, downwards: late",
                                       "station killed",
                                       "control of station broken",
                                       "lane broken",
                                       "results broken",
                                       "control of sink broken",
                                       "sink killed",
                                       "ventilator killed",
                                       "write fails",
                                       "stray tasks",
                                       "a frame doubled",
                                       "station cut off",
                                       "sink cut off",
                                       "clock jumps",
                                       "a second peer on a lane",
                                       "ventilator asked to end",
                                       "sink asked to end"};
  static_assert(names.size() == static_cast<std::size_t>(Fault::What::count_));
  return "step " + std::to_string(fault.step) + ": " + names[static_cast<std::size_t>(fault.what)] +
         " (station " + std::to_string(fault.station) + ", amount " + std::to_string(fault.amount) + ")";
}

}  // namespace fanmill::simulation
