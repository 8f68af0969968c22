#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <tuple>
#include <vector>

#include <catch2/catch.hpp>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "places.hpp"
#include "played_run.hpp"
#include <fanmill/store/results_audit.hpp>

namespace fanmill::store {

using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

std::string refusal(const ResultsFileSettings& settings) {
  return error_of([&] { static_cast<void>(open_results_file(settings)); });
}
std::string refusal(const std::string& path, ResultsMode mode = ResultsMode::resume) {
  return refusal({.path = path, .mode = mode});
}
std::string cannot_write(const std::string& path, const std::string& why) {
  return "cannot write results to '" + path + "': " + why;
}

// Root may do everything, so some things are tried as somebody else.
class AsNobody {
 public:
  AsNobody() : self_(::geteuid()) {
    if (self_ == 0) REQUIRE(::seteuid(65534) == 0);
  }
  ~AsNobody() { static_cast<void>(::seteuid(self_)); }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  uid_t self_;
};

// A file with some thousand results in it, and its size.
std::uintmax_t fill(const std::string& path, std::size_t count = 5000) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < count; ++i) items.push_back("item " + std::to_string(i));
  PlayedRun run(path, ResultsMode::create, RunId{1});
  run.play(items, count);
  run.finish(count);
  return std::filesystem::file_size(path);
}

}  // namespace

TEST_CASE("results file: one that is there is a wrong command line, which names the ways out") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  played(path, ResultsMode::create, 1, {"a"});
  try {
    static_cast<void>(open_results_file({.path = path}));
    FAIL("it was taken");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::usage);
    CHECK_THAT(error.what(), StartsWith("--results: '" + path + "' is there already; give --resume"));
    CHECK_THAT(error.what(), Contains("--retry-failed"));
  }
  CHECK(last_run(path) == "a");
}

TEST_CASE("results file: a place that cannot be written is said before anything begins") {
  const TempDirectory directory;
  CHECK(refusal(directory.path("missing/x.db"), ResultsMode::create) ==
        cannot_write(directory.path("missing/x.db"), "no such file or directory"));
  CHECK(refusal(directory.path()) == cannot_write(directory.path(), "is a directory"));
  CHECK(refusal("/dev/null") == cannot_write("/dev/null", "it is not a plain file"));

  played(directory.path("x.db"), ResultsMode::create, 1, {"a"});
  REQUIRE(::chmod(directory.path("x.db").c_str(), 0444) == 0);
  REQUIRE(::chmod(directory.path().c_str(), 0555) == 0);
  std::string old_file;
  std::string new_file;
  {
    const AsNobody guard;
    old_file = refusal(directory.path("x.db"));
    new_file = refusal(directory.path("y.db"), ResultsMode::create);
  }
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  CHECK(old_file == cannot_write(directory.path("x.db"), "permission denied"));
  CHECK(new_file == cannot_write(directory.path("y.db"), "permission denied"));
}

TEST_CASE("results file: what is not SQLite's, or not ours, is refused and left as it is") {
  const TempDirectory directory;
  directory.write("text.db", std::string(5000, 'x'));
  CHECK(refusal(directory.path("text.db")) ==
        cannot_write(directory.path("text.db"), "it is not an SQLite database"));
  CHECK(directory.read("text.db") == std::string(5000, 'x'));

  change(directory.path("other.db"), "CREATE TABLE photo (name); PRAGMA user_version = 1");
  const std::string before = directory.read("other.db");
  CHECK(refusal(directory.path("other.db")) ==
        cannot_write(directory.path("other.db"), "it is an SQLite database, but not one of Fanmill's"));
  CHECK(directory.read("other.db") == before);
}

TEST_CASE("results file: another format is refused, and both are named") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  played(path, ResultsMode::create, 1, {"a"});
  change(path, "PRAGMA user_version = 7");
  CHECK(refusal(path) == cannot_write(path,
                                      "it is of format 7, and this program's is format 5; use the version of "
                                      "Fanmill that made it"));
}

