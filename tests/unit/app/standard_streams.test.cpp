#include <functional>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fanmill/app/standard_streams.hpp>
#include <fanmill/base/error.hpp>

namespace fanmill::app {

namespace {

// The descriptors of the test program itself stay as they are.
bool holds_in_child(const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("standard streams: those that are closed are occupied and remembered") {
  CHECK(holds_in_child([] {
    close(0);
    close(2);
    const ClosedStreams closed = occupy_closed_streams();
    const int next = open("/dev/null", O_RDONLY);
    return closed.input && !closed.output && closed.errors && next > 2;
  }));
  CHECK(holds_in_child([] {
    for (int fd = 0; fd < 3; ++fd) close(fd);
    const ClosedStreams closed = occupy_closed_streams();
    return closed.input && closed.output && closed.errors && write(1, "x", 1) == 1;
  }));
}

TEST_CASE("standard streams: a closed stdin cannot be read, and matters only where it would be") {
  const ClosedStreams closed{.input = true};
  const Notice quiet = [](Severity, std::string_view) {};
  CHECK_THROWS_WITH(require_input(closed, {}, quiet), "cannot read standard input: it is closed");
  input::Settings settings;
  settings.files = {"a", "-"};
  CHECK_THROWS_AS(require_input(closed, settings, quiet), Error);
  CHECK_NOTHROW(require_input({}, settings, quiet));
  settings.files = {"a"};
  CHECK_NOTHROW(require_input(closed, settings, quiet));
  settings.files = {};
  settings.items_given = true;
  CHECK_NOTHROW(require_input(closed, settings, quiet));
}

TEST_CASE("standard streams: a closed stdout cannot be written, and matters only where it would be") {
  const ClosedStreams closed{.output = true};
  CHECK_THROWS_WITH(require_output(closed, {}), "cannot write standard output: it is closed");
  CHECK_NOTHROW(require_output({}, {}));
  store::StreamSettings settings;
  settings.file = "results";
  CHECK_NOTHROW(require_output(closed, settings));
}

TEST_CASE("standard streams: printing to a full device is an error, and to nobody the pipe's end") {
  CHECK(holds_in_child([] {
    const int full = open("/dev/full", O_WRONLY);
    dup2(full, STDOUT_FILENO);
    try {
      print({}, "text");
    } catch (const Error& error) {
      return std::string_view(error.what()) == "cannot write standard output: no space left on device";
    }
    return false;
  }));
  CHECK(holds_in_child([] {
    signal(SIGPIPE, SIG_IGN);
    int ends[2];
    if (pipe(ends) != 0) return false;
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    try {
      print({}, "text");
    } catch (const store::PipeClosed&) {
      return true;
    }
    return false;
  }));
}

}  // namespace fanmill::app
