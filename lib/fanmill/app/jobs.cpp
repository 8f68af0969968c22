#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>

#include <fmt/format.h>

#include <fanmill/app/jobs.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/wire/limits.hpp>

namespace fanmill::app {

std::size_t parse_jobs(std::string_view option, std::string_view text, std::size_t processors) {
  const char sign = text.empty() ? '\0' : text.front();
  const bool relative = sign == '+' || sign == '-';
  const bool percent = !relative && text.ends_with('%');
  std::string_view digits = text;
  if (relative) digits.remove_prefix(1);
  if (percent) digits.remove_suffix(1);

  std::uint64_t number = 0;
  const char* const digits_end = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), digits_end, number);
  if (end != digits_end || error == std::errc::invalid_argument) {
    throw usage_error(option, fmt::format("'{}' is not a number", text), "it takes N, N%, +N or -N");
  }
  if (!relative && number == 0 && error == std::errc()) {
    throw usage_error(option, "nothing would run with 0", "it takes N, N%, +N or -N");
  }

  // Beyond this every form is too large, and below it nothing overflows.
  const bool sane = error == std::errc() && number <= std::uint64_t{100} * wire::max_slots;
  std::uint64_t jobs = number;
  if (percent) jobs = std::max<std::uint64_t>(1, sane ? processors * number / 100 : number);
  if (sign == '+') jobs = sane ? processors + number : number;
  if (sign == '-') jobs = number < processors && sane ? processors - number : 1;
  if (sign != '-' && (!sane || jobs > wire::max_slots)) {
    throw usage_error(option, fmt::format("'{}' is too large", text),
                      fmt::format("the most is {}", wire::max_slots));
  }
  return jobs;
}

}  // namespace fanmill::app
