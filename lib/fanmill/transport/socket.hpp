#pragma once
// ZeroMQ sockets as the roles use them: messages of one frame, and of more where that is said; never
// blocking, each on one thread from birth to death.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zmq.hpp>

#include <fanmill/base/bytes.hpp>
#include <fanmill/base/ids.hpp>
#include <fanmill/transport/context.hpp>
#include <fanmill/transport/curve_key.hpp>
#include <fanmill/transport/endpoint.hpp>
#include <fanmill/transport/inbox.hpp>

namespace fanmill::transport {

// One frame. Owns its bytes; moving it never copies them.
class Message {
 public:
  Message() = default;
  // Copies a frame.
  explicit Message(ByteView frame) { message_.rebuild(frame.data(), frame.size()); }
  // Takes one over without a copy, but for those that are small enough to go into the message itself.
  explicit Message(Bytes frame);
  // Likewise, of a frame that is part of it.
  Message(Bytes memory, ByteView frame);
  // Likewise; `owner` keeps it, and is let go on any thread.
  Message(std::shared_ptr<const void> owner, ByteView frame);
  explicit Message(zmq::message_t message) : message_(std::move(message)) {}

  [[nodiscard]] ByteView view() const { return {static_cast<const char*>(message_.data()), message_.size()}; }
  // The descriptor of the connection that it came over (ZMQ_SRCFD), or −1 over inproc. By now it may be
  // closed, or another connection's.
  [[nodiscard]] int source_fd() const;
  // The IP address of the other side, as text; empty over ipc and inproc.
  [[nodiscard]] std::string peer_address() const;
  // What the Gatekeeper calls the key of the connection that it came over; empty without keys, and over
  // inproc. Valid as long as the message.
  [[nodiscard]] std::string_view key_name() const;
  [[nodiscard]] zmq::message_t& handle() { return message_; }

 private:
  zmq::message_t message_;
};

enum class Sent : std::uint8_t {
  yes,
  full,  // the queue is full, or there is no peer yet: try again later; the message is still the caller's
  gone,  // no such peer (ROUTER), or none any more (in the midst of several frames)
};

enum class Kind : std::uint8_t { router, dealer, push, pull };

struct SocketSettings {
  // A peer of which nothing whole has come for `timeout` is cut off, in the midst of a large frame too: a
  // socket without a receive limit asks for ZMTP's heartbeats. For one with a limit TCP's keep-alive finds
  // who has gone while nothing is sent, and is_unanswered() while something is; over ipc nothing can be cut.
  // See docs/decisions/0010-*. `timeout` is a tenth of a second or more.
  std::chrono::milliseconds heartbeat_interval{1000};  // 0: it asks for none, and answers those that come
  std::chrono::milliseconds heartbeat_timeout{3000};
  // A connection that is not answered is tried anew; one that never speaks is closed. The system asks a
  // second time after 1 s: what has healed is found within about as much.
  std::chrono::milliseconds connect_timeout{1500};
  std::chrono::milliseconds handshake_timeout{10000};
  std::chrono::milliseconds linger{1000};  // for what is queued when the socket closes
  bool only_when_connected = false;        // nothing queues for a peer that is not there (ZMQ_IMMEDIATE);
                                           // not for a socket that receives: what it has not read when
                                           // the connection ends is lost
  bool reconnects = true;                  // lanes do not: another worker may have the port by then
  std::size_t max_message =
      0;  // bytes of a frame; a larger one cuts the connection; 0 is wire's default plus slack
  int send_limit = 1000;  // messages queued to a peer; 0 is no limit
  // Messages from a peer that are queued here; 0 is no limit, and something else has to bound them. Where
  // there is one, neither side may send heartbeats.
  int receive_limit = 0;
  // Bytes of what is sent that the system may hold until the other side takes them; 0: as many as it likes.
  int send_buffer = 0;
  // CURVE. A socket that binds has `key` alone, and the context a Gatekeeper, without which libzmq would let
  // everybody in; one that connects has the other side's as well. Without: in the clear. Over inproc there is
  // no difference.
  std::shared_ptr<const KeyPair> key = nullptr;
  std::optional<PublicKey> server = std::nullopt;
  // Of a socket that binds, with `key`: whom alone it is for, as the Gatekeeper calls him; empty: for all who
  // are let in.
  std::string only_for{};

  // Large messages go to `peer` all the time. Over loopback the system shall hold few of them, which stay in
  // the cache; over a network what is under way is TCP's to know. See docs/decisions/0049-*.
  void send_much_to(const Endpoint& peer);
};

class Socket {
 public:
  Socket(Context& context, Kind kind, const SocketSettings& settings);

  // Of the connections of what is bound or connected from now on; not for a socket with a receive limit. See
  // SocketSettings.
  void set_heartbeats(std::chrono::milliseconds interval, std::chrono::milliseconds timeout);

  // Throws Error{unavailable} in plain words: address in use (is another one running?), permission, no such
  // directory, no such host. For tcp port 0 the port comes from the system. Returns what was bound, with the
  // port filled in. An ipc path is taken from whoever has it: see bind_locked.
  Endpoint bind(const Endpoint& endpoint);
  // The same without the throw: an errno value, or 0. For trying one port after another.
  [[nodiscard]] int try_bind(const Endpoint& endpoint);
  // Returns before there is a connection; a Monitor tells. A host's name is looked up here, which can take
  // seconds; Error{unavailable} if there is no such host. A name server that does not answer is no Error:
  // libzmq asks again.
  void connect(const Endpoint& endpoint);
  void drop_queued() { socket_.set(zmq::sockopt::linger, 0); }  // when it closes, whatever its linger
  void disconnect(const Endpoint& endpoint);  // nothing happens where the connection has ended by itself

  // Never blocks. On `yes` the message is taken. `more`: the frames that follow in the same message.
  [[nodiscard]] Sent send(Message& message, std::span<Message> more = {});
  // Not for a ROUTER. Never blocks; nothing if there is nothing. A message of several frames is from a
  // stranger: it is read to its end and dropped (counted in `malformed`).
  [[nodiscard]] std::optional<Message> receive();
  // The same for one of several frames: those after the first one are put into `more`.
  [[nodiscard]] std::optional<Message> receive(std::vector<Message>& more);

  // ROUTER only. `peer` is libzmq's routing id for the connection, bytes that mean nothing else.
  struct Addressed {
    std::string peer;
    Message message;
  };
  // `yes` is no promise: a connection that has just broken takes messages until libzmq has seen to it, which
  // can be a moment after the Monitor's `down`.
  [[nodiscard]] Sent send_to(const std::string& peer, Message& message);
  [[nodiscard]] std::optional<Addressed> receive_from();

  [[nodiscard]] bool writable();  // a send would succeed now (ZMQ_EVENTS)
  [[nodiscard]] std::uint64_t malformed() const { return malformed_; }
  [[nodiscard]] zmq::socket_t& handle() { return socket_; }
  [[nodiscard]] Inbox& inbox() { return *inbox_; }  // for a Poller

 private:
  [[nodiscard]] bool receive_frame(zmq::message_t& frame);
  void drop_rest();
  template <typename Call>
  [[nodiscard]] Sent try_twice(Call send);

  Kind kind_;
  zmq::socket_t socket_;
  std::optional<Inbox> inbox_;  // always, once there is the socket
  std::uint64_t malformed_ = 0;
};

}  // namespace fanmill::transport
