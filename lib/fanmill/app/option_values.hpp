#pragma once
// The values of single options, from text to type. Each throws usage_error naming `option` and what it takes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fanmill/app/program_settings.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/roles/settings.hpp>
#include <fanmill/store/stream.hpp>
#include <fanmill/work/answers.hpp>

namespace fanmill::app {

// "20000-20999": two ports, both included, the lower one first.
[[nodiscard]] std::pair<std::uint16_t, std::uint16_t> parse_ports(std::string_view option,
                                                                  std::string_view text);

// A host name or address, IPv6 with or without brackets; comes back without them. Not a wildcard.
[[nodiscard]] std::string parse_host(std::string_view option, std::string_view text);

// "auto" is none.
[[nodiscard]] std::optional<std::uint32_t> parse_prefetch(std::string_view option, std::string_view text);

// What a run can write: raw, jsonl, msgpack, length.
[[nodiscard]] store::Format parse_format(std::string_view option, std::string_view text);
// What can be made of stored results: the same, and joblog.
[[nodiscard]] store::Format parse_export_format(std::string_view option, std::string_view text);

// auto, bar, plain, none.
[[nodiscard]] ShowProgress parse_progress(std::string_view option, std::string_view text);

// How a co-process is spoken to: line, null, length.
[[nodiscard]] work::Framing parse_framing(std::string_view option, std::string_view text);

// "now,fail=1", "soon,fail=20".
[[nodiscard]] roles::Halt parse_halt(std::string_view option, std::string_view text);

// A size from 1 to `most`.
[[nodiscard]] std::size_t parse_size_up_to(std::string_view option, std::string_view text, std::size_t most);

// A time that is not 0.
[[nodiscard]] Duration parse_wait(std::string_view option, std::string_view text);

// A worker's name: within the wire's limit, and on one line.
[[nodiscard]] std::string parse_name(std::string_view option, std::string_view text);

// What stands between columns: plain text with \\t for a tab and \\\\ for a backslash, within the wire's
// limit.
[[nodiscard]] std::string parse_separator(std::string_view option, std::string_view text);

// Any text but an empty one; `takes` says what it would be: "a file".
[[nodiscard]] std::string parse_text(std::string_view option, std::string_view text, std::string_view takes);

// One of the functions that are built in.
[[nodiscard]] std::string parse_function(std::string_view option, std::string_view text);

}  // namespace fanmill::app
