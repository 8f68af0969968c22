#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "places.hpp"
#include "played_run.hpp"
#include <fanmill/store/json_line.hpp>
#include <fanmill/store/stored_run.hpp>

namespace fanmill::store {

namespace {

std::string json_lines_of(const std::string& path) {
  std::string lines;
  StoredRun(path).read([&](const wire::ResultsHeader& header, const wire::ResultView& result) {
    append_json_line(lines, header, result);
  });
  return lines;
}

}  // namespace

TEST_CASE("stored run: what is read is what was stored, as the stream would have shown it") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  const std::string item("a\0b", 3);
  std::vector<wire::ResultView> results;
  results.push_back(ok(0, "plain"));
  results.push_back(with_stderr(1, "\xFF\xFE", "warning\n"));
  results.back().attempt = 3;
  results.back().detail->slot = 2;
  results.back().detail->started = 1'762'000'000'123'457;
  results.back().detail->took = 1'000'001;
  results.back().detail->item = item;
  results.push_back(failed(2, wire::Cause::exit, 255, "half"));
  results.back().detail->stdout_dropped = 7;
  results.back().detail->stderr_dropped = std::uint64_t{1} << 40;
  results.push_back(failed(3, wire::Cause::signal, 11));
  results.push_back(failed(4, wire::Cause::timeout, 0));
  results.push_back(failed(5, wire::Cause::error, 0));
  results.back().detail->error = "no such file";
  results.push_back(dead(6));

  std::string expected;
  const auto store = open_results_file({.path = path, .command = "cat {}"});
  store->begin(RunId{1}, std::string(1, '\0'));
  for (const wire::ResultView& result : results) {
    store->accept(of_commands, result);
    append_json_line(expected, of_commands, result);
  }
  store->finish(true);
  CHECK(json_lines_of(path) == expected);
  CHECK(StoredRun(path).delimiter() == std::string(1, '\0'));
  CHECK(StoredRun(path).command() == "cat {}");
}

TEST_CASE("stored run: in the order of tasks, those of earlier runs among them, and records are known") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  played(path, ResultsMode::create, 1, {"a", "b", "c"});
  played(path, ResultsMode::resume, 2, {"x", "c", "a"});
  std::string seen;
  StoredRun(path).read([&](const wire::ResultsHeader& header, const wire::ResultView& result) {
    seen += std::to_string(result.id) + std::string(result.detail->item) + (header.records ? "r " : " ");
  });
  CHECK(seen == "0x 1c 2a ");

  {
    const auto store = open_results_file({.path = path, .mode = ResultsMode::resume});
    store->begin(RunId{3}, "\n");
    store->accept(of_functions, ok(1, "one"));
    store->accept(of_commands, ok(0, "zero"));
    store->flush(Time{});
    seen.clear();
    // While the run goes on, and nobody minds.
    StoredRun(path).read([&](const wire::ResultsHeader& header, const wire::ResultView& result) {
      seen += std::string(result.output) + (header.records ? "r " : " ");
    });
  }
  CHECK(seen == "zero oner ");
}

TEST_CASE("stored run: what cannot be read is said in words") {
  const TempDirectory directory;
  const auto refusal = [&](const std::string& name) {
    return error_of([&] { static_cast<void>(StoredRun(directory.path(name))); });
  };
  const auto cannot_read = [&](const std::string& name, const std::string& why) {
    return "cannot read results from '" + directory.path(name) + "': " + why;
  };
  CHECK(refusal("none.db") == cannot_read("none.db", "no such file or directory"));
  CHECK_FALSE(directory.has("none.db"));
  directory.write("text.db", std::string(2000, 'x'));
  CHECK(refusal("text.db") == cannot_read("text.db", "it is not an SQLite database"));
  directory.write("empty.db", "");
  CHECK(refusal("empty.db") == cannot_read("empty.db", "no run has begun in it"));

  played(directory.path("x.db"), ResultsMode::create, 1, {"a"});
  change(directory.path("x.db"), "UPDATE result SET outcome = 'perhaps'");
  CHECK(error_of([&] { static_cast<void>(json_lines_of(directory.path("x.db"))); }) ==
        cannot_read("x.db", "it is damaged: the result of task 0 makes no sense"));
}

}  // namespace fanmill::store
