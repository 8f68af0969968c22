#include "memory_store.hpp"

#include <algorithm>

#include "planted.hpp"
#include "violation.hpp"
#include <fanmill/base/error.hpp>

namespace fanmill::simulation {

namespace {
std::vector<IdRange>& of(store::SafeIds& ids, Outcome outcome) {
  return outcome == Outcome::ok ? ids.ok : outcome == Outcome::failed ? ids.failed : ids.dead;
}
}  // namespace

std::optional<Outcome> Disk::outcome_of(RunId run, TaskId task) const {
  const auto of_run = outcomes.find(run);
  if (of_run == outcomes.end()) return std::nullopt;
  const auto found = of_run->second.find(task);
  if (found == of_run->second.end()) return std::nullopt;
  return found->second;
}

void MemoryStore::begin(RunId run, const std::string&) {
  flush_all();
  safe_ = {};
  run_ = run;
  if (disk_.runs.empty() || disk_.runs.back() != run) {
    if (std::count(disk_.runs.begin(), disk_.runs.end(), run) > 0)
      violated("a run that was over has begun again");
    disk_.runs.push_back(run);
    disk_.bound.clear();
  }
  disk_.outcomes[run];
  waiting_.clear();
  earlier_.clear();
  std::set<std::uint64_t> taken;
  for (const auto& [task, row] : disk_.bound) taken.insert(row);
  for (const auto& [number, row] : disk_.rows) {
    if (row.run != run && row.key && taken.count(number) == 0) earlier_[*row.key].push_back(number);
  }
}

store::SafeIds MemoryStore::stored() const {
  store::SafeIds result;
  for (const auto& [task, outcome] : disk_.outcomes[run_]) of(result, outcome).push_back({task, task});
  return result;
}

// The oldest of that key and use, which it is no more from now on.
std::optional<std::uint64_t> MemoryStore::take(const Key& key, bool bind) {
  const auto found = earlier_.find(key);
  if (found == earlier_.end()) return std::nullopt;
  for (auto row = found->second.begin(); row != found->second.end(); ++row) {
    const bool may_bind = !retry_failed_ || disk_.rows.at(*row).outcome == Outcome::ok;
    if (may_bind != bind) continue;
    const std::uint64_t number = *row;
    if (!planted(Bug::row_bound_twice)) found->second.erase(row);
    return number;
  }
  return std::nullopt;
}

void MemoryStore::announce(TaskId first, std::span<const Key> keys, store::Announced& answer) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const TaskId task = first + i;
    if (const auto outcome = disk_.outcome_of(run_, task)) {
      staged_.push_back({.task = task, .outcome = *outcome, .key = {}, .known = true});
      answer.bound.push_back({{task, task}, *outcome});
    } else if (const auto row = take(keys[i], true)) {
      const Outcome bound = disk_.rows.at(*row).outcome;
      staged_.push_back({.task = task, .outcome = bound, .key = keys[i], .row = *row});
      answer.bound.push_back({{task, task}, bound});
    } else {
      waiting_[task] = keys[i];
      append_id(answer.fresh, task);
    }
  }
}

void MemoryStore::accept(const wire::ResultsHeader&, const wire::ResultView& result) {
  Staged one{.task = result.id, .outcome = result.outcome, .key = {}};
  const auto key = waiting_.find(result.id);
  if (key != waiting_.end()) {
    one.key = key->second;
    one.replaces = take(key->second, false).value_or(0);
    waiting_.erase(key);
  }
  staged_.push_back(one);
}

void MemoryStore::commit(const Staged& one) {
  if (one.known) return;
  if (!disk_.outcomes[run_].emplace(one.task, one.outcome).second) {
    violated("2: a second outcome of task " + std::to_string(one.task) + " is stored");
  }
  if (one.row != 0) {
    for (const auto& [task, row] : disk_.bound) {
      if (row == one.row) violated("2: one stored result is bound to two tasks");
    }
    disk_.bound[one.task] = one.row;
    return;
  }
  if (one.replaces != 0) disk_.rows.erase(one.replaces);
  disk_.rows[++disk_.last_row] = {run_, one.task, one.key, one.outcome};
}

void MemoryStore::flush(Time) {
  if (disk_.write_fails && !staged_.empty()) {
    disk_.write_fails = false;
    if (!planted(Bug::safe_though_write_failed)) {
      throw Error(ErrorCode::unavailable, "write the results", "", "no space");
    }
    for (const Staged& one : staged_) of(safe_, one.outcome).push_back({one.task, one.task});
    staged_.clear();
    return;
  }
  commit_first(by_halves_ && ++flushes_ % 3 != 0 ? staged_.size() / 2 : staged_.size());
}

void MemoryStore::flush_all() {
  commit_first(staged_.size());
}

void MemoryStore::commit_first(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    commit(staged_[i]);
    of(safe_, staged_[i].outcome).push_back({staged_[i].task, staged_[i].task});
  }
  staged_.erase(staged_.begin(), staged_.begin() + static_cast<std::ptrdiff_t>(count));
}

void MemoryStore::take_safe(store::SafeIds& safe) {
  for (const Outcome outcome : {Outcome::ok, Outcome::failed, Outcome::dead}) {
    std::vector<IdRange>& from = of(safe_, outcome);
    std::vector<IdRange>& to = of(safe, outcome);
    to.insert(to.end(), from.begin(), from.end());
    from.clear();
  }
  if (!planted(Bug::ack_before_commit)) return;
  for (const Staged& one : staged_) of(safe, one.outcome).push_back({one.task, one.task});
}

}  // namespace fanmill::simulation
