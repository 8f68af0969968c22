#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.hpp>

#include "scene.hpp"
#include <fanmill/transport/socket.hpp>
#include <fanmill/wire/limits.hpp>

namespace fanmill::transport {

namespace {

// The bound socket and one connected to it, over each transport.
struct Pair {
  Pair(Context& context, Scheme scheme, Kind bound_kind, Kind connected_kind)
      : bound(context, bound_kind, {}), connected(context, connected_kind, {}) {
    if (scheme == Scheme::inproc) {
      endpoint = bound.bind(inproc());
    } else {
      endpoint = bind_somewhere(bound, scheme, directory);
    }
    connected.connect(endpoint);
  }
  TempDirectory directory;
  Socket bound;
  Socket connected;
  Endpoint endpoint;
};

std::string refusal(Socket& socket, const Endpoint& endpoint) {
  return error_of([&] { socket.bind(endpoint); });
}

// A socket of somebody who keeps to no rules of ours.
zmq::socket_t stranger(Context& context, zmq::socket_type type, const Endpoint& endpoint) {
  zmq::socket_t socket(context.handle(), type);
  socket.set(zmq::sockopt::linger, 0);
  socket.connect(endpoint.text());
  return socket;
}

void send_frames(zmq::socket_t& socket, const std::vector<std::string>& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto flags = i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    REQUIRE(socket.send(zmq::buffer(frames[i]), flags).has_value());
  }
}

// A PUSH of ZMTP 3.0 without libzmq behind it (https://rfc.zeromq.org/spec/23/), so that it can be cut off.
class BarePusher {
 public:
  explicit BarePusher(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    std::string greeting("\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL", 16);
    greeting.resize(64);
    write(greeting);
    static_cast<void>(read(64));
    write(std::string("\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PUSH", 28));
    static_cast<void>(read_frame());  // its READY
  }

