#pragma once
// Binding without the traps: ipc paths under a lock, ports that are ours, names nobody else has.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fanmill/transport/socket.hpp>

namespace fanmill::transport {

// The directory of mode 0700 where this user's ipc sockets live when nobody names another:
// $XDG_RUNTIME_DIR/fanmill, else ${TMPDIR:-/tmp}/fanmill-UID. Made if it is not there; one that belongs to another
// user, is a symbolic link or is open to others is refused (Error{unavailable}).
[[nodiscard]] std::string runtime_directory();

// `bytes` random bytes in lower-case hexadecimal, from the kernel.
[[nodiscard]] std::string random_name(std::size_t bytes);
[[nodiscard]] std::uint64_t random_id();  // never 0

// Holds an ipc path for as long as it lives: takes an flock on PATH.lock, refuses (Error{unavailable}: address in use;
// is another one running?) if somebody has it, removes a dead socket that is there, and never a live one nor anything
// that is not a socket. Removes both files at its end. libzmq by itself would unlink whatever it finds.
class IpcPath {
 public:
  explicit IpcPath(std::string path);
  ~IpcPath();
  IpcPath(IpcPath&&) noexcept;
  IpcPath& operator=(IpcPath&&) noexcept;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  int lock_ = -1;
};

// A bound endpoint, with the lock where it needs one. Must be destroyed after the socket, or with it.
struct Bound {
  Endpoint endpoint;
  std::optional<IpcPath> lock;
};

// Binds one of the endpoints of a ventilator or sink, ipc under its lock. Error as Socket::bind.
[[nodiscard]] Bound bind_locked(Socket& socket, const Endpoint& endpoint);

// Ports for lanes and results over tcp: the free ports of a range, each used again last, since a client that reconnects to a
// port just closed may reach the wrong worker. Below 32768 unless the user says otherwise: a client on this host
// that connects to a dead port in the system's own range can connect to itself.
class PortRange {
 public:
  PortRange(std::uint16_t low, std::uint16_t high);  // both included, low ≤ high
  // The free ports that follow a control port, to 32767 (at least 1,000 of them; for a control port above, those
  // from 20000).
  [[nodiscard]] static PortRange following(std::uint16_t control_port);

  // Binds the socket to `host` and the next free port. Error{unavailable} if there is none, naming the range and --lane-ports.
  Endpoint bind(Socket& socket, const std::string& host);

 private:
  std::uint16_t low_;
  std::uint16_t high_;
  std::uint16_t next_;
};

}  // namespace fanmill::transport
