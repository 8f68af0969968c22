#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include <fanmill/base/quantity.hpp>
#include <fanmill/roles/report.hpp>

namespace fanmill::roles {

std::string closing_line(const ClosingStatement& statement) {
  const std::uint64_t done = statement.ok + statement.failed + statement.dead;
  const double seconds = std::chrono::duration<double>(statement.took).count();
  std::string line =
      fmt::format("{}: {} ok, {} failed, {} dead; {} suppressed; {} unfinished; {}",
                  format_count(statement.tasks, "task"), statement.ok, statement.failed, statement.dead,
                  format_count(statement.duplicates, "duplicate"),
                  statement.tasks - std::min(statement.tasks, done), format_duration(statement.took));
  if (seconds > 0 && done > 0) line += fmt::format(", {:.0f}/s", static_cast<double>(done) / seconds);
  return line;
}

void throw_reason(const core::Finish& finish) {
  if (finish.why.empty()) return;
  const ErrorCode code = finish.status == 4 ? ErrorCode::refused : ErrorCode::unavailable;
  if (finish.by_peer) throw EndedByPeer(code, "", "", finish.why);
  throw Error(code, "", "", finish.why);
}

}  // namespace fanmill::roles
