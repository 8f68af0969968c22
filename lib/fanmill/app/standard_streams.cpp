#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include <fanmill/app/standard_streams.hpp>
#include <fanmill/base/error.hpp>

namespace fanmill::app {

namespace {

constexpr std::string_view is_closed = "it is closed";

bool occupy(int fd, int access) {
  if (fcntl(fd, F_GETFD) != -1 || errno != EBADF) return false;
  // The lowest descriptor that is free is this one, since those below are open.
  if (open("/dev/null", access) != fd) {
    throw Error(ErrorCode::unavailable, "open", "/dev/null", reason_of(errno));
  }
  return true;
}

bool is_from_stdin(const input::Settings& settings) {
  const auto& files = settings.files;
  return !settings.items_given &&
         (files.empty() || std::find(files.begin(), files.end(), "-") != files.end());
}

}  // namespace

ClosedStreams occupy_closed_streams() {
  ClosedStreams closed;
  closed.input = occupy(STDIN_FILENO, O_RDONLY);
  closed.output = occupy(STDOUT_FILENO, O_WRONLY);
  closed.errors = occupy(STDERR_FILENO, O_WRONLY);
  return closed;
}

bool is_typed(const input::Settings& settings) {
  return is_from_stdin(settings) && isatty(STDIN_FILENO) == 1;
}

void require_input(const ClosedStreams& closed, const input::Settings& settings, const Notice& notice) {
  if (closed.input && is_from_stdin(settings)) {
    throw Error(ErrorCode::unavailable, "read", "standard input", is_closed);
  }
  if (is_typed(settings)) notice(Severity::info, "reading items from the terminal until Ctrl-D");
}

void require_output(const ClosedStreams& closed, const store::StreamSettings& settings) {
  if (closed.output && settings.file.empty()) {
    throw Error(ErrorCode::unavailable, "write", "standard output", is_closed);
  }
}

void print(const ClosedStreams& closed, std::string_view text) {
  require_output(closed, {});
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      throw store::PipeClosed{};
    } else if (errno != EINTR) {
      throw Error(ErrorCode::unavailable, "write", "standard output", reason_of(errno));
    }
  }
}

}  // namespace fanmill::app
