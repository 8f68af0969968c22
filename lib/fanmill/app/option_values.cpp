#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include <fanmill/app/option_values.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/base/quantity.hpp>
#include <fanmill/transport/endpoint.hpp>
#include <fanmill/wire/limits.hpp>
#include <fanmill/work/work.hpp>

namespace fanmill::app {

std::pair<std::uint16_t, std::uint16_t> parse_ports(std::string_view option, std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    throw usage_error(option, fmt::format("'{}' is not a range of ports", text),
                      "it takes LOW-HIGH, as 20000-20999");
  }
  const std::uint64_t low = parse_count(option, text.substr(0, dash), 1, 65535);
  const std::uint64_t high = parse_count(option, text.substr(dash + 1), 1, 65535);
  if (low > high) {
    throw usage_error(option, fmt::format("{} is above {}", low, high), "it takes LOW-HIGH, as 20000-20999");
  }
  return {static_cast<std::uint16_t>(low), static_cast<std::uint16_t>(high)};
}

std::string parse_host(std::string_view option, std::string_view text) {
  const bool bare_ipv6 = text.find(':') != std::string_view::npos && !text.starts_with('[');
  const std::string bracketed = bare_ipv6 ? fmt::format("[{}]", text) : std::string(text);
  Endpoint endpoint;
  const bool is_host = !text.empty() && decode_endpoint(fmt::format("tcp://{}:1", bracketed), endpoint) &&
                       !endpoint.is_wildcard();
  if (!is_host) {
    throw usage_error(option, fmt::format("'{}' is not a host", text),
                      "it takes the name or the address by which others reach this one");
  }
  return endpoint.host;
}

std::optional<std::uint32_t> parse_prefetch(std::string_view option, std::string_view text) {
  if (text == "auto") return std::nullopt;
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) {
    throw usage_error(option, fmt::format("'{}' is not a number of tasks", text), "it takes N or auto");
  }
  return static_cast<std::uint32_t>(parse_count(option, text, 0, wire::max_batch));
}

namespace {

// joblog is the last, and not for a run, which has --joblog.
constexpr std::array<std::pair<std::string_view, store::Format>, 5> formats{
    {{"raw", store::Format::raw},
     {"jsonl", store::Format::jsonl},
     {"msgpack", store::Format::msgpack},
     {"length", store::Format::length},
     {"joblog", store::Format::joblog}}};

store::Format format_among(std::size_t count, std::string_view option, std::string_view text) {
  std::string known;
  for (std::size_t i = 0; i < count; ++i) {
    if (formats[i].first == text) return formats[i].second;
    if (i > 0) known += i + 1 == count ? " or " : ", ";
    known += formats[i].first;
  }
  throw usage_error(option, fmt::format("'{}' is no format", text), "it takes " + known);
}

}  // namespace

store::Format parse_format(std::string_view option, std::string_view text) {
  return format_among(formats.size() - 1, option, text);
}

store::Format parse_export_format(std::string_view option, std::string_view text) {
  return format_among(formats.size(), option, text);
}

ShowProgress parse_progress(std::string_view option, std::string_view text) {
  if (text == "auto") return ShowProgress::automatic;
  if (text == "bar") return ShowProgress::bar;
  if (text == "plain") return ShowProgress::plain;
  if (text == "none") return ShowProgress::none;
  throw usage_error(option, fmt::format("'{}' is no form of progress", text),
                    "it takes auto, bar, plain or none");
}

work::Framing parse_framing(std::string_view option, std::string_view text) {
  const auto framing = work::framing_of(text);
  if (!framing)
    throw usage_error(option, fmt::format("'{}' is no framing", text), "it takes line, null or length");
  return *framing;
}

roles::Halt parse_halt(std::string_view option, std::string_view text) {
  const std::size_t comma = text.find(',');
  const std::string_view when = text.substr(0, comma);
  std::string_view what = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  constexpr std::string_view failures = "fail=";
  if ((when != "now" && when != "soon") || !what.starts_with(failures)) {
    throw usage_error(option, fmt::format("'{}' is not understood", text),
                      "it takes now,fail=N or soon,fail=N");
  }
  what.remove_prefix(failures.size());
  return {when == "now", parse_count(option, what, 1, std::uint64_t{1} << 53)};
}

std::size_t parse_size_up_to(std::string_view option, std::string_view text, std::size_t most) {
  const std::uint64_t size = parse_size(option, text);
  if (size == 0) throw usage_error(option, "0 is too small", "the least is 1");
  if (size > most) {
    throw usage_error(option, fmt::format("'{}' is too large", text), "the most is " + format_size(most));
  }
  return size;
}

Duration parse_wait(std::string_view option, std::string_view text) {
  const Duration wait = parse_duration(option, text);
  if (wait == Duration::zero()) {
    throw usage_error(option, "0 is too short", "without this option there is no limit");
  }
  return wait;
}

std::string parse_name(std::string_view option, std::string_view text) {
  const bool on_one_line = std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20; });
  if (text.empty() || text.size() > wire::max_name || !on_one_line) {
    throw usage_error(option, fmt::format("'{}' is not a name", text),
                      fmt::format("it takes 1 to {} bytes, without control characters", wire::max_name));
  }
  return std::string(text);
}

std::string parse_separator(std::string_view option, std::string_view text) {
  std::string separator;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char byte = text[at];
    if (byte == '\\') {
      const char escaped = at + 1 < text.size() ? text[++at] : '\0';
      if (escaped != 't' && escaped != '\\') {
        throw usage_error(option, fmt::format("'{}' is not understood", text),
                          "it takes plain text, not a pattern; \\t is a tab, \\\\ a backslash");
      }
      byte = escaped == 't' ? '\t' : '\\';
    }
    separator.push_back(byte);
  }
  if (separator.empty() || separator.size() > wire::max_separator) {
    throw usage_error(option, separator.empty() ? "the value is empty" : "the value is too long",
                      fmt::format("it takes the 1 to {} bytes between two columns", wire::max_separator));
  }
  return separator;
}

std::string parse_text(std::string_view option, std::string_view text, std::string_view takes) {
  if (text.empty()) throw usage_error(option, "the value is empty", fmt::format("it takes {}", takes));
  return std::string(text);
}

std::string parse_function(std::string_view option, std::string_view text) {
  const std::vector<std::string> known = work::function_names();
  if (std::find(known.begin(), known.end(), text) != known.end()) return std::string(text);
  throw usage_error(option, fmt::format("there is no function '{}'", text),
                    fmt::format("it takes {}", fmt::join(known, ", ")));
}

}  // namespace fanmill::app
