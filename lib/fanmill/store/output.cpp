#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/base/pipe_room.hpp>
#include <fanmill/store/output.hpp>
#include <fanmill/store/store.hpp>

namespace fanmill::store {

namespace {
// What stays allocated between writes: enough for a reader that is slow for a moment, not a huge result's
// room.
constexpr std::size_t kept_capacity = std::size_t{8} << 20;
}  // namespace

Output::Output(Descriptor file, std::string title) : Output(file.fd(), std::move(title)) {
  file_ = std::move(file);
}

Output::Output(int fd, std::string title, std::string next)
    : title_(std::move(title)), next_(std::move(next)), fd_(fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    throw Error(ErrorCode::unavailable, "write", title_, reason_of(errno));
  }
  has_reader_ = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode);
  make_room_in_pipe(fd);
  if (S_ISSOCK(status.st_mode)) {
    way_ = Way::send;
  } else if (S_ISFIFO(status.st_mode) || ::isatty(fd) == 1) {
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    again_.reset(::open(link.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    // It fails without /proc, and where the pipe or the terminal is another user's.
    if (again_) {
      fd_ = again_.fd();
    } else {
      way_ = Way::after_poll;
    }
  }
}

// As write(2): a count, or −1 and errno.
std::ptrdiff_t Output::put(const char* bytes, std::size_t size) const {
  switch (way_) {
    case Way::as_it_comes:
      return ::write(fd_, bytes, size);
    case Way::send:
      return ::send(fd_, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    case Way::after_poll: {
      pollfd room{fd_, POLLOUT, 0};
      if (::poll(&room, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
      }
      // Writable means room for this much (pipe(7)).
      return ::write(fd_, bytes, std::min<std::size_t>(size, PIPE_BUF));
    }
  }
  return -1;
}

void Output::share(Screen* screen) {
  if (screen != nullptr && screen->is_at(fd_)) screen_ = screen;
}

void Output::append_large(ByteView bytes, ByteView after) {
  if (!blocked_ && (unwritten() == 0 || way_ == Way::as_it_comes)) {
    Screen::Text text(screen_);
    std::size_t left = static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, put_behind(bytes, after)));
    const auto share_of = [&](ByteView part) {
      const std::size_t share = std::min(left, part.size());
      text.wrote(part.substr(0, share));
      left -= share;
      return share;
    };
    if (const std::size_t waiting = share_of({buffer_.data() + begin_, unwritten()}); waiting > 0) {
      wrote(waiting);
    }
    for (ByteView* part : {&bytes, &after}) {
      const std::size_t share = share_of(*part);
      written_ += share;
      part->remove_prefix(share);
    }
  }
  buffer_.append(bytes).append(after);
}

// What waits, and these behind it; as put().
std::ptrdiff_t Output::put_behind(ByteView bytes, ByteView after) const {
  if (way_ != Way::as_it_comes) return put(bytes.data(), bytes.size());
  std::array<iovec, 3> parts;
  parts[0] = {const_cast<char*>(buffer_.data() + begin_), unwritten()};
  parts[1] = {const_cast<char*>(bytes.data()), bytes.size()};
  parts[2] = {const_cast<char*>(after.data()), after.size()};
  return ::writev(fd_, parts.data(), static_cast<int>(parts.size()));
}

void Output::write() {
  blocked_ = false;
  if (unwritten() == 0) return;
  Screen::Text text(screen_);
  while (unwritten() > 0) {
    const std::ptrdiff_t count = put(buffer_.data() + begin_, unwritten());
    if (count >= 0) {
      text.wrote({buffer_.data() + begin_, static_cast<std::size_t>(count)});
      wrote(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      blocked_ = true;
      return;
    } else if (errno == EPIPE || errno == ECONNRESET) {
      throw PipeClosed{};
    } else if (errno != EINTR) {
      throw Error(ErrorCode::unavailable, "write", title_, reason_of(errno), next_);
    }
  }
}

void Output::write_all() {
  write();
  while (blocked_) {
    pollfd room{fd_, POLLOUT, 0};
    ::poll(&room, 1, -1);
    write();
  }
}

void Output::wrote(std::size_t count) {
  begin_ += count;
  written_ += count;
  if (begin_ == buffer_.size()) {
    begin_ = 0;
    if (buffer_.capacity() > kept_capacity) {
      std::string().swap(buffer_);
    } else {
      buffer_.clear();
    }
  } else if (begin_ >= buffer_.size() / 2) {
    // At most as many bytes are moved as were written since the last time.
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
}

}  // namespace fanmill::store
