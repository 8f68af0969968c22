#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include <fanmill/base/error.hpp>
#include <fanmill/base/quantity.hpp>

namespace fanmill {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// A hundred years: far from where a deadline, now + duration, would overflow.
constexpr double longest_ns = 100.0 * 365 * 24 * 3600 * 1e9;

constexpr std::string_view duration_takes = "it takes a time with its unit: 500ms, 2s, 5m or 1h";
constexpr std::string_view size_takes = "it takes a size in bytes: 4096, 64K, 1M or 1G";

[[nodiscard]] Error bad(std::string_view option, std::string_view text, std::string_view reason,
                        std::string_view takes) {
  return usage_error(option, fmt::format("'{}' {}", text, reason), takes);
}

[[nodiscard]] std::optional<double> nanoseconds_in(std::string_view unit) {
  if (unit == "ms") return 1e6;
  if (unit == "s") return 1e9;
  if (unit == "m") return 60e9;
  if (unit == "h") return 3600e9;
  return std::nullopt;
}

[[nodiscard]] std::optional<unsigned> shift_of(std::string_view unit) {
  if (unit.empty()) return 0;
  const std::string_view form = unit.substr(1);
  if (!form.empty() && form != "iB" && form != "B") return std::nullopt;
  switch (unit.front()) {
    case 'K':
    case 'k':
      return 10;
    case 'M':
    case 'm':
      return 20;
    case 'G':
    case 'g':
      return 30;
    default:
      return std::nullopt;
  }
}

// One decimal, and none where it says nothing: "1.5", "64".
[[nodiscard]] std::string tenths(std::uint64_t value) {
  if (value % 10 == 0) return fmt::format("{}", value / 10);
  return fmt::format("{}.{}", value / 10, value % 10);
}

}  // namespace

Duration parse_duration(std::string_view option, std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, digits);
  const std::string_view unit = text.substr(digits);

  // from_chars knows words for numbers, but only digits and points have come this far.
  double value = 0;
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), value, std::chars_format::fixed);
  const bool whole = end == number.data() + number.size();
  if (number.empty() || !whole || number.back() == '.' || error == std::errc::invalid_argument) {
    throw bad(option, text, "is not a time", duration_takes);
  }
  if (unit.empty() && value == 0 && error == std::errc()) return Duration::zero();
  if (unit.empty()) throw bad(option, text, "has no unit", duration_takes);
  const std::optional<double> scale = nanoseconds_in(unit);
  if (!scale) throw bad(option, text, fmt::format("has an unknown unit, '{}'", unit), duration_takes);
  if (error != std::errc() || value * *scale > longest_ns) {
    throw bad(option, text, "is too long", "the longest is a hundred years");
  }
  // Rounded: 0.1s is a hundred milliseconds to the nanosecond.
  return duration_cast<Duration>(nanoseconds(std::llround(value * *scale)));
}

std::uint64_t parse_size(std::string_view option, std::string_view text) {
  std::uint64_t value = 0;
  const char* const text_end = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), text_end, value);
  if (error == std::errc::invalid_argument) throw bad(option, text, "is not a size", size_takes);
  const std::string_view unit(end, static_cast<std::size_t>(text_end - end));
  const std::optional<unsigned> shift = shift_of(unit);
  if (!shift) throw bad(option, text, fmt::format("has an unknown unit, '{}'", unit), size_takes);
  if (error != std::errc() || value > (std::numeric_limits<std::uint64_t>::max() >> *shift)) {
    throw bad(option, text, "is too large", size_takes);
  }
  return value << *shift;
}

std::uint64_t parse_count(std::string_view option, std::string_view text, std::uint64_t low,
                          std::uint64_t high) {
  const std::string takes = high == std::numeric_limits<std::uint64_t>::max()
                                ? fmt::format("it takes a whole number from {}", low)
                                : fmt::format("it takes a whole number from {} to {}", low, high);
  std::uint64_t value = 0;
  const char* const text_end = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), text_end, value);
  if (end != text_end || error == std::errc::invalid_argument) {
    throw bad(option, text, "is not a whole number", takes);
  }
  if (error != std::errc() || value > high) throw bad(option, text, "is too large", takes);
  if (value < low) throw bad(option, text, "is too small", takes);
  return value;
}

std::string format_duration(Duration duration) {
  // Not a "-" in front: gcc 12 warns of that with -O3.
  if (duration < Duration::zero()) return fmt::format("-{}", format_duration(-duration));
  // Rounded before a unit is chosen: what is all but a second is "1 s" and not "1000 ms".
  const auto ms = static_cast<std::uint64_t>(std::chrono::round<milliseconds>(duration).count());
  if (ms < 1000) return ms == 0 ? "0 s" : fmt::format("{} ms", ms);
  const std::uint64_t tenths_of_s = (ms + 50) / 100;
  if (tenths_of_s < 600) return tenths(tenths_of_s) + " s";
  const std::uint64_t s = (ms + 500) / 1000;
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  const std::uint64_t min = (s + 30) / 60;
  return fmt::format("{} h {:02} min", min / 60, min % 60);
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  std::size_t unit = 0;
  double value = static_cast<double>(bytes) / 1024;
  // As the decimal is rounded up, so is the unit: never "1024 KiB".
  while (value >= 1023.95 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return tenths(static_cast<std::uint64_t>(std::llround(value * 10))) + " " + units[unit];
}

std::string format_count(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace fanmill
