#include <algorithm>
#include <chrono>

#include <fanmill/core/meter.hpp>

namespace fanmill::core {

namespace {
constexpr auto window = std::chrono::seconds(5);
constexpr auto too_short = std::chrono::milliseconds(1);
}  // namespace

void Meter::add(std::uint64_t amount, Time now) {
  if (start_ == never) start_ = now;
  amount_ += amount;
  const Duration elapsed = now - start_;
  if (elapsed < window) return;
  before_ = amount_;
  before_took_ = elapsed;
  amount_ = 0;
  start_ = now;
}

double Meter::per_second(Time now) const {
  if (start_ == never) return 0;
  const Duration elapsed = before_took_ + std::max(Duration::zero(), now - start_);
  if (elapsed < too_short) return 0;
  return static_cast<double>(before_ + amount_) / std::chrono::duration<double>(elapsed).count();
}

}  // namespace fanmill::core
