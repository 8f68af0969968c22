#include <algorithm>

#include <fanmill/wire/limits.hpp>
#include <fanmill/work/depth.hpp>

namespace fanmill::work {

namespace {
constexpr std::chrono::milliseconds soon(1);
constexpr std::chrono::milliseconds late(4);
constexpr std::size_t deepest = wire::batch_tasks;
}  // namespace

void Depth::answered(std::size_t count, std::chrono::nanoseconds took) {
  if (took < soon && count == depth_) depth_ = std::min(2 * depth_, deepest);
  if (took > late) depth_ = std::max<std::size_t>(std::min(depth_, count) / 2, 1);
}

std::size_t Depth::batch(std::size_t queued, std::size_t slots) const {
  return std::min({depth_, (queued + slots - 1) / slots, queued});
}

std::size_t Depth::room(std::size_t slots) const {
  return depth_ == 1 ? slots : 2 * depth_ * slots;
}

}  // namespace fanmill::work
