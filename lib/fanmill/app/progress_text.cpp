#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>

#include <fmt/format.h>

#include <fanmill/app/progress_text.hpp>

namespace fanmill::app {

namespace {

constexpr std::size_t narrowest_bar = 10;  // with its brackets

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

// Rounded down: 100 % is all of it.
unsigned percent(const core::Progress& progress) {
  const double share = static_cast<double>(progress.done) / static_cast<double>(*progress.total);
  return static_cast<unsigned>(std::min(100.0, share * 100));
}

std::string bar(const core::Progress& progress, std::size_t width) {
  const std::size_t inner = width - 2;
  const double share = static_cast<double>(progress.done) / static_cast<double>(*progress.total);
  const auto full = static_cast<std::size_t>(std::min(1.0, share) * static_cast<double>(inner));
  return "[" + std::string(full, '#') + std::string(inner - full, '-') + "]";
}

std::string time_text(const core::Progress& progress) {
  if (const auto left = progress.left()) return clock_time(*left) + " left";
  return clock_time(progress.elapsed);
}

}  // namespace

std::string clock_time(Duration time) {
  const auto seconds = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::seconds>(time).count()));
  constexpr std::uint64_t day = 86'400;
  if (seconds >= 2 * day) return fmt::format("{} days", seconds / day);
  const std::uint64_t minutes = seconds / 60;
  if (minutes < 60) return fmt::format("{}:{:02}", minutes, seconds % 60);
  return fmt::format("{}:{:02}:{:02}", minutes / 60, minutes % 60, seconds % 60);
}

std::string rate_text(double per_second) {
  if (per_second <= 0) return "0/s";
  if (per_second < 0.095) return fmt::format("{:.3f}/s", per_second);
  if (per_second < 9.95) return fmt::format("{:.1f}/s", per_second);
  if (per_second < 99'999.5) return fmt::format("{:.0f}/s", per_second);
  if (per_second < 999'500) return fmt::format("{:.0f}k/s", per_second / 1e3);
  return fmt::format("{:.1f}M/s", per_second / 1e6);
}

std::string progress_bar(const core::Progress& progress, std::size_t columns) {
  const std::size_t room = std::max<std::size_t>(columns, 2) - 1;
  const bool known = progress.total && *progress.total > 0;
  std::string line =
      known ? fmt::format("{}/{}", progress.done, *progress.total) : fmt::format("{} done", progress.done);
  // In the order in which they are wanted, which is that in which they stand but for the failures.
  const std::array parts{
      known ? fmt::format(" {}%", percent(progress)) : std::string(),
      " " + rate_text(progress.rate),
      " " + time_text(progress),
      progress.failed > 0 ? fmt::format(", {} failed", progress.failed) : std::string(),
      progress.workers ? ", " + counted(*progress.workers, "worker", "workers") : std::string(),
  };
  // Failures before rate and time.
  constexpr std::array<std::size_t, 5> wanted{3, 0, 2, 1, 4};
  std::array<bool, 5> taken{};
  std::size_t width = line.size();
  for (const std::size_t part : wanted) {
    if (width + parts[part].size() > room) break;
    taken[part] = true;
    width += parts[part].size();
  }
  for (std::size_t part = 0; part < parts.size(); ++part) {
    if (taken[part]) line += parts[part];
  }
  if (known && line.size() + 1 + narrowest_bar <= room) {
    return bar(progress, room - 1 - line.size()) + " " + line;
  }
  return line.substr(0, room);
}

std::string progress_sentence(const core::Progress& progress) {
  std::string text = progress.total ? fmt::format("{} of {} tasks done", progress.done, *progress.total)
                                    : counted(progress.done, "task done", "tasks done");
  if (progress.failed > 0) text += fmt::format(", {} failed", progress.failed);
  text += ", " + rate_text(progress.rate);
  if (const auto left = progress.left()) text += ", " + clock_time(*left) + " left";
  if (progress.workers) text += ", " + counted(*progress.workers, "worker", "workers");
  return text;
}

}  // namespace fanmill::app
