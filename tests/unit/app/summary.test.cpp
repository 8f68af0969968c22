#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fanmill/app/summary.hpp>

namespace fanmill::app {

namespace {

class Directory {
 public:
  Directory() {
    std::string name = std::filesystem::temp_directory_path() / "fanmill-app-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  [[nodiscard]] std::string path(const char* name) const { return path_ / name; }
  [[nodiscard]] bool is_empty() const { return std::filesystem::is_empty(path_); }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("summary: the status and every counter, in their order") {
  const Directory directory;
  roles::RunReport report;
  report.exit_code = 1;
  report.counters = {{"tasks", 10}, {"ok", 9}, {"failed", std::uint64_t{1} << 53}};
  Summary summary(directory.path("summary.json"));
  CHECK_FALSE(std::filesystem::exists(directory.path("summary.json")));
  summary.write(report);
  std::ifstream file(directory.path("summary.json"));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  CHECK(text ==
        "{\n  \"exit_status\": 1,\n  \"tasks\": 10,\n  \"ok\": 9,\n  \"failed\": 9007199254740992\n}\n");
}

TEST_CASE("summary: a run that came to no end leaves none") {
  const Directory directory;
  { const Summary summary(directory.path("summary.json")); }
  CHECK(directory.is_empty());
}

TEST_CASE("summary: a place where it cannot be written is said before the run") {
  try {
    const Summary summary("/nonexistent/summary.json");
    FAIL("it was taken");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::unavailable);
    CHECK(std::string(error.what()) ==
          "cannot write the summary to '/nonexistent/summary.json': no such file or directory");
  }
}

TEST_CASE("summary: without a path there is nothing to write") {
  Summary summary("");
  summary.write({});
}

TEST_CASE("summary: a device is written as it is, and stays one") {
  const Directory directory;
  const std::string fifo = directory.path("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  roles::RunReport report;
  report.counters = {{"tasks", 1}};
  Summary summary(fifo);
  summary.write(report);
  CHECK(std::filesystem::is_fifo(fifo));
  std::array<char, 64> text{};
  CHECK(::read(reader, text.data(), text.size()) > 0);
  ::close(reader);
}

}  // namespace fanmill::app
