#pragma once
// How a role ended: what its program says last, and its exit status.

#include <string>
#include <vector>

namespace fanmill::roles {

struct RunReport {
  int exit_code = 0;  // docs/command-line.md, Exit status
  std::string
      closing_line;  // "10000 tasks: 9998 ok, 2 failed, …", without the program's name; empty: nothing to say
  std::vector<std::string> digest;  // the first failures, a line each, to be printed before it
};

}  // namespace fanmill::roles
