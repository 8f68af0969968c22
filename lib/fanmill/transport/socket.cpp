#include <algorithm>
#include <cassert>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <fanmill/base/error.hpp>
#include <fanmill/transport/gatekeeper.hpp>
#include <fanmill/transport/handover.hpp>
#include <fanmill/transport/socket.hpp>
#include <fanmill/transport/uninterrupted.hpp>
#include <fanmill/wire/limits.hpp>

namespace fanmill::transport {

namespace {

// What a zmq_msg_t of libzmq 4.3 holds without an allocation.
constexpr std::size_t small_frame = 33;

zmq::socket_type type_of(Kind kind) {
  switch (kind) {
    case Kind::router:
      return zmq::socket_type::router;
    case Kind::dealer:
      return zmq::socket_type::dealer;
    case Kind::push:
      return zmq::socket_type::push;
    case Kind::pull:
      break;
  }
  return zmq::socket_type::pull;
}

int milliseconds(std::chrono::milliseconds duration) {
  assert(duration.count() >= 0);
  return static_cast<int>(duration.count());
}

std::string words_for(int error) {
  return error > ZMQ_HAUSNUMERO ? zmq_strerror(error) : reason_of(error);  // libzmq has numbers of its own
}

// ZMQ_ZAP_ENFORCE_DOMAIN: libzmq 4.3 has it, and names it in its draft interface only.
constexpr int enforce_domain = 93;

void set_key(zmq::socket_t& socket, int option, const char* key) {
  if (zmq_setsockopt(socket.handle(), option, key, key_text_size + 1) != 0) throw zmq::error_t();
}

void apply_keys(zmq::socket_t& socket, const SocketSettings& settings) {
  set_key(socket, ZMQ_CURVE_SECRETKEY, settings.key->secret());
  if (settings.server) {
    set_key(socket, ZMQ_CURVE_PUBLICKEY, settings.key->public_key().text().c_str());
    set_key(socket, ZMQ_CURVE_SERVERKEY, settings.server->text().c_str());
    return;
  }
  socket.set(zmq::sockopt::curve_server, true);
  const int enforced = 1;
  if (zmq_setsockopt(socket.handle(), enforce_domain, &enforced, sizeof enforced) != 0) throw zmq::error_t();
}

// The other side is told how soon something has to come: no sooner after the interval than with the usual
// one.
void apply_heartbeats(zmq::socket_t& socket, std::chrono::milliseconds interval,
                      std::chrono::milliseconds timeout) {
  namespace option = zmq::sockopt;
  const auto more = std::max(interval - SocketSettings().heartbeat_interval, std::chrono::milliseconds(0));
  socket.set(option::heartbeat_ivl, milliseconds(interval));
  socket.set(option::heartbeat_timeout, milliseconds(timeout));
  socket.set(option::heartbeat_ttl, milliseconds(timeout + more));
}

// libzmq 4.3 ends the process (an assertion in stream_engine_base.cpp) when it has stopped reading from a
// connection at the limit of its queue, the other side ends the connection, and then a heartbeat is due or
// one of the other side's is found among what had been read.
void apply_liveness(zmq::socket_t& socket, const SocketSettings& settings) {
  namespace option = zmq::sockopt;
  if (settings.receive_limit == 0) {
    apply_heartbeats(socket, settings.heartbeat_interval, settings.heartbeat_timeout);
    return;
  }
  // For a connection on which nothing is sent. What is sent and not acknowledged is for is_unanswered() to
  // find: ZMQ_TCP_MAXRT would end a connection to a peer that is there, and takes nothing just now.
  const auto seconds = [](std::chrono::milliseconds duration) {
    return std::max(1, static_cast<int>(std::chrono::ceil<std::chrono::seconds>(duration).count()));
  };
  socket.set(option::tcp_keepalive, 1);
  socket.set(option::tcp_keepalive_idle, seconds(settings.heartbeat_interval));
  socket.set(option::tcp_keepalive_intvl, seconds(settings.heartbeat_interval));
  socket.set(option::tcp_keepalive_cnt, seconds(settings.heartbeat_timeout));
}

void apply(zmq::socket_t& socket, Kind kind, const SocketSettings& settings) {
  namespace option = zmq::sockopt;
  socket.set(option::linger, milliseconds(settings.linger));
  const std::size_t most =
      settings.max_message != 0 ? settings.max_message : wire::default_max_message + wire::frame_slack;
  socket.set(option::maxmsgsize, static_cast<std::int64_t>(most));
  // A thousand workers that come at once overflow libzmq's default of 100, and each then waits a second.
  socket.set(option::backlog, 4096);
  socket.set(option::sndhwm, settings.send_limit);
  if (settings.send_buffer != 0) socket.set(option::sndbuf, settings.send_buffer);
  socket.set(option::rcvhwm, settings.receive_limit);
  socket.set(option::handshake_ivl, milliseconds(settings.handshake_timeout));
  socket.set(option::connect_timeout, milliseconds(settings.connect_timeout));
  apply_liveness(socket, settings);
  if (settings.reconnects) {
    socket.set(option::reconnect_ivl, 10);
    socket.set(option::reconnect_ivl_max, 500);
  } else {
    socket.set(option::reconnect_ivl, -1);
  }
  socket.set(option::immediate, settings.only_when_connected);
  // Whatever does not begin like ZMTP is taken for ZMTP/1.0, and for a peer at once, unless there is a
  // domain: noise on a lane's port would be sent every other task.
  socket.set(option::zap_domain, Gatekeeper::domain_for(settings.only_for));
  if (settings.key) apply_keys(socket, settings);
  if (kind == Kind::router) socket.set(option::router_mandatory, true);
}

bool is_ipv6(std::string_view host) {
  return host.find(':') != std::string_view::npos;
}

bool is_number(const std::string& host) {
  in_addr address{};
  return is_ipv6(host) || host == "*" || inet_pton(AF_INET, host.c_str(), &address) == 1;
}

struct Lookup {
  int error = 0;        // getaddrinfo's; 0 if there is an address
  std::string address;  // numeric; IPv4 where the name has both
};

Lookup look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  Lookup found;
  found.error = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (found.error != 0) return found;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
  assert(list != nullptr);
  const addrinfo* chosen = list;
  for (const addrinfo* next = list; next != nullptr; next = next->ai_next) {
    if (next->ai_family == AF_INET) {
      chosen = next;
      break;
    }
  }
  char text[NI_MAXHOST];
  found.error =
      getnameinfo(chosen->ai_addr, chosen->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  if (found.error == 0) found.address = text;
  return found;
}

int bind_once(zmq::socket_t& socket, const Endpoint& endpoint) {
  socket.set(zmq::sockopt::ipv6, is_ipv6(endpoint.host));
  return uninterrupted([&] { return zmq_bind(socket.handle(), endpoint.text().c_str()); }) == 0 ? 0 : errno;
}

Error cannot_bind(const Endpoint& endpoint, int error) {
  const auto because = [&](std::string_view reason, std::string_view next = {}) {
    return Error(ErrorCode::unavailable, "bind", endpoint.text(), reason, next);
  };
  switch (error) {
    case EADDRINUSE:
      return because(reason_of(error), "is another one running?");
    case EADDRNOTAVAIL:
      return because("this host has no such address");
    case ENODEV:
      return because("no such host or interface");
    case ENOENT:
      return because("no such directory");
    case EACCES:
      return because(reason_of(error),
                     endpoint.scheme == Scheme::tcp ? "ports below 1024 are for privileged users" : "");
    default:
      return because(words_for(error));
  }
}

std::uint16_t bound_port(const zmq::socket_t& socket) {
  const std::string last = socket.get(zmq::sockopt::last_endpoint);
  std::uint16_t port = 0;
  std::from_chars(last.data() + last.rfind(':') + 1, last.data() + last.size(), port);
  assert(port != 0);
  return port;
}

// For what neither a peer nor the network can cause: the context was ended under us, or memory is out.
[[noreturn]] void broken(std::string_view action) {
  throw Error(ErrorCode::unavailable, action, "a message", words_for(errno));
}

}  // namespace

Message::Message(Bytes frame) {
  const ByteView all = frame.view();
  *this = Message(std::move(frame), all);
}

Message::Message(Bytes memory, ByteView frame) {
  if (frame.size() <= small_frame) {
    message_.rebuild(frame.data(), frame.size());
    return;
  }
  message_.rebuild(
      const_cast<char*>(frame.data()), frame.size(),
      [](void*, void* base) {
        take_over(base);
        Bytes::give_back(static_cast<char*>(base));
      },
      memory.data());
  static_cast<void>(memory.release());  // libzmq's now, which gives it back on any thread
}

Message::Message(std::shared_ptr<const void> owner, ByteView frame) {
  if (frame.size() <= small_frame) {
    message_.rebuild(frame.data(), frame.size());
    return;
  }
  using Owner = std::shared_ptr<const void>;
  auto kept = std::make_unique<Owner>(std::move(owner));
  message_.rebuild(
      const_cast<char*>(frame.data()), frame.size(),
      [](void* bytes, void* keeper) {
        take_over(bytes);
        delete static_cast<Owner*>(keeper);
      },
      kept.get());
  static_cast<void>(kept.release());
}

int Message::source_fd() const {
  // cppzmq's get() would throw for the −1.
  return zmq_msg_get(message_.handle(), ZMQ_SRCFD);
}

std::string Message::peer_address() const {
  const char* address = zmq_msg_gets(message_.handle(), "Peer-Address");
  // Over ipc libzmq gives the user and process of the other side instead.
  in6_addr ignored{};
  const bool is_ip = address != nullptr && (inet_pton(AF_INET, address, &ignored) == 1 ||
                                            inet_pton(AF_INET6, address, &ignored) == 1);
  return is_ip ? address : "";
}

std::string_view Message::key_name() const {
  const char* name = zmq_msg_gets(message_.handle(), "User-Id");
  return name != nullptr ? name : "";
}

void SocketSettings::send_much_to(const Endpoint& peer) {
  if (peer.scheme == Scheme::tcp && peer.is_loopback()) send_buffer = 384 << 10;
}

Socket::Socket(Context& context, Kind kind, const SocketSettings& settings) : kind_(kind) {
  try {
    socket_ = zmq::socket_t(context.handle(), type_of(kind));
    apply(socket_, kind, settings);
    inbox_.emplace(socket_);
  } catch (const zmq::error_t& error) {
    throw Error(ErrorCode::unavailable, "open", "a ZeroMQ socket", words_for(error.num()),
                error.num() == EMFILE ? "raise the limit on open files (ulimit -n)" : "");
  }
}

void Socket::set_heartbeats(std::chrono::milliseconds interval, std::chrono::milliseconds timeout) {
  apply_heartbeats(socket_, interval, timeout);
}

int Socket::try_bind(const Endpoint& endpoint) {
  inbox_->touched();
  const int error = bind_once(socket_, endpoint);
  if (error != ENODEV || endpoint.scheme != Scheme::tcp) return error;
  // For binding libzmq takes numbers and interfaces only, and not even "localhost".
  const Lookup found = look_up(endpoint.host);
  if (found.error != 0) return error;
  Endpoint numeric = endpoint;
  numeric.host = found.address;
  return bind_once(socket_, numeric);
}

Endpoint Socket::bind(const Endpoint& endpoint) {
  if (const int error = try_bind(endpoint); error != 0) throw cannot_bind(endpoint, error);
  Endpoint bound = endpoint;
  if (bound.scheme == Scheme::tcp && bound.port == 0) bound.port = bound_port(socket_);
  return bound;
}

void Socket::connect(const Endpoint& endpoint) {
  const auto because = [&](std::string_view reason) {
    return Error(ErrorCode::unavailable, "connect to", endpoint.text(), reason);
  };
  bool wants_ipv6 = is_ipv6(endpoint.host);
  if (endpoint.scheme == Scheme::tcp && !is_number(endpoint.host)) {
    const Lookup found = look_up(endpoint.host);
    if (found.error == EAI_NONAME || found.error == EAI_NODATA) throw because("no such host");
    wants_ipv6 = is_ipv6(found.address);
  }
  inbox_->touched();
  socket_.set(zmq::sockopt::ipv6, wants_ipv6);
  if (uninterrupted([&] { return zmq_connect(socket_.handle(), endpoint.text().c_str()); }) != 0) {
    throw because(words_for(errno));
  }
}

void Socket::disconnect(const Endpoint& endpoint) {
  inbox_->touched();
  const int result = uninterrupted([&] { return zmq_disconnect(socket_.handle(), endpoint.text().c_str()); });
  if (result != 0 && errno != ENOENT) {
    throw Error(ErrorCode::unavailable, "disconnect from", endpoint.text(), words_for(errno));
  }
}

// libzmq looks for news of its I/O thread in a send only every millisecond or so, so that a queue that has
// room again is called full. Reading the socket's events makes it look.
template <typename Call>
Sent Socket::try_twice(Call send) {
  if (uninterrupted(send) >= 0) return Sent::yes;
  if (errno == EAGAIN) {
    static_cast<void>(writable());
    if (uninterrupted(send) >= 0) return Sent::yes;
  }
  if (errno == EAGAIN) return Sent::full;
  if (errno == EHOSTUNREACH) return Sent::gone;
  broken("send");
}

Sent Socket::send(Message& message, std::span<Message> more) {
  assert(kind_ == Kind::push || kind_ == Kind::dealer);
  inbox_->touched();
  give_away(message.handle().data());
  const auto send = [&](Message& frame, int flags) {
    return zmq_msg_send(frame.handle().handle(), socket_.handle(), ZMQ_DONTWAIT | flags);
  };
  const Sent sent = try_twice([&] { return send(message, more.empty() ? 0 : ZMQ_SNDMORE); });
  if (sent != Sent::yes) return sent;
  // Whoever has taken the first frame takes the others. Where he goes in between, libzmq takes back what it
  // has, says EAGAIN once, and drops the others: they have to be sent all the same.
  bool gone = false;
  for (std::size_t i = 0; i < more.size(); ++i) {
    give_away(more[i].handle().data());
    const int flags = i + 1 < more.size() ? ZMQ_SNDMORE : 0;
    if (uninterrupted([&] { return send(more[i], flags); }) >= 0) continue;
    if (errno != EAGAIN) broken("send");
    gone = true;
  }
  return gone ? Sent::gone : Sent::yes;
}

Sent Socket::send_to(const std::string& peer, Message& message) {
  assert(kind_ == Kind::router);
  inbox_->touched();
  const Sent addressed = try_twice(
      [&] { return zmq_send(socket_.handle(), peer.data(), peer.size(), ZMQ_DONTWAIT | ZMQ_SNDMORE); });
  if (addressed != Sent::yes) return addressed;
  give_away(message.handle().data());
  // From here on a ROUTER takes everything.
  const int result =
      uninterrupted([&] { return zmq_msg_send(message.handle().handle(), socket_.handle(), ZMQ_DONTWAIT); });
  if (result < 0) broken("send");
  return Sent::yes;
}

bool Socket::receive_frame(zmq::message_t& frame) {
  const int result =
      uninterrupted([&] { return zmq_msg_recv(frame.handle(), socket_.handle(), ZMQ_DONTWAIT); });
  if (result >= 0) {
    inbox_->touched();
    take_over(frame.data());
    return true;
  }
  if (errno != EAGAIN) broken("receive");
  inbox_->found_empty();
  return false;
}

// The frames of a message come into the queue together, so none of them is waited for.
void Socket::drop_rest() {
  ++malformed_;
  zmq::message_t frame;
  do {
    if (!receive_frame(frame)) return;
  } while (frame.more());
}

std::optional<Message> Socket::receive() {
  assert(kind_ == Kind::pull || kind_ == Kind::dealer);
  for (;;) {
    zmq::message_t frame;
    if (!receive_frame(frame)) return std::nullopt;
    if (!frame.more()) return Message(std::move(frame));
    drop_rest();
  }
}

std::optional<Message> Socket::receive(std::vector<Message>& more) {
  assert(kind_ == Kind::pull);
  more.clear();
  zmq::message_t first;
  if (!receive_frame(first)) return std::nullopt;
  for (bool has_more = first.more(); has_more;) {
    zmq::message_t frame;
    if (!receive_frame(frame)) break;
    has_more = frame.more();
    more.emplace_back(std::move(frame));
  }
  return Message(std::move(first));
}

std::optional<Socket::Addressed> Socket::receive_from() {
  assert(kind_ == Kind::router);
  for (;;) {
    zmq::message_t peer;
    zmq::message_t frame;
    if (!receive_frame(peer) || !receive_frame(frame)) return std::nullopt;
    if (!frame.more()) return Addressed{peer.to_string(), Message(std::move(frame))};
    drop_rest();
  }
}

bool Socket::writable() {
  return (inbox_->events() & ZMQ_POLLOUT) != 0;
}

}  // namespace fanmill::transport
