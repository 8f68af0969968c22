#pragma once
// The programs that take options, and what they are called.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace fanmill::app {

// `fanmill worker` is the same program as `fanmill-worker`, and so with the other two.
// `fanmill status` asks a run how it goes; `fanmill audit` and `fanmill export` read what a sink has stored;
// `fanmill keygen` makes keys.
enum class Program : std::uint8_t { run, ventilator, worker, sink, status, audit, export_results, keygen };

inline constexpr std::array all_programs{
    Program::run,    Program::ventilator, Program::worker,         Program::sink,
    Program::status, Program::audit,      Program::export_results, Program::keygen};

// What stands before its messages: "fanmill", "fanmill-worker".
[[nodiscard]] std::string_view message_name(Program program);

// What a person types to start it: "fanmill run", "fanmill-worker".
[[nodiscard]] std::string_view command_name(Program program);

// Its manual page: "fanmill-run", "fanmill-worker".
[[nodiscard]] std::string page_name(Program program);

// "runs a command for each line of its input": for a list of programs.
[[nodiscard]] std::string_view what_is(Program program);

}  // namespace fanmill::app
