#include <cassert>
#include <cerrno>
#include <chrono>

#include <fanmill/base/error.hpp>
#include <fanmill/transport/poller.hpp>

namespace fanmill::transport {

namespace {

// Rounded up: a wait that ends just before its deadline would be followed by one of 0 ms, again and again.
long milliseconds_between(Time now, Time until) {
  if (until == never) return -1;
  if (until <= now) return 0;
  return static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(until - now).count());
}

std::size_t add(std::vector<zmq::pollitem_t>& items, void* socket, int fd, short events) {
  items.push_back({socket, fd, events, 0});
  return items.size() - 1;
}

}  // namespace

std::size_t Poller::watch_readable(Socket& socket) {
  return add(items_, socket.handle().handle(), -1, ZMQ_POLLIN);
}
std::size_t Poller::watch_writable(Socket& socket) {
  return add(items_, socket.handle().handle(), -1, ZMQ_POLLOUT);
}
std::size_t Poller::watch_readable(Monitor& monitor) {
  return add(items_, monitor.handle().handle(), -1, ZMQ_POLLIN);
}
std::size_t Poller::watch_readable(int fd) {
  return add(items_, nullptr, fd, ZMQ_POLLIN);
}
std::size_t Poller::watch_writable(int fd) {
  return add(items_, nullptr, fd, ZMQ_POLLOUT);
}
std::size_t Poller::watch_closed(int fd) {
  return add(items_, nullptr, fd, 0);
}

int Poller::wait(Time now, Time until) {
  assert(!items_.empty() || until != never);
  for (;;) {
    const int ready =
        zmq_poll(items_.data(), static_cast<int>(items_.size()), milliseconds_between(now, until));
    if (ready >= 0) return ready;
    if (errno != EINTR) throw Error(ErrorCode::unavailable, "wait", "for sockets", reason_of(errno));
    now = Clock::now();
  }
}

bool Poller::readable(std::size_t index) const {
  return (items_[index].revents & (ZMQ_POLLIN | ZMQ_POLLERR)) != 0;
}
bool Poller::writable(std::size_t index) const {
  return (items_[index].revents & (ZMQ_POLLOUT | ZMQ_POLLERR)) != 0;
}
bool Poller::closed(std::size_t index) const {
  return (items_[index].revents & ZMQ_POLLERR) != 0;
}

}  // namespace fanmill::transport