  void send(const std::string& body) { write(std::string(1, '\0') + static_cast<char>(body.size()) + body); }
  // Waits for a PING, and answers it.
  bool heartbeat() {
    const std::string frame = read_frame();
    if (frame.size() < 9 || frame.substr(2, 5) != "\4PING") return false;
    write(std::string("\x04\x05\x04PONG", 7));
    return true;
  }
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    REQUIRE(::setsockopt(socket_.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
    socket_.reset();
  }

 private:
  void write(const std::string& bytes) const {
    REQUIRE(::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  [[nodiscard]] std::string read(std::size_t size) const {
    std::string bytes(size, '\0');
    REQUIRE(::recv(socket_.fd(), bytes.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size));
    return bytes;
  }
  [[nodiscard]] std::string read_frame() const {
    const std::string head = read(2);
    return head + read(static_cast<unsigned char>(head[1]));
  }

  Descriptor socket_;
};

bool has_ipv6() {
  Context context;
  Socket socket(context, Kind::pull, {});
  return socket.try_bind(tcp("::1", 0)) == 0;
}

}  // namespace

Bytes frame_of(std::size_t size) {
  Bytes frame(size);
  frame.append(std::string(size, 'x'));
  return frame;
}

TEST_CASE("message: a long frame is taken over and a short one is the same") {
  for (const std::size_t size : {0, 1, 15, 16, 33, 34, 1000, 1 << 20}) {
    const std::string text(size, 'x');
    CHECK(Message(text).view() == text);
    CHECK(Message(frame_of(size)).view() == text);
  }
  Bytes frame = frame_of(1000);
  const char* const bytes = frame.data();
  Message message(std::move(frame));
  CHECK(message.view().data() == bytes);
  const Message moved(std::move(message));
  CHECK(moved.view().data() == bytes);
  CHECK(moved.source_fd() == -1);
}

TEST_CASE("message: a frame that is part of what is shared is given back when it was sent, and no sooner") {
  Context context;
  Pair pair(context, Scheme::inproc, Kind::pull, Kind::push);
  Bytes memory = frame_of(1000);
  memory.data()[10] = 'y';
  {
    Message message(memory.share(), memory.view().substr(10));
    CHECK(memory.is_shared());
    REQUIRE(pair.connected.send(message) == Sent::yes);
  }
  CHECK(memory.is_shared());
  {
    const auto received = pair.bound.receive();
    REQUIRE(received.has_value());
    CHECK(received->view().data() == memory.data() + 10);
    CHECK(received->view() == "y" + std::string(989, 'x'));
    CHECK(memory.is_shared());
  }
  CHECK_FALSE(memory.is_shared());
  const Message small(memory.share(), memory.view().substr(10, 5));
  CHECK(small.view() == "yxxxx");
  CHECK_FALSE(memory.is_shared());
}

TEST_CASE("message: over inproc the bytes are never copied") {
  Context context;
  Pair pair(context, Scheme::inproc, Kind::pull, Kind::push);
  Bytes frame = frame_of(1000);
  const char* const bytes = frame.data();
  Message message(std::move(frame));
  REQUIRE(pair.connected.send(message) == Sent::yes);
  CHECK(message.view().empty());
  const auto received = pair.bound.receive();
  REQUIRE(received.has_value());
  CHECK(received->view().data() == bytes);
}

TEST_CASE("socket: a frame of any bytes goes over every transport") {
  std::string bytes("\0\xFF\n a", 5);
  bytes.append(100000, '\x80');
  for (const Scheme scheme : {Scheme::inproc, Scheme::ipc, Scheme::tcp}) {
    Context context;
    Pair pair(context, scheme, Kind::pull, Kind::push);
    REQUIRE(send_text(pair.connected, bytes));
    REQUIRE(send_text(pair.connected, ""));
    CHECK(receive_text(pair.bound) == bytes);
    CHECK(receive_text(pair.bound).empty());
    CHECK_FALSE(pair.bound.receive().has_value());
  }
}

TEST_CASE("socket: a ROUTER answers each peer over every transport, and only inproc has no descriptor") {
  for (const Scheme scheme : {Scheme::inproc, Scheme::ipc, Scheme::tcp}) {
    Context context;
    Pair pair(context, scheme, Kind::router, Kind::dealer);
    Socket other(context, Kind::dealer, {});
    other.connect(pair.endpoint);
    CHECK_FALSE(pair.bound.receive_from().has_value());
    REQUIRE(send_text(pair.connected, "first"));
    const auto first = receive_addressed(pair.bound);
    REQUIRE(send_text(other, "second"));
    const auto second = receive_addressed(pair.bound);
    REQUIRE((first.has_value() && second.has_value()));
    CHECK(first->message.view() == "first");
    CHECK(second->message.view() == "second");
    CHECK(first->peer != second->peer);
    CHECK((first->message.source_fd() == -1) == (scheme == Scheme::inproc));
    CHECK((second->message.source_fd() == -1) == (scheme == Scheme::inproc));

    Message to_second(std::string("to the second"));
    Message to_first(std::string("to the first"));
    CHECK(pair.bound.send_to(second->peer, to_second) == Sent::yes);
    CHECK(pair.bound.send_to(first->peer, to_first) == Sent::yes);
    CHECK(receive_text(pair.connected) == "to the first");
    CHECK(receive_text(other) == "to the second");
  }
}

TEST_CASE("socket: without a peer a send says full and leaves the message alone") {
  Context context;
  Socket lane(context, Kind::push, {});
  lane.bind(inproc());
  CHECK_FALSE(lane.writable());
  Message message(std::string(100, 'x'));
  CHECK(lane.send(message) == Sent::full);
  CHECK(message.view() == std::string(100, 'x'));
}

TEST_CASE("socket: a full queue says full, and yes as soon as there is room") {
  Context context;
  SocketSettings small;
  small.send_limit = 4;
  small.receive_limit = 4;
  Socket pull(context, Kind::pull, small);
  const Endpoint endpoint = pull.bind(inproc());
  Socket push(context, Kind::push, small);
  push.connect(endpoint);
  for (int round = 0; round < 200; ++round) {
    int sent = 0;
    Message message(std::string("x"));
    while (push.send(message) == Sent::yes) {
      ++sent;
      REQUIRE(sent < 100);
      message = Message(std::string("x"));
    }
    CHECK(sent == 8);
    CHECK_FALSE(push.writable());
    while (pull.receive().has_value()) --sent;
    CHECK(sent == 0);
  }
}

TEST_CASE("socket: a ROUTER says gone for a peer that it does not know, and keeps the message") {
  Context context;
  Socket router(context, Kind::router, {});
  router.bind(inproc());
  Message message(std::string("x"));
  CHECK(router.send_to("nobody", message) == Sent::gone);
  CHECK(message.view() == "x");
}

TEST_CASE("socket: a ROUTER says full for a peer that does not read, and serves the others") {
  Context context;
  SocketSettings small;
  small.send_limit = 4;
  small.receive_limit = 4;
  Socket router(context, Kind::router, small);
  const Endpoint endpoint = router.bind(inproc());
  Socket lazy(context, Kind::dealer, small);
  lazy.connect(endpoint);
  REQUIRE(send_text(lazy, "lazy"));
  const auto from_lazy = receive_addressed(router);
  Socket other(context, Kind::dealer, small);
  other.connect(endpoint);
  REQUIRE(send_text(other, "other"));
  const auto from_other = receive_addressed(router);
  REQUIRE((from_lazy.has_value() && from_other.has_value()));

  Sent sent = Sent::yes;
  int count = 0;
  Message message;
  while (sent == Sent::yes) {
    REQUIRE(count < 100);
    message = Message(std::to_string(count));
    sent = router.send_to(from_lazy->peer, message);
    if (sent == Sent::yes) ++count;
  }
  CHECK(sent == Sent::full);
  CHECK(message.view() == std::to_string(count));
  Message for_other(std::string("for the other"));
  CHECK(router.send_to(from_other->peer, for_other) == Sent::yes);
  CHECK(receive_text(other) == "for the other");

  for (int i = 0; i < count; ++i) CHECK(receive_text(lazy) == std::to_string(i));
  CHECK(router.send_to(from_lazy->peer, message) == Sent::yes);
}

TEST_CASE("socket: a message of several frames comes as it went, and over inproc none of it is copied") {
  Context context;
  for (const Scheme scheme : {Scheme::inproc, Scheme::ipc, Scheme::tcp}) {
    Pair pair(context, scheme, Kind::push, Kind::pull);
    Bytes memory(200'000);
    memory.append(std::string(200'000, 'm'));
    const ByteView part = memory.view().substr(1000, 150'000);
    for (const std::size_t count : {0, 1, 3}) {
      std::vector<Message> more;
      for (std::size_t i = 0; i < count; ++i) more.emplace_back(memory.share(), part.substr(i));
      REQUIRE(send_soon(pair.bound, Message(ByteView("the first")), more));
      std::vector<Message> got(7);
      const auto message = receive_frames(pair.connected, got);
      REQUIRE(message.has_value());
      CHECK(message->view() == "the first");
      REQUIRE(got.size() == count);
      for (std::size_t i = 0; i < count; ++i) {
        CHECK(got[i].view() == part.substr(i));
        CHECK((got[i].view().data() == part.data() + i) == (scheme == Scheme::inproc));
      }
    }
    CHECK(pair.connected.malformed() == 0);
  }
}

TEST_CASE("socket: who goes in the midst of a message of several frames is gone, and the next one gets all") {
  constexpr std::size_t frames = 50'000;  // to send them takes so long that news of him comes in between
  constexpr int rounds = 200;
  Context context;
  TempDirectory directory;
  SocketSettings settings;
  settings.send_limit = 1;
  Socket push(context, Kind::push, settings);
  const Endpoint endpoint = bind_somewhere(push, Scheme::ipc, directory);
  const auto send = [&] {
    Message first(ByteView("first"));
    std::vector<Message> more;
    for (std::size_t i = 0; i < frames; ++i) more.emplace_back(ByteView("another"));
    return push.send(first, more);
  };
  int gone = 0;
  for (int round = 0; round < rounds && gone < 3; ++round) {
    std::size_t got = 0;
    std::atomic<bool> has_left{false};
    std::thread peer([&] {
      {
        Socket pull(context, Kind::pull, {});
        pull.connect(endpoint);
        std::vector<Message> more;
        if (receive_frames(pull, more)) got = more.size();
      }
      has_left = true;
    });
    bool is_over = false;
    while (!is_over) {
      const bool has_been_left = has_left;
      const Sent sent = send();
      if (sent == Sent::gone) ++gone;
      is_over = has_been_left && sent != Sent::yes;
    }
    peer.join();
    CHECK(got == frames);
  }
  CHECK(gone == 3);
}

TEST_CASE("socket: multipart messages are dropped to their end and counted") {
  Context context;
  for (const Scheme scheme : {Scheme::inproc, Scheme::ipc}) {
    Pair pair(context, scheme, Kind::pull, Kind::push);
    zmq::socket_t push = stranger(context, zmq::socket_type::push, pair.endpoint);
    send_frames(push, {"a", "b", "c"});
    send_frames(push, {"", ""});
    send_frames(push, {"good"});
    CHECK(receive_text(pair.bound) == "good");
    CHECK_FALSE(pair.bound.receive().has_value());
    CHECK(pair.bound.malformed() == 2);
  }
}

TEST_CASE("socket: to a ROUTER too") {
  Context context;
  Pair pair(context, Scheme::ipc, Kind::router, Kind::dealer);
  zmq::socket_t request = stranger(context, zmq::socket_type::req, pair.endpoint);
  send_frames(request, {"a REQ sends an empty frame first"});
  zmq::socket_t dealer = stranger(context, zmq::socket_type::dealer, pair.endpoint);
  send_frames(dealer, {"a", "b", "c"});
  send_frames(dealer, {"good"});
  const auto received = receive_addressed(pair.bound);
  REQUIRE(received.has_value());
  CHECK(received->message.view() == "good");
  const Time until = patience();
  while (pair.bound.malformed() < 2 && Clock::now() < until) {
    CHECK_FALSE(pair.bound.receive_from().has_value());
    wait_readable(pair.bound, until);
  }
  CHECK(pair.bound.malformed() == 2);
}

TEST_CASE("socket: a frame over the limit cuts its connection and no other") {
  const TempDirectory directory;
  Context context;
  SocketSettings settings;
  settings.max_message = 1000;
  Socket pull(context, Kind::pull, settings);
  Monitor monitor(context, pull);
  const Endpoint endpoint = bind_somewhere(pull, Scheme::ipc, directory);
  Socket good(context, Kind::push, {});
  good.connect(endpoint);
  REQUIRE(send_text(good, std::string(1000, 'x')));
  CHECK(receive_text(pull).size() == 1000);

  zmq::socket_t bad = stranger(context, zmq::socket_type::push, endpoint);
  send_frames(bad, {std::string(1001, 'x')});
  CHECK(wait_for(monitor, Monitor::What::down).has_value());
  REQUIRE(send_text(good, "still here"));
  CHECK(receive_text(pull) == "still here");
}

TEST_CASE("socket: every socket has limits, heartbeats and an end") {
  namespace option = zmq::sockopt;
  Context context;
  for (const Kind kind : {Kind::router, Kind::dealer, Kind::push, Kind::pull}) {
    Socket socket(context, kind, {});
    const zmq::socket_t& handle = socket.handle();
    CHECK(handle.get(option::linger) == 1000);
    CHECK(handle.get(option::maxmsgsize) ==
          static_cast<std::int64_t>(wire::default_max_message + wire::frame_slack));
    CHECK(handle.get(option::handshake_ivl) == 10000);
    CHECK(handle.get(option::connect_timeout) == 1500);
    CHECK(handle.get(option::heartbeat_ivl) == 1000);
    CHECK(handle.get(option::heartbeat_timeout) == 3000);
    CHECK(handle.get(option::heartbeat_ttl) == 3000);
    CHECK(handle.get(option::reconnect_ivl) == 10);
    CHECK(handle.get(option::reconnect_ivl_max) == 500);
    CHECK(handle.get(option::sndhwm) == 1000);
    CHECK(handle.get(option::rcvhwm) == 0);
    CHECK(handle.get(option::tcp_keepalive) == -1);
  }
}

TEST_CASE("socket: who sends much over loopback has a small buffer of the system's, and nobody else") {
  const auto buffer = [](const char* peer) {
    SocketSettings settings;
    settings.send_much_to(parse_endpoint("--connect", peer));
    Context context;
    Socket socket(context, Kind::push, settings);
    return socket.handle().get(zmq::sockopt::sndbuf);
  };
  CHECK(buffer("tcp://127.0.0.1:5555") == 384 << 10);
  CHECK(buffer("tcp://[::1]:5555") == 384 << 10);
  CHECK(buffer("tcp://192.0.2.1:5555") == -1);
  CHECK(buffer("ipc:///tmp/x") == -1);
}

TEST_CASE("socket: where heartbeats are sent less often, the other side waits longer for them") {
  namespace option = zmq::sockopt;
  using std::chrono::milliseconds;
  Context context;
  Socket socket(context, Kind::router, {});
  socket.set_heartbeats(milliseconds(2000), milliseconds(3000));
  CHECK(socket.handle().get(option::heartbeat_ivl) == 2000);
  CHECK(socket.handle().get(option::heartbeat_timeout) == 3000);
  CHECK(socket.handle().get(option::heartbeat_ttl) == 4000);
  socket.set_heartbeats(milliseconds(100), milliseconds(300));
  CHECK(socket.handle().get(option::heartbeat_ivl) == 100);
  CHECK(socket.handle().get(option::heartbeat_ttl) == 300);
}

TEST_CASE("socket: with a limit to what waits it asks for no heartbeats, and TCP finds out who has gone") {
  namespace option = zmq::sockopt;
  Context context;
  SocketSettings settings;
  settings.receive_limit = 16;
  Socket socket(context, Kind::pull, settings);
  const zmq::socket_t& handle = socket.handle();
  CHECK(handle.get(option::rcvhwm) == 16);
  CHECK(handle.get(option::heartbeat_ivl) == 0);
  CHECK(handle.get(option::tcp_keepalive) == 1);
  CHECK(handle.get(option::tcp_keepalive_idle) == 1);
  CHECK(handle.get(option::tcp_keepalive_intvl) == 1);
  CHECK(handle.get(option::tcp_keepalive_cnt) == 3);
}

TEST_CASE("socket: a peer that is cut off while what it sent waits ends nothing but its connection") {
  Context context;
  SocketSettings settings;
  settings.heartbeat_interval = std::chrono::milliseconds(20);
  Socket clock(context, Kind::pull, settings);
  BarePusher ticked(test_ports().bind(clock, "127.0.0.1").port);
  settings.receive_limit = 2;
  Socket pull(context, Kind::pull, settings);
  const std::uint16_t port = test_ports().bind(pull, "127.0.0.1").port;

  {
    BarePusher peer(port);
    for (int i = 0; i < 10; ++i) peer.send("waits");
    REQUIRE(receive_text(pull) == "waits");  // they are there
    peer.reset();
  }
  for (int i = 0; i < 10; ++i) REQUIRE(ticked.heartbeat());
  while (pull.receive()) {
  }
  BarePusher another(port);
  another.send("comes after");
  std::string last = receive_text(pull);
  while (last == "waits") last = receive_text(pull);
  CHECK(last == "comes after");
}

TEST_CASE("socket: a lane does not reconnect to whoever has its address by then") {
  const TempDirectory directory;
  const Endpoint endpoint = ipc(directory.path("lane"));
  Context context;
  std::optional<Socket> lane(std::in_place, context, Kind::push, SocketSettings{});
  lane->bind(endpoint);

  SocketSettings settings;
  settings.reconnects = false;
  Socket pull(context, Kind::pull, settings);
  Monitor pull_monitor(context, pull);
  pull.connect(endpoint);
  REQUIRE(wait_for(pull_monitor, Monitor::What::up).has_value());
  Socket another(context, Kind::pull, {});
  Monitor another_monitor(context, another);
  another.connect(endpoint);
  REQUIRE(wait_for(another_monitor, Monitor::What::up).has_value());

  // The other one, which does reconnect, shows how long a reconnection takes.
  for (int round = 0; round < 3; ++round) {
    lane.emplace(context, Kind::push, SocketSettings{});
    lane->bind(endpoint);
    REQUIRE(wait_for(another_monitor, Monitor::What::up).has_value());
  }
  REQUIRE(wait_for(pull_monitor, Monitor::What::down).has_value());
  CHECK_FALSE(pull_monitor.next().has_value());
  REQUIRE(send_text(*lane, "x"));
  CHECK(receive_text(another) == "x");
  CHECK_FALSE(pull.receive().has_value());
}

TEST_CASE("socket: closing does not wait longer than its linger") {
  Context context;
  SocketSettings settings;
  settings.linger = std::chrono::milliseconds(0);
  const TempDirectory directory;
  Socket push(context, Kind::push, settings);
  push.connect(ipc(directory.path("nobody")));
  REQUIRE(send_text(push, "never delivered"));
  // The context's end would hang here if the message were waited for.
}

TEST_CASE("socket: tcp port 0 is any free one, and the host stays as it was said") {
  Context context;
  for (const char* host : {"127.0.0.1", "*", "localhost", "0.0.0.0"}) {
    Socket pull(context, Kind::pull, {});
    const Endpoint bound = pull.bind(tcp(host, 0));
    CHECK(bound.host == host);
    REQUIRE(bound.port != 0);
    Socket push(context, Kind::push, {});
    push.connect(tcp("127.0.0.1", bound.port));
    REQUIRE(send_text(push, "x"));
    CHECK(receive_text(pull) == "x");
  }
}

TEST_CASE("socket: a host may be a name, for both sides") {
  Context context;
  Socket pull(context, Kind::pull, {});
  const Endpoint bound = pull.bind(tcp("localhost", 0));
  Socket push(context, Kind::push, {});
  push.connect(bound);
  REQUIRE(send_text(push, "x"));
  CHECK(receive_text(pull) == "x");
}

TEST_CASE("socket: IPv6, and one socket bound to both kinds") {
  if (!has_ipv6()) {
    WARN("skipped: no IPv6 here");
    return;
  }
  Context context;
  Socket pull(context, Kind::pull, {});
  const Endpoint six = pull.bind(tcp("::1", 0));
  const Endpoint four = pull.bind(tcp("127.0.0.1", 0));
  Socket push(context, Kind::push, {});
  push.connect(six);
  REQUIRE(send_text(push, "over six"));
  CHECK(receive_text(pull) == "over six");
  Socket other(context, Kind::push, {});
  other.connect(four);
  REQUIRE(send_text(other, "over four"));
  CHECK(receive_text(pull) == "over four");
}

TEST_CASE("socket: why it cannot be bound is said in words") {
  const TempDirectory directory;
  Context context;
  Socket taken(context, Kind::pull, {});
  const Endpoint in_use = test_ports().bind(taken, "127.0.0.1");
  Socket socket(context, Kind::pull, {});
  CHECK(refusal(socket, in_use) ==
        "cannot bind " + in_use.text() + ": address already in use; is another one running?");
  CHECK(refusal(socket, tcp("192.0.2.1", 5561)) ==
        "cannot bind tcp://192.0.2.1:5561: this host has no such address");
  CHECK(refusal(socket, tcp("a..b", 5561)) == "cannot bind tcp://a..b:5561: no such host or interface");
  const Endpoint nowhere = ipc(directory.path("none/socket"));
  CHECK(refusal(socket, nowhere) == "cannot bind " + nowhere.text() + ": no such directory");
  const Endpoint name = taken.bind(inproc());
  CHECK_THAT(refusal(socket, name), Catch::Contains("address already in use"));
}

TEST_CASE("socket: a privileged port is for privileged users") {
  if (::geteuid() == 0) {
    WARN("skipped: root may bind any port");
    return;
  }
  Context context;
  Socket socket(context, Kind::pull, {});
  CHECK_THAT(refusal(socket, tcp("127.0.0.1", 1)), Catch::Contains("permission denied; ports below 1024"));
}

TEST_CASE("socket: to try a bind gives the errno value") {
  Context context;
  Socket taken(context, Kind::pull, {});
  const Endpoint in_use = test_ports().bind(taken, "127.0.0.1");
  Socket socket(context, Kind::pull, {});
  CHECK(socket.try_bind(in_use) == EADDRINUSE);
  CHECK(socket.try_bind(tcp("192.0.2.1", 5561)) == EADDRNOTAVAIL);
  CHECK(socket.try_bind(tcp("a..b", 5561)) == ENODEV);
  CHECK(socket.try_bind(inproc()) == 0);
}

TEST_CASE("socket: what cannot be connected to is said in words") {
  Context context;
  Socket socket(context, Kind::push, {});
  CHECK(error_of([&] { socket.connect(tcp("a..b", 5561)); }) ==
        "cannot connect to tcp://a..b:5561: no such host");
  CHECK_THAT(error_of([&] { socket.connect(tcp("127.0.0.1", 0)); }),
             Catch::StartsWith("cannot connect to tcp://127.0.0.1:*: "));
}

TEST_CASE("socket: after a disconnect nothing is sent there, and a second one does no harm") {
  Context context;
  for (const Scheme scheme : {Scheme::inproc, Scheme::ipc, Scheme::tcp}) {
    Pair pair(context, scheme, Kind::pull, Kind::push);
    REQUIRE(send_text(pair.connected, "before"));
    CHECK(receive_text(pair.bound) == "before");
    pair.connected.disconnect(pair.endpoint);
    CHECK_NOTHROW(pair.connected.disconnect(pair.endpoint));
    Message after(std::string("after"));
    CHECK(pair.connected.send(after) == Sent::full);
  }
}

TEST_CASE("socket: may be moved while it works") {
  Context context;
  Pair pair(context, Scheme::ipc, Kind::pull, Kind::push);
  REQUIRE(send_text(pair.connected, "before"));
  Socket moved(std::move(pair.bound));
  CHECK(receive_text(moved) == "before");
  Socket other(context, Kind::pull, {});
  other = std::move(moved);
  REQUIRE(send_text(pair.connected, "after"));
  CHECK(receive_text(other) == "after");
}

TEST_CASE("socket: none left to open is an error with its cure") {
  Context context;
  // UndefinedBehaviorSanitizer looks at the first object of a class through a pipe, and there is none below.
  static_cast<void>(std::make_unique<zmq::error_t>()->num());
  static_cast<void>(std::make_unique<Error>(ErrorCode::unavailable, "open", "one", "why")->what());
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few{64, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  std::vector<int> others;
  for (int other = ::dup(STDERR_FILENO); other >= 0; other = ::dup(STDERR_FILENO)) others.push_back(other);
  const std::string error = error_of([&] { Socket socket(context, Kind::pull, {}); });
  for (const int other : others) ::close(other);
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(error ==
        "cannot open a ZeroMQ socket: too many open files; raise the limit on open files (ulimit -n)");
}

}  // namespace fanmill::transport
