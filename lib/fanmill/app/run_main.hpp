#pragma once
// The frame around each main: what a process needs before its first line, and the one catch after its last.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/app/program.hpp>
#include <fanmill/app/standard_streams.hpp>

namespace fanmill::app {

// What a program's body gets.
struct Process {
  std::string name;                    // before each message
  std::string help;                    // the command whose --help has more
  std::vector<std::string> words;      // all of argv
  std::vector<std::string> arguments;  // without the program
  ClosedStreams closed;

  // Takes the name of one of the programs.
  void become(Program program);
};

// Raises the descriptor limit, tunes malloc for large frames, occupies closed standard streams, ignores
// SIGPIPE and SIGXFSZ (a write says EPIPE or EFBIG) and runs `body`; returns the exit status. Error is "NAME:
// text" and its code; store::PipeClosed is 128+SIGPIPE in silence; what is left is a defect or a lack of
// memory, and 3.
[[nodiscard]] int run_main(int argc, const char* const* argv, std::string_view name,
                           const std::function<int(Process&)>& body);

}  // namespace fanmill::app
