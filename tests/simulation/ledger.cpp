#include "ledger.hpp"

#include <string>

#include "violation.hpp"

namespace fanmill::simulation {

namespace {
constexpr std::uint32_t deaths_to_be_dead = 3;

std::string named(const char* promise, TaskId id) {
  return std::string(promise) + " (task " + std::to_string(id) + ")";
}
}  // namespace

void Ledger::run_began(RunId run) {
  run_ = run;
  out_.clear();
  on_lane_.clear();
  acknowledged_.clear();
  deaths_.clear();
  solo_deaths_.clear();
  lanes_known_ = true;
}

void Ledger::off_lane(std::map<TaskId, Out>::iterator out) {
  --on_lane_[out->second.lane];
  out_.erase(out);
}

void Ledger::handed_out(LaneToken lane, const std::vector<wire::TaskView>& tasks, std::uint32_t slots) {
  for (const wire::TaskView& task : tasks) {
    if (acknowledged_.count(task.id) > 0) violated(named("7: an acknowledged task is handed out", task.id));
    const auto before = out_.find(task.id);
    if (before != out_.end()) {
      if (lanes_known_) violated(named("5: a task is out twice", task.id));
      off_lane(before);
    }
    out_[task.id] = {lane, task.attempt};
    ++on_lane_[lane];
  }
  if (scenario_.prefetch && lanes_known_ && on_lane_[lane] > slots + *scenario_.prefetch) {
    violated("5: a lane carries more than its credit");
  }
}

void Ledger::not_sent(const std::vector<wire::TaskView>& tasks) {
  for (const wire::TaskView& task : tasks) {
    const auto out = out_.find(task.id);
    if (out != out_.end()) off_lane(out);
  }
}

void Ledger::heard(const core::Run& run, const wire::Control& message, std::uint64_t acknowledged,
                   std::uint64_t recalled) {
  const bool forgot = run.dispatcher().acknowledged() != acknowledged;
  if (const auto* ack = std::get_if<wire::Ack>(&message)) {
    if (forgot && ack->run != run.id()) violated("4: the ventilator took an ACK of another run");
    if (!forgot) return;
    for (const IdRange& range : ack->ids) {
      for (TaskId id = range.first; id <= range.last; ++id) {
        if (disk_.outcome_of(run.id(), id) != ack->outcome) {
          violated(named("4: the ventilator took an ACK of what is not stored", id));
        }
        acknowledged_.insert(id);
        const auto out = out_.find(id);
        if (out != out_.end()) off_lane(out);
      }
    }
  } else if (forgot) {
    violated("4: the ventilator forgot a task without an ACK");
  } else if (const auto* leaving = std::get_if<wire::Leaving>(&message)) {
    for (const IdRange& range : leaving->unstarted) {
      for (TaskId id = range.first; id <= range.last; ++id) {
        const auto out = out_.find(id);
        if (out != out_.end() && out->second.lane == leaving->token) off_lane(out);
      }
    }
  } else if (const auto* given = std::get_if<wire::Given>(&message)) {
    if (run.dispatcher().recalled() == recalled) return;
    for (const IdRange& range : given->ids) {
      for (TaskId id = range.first; id <= range.last; ++id) {
        const auto out = out_.find(id);
        if (out != out_.end() && out->second.lane == given->token) off_lane(out);
      }
    }
  } else if (const auto* failed = std::get_if<wire::Failed>(&message)) {
    if (failed->run != run.id()) return;
    for (const wire::AttemptId& attempt : failed->attempts) {
      const auto out = out_.find(attempt.id);
      if (out != out_.end() && out->second.attempt == attempt.attempt) off_lane(out);
    }
  }
}

// Whoever died alone with a task, as far as what it had started is concerned.
void Ledger::lane_closed(LaneToken lane) {
  const auto death = deaths_.find(lane);
  for (auto out = out_.begin(); out != out_.end();) {
    const auto one = out++;
    if (one->second.lane != lane) continue;
    if (death != deaths_.end()) {
      bool alone = true;
      for (const TaskId id : death->second) {
        alone = alone && (id == one->first || acknowledged_.count(id) > 0);
      }
      if (alone) ++solo_deaths_[one->first];
    }
    off_lane(one);
  }
  if (death != deaths_.end()) deaths_.erase(death);
}

void Ledger::said_dead(TaskId id) const {
  const auto deaths = solo_deaths_.find(id);
  if (deaths == solo_deaths_.end() || deaths->second < deaths_to_be_dead) {
    violated(named("10: declared dead before three processes died of it alone", id));
  }
}

void Ledger::check(const core::Run& run, bool disturbed) const {
  const core::Dispatcher& tasks = run.dispatcher();
  if (tasks.out() + tasks.pending() + tasks.acknowledged() != tasks.added()) {
    violated("1: a task is neither out nor pending nor acknowledged");
  }
  if (tasks.out() + tasks.pending() > scenario_.window)
    violated("5: more is unacknowledged than the window allows");
  if (!disturbed && tasks.redelivered() > 0) violated("5: redelivered without a fault");
}

void Ledger::ran(RunId run, TaskId id, Outcome outcome) {
  ++executions_;
  if (outcome == Outcome::failed) ++failures_[{run, id}];
}

void Ledger::acknowledges(const wire::Ack& ack) const {
  for (const IdRange& range : ack.ids) {
    for (TaskId id = range.first; id <= range.last; ++id) {
      const auto outcome = disk_.outcome_of(ack.run, id);
      if (!outcome) violated(named("3: acknowledged before it was safe", id));
      if (*outcome != ack.outcome) violated(named("3: acknowledged as another outcome than was stored", id));
    }
  }
}

void Ledger::stored(RunId run, const wire::ResultView& result) const {
  if (result.outcome == Outcome::dead && run == run_) said_dead(result.id);
  if (result.outcome != Outcome::failed) return;
  const auto failures = failures_.find({run, result.id});
  if (failures == failures_.end() || failures->second <= scenario_.retries) {
    violated(named("a failure counts before its retries are used up", result.id));
  }
}

void Ledger::check(const core::Collector& collector, bool disturbed) const {
  const core::Accounts& accounts = collector.accounts();
  if (accounts.received() != collector.stored() + collector.retried() + collector.held() +
                                 accounts.duplicates() + accounts.rejected()) {
    violated("8: the sink's account does not add up");
  }
  if (!disturbed && accounts.duplicates() > 0) violated("5: a duplicate without a fault");
}

}  // namespace fanmill::simulation
