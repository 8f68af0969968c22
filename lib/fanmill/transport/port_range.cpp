#include <algorithm>
#include <cassert>
#include <cerrno>

#include <fmt/format.h>

#include <fanmill/base/error.hpp>
#include <fanmill/transport/port_range.hpp>

namespace fanmill::transport {

PortRange::PortRange(std::uint16_t low, std::uint16_t high) : low_(low), high_(high), next_(low) {
  assert(0 < low && low <= high);
}

PortRange PortRange::following(std::uint16_t control_port) {
  constexpr std::uint16_t first_unprivileged = 1024;
  constexpr std::uint16_t last_before_the_systems_own = 32767;
  const bool enough_follow = control_port + 1000 <= last_before_the_systems_own;
  const auto low = enough_follow ? std::max(static_cast<std::uint16_t>(control_port + 1), first_unprivileged)
                                 : std::uint16_t{20000};
  return {low, last_before_the_systems_own};
}

Endpoint PortRange::bind(Socket& socket, const std::string& host) {
  Endpoint endpoint{.scheme = Scheme::tcp, .host = host, .port = 0, .path = {}};
  for (int tries = high_ - low_ + 1; tries > 0; --tries) {
    endpoint.port = next_;
    next_ = next_ == high_ ? low_ : static_cast<std::uint16_t>(next_ + 1);
    switch (socket.try_bind(endpoint)) {
      case 0:
        return endpoint;
      case EADDRINUSE:
        break;
      default:
        return socket.bind(endpoint);  // for its words
    }
  }
  throw Error(ErrorCode::unavailable, "bind", fmt::format("a port of {} from {} to {}", host, low_, high_),
              "all are in use", "give a wider range with --lane-ports LOW-HIGH");
}

}  // namespace fanmill::transport
