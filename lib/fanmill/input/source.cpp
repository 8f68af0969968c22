#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/base/pipe_room.hpp>
#include <fanmill/input/source.hpp>

namespace fanmill::input {

namespace {

bool is_stdin(std::string_view name) {
  return name == "-" || name == "/dev/stdin";
}

std::string title_of(const std::string& name) {
  return is_stdin(name) ? "standard input" : "'" + name + "'";
}

[[noreturn]] void fail(const std::string& name, int error_number) {
  throw Error(ErrorCode::unavailable, "read", title_of(name), reason_of(error_number));
}

// O_NONBLOCK makes a FIFO without a writer open at once; until one has come, poll() says nothing and read()
// is not called. The description is our own, so the flag disturbs nobody.
int open_for_reading(const std::string& name) {
  while (true) {
    const int fd = ::open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0) return fd;
    if (errno != EINTR) fail(name, errno);
  }
}

}  // namespace

void Source::check(const std::string& name) {
  struct stat status {};
  if ((is_stdin(name) ? ::fstat(STDIN_FILENO, &status) : ::stat(name.c_str(), &status)) != 0)
    fail(name, errno);
  if (S_ISDIR(status.st_mode)) fail(name, EISDIR);
  if (is_stdin(name)) return;
  if (S_ISSOCK(status.st_mode)) fail(name, ENXIO);
  if (::faccessat(AT_FDCWD, name.c_str(), R_OK, AT_EACCESS) != 0) fail(name, errno);
}

Source::Source(const std::string& name)
    : title_(title_of(name)),
      owned_(is_stdin(name) ? -1 : open_for_reading(name)),
      fd_(owned_ ? owned_.fd() : STDIN_FILENO) {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) fail(name, errno);
  regular_ = S_ISREG(status.st_mode);
  asks_first_ = !regular_ && (owned_ || !(S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)));
  make_room_in_pipe(fd_);
}

std::optional<std::size_t> Source::read(char* into, std::size_t room) {
  while (true) {
    if (asks_first_) {
      pollfd ready{fd_, POLLIN, 0};
      if (::poll(&ready, 1, 0) == 0) return std::nullopt;
    }
    const iovec to{into, room};
    const ssize_t got =
        asks_first_ || regular_ ? ::read(fd_, into, room) : ::preadv2(fd_, &to, 1, -1, RWF_NOWAIT);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN) return std::nullopt;
    if (errno == EINTR) continue;
    if (asks_first_ || regular_) throw Error(ErrorCode::unavailable, "read", title_, reason_of(errno));
    // Whatever the reason: an old kernel, or a filter of system calls.
    asks_first_ = true;
  }
}

}  // namespace fanmill::input
