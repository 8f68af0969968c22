#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <fanmill/work/pipe.hpp>

namespace fanmill::work {

std::optional<Pipe> open_pipe(WeDo we) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  Pipe pipe{Descriptor(ends[0]), Descriptor(ends[1])};
  if (we == WeDo::write) std::swap(pipe.ours, pipe.theirs);
  for (Descriptor* end : {&pipe.ours, &pipe.theirs}) {
    if (end->fd() > STDERR_FILENO) continue;
    *end = Descriptor(::fcntl(end->fd(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!*end) return std::nullopt;
  }
  ::fcntl(pipe.ours.fd(), F_SETFL, (we == WeDo::write ? O_WRONLY : O_RDONLY) | O_NONBLOCK);
  return pipe;
}

}  // namespace fanmill::work
