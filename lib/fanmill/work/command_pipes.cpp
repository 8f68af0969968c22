#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fanmill/work/command_pipes.hpp>
#include <fanmill/work/pipe.hpp>

namespace fanmill::work {

CommandPipes::CommandPipes(const Epoll& epoll, std::uint64_t owner, std::size_t max_output,
                           std::size_t max_stderr)
    : epoll_(epoll),
      owner_(owner),
      streams_{Stream{{}, Capture(Capture::Keep::first, max_output), {}},
               Stream{{}, Capture(Capture::Keep::last, max_stderr), {}}} {}

int CommandPipes::open(bool captures, bool has_input) {
  is_watched_ = !captures;
  written_ = 0;
  if (captures) {
    for (Stream& stream : streams_) {
      auto pipe = open_pipe(WeDo::read);
      if (!pipe) return errno;
      stream.pipe = std::move(pipe->ours);
      stream.theirs = std::move(pipe->theirs);
    }
  }
  if (has_input) {
    auto pipe = open_pipe(WeDo::write);
    if (!pipe) return errno;
    input_ = std::move(pipe->ours);
    their_input_ = std::move(pipe->theirs);
  }
  return 0;
}

CommandPipes::Ends CommandPipes::theirs() const {
  const auto& [out, err] = streams_;
  return {.in = their_input_.fd(),
          .out = out.theirs ? out.theirs.fd() : STDOUT_FILENO,
          .err = err.theirs ? err.theirs.fd() : STDERR_FILENO};
}

void CommandPipes::close_theirs() {
  for (Stream& stream : streams_) stream.theirs.reset();
  their_input_.reset();
}

void CommandPipes::watch_input() const {
  if (input_) epoll_.add(input_.fd(), EPOLLOUT, event_of(owner_, Which::in));
}

void CommandPipes::watch_output() {
  if (std::exchange(is_watched_, true)) return;
  epoll_.add(streams_[0].pipe.fd(), EPOLLIN, event_of(owner_, Which::out));
  epoll_.add(streams_[1].pipe.fd(), EPOLLIN, event_of(owner_, Which::err));
}

void CommandPipes::write_input(ByteView item) {
  if (!input_) return;
  while (written_ < item.size()) {
    const ssize_t count = ::write(input_.fd(), item.data() + written_, item.size() - written_);
    if (count >= 0) {
      written_ += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      break;  // it does not want more, which is its own affair
    }
  }
  close_input();
}

void CommandPipes::read(Which which, std::span<char> room) {
  Stream& stream = streams_[which == Which::out ? 0 : 1];
  const bool is_open = read_pipe(stream.pipe, room, [&](ByteView bytes) { stream.capture.append(bytes); });
  if (!is_open) epoll_.remove_and_close(stream.pipe);
}

void CommandPipes::read_rest(std::span<char> room) {
  for (Stream& stream : streams_) read_rest(stream, room);
}

void CommandPipes::read_rest(Stream& stream, std::span<char> room) {
  if (!stream.pipe) return;
  int waiting = 0;
  if (::ioctl(stream.pipe.fd(), FIONREAD, &waiting) != 0) return;
  for (std::size_t left = static_cast<std::size_t>(waiting); left > 0;) {
    const ssize_t count = ::read(stream.pipe.fd(), room.data(), std::min(left, room.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    stream.capture.append({room.data(), static_cast<std::size_t>(count)});
    left -= static_cast<std::size_t>(count);
  }
}

void CommandPipes::close_input() {
  epoll_.remove_and_close(input_);
}

void CommandPipes::close() {
  close_theirs();
  for (Stream& stream : streams_) {
    if (is_watched_) epoll_.remove_and_close(stream.pipe);
    stream.pipe.reset();
    stream.capture.clear();
  }
  close_input();
}

}  // namespace fanmill::work
