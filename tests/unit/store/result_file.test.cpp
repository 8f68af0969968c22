#include <future>
#include <string>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "places.hpp"
#include "results.hpp"
#include <fanmill/store/stream.hpp>

namespace fanmill::store {

namespace {

std::unique_ptr<Store> raw_to(const std::string& path) {
  auto store = open_stream({.file = path, .pass_stderr = false});
  store->begin(RunId{1}, "\n");
  return store;
}

void write_one(const std::string& path, bool complete, const std::string& output = "new") {
  const auto store = raw_to(path);
  store->accept(of_commands, ok(0, output));
  store->finish(complete);
}

}  // namespace

TEST_CASE("result file: it is FILE.partial until the run is complete, and then FILE") {
  const TempDirectory directory;
  const std::string name = GENERATE("out", "a name", "new\nline", "-dash");
  const auto store = raw_to(directory.path(name));
  store->accept(of_commands, ok(0, "x"));
  store->flush({});
  CHECK(taken(*store).ok == Ranges{{0, 0}});
  CHECK_FALSE(directory.has(name));
  CHECK(directory.read(name + ".partial") == "x");
  store->accept(of_commands, ok(1, "y"));
  store->finish(true);
  CHECK(directory.read(name) == "xy");
  CHECK_FALSE(directory.has(name + ".partial"));
}

TEST_CASE("result file: of a run that was cut short the old FILE stays, and FILE.partial has what there is") {
  const TempDirectory directory;
  directory.write("out", "old");
  write_one(directory.path("out"), false);
  CHECK(directory.read("out") == "old");
  CHECK(directory.read("out.partial") == "new");

  // The next run begins it anew.
  write_one(directory.path("out"), true, "n");
  CHECK(directory.read("out") == "n");
  CHECK_FALSE(directory.has("out.partial"));
}

TEST_CASE("result file: of a run without results nothing stays beside FILE") {
  const TempDirectory directory;
  write_one(directory.path("out"), false, "");
  CHECK_FALSE(directory.has("out"));
  CHECK_FALSE(directory.has("out.partial"));
}

TEST_CASE("result file: an old FILE is replaced, its permissions stay") {
  const TempDirectory directory;
  directory.write("out", "old");
  REQUIRE(::chmod(directory.path("out").c_str(), 0640) == 0);
  write_one(directory.path("out"), true);
  CHECK(directory.read("out") == "new");
  struct stat status {};
  REQUIRE(::stat(directory.path("out").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
}

TEST_CASE("result file: a link stays one, and what it leads to is replaced") {
  const TempDirectory directory;
  std::filesystem::create_directory(directory.path("elsewhere"));
  directory.write("elsewhere/target", "old");
  std::filesystem::create_symlink("elsewhere/target", directory.path("link"));
  write_one(directory.path("link"), true);
  CHECK(std::filesystem::is_symlink(directory.path("link")));
  CHECK(directory.read("elsewhere/target") == "new");
}

TEST_CASE("result file: a run without tasks makes an empty one") {
  const TempDirectory directory;
  raw_to(directory.path("out"))->finish(true);
  CHECK(directory.has("out"));
  CHECK(directory.read("out").empty());
}

TEST_CASE("result file: what cannot be made is said at once, and nothing is left behind") {
  const TempDirectory directory;
  const auto opening = [](const std::string& path) { return error_of([&] { (void)raw_to(path); }); };
  const auto said = [&](const std::string& name, const std::string& reason) {
    return "cannot write results to '" + directory.path(name) + "': " + reason;
  };
  std::filesystem::create_directory(directory.path("folder"));
  directory.write("file", "");
  CHECK(opening(directory.path("folder")) == said("folder", "is a directory"));
  CHECK(opening(directory.path("new/")) == said("new/", "no such file or directory"));
  CHECK(opening(directory.path("none/out")) == said("none/out", "no such file or directory"));
  CHECK(opening(directory.path("file/out")) == said("file/out", "not a directory"));

  // Root may write everywhere, so this is somebody else's try.
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
  directory.write("secret", "");
  REQUIRE(::chmod(directory.path("secret").c_str(), 0444) == 0);
  REQUIRE(::chmod(directory.path("folder").c_str(), 0555) == 0);
  const uid_t self = ::geteuid();
  if (self == 0) REQUIRE(::seteuid(65534) == 0);
  const std::string secret = opening(directory.path("secret"));
  const std::string inside = opening(directory.path("folder/out"));
  REQUIRE(::seteuid(self) == 0);
  REQUIRE(::chmod(directory.path("folder").c_str(), 0755) == 0);
  CHECK(secret == said("secret", "permission denied"));
  CHECK(inside == said("folder/out", "permission denied"));

  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
    files += !entry.path().empty();
  CHECK(files == 3);
}

TEST_CASE("result file: two runs do not write the same one") {
  const TempDirectory directory;
  const auto first = raw_to(directory.path("out"));
  CHECK(error_of([&] { (void)raw_to(directory.path("out")); }) ==
        "cannot write results to '" + directory.path("out") + "': another run is writing it");
  first->accept(of_commands, ok(0, "x"));
  first->finish(true);
  CHECK(directory.read("out") == "x");
}

TEST_CASE("result file: a FIFO is written as it is, once it has a reader") {
  const TempDirectory directory;
  REQUIRE(::mkfifo(directory.path("fifo").c_str(), 0600) == 0);
  // Opening either end waits for the other.
  auto reading = std::async(std::launch::async, [&] { return directory.read("fifo"); });
  write_one(directory.path("fifo"), true);
  CHECK(reading.get() == "new");
  CHECK_FALSE(directory.has("fifo.partial"));
  CHECK(std::filesystem::is_fifo(directory.path("fifo")));
}

TEST_CASE("result file: a device is written as it is") {
  write_one("/dev/null", true);
  CHECK(std::filesystem::is_character_file("/dev/null"));
}

}  // namespace fanmill::store
