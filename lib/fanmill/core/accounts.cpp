#include <algorithm>
#include <numeric>

#include <fanmill/core/accounts.hpp>

namespace fanmill::core {

void Accounts::close_run() {
  if (run_.first == run_.next) return;
  sets_[index(run_.outcome)].add(IdRange{run_.first, run_.next - 1});
  run_.first = run_.next;
}

Accounts::Verdict Accounts::check(TaskId id) {
  ++received_;
  if (id > max_task_id || (count_ && id >= *count_)) {
    ++rejected_;
    return Verdict::rejected;
  }
  if (!continues(id) && outcome_of(id)) {
    ++duplicates_;
    return Verdict::duplicate;
  }
  return Verdict::accepted;
}

std::uint64_t Accounts::on_results(IdRange ids, Outcome outcome) {
  const TaskId end = count_.value_or(max_task_id + 1);
  if (ids.first >= end || (!continues(ids.first) && outcome_of(ids.first))) return 0;
  const std::uint64_t count = accept({ids.first, std::min(ids.last, end - 1)}, outcome);
  received_ += count;
  return count;
}

// From the first on, which has none, to before the first that has an outcome.
std::uint64_t Accounts::accept(IdRange ids, Outcome outcome) {
  if (!continues(ids.first) || outcome != run_.outcome) {
    close_run();
    run_ = {outcome, ids.first, ids.first, max_task_id + 1};
    for (const IdSet& set : sets_) {
      run_.limit = std::min(run_.limit, set.next_from(ids.first).value_or(run_.limit));
    }
  }
  run_.next = std::min(ids.last + 1, run_.limit);
  const std::uint64_t count = run_.next - ids.first;
  accepted_[index(outcome)] += count;
  return count;
}

void Accounts::restore(IdRange ids, Outcome outcome) {
  close_run();
  accepted_[index(outcome)] += sets_[index(outcome)].add(ids);
}

bool Accounts::any_in(IdRange ids) const {
  if (run_.first != run_.next && run_.first <= ids.last && run_.next > ids.first) return true;
  return std::any_of(sets_.begin(), sets_.end(), [&](const IdSet& set) {
    const std::optional<TaskId> next = set.next_from(ids.first);
    return next && *next <= ids.last;
  });
}

void Accounts::on_end(std::uint64_t count, bool stopped) {
  stopped_ = stopped_ || stopped;
  if (count_ == count) return;
  count_ = count;
  // What came before END and turns out to be no task of this run must not stand for one that is missing.
  beyond_ = 0;
  close_run();
  for (const IdSet& set : sets_) {
    for (const IdRange& range : set.ranges()) {
      if (range.last >= count) beyond_ += IdRange{std::max<TaskId>(range.first, count), range.last}.count();
    }
  }
}

std::uint64_t Accounts::accepted() const {
  return std::accumulate(accepted_.begin(), accepted_.end(), std::uint64_t{0});
}

std::vector<IdRange> Accounts::finished(Outcome outcome) const {
  IdSet all = sets_[index(outcome)];
  if (run_.first != run_.next && run_.outcome == outcome) all.add(IdRange{run_.first, run_.next - 1});
  return all.ranges();
}

std::optional<Outcome> Accounts::outcome_of(TaskId id) const {
  if (id >= run_.first && id < run_.next) return run_.outcome;
  for (std::size_t i = 0; i < sets_.size(); ++i) {
    if (sets_[i].contains(id)) return static_cast<Outcome>(i);
  }
  return std::nullopt;
}

}  // namespace fanmill::core
