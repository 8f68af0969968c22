#pragma once
// A word as it is written in sh.

#include <string>
#include <string_view>

namespace fanmill::work {

// In single quotes, unless it has nothing but letters, digits and bytes of `plain`. A newline stays one: sh
// has no other way to write it.
[[nodiscard]] std::string quoted_word(std::string_view word, std::string_view plain);

// The same for the first word of a command, which is quoted too where sh would take it for its grammar's or
// for an assignment.
[[nodiscard]] std::string quoted_command(std::string_view word);

// Whether it is a word of sh or bash itself, grammar or builtin, and most likely no program.
[[nodiscard]] bool is_of_shell(std::string_view word);

}  // namespace fanmill::work
