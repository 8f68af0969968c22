#pragma once
// The one wait of a loop. Retries EINTR there, and nowhere else.

#include <cstddef>
#include <vector>

#include <fanmill/base/time.hpp>
#include <fanmill/transport/monitor.hpp>
#include <fanmill/transport/socket.hpp>

namespace fanmill::transport {

// Built anew for each turn of the loop: `clear`, then `watch…` what this turn is interested in, then `wait`.
// The array is reused, so this costs no allocation.
class Poller {
 public:
  void clear() { items_.clear(); }
  // Each returns the item's index, for readable() and writable().
  std::size_t watch_readable(Socket& socket);
  std::size_t watch_writable(Socket& socket);
  std::size_t watch_readable(Monitor& monitor);
  std::size_t watch_readable(int fd);
  std::size_t watch_writable(int fd);
  std::size_t watch_closed(int fd);  // POLLERR/POLLHUP alone: a pipe whose reader has gone

  // Until something is ready or `until` has come (`never`: not before something is ready); returns how many
  // are ready.
  int wait(Time now, Time until);

  // Since the last wait. A descriptor whose other end has gone is readable, writable and closed: read or
  // write it and see.
  [[nodiscard]] bool readable(std::size_t index) const;
  [[nodiscard]] bool writable(std::size_t index) const;
  [[nodiscard]] bool closed(std::size_t index) const;

 private:
  std::vector<zmq::pollitem_t> items_;
};

}  // namespace fanmill::transport
