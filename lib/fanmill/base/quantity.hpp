#pragma once
// Quantities with units, as people write them in options.

#include <cstdint>
#include <string>
#include <string_view>

#include <fanmill/base/time.hpp>

namespace fanmill {

// "500ms", "2s", "1.5m", "1h", "0". Units: ms, s, m, h; a bare number other than 0 is refused, because a
// reader of a script cannot know what it means. At most a hundred years, so that a deadline never overflows.
// Throws usage_error naming `option` and what it takes.
[[nodiscard]] Duration parse_duration(std::string_view option, std::string_view text);

// "4096", "64K", "1M", "2G" (powers of 1024; "KiB" and "KB" forms too). Throws usage_error.
[[nodiscard]] std::uint64_t parse_size(std::string_view option, std::string_view text);

// A whole number between `low` and `high`. Throws usage_error with the bounds.
[[nodiscard]] std::uint64_t parse_count(std::string_view option, std::string_view text, std::uint64_t low,
                                        std::uint64_t high);

// For people: "350 ms", "4.2 s", "5 min 03 s", "1 h 05 min"; "512 B", "64 KiB", "1.5 MiB".
[[nodiscard]] std::string format_duration(Duration duration);
[[nodiscard]] std::string format_size(std::uint64_t bytes);
// "1 task", "2 tasks": `noun` in the singular, of those that take an s.
[[nodiscard]] std::string format_count(std::uint64_t count, std::string_view noun);

}  // namespace fanmill
