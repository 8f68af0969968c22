#include <algorithm>
#include <cerrno>
#include <limits>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fanmill/app/crowd_limit.hpp>

namespace {
// accept4() has no other way to know.
int first_kept_back = std::numeric_limits<int>::max();  // NOLINT: set once, before there are threads
}  // namespace

namespace fanmill::app {

void limit_crowd(std::size_t descriptors) {
  const std::size_t kept_back = std::min<std::size_t>(32, descriptors / 16);
  first_kept_back = static_cast<int>(std::min<std::size_t>(descriptors - kept_back, first_kept_back));
}

}  // namespace fanmill::app

// The kernel gives out the lowest free number: one near the limit says that nearly all below are taken.
extern "C" int accept4(int listener, sockaddr* address, socklen_t* size, int flags) {
  const auto accepted = static_cast<int>(::syscall(SYS_accept4, listener, address, size, flags));
  if (accepted >= 0 && accepted < first_kept_back) return accepted;
  // Both of libzmq's listeners bear ENFILE.
  if (accepted >= 0) ::close(accepted);
  if (accepted >= 0 || errno == EMFILE) errno = ENFILE;
  return -1;
}
