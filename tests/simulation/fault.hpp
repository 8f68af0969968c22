#pragma once
// Bad luck: what happens to the simulated world, and at which step.

#include <cstdint>
#include <string>
#include <vector>

namespace fanmill::simulation {

struct Fault {
  enum class What : std::uint8_t {
    // Gentle: these cost time, and must not cost a second attempt.
    station_leaves,
    control_up_late,  // what a station says to the ventilator waits
    control_down_late,
    lane_late,
    results_late,
    sink_up_late,
    sink_down_late,
    // The others.
    station_killed,
    control_broken,
    lane_broken,
    results_broken,
    sink_control_broken,
    sink_killed,
    ventilator_killed,
    write_fails,
    stray_tasks,  // a message of another lane comes down this one
    doubled,      // a frame arrives twice
    cut_off,      // a station hears nothing, or is not heard, or both; a while later its connections break
    sink_cut_off,
    clock_jumps,  // up to a day
    second_peer,  // somebody else connects to a lane
    stopped,      // the ventilator is asked to end
    sink_asked,   // the sink is, and has it end the run
    count_,
  };
  std::uint64_t step = 0;
  What what{};
  std::size_t station = 0;   // where it matters
  std::uint32_t amount = 0;  // how much is lost, how long it takes: any number
};

inline constexpr auto first_harsh = Fault::What::station_killed;

using Faults = std::vector<Fault>;

[[nodiscard]] std::string text_of(const Fault& fault);

}  // namespace fanmill::simulation
