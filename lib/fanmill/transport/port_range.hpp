#pragma once
// Ports of our own for lanes and results over tcp.

#include <cstdint>
#include <string>

#include <fanmill/transport/socket.hpp>

namespace fanmill::transport {

// The free ports of a range, each used again last, since a client that reconnects to a port just closed may
// reach the wrong worker. Below 32768 unless the user says otherwise: a client on this host that connects to
// a dead port in the system's own range can connect to itself.
class PortRange {
 public:
  PortRange(std::uint16_t low, std::uint16_t high);  // both included, 0 < low ≤ high
  // The free ports that follow a control port, from 1024 and to 32767 (at least 1,000 of them; for a control
  // port above, those from 20000).
  [[nodiscard]] static PortRange following(std::uint16_t control_port);

  [[nodiscard]] std::uint16_t low() const { return low_; }
  [[nodiscard]] std::uint16_t high() const { return high_; }

  // Binds the socket to `host` and the next free port. Error{unavailable} if there is none, naming the range
  // and
  // --lane-ports, or as Socket::bind if it is not for the port.
  Endpoint bind(Socket& socket, const std::string& host);

 private:
  std::uint16_t low_;
  std::uint16_t high_;
  std::uint16_t next_;
};

}  // namespace fanmill::transport
