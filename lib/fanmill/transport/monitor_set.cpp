#include <fanmill/transport/monitor_set.hpp>

namespace fanmill::transport {

void MonitorSet::add(Monitor& monitor, std::uint64_t key) {
  epoll_.add(monitor.inbox().fd(), EPOLLIN, key);
}

void MonitorSet::remove(Monitor& monitor) {
  epoll_.remove(monitor.inbox().fd());
}

std::vector<std::uint64_t> MonitorSet::news() {
  std::vector<std::uint64_t> keys;
  for (const epoll_event& event : epoll_.ready()) keys.push_back(event.data.u64);
  return keys;
}

}  // namespace fanmill::transport
