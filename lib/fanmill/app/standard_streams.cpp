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

}  // namespace

ClosedStreams occupy_closed_streams() {
  ClosedStreams closed;
  closed.input = occupy(STDIN_FILENO, O_RDONLY);
  closed.output = occupy(STDOUT_FILENO, O_WRONLY);
  closed.errors = occupy(STDERR_FILENO, O_WRONLY);
  return closed;
}

void require_input(const ClosedStreams& closed, const input::Settings& settings) {
  const auto& files = settings.files;
  const bool from_stdin =
      !settings.items_given && (files.empty() || std::find(files.begin(), files.end(), "-") != files.end());
  if (closed.input && from_stdin) {
    throw Error(ErrorCode::unavailable, "read", "standard input", is_closed);
  }
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
