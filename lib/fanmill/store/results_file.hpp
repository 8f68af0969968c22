#pragma once
// Results in an SQLite database: safe on disk before anybody forgets the task, found again by what the task
// was, and open to anyone's questions. docs/results.md describes the tables.
//
// Rows stand in the order in which results came. accept() and announce() write into one open transaction,
// which flush() commits: a lone result at once, thousands of them together for the price of one. Where a run
// begins in a file that has results, their keys are read into memory, about 32 bytes for each; without,
// nothing is kept but the keys of tasks under way. Other programs may read the file at any time; one that
// writes to it holds us up, and fails the run after ten seconds.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <fanmill/store/durable_store.hpp>

namespace fanmill::store {

enum class ResultsMode : std::uint8_t {
  create,        // the file must not be there
  resume,        // every stored outcome is taken over; a file that is not there is a first start
  retry_failed,  // only the ok ones; the new outcome of a task comes in place of the failed or dead one
};

struct ResultsFileSettings {
  std::string path;
  ResultsMode mode = ResultsMode::create;
  // What the workers run, where it is known: a file whose results come from another command is refused.
  std::optional<std::string> command{};
  std::string host{};     // for people who look into the file
  std::string version{};  // likewise
};

// Makes or opens the file and keeps other sinks off it. Throws usage_error where the mode does not fit what
// is there; Error{unavailable} for a file that cannot be written, is in use, damaged, not ours, of another
// format or of another command. A file that was made and in which no run began goes away again.
//
// Of the store that comes back: begin() may throw Error{unavailable} too; all other errors come out of
// flush() and finish(), and what is not committed then never will be. An announced id that has its outcome in
// this run already is bound to that again. After finish() the file is closed, and nothing but begin() may be
// called, which opens it again. It may be used by one thread after another.
[[nodiscard]] std::unique_ptr<DurableStore> open_results_file(const ResultsFileSettings& settings);

}  // namespace fanmill::store