TEST_CASE("results file: another command is refused, and both are named; an unknown one is not") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  {
    const auto store = open_results_file({.path = path, .command = "gzip -k {}"});
    store->begin(RunId{1}, "\n");
    store->finish(true);
  }
  CHECK(refusal({.path = path, .mode = ResultsMode::resume, .command = "gzip -9 {}"}) ==
        cannot_write(path,
                     "its results come from the command 'gzip -k {}', and not from 'gzip -9 {}'; give that "
                     "command, or another file"));
  CHECK(refusal({.path = path, .mode = ResultsMode::resume, .command = "gzip -k {}"}).empty());
  // A sink of its own does not know what the workers run; the file goes on knowing.
  CHECK(played(path, ResultsMode::resume, 2, {}).empty());
  CHECK_FALSE(refusal({.path = path, .mode = ResultsMode::resume, .command = "gzip -9 {}"}).empty());
}

TEST_CASE("results file: a truncated one is refused, wherever it was cut") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  const std::uintmax_t size = fill(path);
  const std::string whole = directory.read("x.db");
  for (const std::uintmax_t keep :
       {size - 1, size - 40000, size / 2, std::uintmax_t{40000}, std::uintmax_t{100}}) {
    CAPTURE(keep);
    directory.write("cut.db", whole.substr(0, keep));
    CHECK_THAT(refusal(directory.path("cut.db")),
               StartsWith(cannot_write(directory.path("cut.db"), "it is damaged")) ||
                   StartsWith(cannot_write(directory.path("cut.db"), "it is not an SQLite database")));
  }
}

TEST_CASE("results file: damage in a table is seen when a run begins, and what makes no sense is damage") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  fill(path);
  std::string bytes = directory.read("x.db");
  const std::size_t page = 32768;
  const std::string damaged = directory.path("damaged.db");
  // Rows that a block repeats are not read when a run begins: then the block is what may be damaged. An audit
  // sees both.
  const std::size_t block = std::stoul(ask(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'block'"));
  for (const auto& [from, count, at_begin] :
       {std::tuple{std::size_t{10}, std::size_t{2}, false}, std::tuple{block - 1, std::size_t{1}, true}}) {
    CAPTURE(from);
    std::string wrong = bytes;
    std::fill_n(wrong.begin() + static_cast<std::ptrdiff_t>(from * page), count * page, '\x5A');
    directory.write("damaged.db", wrong);
    CHECK_THAT(error_of([&] { static_cast<void>(audit_results(damaged)); }), Contains("it is damaged"));
    const std::string told = error_of([&] { PlayedRun(damaged, ResultsMode::resume, RunId{2}); });
    if (at_begin) CHECK_THAT(told, StartsWith(cannot_write(damaged, "it is damaged")));
  }
  // Without blocks the rows are read.
  directory.write("damaged.db", bytes);
  change(damaged, "DELETE FROM block");
  std::string wrong = directory.read("damaged.db");
  std::fill_n(wrong.begin() + 10 * page, 2 * page, '\x5A');
  directory.write("damaged.db", wrong);
  CHECK_THAT(error_of([&] { PlayedRun(damaged, ResultsMode::resume, RunId{2}); }),
             StartsWith(cannot_write(damaged, "it is damaged")));

  for (const char* sql :
       {"UPDATE result SET outcome = 'perhaps' WHERE id = 7", "UPDATE result SET key = x'00' WHERE id = 7",
        "UPDATE result SET task = -1 WHERE id = 7"}) {
    CAPTURE(sql);
    directory.write("wrong.db", directory.read("x.db"));
    change(directory.path("wrong.db"), sql);
    CHECK(error_of([&] { PlayedRun(directory.path("wrong.db"), ResultsMode::resume, RunId{2}); }) ==
          cannot_write(directory.path("wrong.db"), "it is damaged: result 7 makes no sense"));
  }
  for (const auto& [bound, told] : std::vector<std::pair<const char*, const char*>>{
           {"(0, 3, 0)", "what is bound to result 3 makes no sense"},
           {"(0, 3, -1)", "what is bound to result 3 makes no sense"},
           {"(-1, 3, 1)", "what is bound to result 3 makes no sense"},
           {"(4611686018427387903, 3, 9)", "what is bound to result 3 makes no sense"},
           {"(0, 3, 2), (5, 4, 1)", "what is bound to result 4 makes no sense"},
           {"(0, 3, 2), (5, 3, 1)", "what is bound to result 3 makes no sense"},
           {"(0, 300000, 1)", "result 300000 is bound, but not there"}}) {
    CAPTURE(bound);
    directory.write("wrong.db", directory.read("x.db"));
    change(directory.path("wrong.db"), ("INSERT INTO bound VALUES " + std::string(bound)).c_str());
    CHECK(error_of([&] { PlayedRun(directory.path("wrong.db"), ResultsMode::resume, RunId{1}); }) ==
          cannot_write(directory.path("wrong.db"), "it is damaged: " + std::string(told)));
  }
  directory.write("less.db", directory.read("x.db"));
  change(directory.path("less.db"), "DROP TABLE bound");
  CHECK(refusal(directory.path("less.db")) ==
        cannot_write(directory.path("less.db"), "it is damaged: a table is missing"));
}

TEST_CASE("results file: a second sink is refused, and told which process has it") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  PlayedRun run(path, ResultsMode::create, RunId{1});
  run.play({"a"});
  // In a process of its own, as it would be: within one, closing a file drops the locks of all.
  const std::string report = directory.path("report");
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::string text = "it was taken";
    try {
      static_cast<void>(open_results_file({.path = path, .mode = ResultsMode::resume}));
    } catch (const Error& error) {
      text = error.what();
    }
    std::ofstream(report) << text;
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK_THAT(directory.read("report"), StartsWith(cannot_write(path, "it is in use by another sink")));
  CHECK_THAT(directory.read("report"), Contains("(process " + std::to_string(::getpid()) + ")"));
  run.finish(1);
  CHECK(played(path, ResultsMode::resume, 2, {"a"}).empty());
}

