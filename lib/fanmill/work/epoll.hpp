#pragma once
// Many descriptors behind one: epoll(7).
//
// One thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sys/epoll.h>

#include <fanmill/base/descriptor.hpp>

namespace fanmill::work {

class Epoll {
 public:
  // `subject`: what is watched, for people; a literal. Throws Error{unavailable} where the system gives no
  // descriptor.
  explicit Epoll(const char* subject);

  [[nodiscard]] int fd() const { return epoll_.fd(); }  // readable: something is ready

  // `events`: EPOLLIN, EPOLLOUT. `what` is what ready() says of it. Throws Error{unavailable} where there is
  // no memory for it.
  void add(int fd, std::uint32_t events, std::uint64_t what) const;
  // Of one that is watched. Without events its errors are still told.
  void change(int fd, std::uint32_t events, std::uint64_t what) const;
  // Before a descriptor is closed: closing alone does not do it where another thread has just forked, and
  // holds a copy. One that is not watched is passed over.
  void remove(int fd) const;
  void remove_and_close(Descriptor& fd) const;

  // What has been ready, at the most 64 of them, after no more than so many milliseconds, or (−1) as long as
  // it takes. None where a signal came. The view holds until the next call.
  [[nodiscard]] std::span<const epoll_event> ready(int milliseconds = 0);

 private:
  const char* subject_;
  Descriptor epoll_;
  std::array<epoll_event, 64> events_{};
};

}  // namespace fanmill::work
