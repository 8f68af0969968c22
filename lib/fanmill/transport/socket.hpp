#pragma once
// ZeroMQ sockets as the roles use them: single frames, never blocking, each on one thread from birth to death.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <zmq.hpp>

#include <fanmill/base/ids.hpp>
#include <fanmill/transport/context.hpp>
#include <fanmill/transport/endpoint.hpp>

namespace fanmill::transport {

// One frame. Owns its bytes; moving it never copies them.
class Message {
 public:
  Message() = default;
  explicit Message(std::string frame);  // takes the string over, without a copy
  explicit Message(zmq::message_t message) : message_(std::move(message)) {}

  [[nodiscard]] ByteView view() const { return {static_cast<const char*>(message_.data()), message_.size()}; }
  // The descriptor of the connection that it came over (ZMQ_SRCFD), or −1 over inproc.
  [[nodiscard]] int source_fd() const;
  [[nodiscard]] zmq::message_t& handle() { return message_; }

 private:
  zmq::message_t message_;
};

enum class Sent : std::uint8_t {
  yes,
  full,  // the queue is full, or there is no peer yet: try again later; the message is still the caller's
  gone,  // ROUTER: no such peer
};

enum class Kind : std::uint8_t { router, dealer, push, pull };

struct SocketSettings {
  // ZMTP heartbeats on every connection: a peer that says nothing for `timeout` is cut off.
  std::chrono::milliseconds heartbeat_interval{1000};
  std::chrono::milliseconds heartbeat_timeout{3000};
  std::chrono::milliseconds handshake_timeout{10000};  // connections that never speak are closed
  std::chrono::milliseconds linger{1000};              // for what is queued when the socket closes
  bool only_when_connected = false;                    // ZMQ_IMMEDIATE: nothing queues for a peer that is not there
  bool reconnects = true;                              // lanes do not: another worker may have the port by then
  std::size_t max_message = 0;                         // larger frames cut the connection; 0 is wire's default plus slack
  int send_limit = 1000;                               // messages queued to a peer; 0 is no limit
  int receive_limit = 1000;
};

class Socket {
 public:
  Socket(Context& context, Kind kind, const SocketSettings& settings);

  // Throws Error{unavailable} in plain words: address in use (is another one running?), permission, no such directory,
  // cannot resolve. For tcp port 0 the port comes from the system. Returns what was bound, with the port filled in.
  Endpoint bind(const Endpoint& endpoint);
  // The same without the throw: an errno value, or 0. For trying one port after another.
  [[nodiscard]] int try_bind(const Endpoint& endpoint);
  void connect(const Endpoint& endpoint);
  void disconnect(const Endpoint& endpoint);

  // Never blocks. On `yes` the message is taken.
  [[nodiscard]] Sent send(Message& message);
  // Never blocks; nothing if there is nothing. Multipart messages from strangers are read to their end and dropped
  // (counted in `malformed`).
  [[nodiscard]] std::optional<Message> receive();

  // ROUTER only. `peer` is libzmq's routing id for the connection, bytes that mean nothing else.
  struct Addressed {
    std::string peer;
    Message message;
  };
  [[nodiscard]] Sent send_to(const std::string& peer, Message& message);
  [[nodiscard]] std::optional<Addressed> receive_from();

  [[nodiscard]] bool writable();  // a send would succeed now (ZMQ_EVENTS)
  [[nodiscard]] std::uint64_t malformed() const { return malformed_; }
  [[nodiscard]] zmq::socket_t& handle() { return socket_; }

 private:
  zmq::socket_t socket_;
  std::uint64_t malformed_ = 0;
};

}  // namespace fanmill::transport