TEST_CASE("results file: one that another program is writing is refused") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  played(path, ResultsMode::create, 1, {"a"});
  SqliteFile other(path, SqliteFile::Access::write);
  other.run("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE");
  CHECK(refusal(path) == cannot_write(path, "it is locked by another program"));
  other.run("ROLLBACK");
}

namespace {
// A file system of so many bytes in a directory's "small", if one can be mounted here.
class SmallDisk {
 public:
  SmallDisk(const TempDirectory& directory, const std::string& size) : path_(directory.path("small")) {
    REQUIRE(::mkdir(path_.c_str(), 0700) == 0);
    is_there_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
    if (!is_there_) WARN("SKIPPED: a small file system cannot be mounted here, so it was not tried");
  }
  ~SmallDisk() {
    if (is_there_) CHECK(::umount2(path_.c_str(), 0) == 0);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  [[nodiscard]] bool is_there() const { return is_there_; }
  [[nodiscard]] std::string file() const { return path_ + "/x.db"; }
  void become(const std::string& size, unsigned long flags = 0) const {
    REQUIRE(::mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT | flags, ("size=" + size).c_str()) == 0);
  }

 private:
  std::string path_;
  bool is_there_ = false;
};
}  // namespace

TEST_CASE("results file: a full disk is an error in words, what was safe stays, and resuming completes it") {
  const TempDirectory directory;
  const SmallDisk disk(directory, "2m");
  if (!disk.is_there()) return;
  const std::string path = disk.file();
  const std::string output(20000, 'x');
  constexpr TaskId count = 400;
  std::vector<Key> keys;
  for (TaskId id = 0; id < count; ++id) keys.push_back(key_of(std::to_string(id)));

  std::uint64_t safe = 0;
  std::string text;
  {
    const auto store = open_results_file({.path = path});
    store->begin(RunId{1}, "\n");
    Announced answer;
    store->announce(0, keys, answer);
    for (TaskId id = 0; id < count && text.empty(); ++id) {
      store->accept(of_commands, ok(id, output));
      text = error_of([&] { store->flush(Time{}); });
      for (const IdRange& range : taken(*store).ok) safe += range.count();
    }
    // Never tried again, even when there would be room.
    CHECK(error_of([&] { store->flush(Time{}); }) == text);
    store->accept(of_commands, ok(399, ""));
    CHECK(error_of([&] { store->finish(false); }) == text);
    CHECK(taken(*store).empty());
  }
  CHECK(text == cannot_write(path, "no space left on device"));
  CHECK(safe > 10);
  CHECK(safe < count);

  disk.become("64m");
  {
    const auto store = open_results_file({.path = path, .mode = ResultsMode::resume});
    store->begin(RunId{2}, "\n");
    Announced answer;
    store->announce(0, keys, answer);
    CHECK(answer.fresh == Ranges{{safe, count - 1}});
    for (TaskId id = safe; id < count; ++id) store->accept(of_commands, ok(id, output));
    store->set_count(count);
    store->finish(true);
  }
  CHECK(ask(path, "SELECT count(*) FROM last_run") == std::to_string(count));
}

