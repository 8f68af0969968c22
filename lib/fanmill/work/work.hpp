#pragma once
// What a worker was asked to run, as its command line says it; and the runner that does it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fanmill/work/function.hpp>
#include <fanmill/work/runner.hpp>

namespace fanmill::work {

enum class WorkKind : std::uint8_t {
  command,   // several words: a process per task, no shell
  shell,     // one text for `sh -c`; items are positional parameters, never pasted into the text
  function,  // built in
};

struct WorkSettings {
  WorkKind kind = WorkKind::command;
  // command: argv with placeholders; shell: the text alone; function: the name alone.
  std::vector<std::string> words;
  Function own = nullptr;  // function: the caller's, instead of a built-in one
  std::size_t slots = 1;
  std::size_t max_output = std::size_t{64} << 20;  // stdout of a task; the rest is counted
  std::size_t max_stderr = std::size_t{64} << 10;  // the last bytes of stderr; the rest is counted
  bool dry_run = false;  // command, shell: a task's output is the command that would run
};

// Decides between command and shell as docs/command-line.md says: one argument with white space or shell
// characters is shell text; several words, or one plain word, are a command.
[[nodiscard]] WorkKind kind_of(const std::vector<std::string>& words);

// Checks placeholders, quoting and the function's name (throws usage_error naming what is known), and makes
// the runner. The runner must be used and destroyed on the thread that made it; children die when that thread
// ends.
[[nodiscard]] std::unique_ptr<Runner> make_runner(const WorkSettings& settings);

// echo, fail, sha256, sleep, wordcount
[[nodiscard]] std::vector<std::string> function_names();

}  // namespace fanmill::work
