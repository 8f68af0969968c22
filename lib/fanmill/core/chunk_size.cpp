#include <algorithm>
#include <chrono>

#include <fanmill/core/chunk_size.hpp>

namespace fanmill::core {

namespace {
constexpr double target = 150'000;  // ns
// The first items may be quick ones, or their time too short for the clock.
constexpr std::size_t most_growth = 4;
// The shares of the rest that each worker still takes at the least; but parts of the target that are too
// short to be worth sharing are not cut any smaller.
constexpr std::size_t shares = 8;
constexpr std::size_t smallest_part = 8;
}  // namespace

void ChunkSize::ran(std::size_t count, Duration took) {
  const double nanoseconds = std::chrono::duration<double, std::nano>(took).count();
  const double sample = std::max(nanoseconds, 1.0) / static_cast<double>(count);
  per_item_ = per_item_ == 0 ? sample : (per_item_ + sample) / 2;
  const double most = static_cast<double>(wanted_ * most_growth);
  wanted_ = static_cast<std::size_t>(std::clamp(target / per_item_, 1.0, most));
}

std::size_t ChunkSize::next(std::size_t remaining) const {
  const std::size_t share = std::max(remaining / (shares * workers_), wanted_ / smallest_part);
  return std::clamp<std::size_t>(share, 1, std::min(wanted_, remaining));
}

}  // namespace fanmill::core
