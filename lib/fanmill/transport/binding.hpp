#pragma once
// Binding without the traps: ipc paths under a lock, ports that are ours, names nobody else has.

#include <optional>

#include <fanmill/transport/ipc_path.hpp>
#include <fanmill/transport/port_range.hpp>
#include <fanmill/transport/random.hpp>
#include <fanmill/transport/socket.hpp>

namespace fanmill::transport {

// A bound endpoint, with the lock where it needs one. Must be destroyed after the socket, or with it.
struct Bound {
  Endpoint endpoint;
  std::optional<IpcPath> lock;
};

// Binds one of the endpoints of a ventilator or sink, ipc under its lock and for this user alone (mode 0600).
// Error as Socket::bind and IpcPath.
[[nodiscard]] Bound bind_locked(Socket& socket, const Endpoint& endpoint);

}  // namespace fanmill::transport
