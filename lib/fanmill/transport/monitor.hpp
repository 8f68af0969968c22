#pragma once
// What happens to a socket's connections. Two sockets and two descriptors each, so: one on the ventilator's
// ROUTER, and one for each of a worker's three. inproc has no connections and no events.
//
// A connection's `down` can be read before the last messages that came over it: read the socket empty before
// acting on it.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <fanmill/transport/socket.hpp>

namespace fanmill::transport {

class Monitor {
 public:
  enum class What : std::uint8_t {
    opened,  // accepted, or connected: the handshake is to come
    // After each of the last four `down` follows; after other_mechanism, other_key and cut_off it is the
    // very next event, as it is with one I/O thread.
    up,           // handshake done; libzmq does not say of which connection
    down,         // disconnected, or the handshake failed after `opened`
    unreachable,  // a connection attempt failed; libzmq tries again where the socket reconnects. A name that
                  // cannot be looked up gives no event.
    crowded,      // bound: a connection was turned away, since there are no descriptors for it
    refused,      // the other side does not know our key, or our Gatekeeper the other side's
    other_mechanism,  // one side has a key and the other has none
    other_key,        // bound: whoever connected takes us for somebody else, or says nonsense
    cut_off,          // the connection ended before the handshake did, and nothing else was said
  };
  struct Event {
    What what{};
    int fd =
        -1;  // of `opened` and `down`: the connection's descriptor, as Message::source_fd has it; else −1
  };

  // Must be destroyed before `watched`, which may be moved meanwhile. Same thread. One monitor per socket,
  // made before the socket binds or connects, or events are missed. Events that nobody reads pile up.
  Monitor(Context& context, Socket& watched);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  [[nodiscard]] std::optional<Event> next();        // never blocks
  [[nodiscard]] Inbox& inbox() { return *inbox_; }  // for a Poller

 private:
  zmq::socket_ref watched_;
  zmq::socket_t events_;
  std::optional<Inbox> inbox_;  // always, once there is the socket
};

// Whether something that was sent over a connection of tcp is not acknowledged, and nothing at all has come
// back for so long. A peer that is there and takes nothing acknowledges what it has, and that it takes
// nothing. False over ipc, and where the descriptor is none of a connection any more.
[[nodiscard]] bool is_unanswered(int fd, std::chrono::milliseconds time);

// The IP address on the other side of a connection, as text; empty where that has gone, or is none of tcp.
[[nodiscard]] std::string address_beyond(int fd);

}  // namespace fanmill::transport
