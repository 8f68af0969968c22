#pragma once
// The one wait of a loop. Retries EINTR there, and nowhere else.

#include <cstddef>
#include <vector>

#include <poll.h>

#include <fanmill/base/time.hpp>
#include <fanmill/transport/monitor.hpp>
#include <fanmill/transport/socket.hpp>

namespace fanmill::transport {

// Built anew for each turn of the loop: `clear`, then `watch…` what this turn is interested in, then `wait`.
// The arrays are reused, so this costs no allocation; and a socket that cannot have anything is not asked,
// which is what zmq_poll spends its time on.
class Poller {
 public:
  static constexpr std::size_t nothing = ~std::size_t{0};  // an index that is never ready

  void clear();
  // Each returns the item's index, for readable() and writable().
  std::size_t watch_readable(Socket& socket) { return watch(socket.inbox(), ZMQ_POLLIN); }
  std::size_t watch_writable(Socket& socket) { return watch(socket.inbox(), ZMQ_POLLOUT); }
  std::size_t watch_readable(Monitor& monitor) { return watch(monitor.inbox(), ZMQ_POLLIN); }
  std::size_t watch_readable(int fd) { return watch(fd, POLLIN); }
  std::size_t watch_writable(int fd) { return watch(fd, POLLOUT); }
  std::size_t watch_closed(int fd) { return watch(fd, 0); }  // a pipe whose reader has gone

  // Until something is ready or `until` has come (`never`: not before something is ready); returns how many
  // are ready.
  int wait(Time now, Time until);

  // Since the last wait. A ZeroMQ socket that is readable may turn out to have nothing. A descriptor whose
  // other end has gone is readable, writable and closed. So: read or write it and see.
  [[nodiscard]] bool readable(std::size_t index) const;
  [[nodiscard]] bool writable(std::size_t index) const;
  [[nodiscard]] bool closed(std::size_t index) const;

 private:
  struct Item {
    Inbox* inbox = nullptr;  // of a ZeroMQ socket; null: a plain descriptor
    short wanted = 0;        // ZMQ_POLLIN or ZMQ_POLLOUT
    bool ready = false;
  };
  std::size_t watch(Inbox& inbox, short wanted);
  std::size_t watch(int fd, short events);
  int ask_sockets();

  std::vector<Item> items_;
  std::vector<pollfd> descriptors_;  // of the same indexes
};

}  // namespace fanmill::transport
