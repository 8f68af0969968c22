#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <fanmill/base/quantity.hpp>
#include <fanmill/roles/report.hpp>

namespace fanmill::roles {

std::string closing_line(const ClosingStatement& statement) {
  const std::uint64_t done = statement.ok + statement.failed + statement.dead;
  const double seconds = std::chrono::duration<double>(statement.took).count();
  std::string line = fmt::format("{}: {} ok, {} failed, {} dead; ", format_count(statement.tasks, "task"),
                                 statement.ok, statement.failed, statement.dead);
  if (statement.duplicates) {
    line += fmt::format("{} suppressed; ", format_count(*statement.duplicates, "duplicate"));
  }
  line += fmt::format("{} unfinished; {}", statement.tasks - std::min(statement.tasks, done),
                      format_duration(statement.took));
  if (seconds > 0 && done > 0) line += fmt::format(", {:.0f}/s", static_cast<double>(done) / seconds);
  return line;
}

RunFailed::RunFailed(const Error& why, RunReport so_far, bool by_peer)
    : Error(why), report_(std::move(so_far)), by_peer_(by_peer) {}

RunReport report_or_failure(const core::Finish& finish, RunReport so_far) {
  if (finish.why.empty()) return so_far;
  const ErrorCode code = finish.status == 4 ? ErrorCode::refused : ErrorCode::unavailable;
  throw RunFailed(Error(code, "", "", finish.why), std::move(so_far), finish.by_peer);
}

RunReport report_of(const std::function<RunReport()>& run) {
  try {
    return run();
  } catch (const RunFailed& failed) {
    RunReport report = failed.report();
    report.exit_code = static_cast<int>(failed.code());
    report.losses.emplace_back(failed.what());
    return report;
  }
}

}  // namespace fanmill::roles
