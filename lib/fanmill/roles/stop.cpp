#include <cerrno>
#include <cstdint>

#include <sys/eventfd.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/roles/stop.hpp>

namespace fanmill::roles {

StopRequest::StopRequest() : first_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  second_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (first_ < 0 || second_ < 0) {
    const int reason = errno;
    if (first_ >= 0) close(first_);
    if (second_ >= 0) close(second_);
    throw Error(ErrorCode::unavailable, "make", "an event descriptor", reason_of(reason));
  }
}

StopRequest::~StopRequest() {
  close(first_);
  close(second_);
}

void StopRequest::raise(int signal_number) noexcept {
  // A signal handler must leave errno to the code that it interrupted.
  const int kept = errno;
  signal_.store(signal_number);
  int before = level_.load();
  while (before < 2 && !level_.compare_exchange_weak(before, before + 1)) {
  }
  if (before < 2) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(before == 0 ? first_ : second_, &one, sizeof one);
  }
  errno = kept;
}

}  // namespace fanmill::roles
