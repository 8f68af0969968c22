#pragma once
// What a worker was asked to run, as its command line says it; and the runner that does it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fanmill/base/time.hpp>
#include <fanmill/work/answers.hpp>
#include <fanmill/work/board.hpp>
#include <fanmill/work/command_line.hpp>
#include <fanmill/work/function.hpp>
#include <fanmill/work/runner.hpp>
#include <fanmill/work/spawner.hpp>

namespace fanmill::work {

enum class WorkKind : std::uint8_t {
  command,   // several words: a process per task, no shell
  shell,     // one text for `sh -c`; items are positional parameters, never pasted into the text
  function,  // built in
  plugin,    // a shared library: fanmill/plugin.h
};

// What becomes of a command's stdout and stderr.
enum class OutputGoes : std::uint8_t {
  to_results,  // read, kept up to the limits, and part of the task's result
  through,     // written to ours at once, whoever else writes there
};

struct WorkSettings {
  WorkKind kind = WorkKind::command;
  // command: argv with placeholders; shell: the text alone; function: the name alone;
  // plugin: the file alone.
  std::vector<std::string> words;
  Function own = nullptr;                  // function: the caller's, instead of a built-in one
  std::shared_ptr<Board> board = nullptr;  // plugin: where it is told what is in hand; null: nobody looks
  std::size_t slots = 1;
  std::size_t max_output = std::size_t{64} << 20;  // stdout of a task; the rest is counted
  std::size_t max_stderr = std::size_t{64} << 10;  // the last bytes of stderr; the rest is counted
  // Of a task. What no signal can end, a function or a plugin's call, wears out the runner; but not `own`,
  // which is to return.
  std::optional<Duration> timeout{};
  // Of commands, with a shell or without.
  ItemGoes item = ItemGoes::to_arguments;  // to_coprocess: one for each slot, and kept
  Framing framing = Framing::line;         // of a co-process
  OutputGoes output = OutputGoes::to_results;
  bool dry_run = false;  // starts nothing: a task's stdout is what would run, as a line for sh
  std::string folder{};  // their working directory; empty: ours
  Limits limits{};       // of each process of theirs
  // From SIGTERM to SIGKILL; of a co-process, also from the end of its items.
  Duration kill_after = std::chrono::seconds(5);
};

// Decides between command and shell as docs/command-line.md says: one argument with white space or shell
// characters is shell text; several words, or one plain word, are a command.
[[nodiscard]] WorkKind kind_of(const std::vector<std::string>& words);

// Checks placeholders, quoting and the function's name (throws usage_error naming what is known) and the
// folder (throws Error{unavailable} where it cannot be used), loads and starts a plugin (likewise), and makes
// the runner. The runner must be used
// and destroyed on the thread that made it; children die when that thread ends.
[[nodiscard]] std::unique_ptr<Runner> make_runner(const WorkSettings& settings);

// echo, fail, sha256, sleep, wordcount
[[nodiscard]] std::vector<std::string> function_names();

}  // namespace fanmill::work
