#pragma once
// Time as the decisions see it: points on a monotonic clock that somebody else reads.

#include <chrono>

namespace fanmill {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Duration = Clock::duration;

// For a deadline that is not set.
inline constexpr Time never = Time::max();

}  // namespace fanmill
