#pragma once
// A store whose outcomes outlive the process, and are found again by what the task was.

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <fanmill/store/store.hpp>

namespace fanmill::store {

// The answer to announce().
struct Announced {
  std::vector<std::pair<IdRange, Outcome>> bound;  // have an outcome now; safe once take_safe() says so
  std::vector<IdRange> fresh;                      // have none: to be run
  void clear() {
    bound.clear();
    fresh.clear();
  }
};

class DurableStore : public Store {
 public:
  // begin() may come again, also after finish(): another run on what there is.

  // After begin(): the outcomes of this very run that are stored already, since a sink before this one stored
  // them. They are safe.
  [[nodiscard]] virtual SafeIds stored() const = 0;

  // The keys of the tasks first, first + 1, …, each announced once between begin() and its outcome. A task of
  // which there is a stored outcome that may be taken over, and that no other task of this run has taken, is
  // bound to it. The keys of the others are kept until accept() writes them.
  virtual void announce(TaskId first, std::span<const Key> keys, Announced& answer) = 0;

  // How many tasks the run has, once it is known; stands in the closing statement.
  virtual void set_count(std::uint64_t tasks) = 0;
};

}  // namespace fanmill::store
