#pragma once
// Whether what a results file says of its last run adds up, from the tables alone: nothing that wrote them is
// asked.

#include <string>
#include <vector>

namespace fanmill::store {

struct Audit {
  // "10000 tasks: 9998 ok, 2 failed, 0 dead; 0 unfinished; run 3, complete"
  std::string statement;
  // What does not hold, each a line; none where the run is complete and every task has one outcome.
  std::vector<std::string> complaints;
};

// Reads the whole file, every page of it. Throws Error{unavailable} where it cannot be read, is damaged, not
// ours, or has no run.
[[nodiscard]] Audit audit_results(const std::string& path);

}  // namespace fanmill::store
