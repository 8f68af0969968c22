#include <algorithm>
#include <chrono>

#include <fanmill/core/credit.hpp>

namespace fanmill::core {

namespace {
constexpr std::uint32_t most = 65536;
constexpr auto horizon = std::chrono::milliseconds(4);  // as good as 16 ms when measured
// Where that is less than `few`, it may be as many as these: with a task or two to a message, its journey
// costs a tenth of what a task of a millisecond does.
constexpr double few = 16;
constexpr auto horizon_of_few = std::chrono::milliseconds(16);
// A result waits for the commit that has begun, and for its own. Twice that, so that a lane whose credit is
// what holds it up gets more with each window.
constexpr int commits = 4;
constexpr int smoothing = 4;  // one long commit, as a checkpoint is, changes little
constexpr auto longest_commit = std::chrono::seconds(1);  // beyond it, too much would be in hand
constexpr std::uint32_t many_for_a_slot = 32;
constexpr std::uint32_t steepest = 4;
constexpr auto shortest_window = std::chrono::microseconds(500);
}  // namespace

Credit::Credit(std::uint32_t slots, std::optional<std::uint32_t> prefetch)
    : slots_(slots),
      least_(slots + 1),
      tasks_(prefetch ? slots + *prefetch : slots + 1),
      fixed_(prefetch.has_value()) {}

std::uint32_t Credit::lump() const {
  const bool is_for_the_store = commits * took_ > horizon;
  return fixed_ || is_for_the_store || tasks_ / many_for_a_slot < slots_ ? 0 : tasks_ / 2;
}

void Credit::acknowledged(std::uint64_t finished, bool ran_dry, Time now, std::optional<Duration> took) {
  if (fixed_) return;
  if (window_start_ == Time{}) {
    window_start_ = now;
    return;
  }
  window_finished_ += finished;
  window_dry_ = window_dry_ || ran_dry;
  if (took) window_took_ = took;
  const auto elapsed = now - window_start_;
  if (elapsed < shortest_window) return;

  if (window_took_) took_ += (std::min<Duration>(*window_took_, longest_commit) - took_) / smoothing;
  using Seconds = std::chrono::duration<double>;
  const auto finished_in = [&](Duration time) {
    return static_cast<double>(window_finished_) * Seconds(time).count() / Seconds(elapsed).count();
  };
  const double per_horizon = std::max(finished_in(std::max<Duration>(horizon, commits * took_)),
                                      std::min(few, finished_in(horizon_of_few)));
  const auto rate = static_cast<std::uint32_t>(std::min(per_horizon, static_cast<double>(most)));
  // Steps are bounded, so that one odd window does little harm. Down they are smaller than up: at the
  // beginning of a run the way from one task to thousands is waited for.
  const auto together = static_cast<std::uint32_t>(std::min<std::uint64_t>(window_finished_, most));
  const bool are_quick = together > slots_;  // or else they may all have begun at once
  if (rate > tasks_ || window_dry_) {
    // It has waited for us, so its way to us and back is longer than what it has in hand lasts: as many more
    // as came back, or, where they are quick, as make it four times what they were.
    const std::uint32_t more = window_dry_ ? (are_quick ? steepest - 1 : 1) * together : 1;
    tasks_ = std::min({std::max(rate, tasks_ + std::max<std::uint32_t>(1, more)), tasks_ * steepest,
                       std::max(most, least_)});
  } else if (rate < tasks_ / 2) {
    // A worker that did so many together needs as many, and as many again meanwhile, though it was long ago
    // that it could: there are others on its processor.
    tasks_ = std::max({tasks_ / 2, are_quick ? std::min(tasks_, 2 * together) : 0, least_});
  }
  window_start_ = now;
  window_finished_ = 0;
  window_dry_ = false;
  window_took_.reset();
}

}  // namespace fanmill::core
