#pragma once
// libzmq's calls give up with EINTR even where they do not wait. A wait is the Poller's alone; these are the
// others.

#include <cerrno>

namespace fanmill::transport {

// Makes the call again for as long as it returns −1 with EINTR.
template <typename Call>
int uninterrupted(Call call) {
  int result = 0;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result;
}

}  // namespace fanmill::transport
