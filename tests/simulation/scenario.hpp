#pragma once
// What one simulated run is about: how much work, of what kind, who is there, and how unlucky they are.
// Everything comes from one seed.

#include <cstdint>
#include <optional>
#include <string>

#include <fanmill/base/time.hpp>

namespace fanmill::simulation {

struct Scenario {
  enum class Luck : std::uint8_t { good, slow, bad };
  enum class Kind : std::uint8_t { well, fails, flaky, poison };

  std::uint32_t seed = 1;
  std::uint64_t tasks = 100;
  std::uint64_t payloads = 100;  // different ones; fewer than tasks: some tasks are alike
  std::size_t stations = 3;
  std::uint32_t slots = 2;
  std::uint32_t runner_queue = 0;  // tasks that a station hands over beyond those that it can begin
  std::uint32_t max_batch = 2048;
  std::optional<std::uint32_t> prefetch;
  std::size_t window = 131072;
  std::uint32_t retries = 0;
  Duration retry_delay{};
  bool store = true;          // results outlive the sink
  bool retry_failed = false;  // what had failed in an earlier run is run again
  bool same_address = false;  // a new sink is found where the last one was
  std::uint64_t fails = 0;    // each so-many-th payload is of this kind; 0: none
  std::uint64_t flaky = 0;    // fails or not
  std::uint64_t poison = 0;   // that many kill whoever runs them
  Duration longest_task{};    // on a slow station
  Luck luck = Luck::good;
  std::uint32_t one_in = 100;  // steps between two faults
  std::uint32_t faults = 0;    // at the most

  [[nodiscard]] std::uint64_t payload_number(std::uint64_t task) const { return task % payloads; }
  [[nodiscard]] Kind kind_of(std::uint64_t payload) const;
};

[[nodiscard]] Scenario draw_scenario(std::uint32_t seed);
[[nodiscard]] std::string text_of(const Scenario& scenario);

}  // namespace fanmill::simulation
