#include <fcntl.h>

#include <fanmill/base/pipe_room.hpp>

namespace fanmill {

void make_room_in_pipe(int fd) {
  constexpr int given = 64 << 10;
  constexpr int wanted = 256 << 10;
  if (::fcntl(fd, F_GETPIPE_SZ) == given) static_cast<void>(::fcntl(fd, F_SETPIPE_SZ, wanted));
}

}  // namespace fanmill
