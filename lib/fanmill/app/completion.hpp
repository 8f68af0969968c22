#pragma once
// What a shell needs to complete our command lines, made from the option table.

#include <string>

namespace fanmill::app {

// A file for bash-completion, for all programs: options after the program's name, files where an option takes
// one, and the words of those that take one of a few. What follows the COMMAND's name is completed as the
// command would be.
[[nodiscard]] std::string bash_completion();

}  // namespace fanmill::app
