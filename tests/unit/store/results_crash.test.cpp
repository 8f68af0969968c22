#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <sys/wait.h>

#include "places.hpp"
#include "played_run.hpp"

namespace fanmill::store {

namespace {

constexpr TaskId tasks = 3000;

std::vector<Key> all_keys() {
  std::vector<Key> keys;
  for (TaskId id = 0; id < tasks; ++id) keys.push_back(key_of(std::to_string(id)));
  return keys;
}

// A sink in a process of its own, which says on `report` how many tasks are safe, each time that this
// changes.
[[noreturn]] void play_sink(const std::string& path, std::uint64_t run, std::uint64_t seed, int report) {
  std::mt19937_64 random(seed);
  const auto store = open_results_file({.path = path, .mode = ResultsMode::resume});
  store->begin(RunId{run}, "\n");
  Announced answer;
  std::uint64_t safe = 0;
  const auto flush = [&] {
    store->flush(Time{});
    const SafeIds now = taken(*store);
    for (const IdRange& range : now.ok) safe += range.count();
    for (const IdRange& range : now.failed) safe += range.count();
    static_cast<void>(!::write(report, &safe, sizeof safe));
  };
  const std::vector<Key> keys = all_keys();
  for (TaskId first = 0; first < tasks; first += 500) {
    answer.clear();
    store->announce(first, std::span(keys).subspan(first, 500), answer);
    flush();
    for (const IdRange& range : answer.fresh) {
      for (TaskId id = range.first; id <= range.last; ++id) {
        const std::string output(random() % 3000, 'x');
        store->accept(of_commands, id % 7 == 0 ? failed(id, wire::Cause::exit, 1, output) : ok(id, output));
        if (random() % 20 == 0) flush();
      }
    }
  }
  store->set_count(tasks);
  store->finish(true);
  ::_exit(0);
}

struct Lived {
  std::uint64_t safe = 0;  // the last that it said
  bool killed = false;
};

// Kills the sink after so many of its reports.
Lived live(const std::string& path, std::uint64_t run, std::uint64_t seed, std::uint64_t reports) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) play_sink(path, run, seed, write_end.fd());
  write_end.reset();
  Lived lived;
  std::uint64_t number = 0;
  for (std::uint64_t n = 0; n < reports && ::read(read_end.fd(), &number, sizeof number) == sizeof number;
       ++n) {
    lived.safe = number;
  }
  ::kill(child, SIGKILL);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  while (::read(read_end.fd(), &number, sizeof number) == sizeof number) lived.safe = number;
  lived.killed = WIFSIGNALED(status);
  return lived;
}

}  // namespace

TEST_CASE(
    "results file: killed at any moment it opens, has all that was safe, and is completed by resuming") {
  const char* const given = std::getenv("FANMILL_SEED");
  const std::uint64_t seed = given == nullptr ? 20260117 : std::strtoull(given, nullptr, 10);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  std::uint64_t kills = 0;
  std::uint64_t run = 0;
  Lived lived;
  do {
    lived = live(path, ++run, random(), 5 + random() % 25);
    if (lived.killed) ++kills;
    CAPTURE(run, lived.safe);
    REQUIRE(ask(path, "PRAGMA integrity_check") == "ok");
    // Commits that it did not live to report may be there too, as outcomes of tasks, each once.
    const auto stored = std::stoull(ask(path, "SELECT count(*) FROM last_run"));
    REQUIRE(stored >= lived.safe);
    REQUIRE(ask(path, "SELECT count(DISTINCT task) FROM last_run") == std::to_string(stored));
    REQUIRE(ask(path, "SELECT count(DISTINCT key) FROM result") == ask(path, "SELECT count(*) FROM result"));
  } while (lived.killed && run < 200);
  CHECK(kills >= 5);
  CHECK_FALSE(lived.killed);
  CHECK(ask(path, "SELECT complete FROM run ORDER BY id DESC LIMIT 1") == "1");
  CHECK(ask(path, "SELECT count(*) FROM result") == std::to_string(tasks));
  CHECK(ask(path, "SELECT count(*) FROM last_run WHERE (task % 7 = 0) = (outcome = 'failed')") ==
        std::to_string(tasks));
}

}  // namespace fanmill::store
