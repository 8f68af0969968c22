#include <netinet/in.h>
#include <sys/socket.h>

#include "scene.hpp"
#include <fanmill/transport/monitor.hpp>

namespace fanmill::transport {

namespace {

using What = Monitor::What;

Descriptor plain_connection(std::uint16_t port) {
  Descriptor connection(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(connection.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return connection;
}

// A worker in another process that says one thing and then nothing.
void say_hello(const std::string& where) {
  Endpoint endpoint;
  if (!decode_endpoint(where, endpoint)) return;
  Context context;
  Socket dealer(context, Kind::dealer, {});
  dealer.connect(endpoint);
  Message hello(std::string("hello"));
  if (dealer.send(hello) != Sent::yes) return;
  for (;;) ::pause();
}

void connection_is_followed(Scheme scheme) {
  const TempDirectory directory;
  Context context;
  Socket router(context, Kind::router, {});
  Monitor monitor(context, router);
  const Endpoint endpoint = bind_somewhere(router, scheme, directory);
  CHECK_FALSE(monitor.next().has_value());

  std::optional<Socket> dealer(std::in_place, context, Kind::dealer, SocketSettings{});
  dealer->connect(endpoint);
  REQUIRE(send_text(*dealer, "x"));
  const auto opened = wait_for(monitor, What::opened);
  REQUIRE(opened.has_value());
  CHECK(opened->fd >= 0);
  const auto up = wait_for(monitor, What::up);
  REQUIRE(up.has_value());
  CHECK(up->fd == -1);
  const auto received = receive_addressed(router);
  REQUIRE(received.has_value());
  CHECK(received->message.source_fd() == opened->fd);

  dealer.reset();
  const auto down = wait_for(monitor, What::down);
  REQUIRE(down.has_value());
  CHECK(down->fd == opened->fd);
}

void killed_peer_is_named(Scheme scheme) {
  const TempDirectory directory;
  OtherProcess victim(say_hello);
  OtherProcess bystander(say_hello);
  Context context;
  Socket router(context, Kind::router, {});
  Monitor monitor(context, router);
  const std::string where = bind_somewhere(router, scheme, directory).text();

  victim.give(where);
  const auto of_victim = receive_addressed(router);
  REQUIRE(of_victim.has_value());
  bystander.give(where);
  const auto of_bystander = receive_addressed(router);
  REQUIRE(of_bystander.has_value());
  REQUIRE(of_victim->message.source_fd() >= 0);
  REQUIRE(of_victim->message.source_fd() != of_bystander->message.source_fd());

  victim.kill();
  const auto down = wait_for(monitor, What::down);
  REQUIRE(down.has_value());
  CHECK(down->fd == of_victim->message.source_fd());
  const Time until = patience();
  Message answer(std::string("are you there?"));
  while (router.send_to(of_victim->peer, answer) != Sent::gone) {
    REQUIRE(Clock::now() < until);
    answer = Message(std::string("are you there?"));
  }
  CHECK(answer.view() == "are you there?");
  CHECK(router.send_to(of_bystander->peer, answer) == Sent::yes);
}

}  // namespace

TEST_CASE("monitor: a connection opens, comes up and goes down, over tcp") {
  connection_is_followed(Scheme::tcp);
}
TEST_CASE("monitor: a connection opens, comes up and goes down, over ipc") {
  connection_is_followed(Scheme::ipc);
}

TEST_CASE("monitor: a killed peer goes down with the descriptor of its messages, over tcp") {
  killed_peer_is_named(Scheme::tcp);
}
TEST_CASE("monitor: a killed peer goes down with the descriptor of its messages, over ipc") {
  killed_peer_is_named(Scheme::ipc);
}

TEST_CASE("monitor: a stopped peer goes down after the heartbeat timeout") {
  OtherProcess peer(say_hello);
  Context context;
  SocketSettings settings;
  settings.heartbeat_interval = std::chrono::milliseconds(100);
  settings.heartbeat_timeout = std::chrono::milliseconds(300);
  Socket router(context, Kind::router, settings);
  Monitor monitor(context, router);
  peer.give(test_ports().bind(router, "127.0.0.1").text());
  const auto received = receive_addressed(router);
  REQUIRE(received.has_value());
  peer.signal(SIGSTOP);
  const auto down = wait_for(monitor, What::down);
  REQUIRE(down.has_value());
  CHECK(down->fd == received->message.source_fd());
}

TEST_CASE("monitor: a peer that takes nothing answers all the same") {
  Context context;
  SocketSettings small;
  small.receive_limit = 1;
  small.send_limit = 1;
  Socket pull(context, Kind::pull, small);
  const Endpoint endpoint = test_ports().bind(pull, "127.0.0.1");
  Socket push(context, Kind::push, small);
  Monitor monitor(context, push);
  push.connect(endpoint);
  const auto opened = wait_for(monitor, What::opened);
  REQUIRE(opened.has_value());
  REQUIRE(wait_for(monitor, What::up).has_value());

  // Until nothing more goes into queues and buffers, for as long as a message would need.
  const std::string bytes(1 << 20, 'x');
  Poller poller;
  for (;;) {
    Message message(bytes);
    poller.clear();
    const auto room = poller.watch_writable(push);
    poller.wait(Clock::now(), Clock::now() + std::chrono::milliseconds(500));
    if (!poller.writable(room) || push.send(message) != Sent::yes) break;
  }
  // What is there is acknowledged, and that there is no room: nothing is unanswered for long.
  CHECK_FALSE(is_unanswered(opened->fd, std::chrono::milliseconds(400)));
  CHECK_FALSE(is_unanswered(-1, std::chrono::milliseconds(0)));
  const Pipe pipe;
  CHECK_FALSE(is_unanswered(pipe.read_end.fd(), std::chrono::milliseconds(0)));
}

TEST_CASE("monitor: the connecting side sees the same") {
  const TempDirectory directory;
  Context context;
  std::optional<Socket> pull(std::in_place, context, Kind::pull, SocketSettings{});
  const Endpoint endpoint = bind_somewhere(*pull, Scheme::ipc, directory);
  Socket push(context, Kind::push, {});
  Monitor monitor(context, push);
  push.connect(endpoint);
  const auto opened = wait_for(monitor, What::opened);
  REQUIRE(opened.has_value());
  CHECK(wait_for(monitor, What::up).has_value());
  pull.reset();
  const auto down = wait_for(monitor, What::down);
  REQUIRE(down.has_value());
  CHECK(down->fd == opened->fd);
}

TEST_CASE("monitor: a peer that is not there is unreachable, over tcp and ipc") {
  const TempDirectory directory;
  Context context;
  Endpoint nobody;
  {
    Socket socket(context, Kind::pull, {});
    nobody = test_ports().bind(socket, "127.0.0.1");
  }
  for (const Endpoint& endpoint : {nobody, ipc(directory.path("nobody"))}) {
    Socket push(context, Kind::push, {});
    Monitor monitor(context, push);
    push.connect(endpoint);
    CHECK(wait_for(monitor, What::unreachable).has_value());
    CHECK(wait_for(monitor, What::unreachable).has_value());  // it tries again
  }
}

TEST_CASE("monitor: a connection that never speaks is closed, and its descriptor named") {
  Context context;
  SocketSettings settings;
  settings.handshake_timeout = std::chrono::milliseconds(100);
  Socket pull(context, Kind::pull, settings);
  Monitor monitor(context, pull);
  const Descriptor silent = plain_connection(test_ports().bind(pull, "127.0.0.1").port);
  const auto opened = wait_for(monitor, What::opened);
  REQUIRE(opened.has_value());
  const auto down = wait_for(monitor, What::down);
  REQUIRE(down.has_value());
  CHECK(down->fd == opened->fd);
}

TEST_CASE("monitor: another mechanism is refused") {
  const TempDirectory directory;
  Context context;
  Socket pull(context, Kind::pull, {});
  Monitor monitor(context, pull);
  const Endpoint endpoint = bind_somewhere(pull, Scheme::ipc, directory);
  zmq::socket_t stranger(context.handle(), zmq::socket_type::push);
  stranger.set(zmq::sockopt::linger, 0);
  stranger.set(zmq::sockopt::plain_username, "somebody");
  stranger.connect(endpoint.text());
  CHECK(wait_for(monitor, What::other_mechanism).has_value());
  CHECK(wait_for(monitor, What::down).has_value());
}

TEST_CASE("monitor: events that nobody reads hold nothing up") {
  Context context;
  Socket pull(context, Kind::pull, {});
  Monitor monitor(context, pull);
  const Endpoint endpoint = test_ports().bind(pull, "127.0.0.1");
  // More events than a queue of the default size takes from both its ends.
  for (int i = 0; i < 1500; ++i) plain_connection(endpoint.port).reset();
  Socket push(context, Kind::push, {});
  push.connect(endpoint);
  REQUIRE(send_text(push, "x"));
  CHECK(receive_text(pull) == "x");
}

TEST_CASE("monitor: the watched socket may be moved, and outlives the monitor") {
  const TempDirectory directory;
  Context context;
  Socket pull(context, Kind::pull, {});
  std::optional<Monitor> monitor(std::in_place, context, pull);
  const Endpoint endpoint = bind_somewhere(pull, Scheme::ipc, directory);
  Socket moved(std::move(pull));
  Socket push(context, Kind::push, {});
  push.connect(endpoint);
  CHECK(wait_for(*monitor, What::up).has_value());
  monitor.reset();
  REQUIRE(send_text(push, "x"));
  CHECK(receive_text(moved) == "x");
}

TEST_CASE("monitor: over inproc there are no events") {
  Context context;
  Socket pull(context, Kind::pull, {});
  Monitor monitor(context, pull);
  const Endpoint endpoint = inproc();
  pull.bind(endpoint);
  Socket push(context, Kind::push, {});
  push.connect(endpoint);
  REQUIRE(send_text(push, "x"));
  CHECK(receive_text(pull) == "x");
  CHECK_FALSE(monitor.next().has_value());
}

}  // namespace fanmill::transport
