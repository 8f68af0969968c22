#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "places.hpp"
#include "played_run.hpp"
#include <fanmill/store/results_audit.hpp>

namespace fanmill::store {

namespace {

using Lines = std::vector<std::string>;

// A run of five tasks, two of them bound to what an earlier run had stored, one failed.
class Stored {
 public:
  Stored() {
    played(path(), ResultsMode::create, 1, {"a", "b", "c"}, {"b"});
    played(path(), ResultsMode::resume, 2, {"x", "b", "y", "a", "z"});
  }
  [[nodiscard]] std::string path() const { return directory_.path("x.db"); }
  [[nodiscard]] const TempDirectory& directory() const { return directory_; }
  // The complaints after a change.
  [[nodiscard]] Lines after(const char* sql) const {
    change(path(), sql);
    return audit_results(path()).complaints;
  }

 private:
  TempDirectory directory_;
};

}  // namespace

TEST_CASE("audit: a run that adds up has its statement and no complaint") {
  const Stored stored;
  const Audit audit = audit_results(stored.path());
  CHECK(audit.statement == "5 tasks: 4 ok, 1 failed, 0 dead; 0 unfinished; run 2, complete");
  CHECK(audit.complaints.empty());
}

TEST_CASE("audit: a run of no tasks adds up") {
  const TempDirectory directory;
  played(directory.path("x.db"), ResultsMode::create, 1, {});
  const Audit audit = audit_results(directory.path("x.db"));
  CHECK(audit.statement == "0 tasks: 0 ok, 0 failed, 0 dead; 0 unfinished; run 1, complete");
  CHECK(audit.complaints.empty());
}

TEST_CASE("audit: a run that was cut off is not complete, and that is all that is wrong") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  {
    PlayedRun run(path, ResultsMode::create, RunId{1});
    run.play({"a", "b", "c"}, 2);
  }
  CHECK(audit_results(path).statement ==
        "unknown tasks: 2 ok, 0 failed, 0 dead; unknown unfinished; run 1, not complete");
  CHECK(audit_results(path).complaints == Lines{"the run is not complete"});
  {
    PlayedRun run(path, ResultsMode::resume, RunId{2});
    run.play({"a", "b", "c"}, 0);
    run.finish(3, false);
  }
  CHECK(audit_results(path).statement ==
        "3 tasks: 2 ok, 0 failed, 0 dead; 1 unfinished; run 2, not complete");
  CHECK(audit_results(path).complaints == Lines{"the run is not complete"});
}

TEST_CASE("audit: what was made to not hold is found, each by name") {
  SECTION("a result is missing") {
    CHECK(Stored().after("DELETE FROM result WHERE item = 'y'") ==
          Lines{"5 tasks have 4 outcomes", "without an outcome, the first of each gap: task 2"});
  }
  SECTION("the first and the last are missing") {
    CHECK(Stored().after("DELETE FROM result WHERE item IN ('x', 'z')") ==
          Lines{"5 tasks have 3 outcomes", "without an outcome, the first of each gap: task 0 4"});
  }
  SECTION("a binding is missing") {
    CHECK(Stored().after("DELETE FROM bound WHERE task = 3") ==
          Lines{"5 tasks have 4 outcomes", "without an outcome, the first of each gap: task 3"});
  }
  SECTION("a task stands twice") {
    CHECK(Stored().after("UPDATE result SET task = 0 WHERE item = 'y'") ==
          Lines{"twice or more there: task 0", "without an outcome, the first of each gap: task 2"});
  }
  SECTION("a task is bound and run") {
    CHECK(Stored().after("UPDATE result SET task = 3 WHERE item = 'y'") ==
          Lines{"twice or more there: task 3", "without an outcome, the first of each gap: task 2"});
  }
  SECTION("a task is beyond the last") {
    CHECK(Stored().after("UPDATE result SET task = 7 WHERE item = 'z'") ==
          Lines{"beyond the 5 tasks: task 7", "without an outcome, the first of each gap: task 4"});
  }
  SECTION("a row is bound twice") {
    CHECK(Stored().after("UPDATE bound SET result = (SELECT result FROM bound WHERE task = 1)") ==
          Lines{"bound to more than one task: result 2"});
  }
  SECTION("a row is bound that is not there") {
    CHECK(Stored().after("UPDATE bound SET result = 99 WHERE task = 1") ==
          Lines{"5 tasks have 4 outcomes", "without an outcome, the first of each gap: task 1",
                "not all there of those bound from result 99"});
  }
  SECTION("a row of the run itself is bound") {
    CHECK(Stored().after("UPDATE bound SET result = 4 WHERE task = 1") ==
          Lines{"bound to more than one task: result 4", "bound, but made by the run itself: result 4"});
  }
  SECTION("the count is another") {
    CHECK(Stored().after("UPDATE run SET tasks = 6") ==
          Lines{"6 tasks have 5 outcomes", "without an outcome, the first of each gap: task 5"});
    CHECK(Stored().after("UPDATE run SET tasks = NULL") ==
          Lines{"the run is complete, but how many tasks it had is not there"});
  }
  SECTION("an outcome is none") {
    CHECK(Stored().after("UPDATE result SET outcome = 'perhaps' WHERE item = 'x'") ==
          Lines{"5 tasks have 4 outcomes", "1 outcomes are neither ok, failed nor dead"});
  }
  SECTION("a result is of no run") {
    CHECK(Stored().after("UPDATE result SET run = 9 WHERE item = 'c'") ==
          Lines{"of a run that is not there: result 3"});
  }
}

TEST_CASE("audit: of many, the first few are named") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  std::vector<std::string> items;
  for (int i = 0; i < 20; ++i) items.push_back(std::to_string(i));
  played(path, ResultsMode::create, 1, items);
  change(path, "DELETE FROM result WHERE task % 2 = 1");
  CHECK(audit_results(path).complaints.back() ==
        "without an outcome, the first of each gap: task 1 3 5 7 9 and 5 more");
}

TEST_CASE("audit: what cannot be read, is damaged or not ours is an error") {
  const TempDirectory directory;
  CHECK(error_of([&] { static_cast<void>(audit_results(directory.path("none.db"))); }) ==
        "cannot read results from '" + directory.path("none.db") + "': no such file or directory");
  change(directory.path("other.db"), "CREATE TABLE photo (name)");
  CHECK_THAT(error_of([&] { static_cast<void>(audit_results(directory.path("other.db"))); }),
             Catch::Matchers::EndsWith("not one of Fanmill's"));

  const Stored stored;
  std::string bytes = stored.directory().read("x.db");
  bytes.pop_back();
  directory.write("cut.db", bytes);
  CHECK_THAT(error_of([&] { static_cast<void>(audit_results(directory.path("cut.db"))); }),
             Catch::Matchers::EndsWith("it is damaged: its end is missing"));
  const auto page = static_cast<std::size_t>(std::stoul(ask(stored.path(),
                                                            "SELECT rootpage FROM sqlite_schema "
                                                            "WHERE name = 'result'")));
  bytes = stored.directory().read("x.db");
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>((page - 1) * 32768), 200, '\x5A');
  directory.write("damaged.db", bytes);
  CHECK_THAT(error_of([&] { static_cast<void>(audit_results(directory.path("damaged.db"))); }),
             Catch::Matchers::Contains("it is damaged: "));
}

}  // namespace fanmill::store
