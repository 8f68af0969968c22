#pragma once
// What an onlooker knows who sees every message: kept apart from the machines, so that it can tell when one
// of them is wrong. The numbers in its words are those of the invariants in docs/protocol.md.

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "memory_store.hpp"
#include "scenario.hpp"
#include <fanmill/base/ids.hpp>
#include <fanmill/core/collector.hpp>
#include <fanmill/core/run.hpp>

namespace fanmill::simulation {

class Ledger {
 public:
  Ledger(const Scenario& scenario, const Disk& disk) : scenario_(scenario), disk_(disk) {}

  // --- the ventilator's
  void run_began(RunId run);
  void handed_out(LaneToken lane, const std::vector<wire::TaskView>& tasks, std::uint32_t slots);
  // A message of the sink or a station reaches the ventilator, which before it had `acknowledged` tasks.
  void heard(const core::Run& run, const wire::Control& message, std::uint64_t acknowledged,
             std::uint64_t recalled);
  void not_sent(const std::vector<wire::TaskView>& tasks);
  void lane_closed(LaneToken lane);
  void said_dead(TaskId id) const;
  void check(const core::Run& run, bool disturbed) const;

  // --- a station's
  // It is gone, or its control connection is, while it ran these.
  void died(LaneToken lane, std::set<TaskId> running) { deaths_[lane] = std::move(running); }
  void ran(RunId run, TaskId id, Outcome outcome);
  // Results may have been lost on their way: what a lane holds is not known any more.
  void results_lost() { lanes_known_ = false; }
  [[nodiscard]] std::uint64_t executions() const { return executions_; }

  // --- the sink's
  void acknowledges(const wire::Ack& ack) const;
  void stored(RunId run, const wire::ResultView& result) const;
  void check(const core::Collector& collector, bool disturbed) const;

 private:
  struct Out {
    LaneToken lane{};
    std::uint32_t attempt = 0;
  };

  const Scenario& scenario_;
  const Disk& disk_;
  RunId run_{};
  std::map<TaskId, Out> out_;
  std::map<LaneToken, std::uint64_t> on_lane_;
  std::set<TaskId> acknowledged_;
  std::map<LaneToken, std::set<TaskId>> deaths_;  // to be counted once the ventilator has seen them
  std::map<TaskId, std::uint32_t> solo_deaths_;
  std::map<std::pair<RunId, TaskId>, std::uint32_t> failures_;
  std::uint64_t executions_ = 0;
  bool lanes_known_ = true;

  void off_lane(std::map<TaskId, Out>::iterator out);
};

}  // namespace fanmill::simulation
