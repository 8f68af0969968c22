#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <limits>

#include <fanmill/base/error.hpp>
#include <fanmill/transport/poller.hpp>

namespace fanmill::transport {

namespace {

// Rounded up: a wait that ends just before its deadline would be followed by one of 0 ms, again and again.
long milliseconds_between(Time now, Time until) {
  if (until == never) return -1;
  if (until <= now) return 0;
  const long wait = static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(until - now).count());
  return std::min<long>(wait, std::numeric_limits<int>::max());
}

}  // namespace

void Poller::clear() {
  items_.clear();
  descriptors_.clear();
}

std::size_t Poller::watch(Inbox& inbox, short wanted) {
  items_.push_back({&inbox, wanted, false});
  descriptors_.push_back({inbox.fd(), POLLIN, 0});
  return items_.size() - 1;
}

std::size_t Poller::watch(int fd, short events) {
  items_.push_back({});
  descriptors_.push_back({fd, events, 0});
  return items_.size() - 1;
}

// How many sockets have what is wanted of them, or may have. What something has happened to is for the reader
// to look at, who asks libzmq for the same news again; what is known to be empty has nothing.
int Poller::ask_sockets() {
  int ready = 0;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    Item& item = items_[i];
    if (item.inbox == nullptr) continue;
    if (descriptors_[i].revents != 0) {
      item.inbox->touched();
      item.ready = item.wanted == ZMQ_POLLIN || (item.inbox->events() & item.wanted) != 0;
    } else {
      item.ready = (item.wanted == ZMQ_POLLOUT || !item.inbox->known_empty()) &&
                   (item.inbox->events() & item.wanted) != 0;
    }
    if (item.ready) ++ready;
  }
  return ready;
}

int Poller::wait(Time now, Time until) {
  assert(!items_.empty() || until != never);
  for (pollfd& descriptor : descriptors_) descriptor.revents = 0;
  // What a socket has without its descriptor saying so.
  int ready = ask_sockets();
  for (;;) {
    const int timeout = ready > 0 ? 0 : static_cast<int>(milliseconds_between(now, until));
    const int signalled = ::poll(descriptors_.data(), static_cast<nfds_t>(descriptors_.size()), timeout);
    if (signalled < 0 && errno != EINTR) {
      throw Error(ErrorCode::unavailable, "wait", "for sockets", reason_of(errno));
    }
    if (signalled > 0) {
      ready = ask_sockets();
      for (std::size_t i = 0; i < items_.size(); ++i) {
        if (items_[i].inbox == nullptr && descriptors_[i].revents != 0) ++ready;
      }
    }
    if (ready > 0 || signalled == 0) return ready;
    // A signal that was for libzmq itself, or EINTR.
    now = Clock::now();
  }
}

bool Poller::readable(std::size_t index) const {
  if (index == nothing) return false;
  const Item& item = items_[index];
  if (item.inbox != nullptr) return item.ready && item.wanted == ZMQ_POLLIN;
  return (descriptors_[index].revents & ~POLLOUT) != 0;
}
bool Poller::writable(std::size_t index) const {
  if (index == nothing) return false;
  const Item& item = items_[index];
  if (item.inbox != nullptr) return item.ready && item.wanted == ZMQ_POLLOUT;
  return (descriptors_[index].revents & ~POLLIN) != 0;
}
bool Poller::closed(std::size_t index) const {
  return index != nothing && items_[index].inbox == nullptr &&
         (descriptors_[index].revents & ~(POLLIN | POLLOUT)) != 0;
}

}  // namespace fanmill::transport