TEST_CASE("results file: where the disk is full when all is safe its log stays, and nothing is lost") {
  const TempDirectory directory;
  const SmallDisk disk(directory, "2m");
  if (!disk.is_there()) return;
  const std::string path = disk.file();
  constexpr TaskId count = 30;
  std::vector<Key> keys;
  for (TaskId id = 0; id < count; ++id) keys.push_back(key_of(std::to_string(id)));
  const auto store = open_results_file({.path = path});
  store->begin(RunId{1}, "\n");
  Announced answer;
  store->announce(0, keys, answer);
  for (TaskId id = 0; id < count; ++id) store->accept(of_commands, ok(id, std::string(20000, 'x')));
  store->set_count(count);
  CHECK(error_of([&] { store->flush(Time{}); }).empty());
  CHECK(taken(*store).ok == Ranges{{0, count - 1}});
  CHECK(error_of([&] { store->finish(true); }).empty());
  CHECK_THAT(store->left(), EndsWith("no space left on device"));
  disk.become("64m");
  CHECK_THAT(audit_results(path).statement, EndsWith("complete"));
  CHECK(ask(path, "SELECT count(*) FROM last_run") == std::to_string(count));
}

TEST_CASE("results file: one that becomes read-only in the middle is an error in words") {
  const TempDirectory directory;
  const SmallDisk disk(directory, "16m");
  if (!disk.is_there()) return;
  {
    const std::string path = disk.file();
    played(path, ResultsMode::create, 1, {"a"});
    disk.become("16m", MS_RDONLY);
    CHECK(refusal(path) == cannot_write(path, "read-only file system"));
    CHECK(last_run(path) == "a");
  }
}

// Else the fuzzing of results files begins with what is refused at once.
TEST_CASE("results file: those that fuzzing begins with are of this format") {
  const TempDirectory directory;
  for (const char* name : {"audit", "read", "resume", "retry"}) {
    CAPTURE(name);
    std::ifstream stream(std::string(FANMILL_FUZZ_CORPUS "/results_files/") + name, std::ios::binary);
    REQUIRE(stream.get() != EOF);  // chooses what is done with it
    directory.write("x.db", std::string(std::istreambuf_iterator<char>(stream), {}));
    CHECK_THAT(audit_results(directory.path("x.db")).statement, EndsWith("run 2, complete"));
    CHECK(ask(directory.path("x.db"), "SELECT count(*) FROM block") == "1");
  }
}

// Found by fuzzing.
TEST_CASE("results file: one that claims more than there is memory for is refused in words") {
  const TempDirectory directory;
  std::ifstream stream(FANMILL_FUZZ_CORPUS "/results_files/huge", std::ios::binary);
  REQUIRE(stream.get() != EOF);
  directory.write("x.db", std::string(std::istreambuf_iterator<char>(stream), {}));
  const std::string path = directory.path("x.db");
  CHECK_THAT(refusal(path), StartsWith(cannot_write(path, "there is not the memory for what it says")));
}

}  // namespace fanmill::store
