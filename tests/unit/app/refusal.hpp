#pragma once
// What a command line is refused with.

#include <string>
#include <vector>

#include <fanmill/app/argument_parser.hpp>
#include <fanmill/base/error.hpp>

namespace fanmill::app {

// The text of the usage error; empty where the command line was taken.
inline std::string refusal(Program program, const std::vector<std::string>& arguments) {
  try {
    static_cast<void>(parse_command_line(program, arguments));
  } catch (const Error& error) {
    return error.code() == ErrorCode::usage ? error.what() : "not a usage error";
  }
  return {};
}

}  // namespace fanmill::app
