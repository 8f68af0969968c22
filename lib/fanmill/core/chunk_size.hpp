#pragma once
// How many items of a map make the next chunk, from how long items have taken: as many as fill a fraction of
// a millisecond, since each chunk costs a task's way through the pipeline; fewer towards the end, so that no
// worker is left with a long one when the others have nothing more to do. Pure.

#include <cstddef>

#include <fanmill/base/time.hpp>

namespace fanmill::core {

class ChunkSize {
 public:
  explicit ChunkSize(std::size_t workers) : workers_(workers) {}

  // `count` ≥ 1 items took so long, one after the other.
  void ran(std::size_t count, Duration took);

  // 1 … remaining, where that is at least 1.
  [[nodiscard]] std::size_t next(std::size_t remaining) const;

 private:
  std::size_t workers_;
  double per_item_ = 0;     // ns, lately; below 1 where a compiler has done well
  std::size_t wanted_ = 1;  // items that fill a chunk's time; grows step by step
};

}  // namespace fanmill::core
