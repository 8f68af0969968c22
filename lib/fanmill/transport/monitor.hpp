#pragma once
// What happens to a socket's connections. Two sockets and two descriptors each, so: one on the ventilator's ROUTER, and
// one for each of a worker's three. inproc has no connections and no events.

#include <cstdint>
#include <optional>

#include <fanmill/transport/socket.hpp>

namespace fanmill::transport {

class Monitor {
 public:
  enum class What : std::uint8_t {
    opened,        // accepted, or connected: the handshake is to come
    up,            // handshake done
    down,          // disconnected, or the handshake failed after `opened`
    unreachable,   // a connection attempt failed; libzmq tries again where the socket reconnects
    refused,       // the other side's mechanism or authentication refused us, or we it
  };
  struct Event {
    What what{};
    int fd = -1;  // the connection's descriptor; −1 where there is none
  };

  // Must be destroyed before `watched`. Same thread.
  Monitor(Context& context, Socket& watched);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  [[nodiscard]] std::optional<Event> next();  // never blocks
  [[nodiscard]] zmq::socket_t& handle() { return events_; }

 private:
  Socket& watched_;
  zmq::socket_t events_;
};

}  // namespace fanmill::transport
