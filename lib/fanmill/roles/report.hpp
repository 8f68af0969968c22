#pragma once
// What is to be said of a run once it is over.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fanmill/base/error.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/core/action.hpp>

namespace fanmill::roles {

// How a role ended. What made it impossible to go on is an Error instead.
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
  std::uint64_t duplicates = 0;
  Duration took{};
};

// "10000 tasks: 9998 ok, 2 failed, 0 dead; 3 duplicates suppressed; 0 unfinished; 4.2 s, 2380/s"
[[nodiscard]] std::string closing_line(const ClosingStatement& statement);

// The run was ended by the other side. In a process that has both, it is the other side's error that counts.
class EndedByPeer : public Error {
 public:
  using Error::Error;
};

// Throws what `finish` says, if it says why.
void throw_reason(const core::Finish& finish);

}  // namespace fanmill::roles
