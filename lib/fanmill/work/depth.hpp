#pragma once
// How many items a co-process is asked at a time, from how long it took over those before: one by one where
// they take long, and where they are short as many as make the way there and back small beside them. That way
// is part of what is measured, and depends on who else wants the processors; so this is found by doubling
// and halving and not by a price per item. Pure.

#include <chrono>
#include <cstddef>

namespace fanmill::work {

class Depth {
 public:
  // `count` items that were asked together took so long.
  void answered(std::size_t count, std::chrono::nanoseconds took);

  // How many to ask one of `slots` now that `queued` ≥ 1 are there: 1 … queued.
  [[nodiscard]] std::size_t batch(std::size_t queued, std::size_t slots) const;
  // How many items may be asked and waiting in all; none wait where they take long.
  [[nodiscard]] std::size_t room(std::size_t slots) const;

 private:
  std::size_t depth_ = 1;
};

}  // namespace fanmill::work
