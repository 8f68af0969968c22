#include <chrono>

#include <fanmill/core/progress.hpp>

namespace fanmill::core {

std::optional<Duration> Progress::left() const {
  if (!total || *total < done) return std::nullopt;
  if (*total == done) return Duration::zero();
  const double seconds = static_cast<double>(*total - done) / rate;
  constexpr double most = 1e9;  // thirty years, far below what a Duration holds
  if (!(seconds < most)) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace fanmill::core
