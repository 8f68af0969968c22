#include <array>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include <fanmill/store/outcome_name.hpp>
#include <fanmill/store/results_schema.hpp>
#include <fanmill/store/stored_run.hpp>

namespace fanmill::store {

namespace {

constexpr const char* in_order = "SELECT task, result FROM last_outcome ORDER BY task";
constexpr const char* one_result =
    "SELECT outcome, attempts, worker.name, worker.records, output, exit, signal, error, slot, started, "
    "seconds, "
    "output_dropped, stderr_dropped, item, stderr, worker.key_name "
    "FROM result LEFT JOIN worker ON worker.id = result.worker WHERE result.id = ?1";

std::uint64_t microseconds_of(double seconds) {
  // Negated, so that a NaN is nothing either. Beyond 2^53 a double skips microseconds.
  if (!(seconds > 0 && seconds < 9e9)) return 0;
  return static_cast<std::uint64_t>(std::llround(seconds * 1e6));
}

wire::Detail detail_of(const Statement& row, Outcome outcome) {
  wire::Detail detail;
  if (!row.is_null(5)) {
    detail.cause = wire::Cause::exit;
    detail.code = static_cast<std::uint32_t>(row.number(5));
  } else if (!row.is_null(6)) {
    detail.cause = wire::Cause::signal;
    detail.code = static_cast<std::uint32_t>(row.number(6));
  } else if (outcome != Outcome::ok) {
    detail.cause = outcome == Outcome::dead ? wire::Cause::lost : wire::Cause::error;
  }
  detail.error = row.bytes(7);
  detail.slot = static_cast<std::uint32_t>(row.number(8));
  detail.started = microseconds_of(row.real(9));
  detail.took = microseconds_of(row.real(10));
  detail.stdout_dropped = row.number(11);
  detail.stderr_dropped = row.number(12);
  detail.item = row.bytes(13);
  detail.stderr_text = row.bytes(14);
  return detail;
}

}  // namespace

StoredRun::StoredRun(const std::string& path) : file_(path, SqliteFile::Access::read) {
  // One state for all that is read.
  file_.run("BEGIN");
  if (check_results_schema(file_) == Contents::none || file_.number("SELECT max(id) FROM run") == 0) {
    throw file_.error("no run has begun in it");
  }
  delimiter_ = file_.text("SELECT delimiter FROM run ORDER BY id DESC LIMIT 1");
  command_ = file_.text("SELECT command FROM run ORDER BY id DESC LIMIT 1");
}

bool StoredRun::has_items() const {
  return file_.number(
             "SELECT EXISTS (SELECT 1 FROM last_outcome JOIN result ON result.id = last_outcome.result "
             "WHERE item IS NULL)") == 0;
}

void StoredRun::read(const Receiver& receiver) const {
  Statement order(file_, in_order);
  Statement row(file_, one_result);
  while (order.step()) {
    const TaskId task = order.number(0);
    row.bind(1, order.number(1));
    const std::optional<Outcome> outcome = row.step() ? outcome_named(row.bytes(0)) : std::nullopt;
    if (!outcome || task > max_task_id) {
      throw file_.error(fmt::format("it is damaged: the result of task {} makes no sense", task));
    }
    wire::ResultsHeader header;
    header.worker = row.bytes(2);
    header.records = row.number(3) != 0;
    header.key_name = row.bytes(15);
    wire::ResultView result;
    result.id = task;
    result.attempt = static_cast<std::uint32_t>(row.number(1) - 1);
    result.outcome = *outcome;
    result.output = row.bytes(4);
    result.detail = detail_of(row, *outcome);
    receiver(header, result);
    row.reset();
  }
}

}  // namespace fanmill::store
