#pragma once
// From argv to settings.
//
// Options come first. The first word that is no option, or what follows "--", begins the command, and all
// after it is the command's, even where it looks like an option of ours.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/app/option_table.hpp>
#include <fanmill/app/program_settings.hpp>

namespace fanmill::app {

// `arguments` are argv without the program. Throws usage_error for what the program does not take, naming the
// option, what is wrong with it, what it takes, or the spelling that may have been meant. Reads no file,
// opens nothing.
[[nodiscard]] ProgramSettings parse_command_line(Program program, const std::vector<std::string>& arguments);

}  // namespace fanmill::app
