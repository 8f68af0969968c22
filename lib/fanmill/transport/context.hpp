#pragma once
// The ZeroMQ context: the I/O thread and the limits that all sockets of a process share. May be used from any
// thread; must outlive its sockets.

#include <cstddef>

#include <zmq.hpp>

namespace fanmill::transport {

// Raises the soft limit on descriptors to the hard one, and returns it. For a program's start: it is
// process-wide.
std::size_t raise_descriptor_limit();

class Context {
 public:
  // Room for as many sockets as the descriptor limit of this moment allows, at most 65,535 (libzmq's own
  // default ends at 1,023). Throws Error{unavailable} where there are too few descriptors for anything, or
  // the system gives no threads (four are started and ended for that).
  Context();
  [[nodiscard]] zmq::context_t& handle() { return context_; }
  // Sockets and descriptors that can still be opened before the process comes near its limit; for refusing a
  // worker in time. A listener that runs out of descriptors aborts the process (ipc) or spins (tcp). A
  // reserve of 64 (an eighth of a limit below 512) is kept back. Costs one system call over a hundred
  // descriptors, unless the process has been near its limit already: then one more for each 1,024
  // descriptors.
  [[nodiscard]] static bool has_room_for(std::size_t descriptors);

 private:
  zmq::context_t context_;
};

}  // namespace fanmill::transport
