#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <fanmill/base/quantity.hpp>
#include <fanmill/store/results_audit.hpp>
#include <fanmill/store/results_schema.hpp>
#include <fanmill/store/sqlite_file.hpp>

namespace fanmill::store {

namespace {

// A question about every outcome of the last run.
std::string ask_outcomes(std::string_view question) {
  return fmt::format(
      "WITH outcome AS (SELECT o.task AS task, r.outcome AS outcome "
      "FROM last_outcome o JOIN result r ON r.id = o.result) {}",
      question);
}

class Auditor {
 public:
  explicit Auditor(const std::string& path) : file_(path, SqliteFile::Access::read) {
    file_.run("BEGIN");  // one state for all questions
    if (check_results_schema(file_) == Contents::none || number("SELECT count(*) FROM run") == 0) {
      throw file_.error("no run has begun in it");
    }
    if (const std::string found = file_.text("PRAGMA quick_check(1)"); found != "ok") {
      throw file_.error(fmt::format("it is damaged: {}", found));
    }
  }

  Audit audit() {
    const bool complete = number("SELECT complete FROM run ORDER BY id DESC LIMIT 1") == 1;
    const auto tasks = known_tasks();
    const std::uint64_t ok = count("ok");
    const std::uint64_t failed = count("failed");
    const std::uint64_t dead = count("dead");
    const std::uint64_t all = number(ask_outcomes("SELECT count(*) FROM outcome"));
    audit_.statement =
        fmt::format("{}: {} ok, {} failed, {} dead; {} unfinished; run {}, {}",
                    tasks ? format_count(*tasks, "task") : "unknown tasks", ok, failed, dead,
                    !tasks ? "unknown" : std::to_string(*tasks - std::min(*tasks, ok + failed + dead)),
                    number("SELECT max(id) FROM run"), complete ? "complete" : "not complete");

    if (!complete) complain("the run is not complete");
    if (complete && !tasks) complain("the run is complete, but how many tasks it had is not there");
    if (tasks && complete && ok + failed + dead != *tasks) {
      complain(fmt::format("{} tasks have {} outcomes", *tasks, ok + failed + dead));
    }
    if (all != ok + failed + dead) {
      complain(fmt::format("{} outcomes are neither ok, failed nor dead", all - ok - failed - dead));
    }
    list("twice or more there: task",
         ask_outcomes("SELECT task FROM outcome GROUP BY task HAVING count(*) > 1 ORDER BY task"));
    if (tasks) {
      ask_beyond(*tasks);
      if (complete) ask_missing(*tasks);
    }
    list("bound to more than one task: result",
         "SELECT result FROM last_outcome GROUP BY result HAVING count(*) > 1 ORDER BY result");
    list("not all there of those bound from result",
         "SELECT b.result FROM bound b WHERE b.count < 1 OR b.count <> (SELECT count(*) FROM result r "
         "WHERE r.id BETWEEN b.result AND b.result + b.count - 1) ORDER BY b.result");
    // Without the plus SQLite reads all rows of the run for each range, in place of the range.
    list(
        "bound, but made by the run itself: result",
        "SELECT DISTINCT r.id FROM bound b JOIN result r ON r.id BETWEEN b.result AND b.result + b.count - 1 "
        "WHERE +r.run = (SELECT max(id) FROM run) ORDER BY r.id");
    list("of a run that is not there: result",
         "SELECT id FROM result WHERE run NOT IN (SELECT id FROM run) ORDER BY id");
    return std::move(audit_);
  }

 private:
  [[nodiscard]] std::uint64_t number(const std::string& sql) const { return file_.number(sql.c_str()); }

  [[nodiscard]] std::optional<std::uint64_t> known_tasks() const {
    Statement run(file_, "SELECT tasks FROM run ORDER BY id DESC LIMIT 1");
    if (!run.step() || run.is_null(0)) return std::nullopt;
    return run.number(0);
  }

  [[nodiscard]] std::uint64_t count(std::string_view outcome) const {
    Statement counted(file_, ask_outcomes("SELECT count(*) FROM outcome WHERE outcome = ?1").c_str());
    counted.bind(1, outcome);
    static_cast<void>(counted.step());
    return counted.number(0);
  }

  void complain(std::string text) { audit_.complaints.push_back(std::move(text)); }

  // The first few of the numbers that a question finds, if any.
  void list(std::string_view what, const std::string& sql) {
    Statement rows(file_, sql.c_str());
    list(what, rows);
  }

  void list(std::string_view what, Statement& rows) {
    constexpr std::uint64_t most = 5;
    std::string numbers;
    std::uint64_t found = 0;
    while (rows.step()) {
      if (found++ < most) numbers += fmt::format(" {}", rows.number(0));
    }
    if (found > most) numbers += fmt::format(" and {} more", found - most);
    if (found > 0) complain(fmt::format("{}{}", what, numbers));
  }

  void ask_beyond(std::uint64_t tasks) {
    Statement rows(
        file_,
        ask_outcomes("SELECT DISTINCT task FROM outcome WHERE task < 0 OR task >= ?1 ORDER BY task").c_str());
    rows.bind(1, tasks);
    list(fmt::format("beyond the {} tasks: task", tasks), rows);
  }

  void ask_missing(std::uint64_t tasks) {
    // A gap is told by its first task; the questions above have asked for all others.
    Statement rows(
        file_,
        ask_outcomes(
            ", edge AS (SELECT -1 AS task UNION ALL SELECT task FROM outcome), "
            "gap AS (SELECT task + 1 AS first, lead(task, 1, ?1) OVER (ORDER BY task) AS next FROM edge) "
            "SELECT first FROM gap WHERE next > first AND first < ?1 ORDER BY first")
            .c_str());
    rows.bind(1, tasks);
    list("without an outcome, the first of each gap: task", rows);
  }

  SqliteFile file_;
  Audit audit_;
};

}  // namespace

Audit audit_results(const std::string& path) {
  return Auditor(path).audit();
}

}  // namespace fanmill::store
