#include <algorithm>

#include <fanmill/work/pace.hpp>

namespace fanmill::work {

namespace {
constexpr std::size_t largest_chunk = 4096;
// Tasks longer than this are brought one by one: the way there and back takes some 50 µs.
constexpr std::uint64_t long_task = 2'000'000;
// Nobody waits for a loop that is away for so long.
constexpr std::uint64_t short_task = 100'000;
// Work of less than this is not worth sharing out.
constexpr std::uint64_t least_to_share = 20'000;
}  // namespace

void Pace::ran(std::size_t count, std::chrono::nanoseconds took) {
  if (count == 0) return;
  const auto nanoseconds = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 1));
  const std::uint64_t sample = std::max<std::uint64_t>(nanoseconds / count, 1);
  per_task_ = per_task_ == 0 ? sample : std::max<std::uint64_t>((3 * per_task_ + sample) / 4, 1);
  short_in_a_row_ = sample <= short_task ? short_in_a_row_ + 1 : 0;
  const std::size_t fitting = static_cast<std::uint64_t>(target.count()) / per_task_;
  wanted_ = std::clamp<std::size_t>(fitting, 1, std::min(2 * wanted_, largest_chunk));
}

std::size_t Pace::chunk(std::size_t queued) const {
  const bool worth_sharing = per_task_ == 0 || per_task_ * queued >= least_to_share;
  const std::size_t share = worth_sharing ? std::max<std::size_t>(queued / (2 * executors_), 1) : queued;
  return std::min({wanted_, share, queued});
}

std::size_t Pace::room() const {
  if (per_task_ == 0 || per_task_ >= long_task) return executors_;
  return 2 * wanted_ * executors_;
}

}  // namespace fanmill::work
