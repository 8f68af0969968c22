#include <cassert>
#include <cerrno>
#include <cstring>
#include <string>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <fanmill/base/error.hpp>
#include <fanmill/transport/monitor.hpp>
#include <fanmill/transport/random.hpp>
#include <fanmill/transport/uninterrupted.hpp>

namespace fanmill::transport {

namespace {

// CLOSED is a connection attempt given up (or a listener closed, which nobody waits for). CONNECT_RETRIED is
// left out: it comes after a disconnection too, before anything has failed.
constexpr int wanted = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                       ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_ACCEPT_FAILED |
                       ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                       ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;

// zmq_socket_monitor(3): 16 bits of event, 32 bits of value, in the host's order and not aligned.
struct Raw {
  std::uint16_t event = 0;
  std::int32_t value = 0;
};

Raw raw_of(const zmq::message_t& frame) {
  Raw raw;
  assert(frame.size() == sizeof raw.event + sizeof raw.value);
  const auto* bytes = static_cast<const char*>(frame.data());
  std::memcpy(&raw.event, bytes, sizeof raw.event);
  std::memcpy(&raw.value, bytes + sizeof raw.event, sizeof raw.value);
  return raw;
}

std::optional<Monitor::Event> event_of(const Raw& raw) {
  using What = Monitor::What;
  switch (raw.event) {
    case ZMQ_EVENT_ACCEPTED:
    case ZMQ_EVENT_CONNECTED:
      return {{What::opened, raw.value}};
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      return {{What::up, -1}};
    case ZMQ_EVENT_DISCONNECTED:
      return {{What::down, raw.value}};
    case ZMQ_EVENT_CLOSED:
      return {{What::unreachable, -1}};
    case ZMQ_EVENT_ACCEPT_FAILED:
      if (raw.value == ENFILE || raw.value == EMFILE) return {{What::crowded, -1}};
      return std::nullopt;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      return {{What::refused, -1}};
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      if (raw.value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) return {{What::other_mechanism, -1}};
      if (raw.value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC) return {{What::other_key, -1}};
      return std::nullopt;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      return {{What::cut_off, -1}};
    default:
      return std::nullopt;
  }
}

}  // namespace

Monitor::Monitor(Context& context, Socket& watched) : watched_(watched.handle()) {
  try {
    events_ = zmq::socket_t(context.handle(), zmq::socket_type::pair);
    // libzmq's I/O thread waits where this queue is full, under a lock that ending the monitor needs too.
    events_.set(zmq::sockopt::rcvhwm, 0);
    events_.set(zmq::sockopt::linger, 0);
    const std::string address = "inproc://monitor-" + random_name(16);
    if (zmq_socket_monitor(watched_.handle(), address.c_str(), wanted) != 0) throw zmq::error_t();
    events_.connect(address);
    inbox_.emplace(events_);
  } catch (const zmq::error_t& error) {
    throw Error(ErrorCode::unavailable, "watch", "the connections of a socket", reason_of(error.num()));
  }
}

Monitor::~Monitor() {
  zmq_socket_monitor(watched_.handle(), nullptr, 0);
}

bool is_unanswered(int fd, std::chrono::milliseconds time) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  return info.tcpi_unacked > 0 && info.tcpi_last_ack_recv > time.count();
}

std::string address_beyond(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  char text[NI_MAXHOST];
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return "";
  const int error = ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, text, sizeof text,
                                  nullptr, 0, NI_NUMERICHOST);
  return error == 0 ? text : "";
}

std::optional<Monitor::Event> Monitor::next() {
  for (;;) {
    zmq::message_t frame;
    if (uninterrupted([&] { return zmq_msg_recv(frame.handle(), events_.handle(), ZMQ_DONTWAIT); }) < 0) {
      assert(errno == EAGAIN);
      inbox_->found_empty();
      return std::nullopt;
    }
    inbox_->touched();
    const Raw raw = raw_of(frame);
    // The second frame is the address, which our callers know.
    uninterrupted([&] { return zmq_msg_recv(frame.handle(), events_.handle(), ZMQ_DONTWAIT); });
    if (const auto event = event_of(raw)) return event;
  }
}

}  // namespace fanmill::transport
