#include <algorithm>
#include <cerrno>

#include <fanmill/base/error.hpp>
#include <fanmill/work/epoll.hpp>

namespace fanmill::work {

Epoll::Epoll(const char* subject) : subject_(subject), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw Error(ErrorCode::unavailable, "watch", subject_, reason_of(errno));
}

void Epoll::add(int fd, std::uint32_t events, std::uint64_t what) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = what;
  if (::epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, fd, &event) != 0) {
    throw Error(ErrorCode::unavailable, "watch", subject_, reason_of(errno));
  }
}

void Epoll::change(int fd, std::uint32_t events, std::uint64_t what) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = what;
  ::epoll_ctl(epoll_.fd(), EPOLL_CTL_MOD, fd, &event);
}

void Epoll::remove(int fd) const {
  ::epoll_ctl(epoll_.fd(), EPOLL_CTL_DEL, fd, nullptr);
}

void Epoll::remove_and_close(Descriptor& fd) const {
  if (!fd) return;
  remove(fd.fd());
  fd.reset();
}

std::span<const epoll_event> Epoll::ready(int milliseconds) {
  const int count = ::epoll_wait(epoll_.fd(), events_.data(), static_cast<int>(events_.size()), milliseconds);
  return {events_.data(), static_cast<std::size_t>(std::max(count, 0))};
}

}  // namespace fanmill::work
