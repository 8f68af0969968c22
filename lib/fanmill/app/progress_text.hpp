#pragma once
// How far a run has come, in words. Pure.

#include <cstddef>
#include <string>

#include <fanmill/core/progress.hpp>

namespace fanmill::app {

// One line for a terminal, of ASCII, shorter than `columns` so that the cursor stays on it: "[###-----]
// 375/1000 37% 120/s 0:05 left, 3 failed, 4 workers". Where there is little room the last things go first;
// the number of tasks that are done stays.
[[nodiscard]] std::string progress_bar(const core::Progress& progress, std::size_t columns);

// The same as a sentence: "375 of 1000 tasks done, 3 failed, 120/s, 0:05 left, 4 workers".
[[nodiscard]] std::string progress_sentence(const core::Progress& progress);

// "0:05", "12:34", "3:25:45", "4 days".
[[nodiscard]] std::string clock_time(Duration time);

// Of tasks per second: "0", "0.025/s", "2.5/s", "120/s", "1.2M/s".
[[nodiscard]] std::string rate_text(double per_second);

}  // namespace fanmill::app
