#pragma once
// What is to be said of a run once it is over.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fanmill/base/error.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/core/action.hpp>

namespace fanmill::roles {

// How a role ended.
struct RunReport {
  int exit_code = 0;                  // docs/command-line.md
  std::string closing_line;           // "10000 tasks: 9998 ok, …"; empty where there is nothing to state
  std::vector<std::string> digest{};  // lines about failures, for people
  std::vector<std::string>
      losses{};  // and about output that could not be kept, also for those who want quiet
  std::vector<std::pair<std::string, std::uint64_t>> counters{};  // all there are, by name, for programs
  // Of a worker: why another process has to take its place; and that a thread runs on which nobody can end,
  // so that the process must end without waiting for it.
  std::string worn_out{};
  bool is_stuck = false;
};

struct ClosingStatement {
  std::uint64_t tasks = 0;
  std::uint64_t ok = 0;
  std::uint64_t failed = 0;
  std::uint64_t dead = 0;
  std::optional<std::uint64_t> duplicates{};  // none: not known, and not stated
  Duration took{};
};

// "10000 tasks: 9998 ok, 2 failed, 0 dead; 3 duplicates suppressed; 0 unfinished; 4.2 s, 2380/s"
[[nodiscard]] std::string closing_line(const ClosingStatement& statement);

// A role could not go on, and this is how far it came. It may also throw an Error that is none, where it did
// not begin.
class RunFailed : public Error {
 public:
  // `by_peer`: the other side has ended the run. In a process that has both, its error is the one that
  // counts.
  RunFailed(const Error& why, RunReport so_far, bool by_peer = false);

  [[nodiscard]] const RunReport& report() const noexcept { return report_; }
  [[nodiscard]] bool by_peer() const noexcept { return by_peer_; }

 private:
  RunReport report_;
  bool by_peer_;
};

// `so_far`, or, where `finish` says why the run could not go on, RunFailed is thrown.
[[nodiscard]] RunReport report_or_failure(const core::Finish& finish, RunReport so_far);

// What `run` gives; where it throws RunFailed the report of that, with why as the last of its losses.
[[nodiscard]] RunReport report_of(const std::function<RunReport()>& run);

}  // namespace fanmill::roles
