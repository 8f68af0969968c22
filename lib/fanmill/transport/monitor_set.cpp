#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/epoll.h>

#include <fanmill/base/error.hpp>
#include <fanmill/transport/monitor_set.hpp>

namespace fanmill::transport {

namespace {
[[noreturn]] void refused() {
  throw Error(ErrorCode::unavailable, "watch", "the connections of sockets", reason_of(errno));
}
}  // namespace

MonitorSet::MonitorSet() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) refused();
}

void MonitorSet::add(Monitor& monitor, std::uint64_t key) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = key;
  if (::epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, monitor.inbox().fd(), &event) != 0) refused();
}

void MonitorSet::remove(Monitor& monitor) {
  ::epoll_ctl(epoll_.fd(), EPOLL_CTL_DEL, monitor.inbox().fd(), nullptr);
}

std::vector<std::uint64_t> MonitorSet::news() const {
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(epoll_.fd(), events.data(), static_cast<int>(events.size()), 0);
  std::vector<std::uint64_t> keys;
  keys.reserve(static_cast<std::size_t>(std::max(count, 0)));
  for (int i = 0; i < count; ++i) keys.push_back(events[static_cast<std::size_t>(i)].data.u64);
  return keys;
}

}  // namespace fanmill::transport
