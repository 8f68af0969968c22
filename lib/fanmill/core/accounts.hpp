#pragma once
// Which outcomes count: the first of each task, and no other; and when there is one for every task.
//
// Memory follows the gaps between finished ids, not their number. Pure. One thread.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/ranges.hpp>

namespace fanmill::core {

class Accounts {
 public:
  enum class Verdict : std::uint8_t {
    accepted,   // the first outcome of this id: to be stored
    duplicate,  // there is one already: acknowledged again, not stored
    rejected,   // no such task in this run
  };

  [[nodiscard]] Verdict on_result(TaskId id, Outcome outcome) {
    const Verdict verdict = check(id);
    if (verdict == Verdict::accepted) accept(id, outcome);
    return verdict;
  }
  // The two halves of it: what has come is counted and judged; what was judged to be the first counts from
  // now on.
  [[nodiscard]] Verdict check(TaskId id);
  void accept(TaskId id, Outcome outcome) { accept(IdRange{id, id}, outcome); }
  // The same for all from the first of these neighbours that have no outcome yet; returns how many that are.
  // 0: the first one is for on_result.
  [[nodiscard]] std::uint64_t on_results(IdRange ids, Outcome outcome);
  // One has come for a task that cannot have any.
  void reject() {
    ++received_;
    ++rejected_;
  }
  // Outcomes that were stored before this process was started: they count, but have not been received.
  void restore(IdRange ids, Outcome outcome);

  // END: ids 0 … count−1 are all there are. `stopped`: those without an outcome will get none.
  void on_end(std::uint64_t count, bool stopped);

  // Every task has its outcome, or the run was stopped.
  [[nodiscard]] bool complete() const { return count_ && (stopped_ || all_there()); }
  [[nodiscard]] bool all_there() const { return count_ && accepted() - beyond_ == *count_; }

  [[nodiscard]] std::uint64_t received() const { return received_; }
  [[nodiscard]] std::uint64_t accepted(Outcome outcome) const { return accepted_[index(outcome)]; }
  [[nodiscard]] std::uint64_t accepted() const;
  [[nodiscard]] std::uint64_t duplicates() const { return duplicates_; }
  [[nodiscard]] std::uint64_t rejected() const { return rejected_; }
  [[nodiscard]] std::optional<std::uint64_t> count() const { return count_; }

  // All ids that have this outcome, for acknowledging again after a connection was lost.
  [[nodiscard]] std::vector<IdRange> finished(Outcome outcome) const;
  // The outcome that counts for this id, if it has one.
  [[nodiscard]] std::optional<Outcome> outcome_of(TaskId id) const;
  [[nodiscard]] bool any_in(IdRange ids) const;

 private:
  static std::size_t index(Outcome outcome) { return static_cast<std::size_t>(outcome); }
  void close_run();
  [[nodiscard]] bool continues(TaskId id) const {
    return run_.first != run_.next && id == run_.next && id < run_.limit;
  }
  std::uint64_t accept(IdRange ids, Outcome outcome);

  // Neighbours that came one after the other, of one outcome, not in `sets_` yet: nearly every id takes this
  // path.
  struct Run {
    Outcome outcome = Outcome::ok;
    TaskId first = 0;
    TaskId next = 0;   // first == next: empty
    TaskId limit = 0;  // from here on ids may be finished already
  };
  Run run_;
  std::array<IdSet, 3> sets_;
  std::array<std::uint64_t, 3> accepted_{};
  std::uint64_t received_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t rejected_ = 0;
  std::optional<std::uint64_t> count_;
  std::uint64_t beyond_ = 0;  // accepted before END, with ids that END excludes
  bool stopped_ = false;
};

}  // namespace fanmill::core
