#pragma once
// Bugs that the simulation has to find. At most one of them is switched on, and none in the programs: those
// in core/ are written into the simulation's own copy of it by `plant`, the others are in the simulated
// loops.

#include <cstdint>

namespace fanmill::simulation {

enum class Bug : std::uint8_t {
  none,
  // in the loops around the machines, and in the store
  ack_before_commit,
  safe_though_write_failed,
  row_bound_twice,
  failure_stored_unasked,
  // in core/, see `plant`
  no_deduplication,
  neighbours_taken_twice,
  stale_lane_accepted,
  stale_run_result_accepted,
  stale_run_ack_accepted,
  stale_attempt_accepted,
  credit_not_returned,
  credit_ignored,
  window_ignored,
  end_before_data,
  end_miscounted,
  mark_ignored,
  held_overstated,
  leaver_keeps_tasks,
  leaver_dismissed_early,
  lost_lane_forgotten,
  suspect_in_company,
  suspects_together_taken_for_alone,
  dead_after_two,
  failure_taken_for_death,
  retry_forgotten,
  new_sink_not_shown,
  new_sink_not_asked,
  kept_not_asked_again,
  all_acknowledged_on_return,
  old_run_counts,
  recall_without_return,
  given_and_kept,
  count_,
};

inline Bug switched_on = Bug::none;

[[nodiscard]] inline bool planted(Bug bug) {
  return switched_on == bug;
}

[[nodiscard]] const char* name_of(Bug bug);

}  // namespace fanmill::simulation
