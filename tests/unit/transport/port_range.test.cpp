#include <optional>
#include <string>
#include <vector>

#include "scene.hpp"
#include <fanmill/transport/port_range.hpp>

namespace fanmill::transport {

TEST_CASE("port range: follows the control port, to the last below the system's own") {
  CHECK(PortRange::following(5555).low() == 5556);
  CHECK(PortRange::following(5555).high() == 32767);
  CHECK(PortRange::following(31767).low() == 31768);
}

TEST_CASE("port range: has at least a thousand ports, none of them privileged") {
  for (const int control : {0, 80, 1023, 5555, 31767, 31768, 32767, 40000, 65535}) {
    const PortRange range = PortRange::following(static_cast<std::uint16_t>(control));
    CHECK(range.low() >= 1024);
    CHECK(range.high() < 32768);
    CHECK(range.high() - range.low() + 1 >= 1000);
  }
  CHECK(PortRange::following(31768).low() == 20000);
}

TEST_CASE("port range: a port in use is passed over") {
  Context context;
  Socket taken(context, Kind::pull, {});
  const Endpoint first = test_ports().bind(taken, "127.0.0.1");
  PortRange range(first.port, static_cast<std::uint16_t>(first.port + 500));
  Socket socket(context, Kind::pull, {});
  const Endpoint bound = range.bind(socket, "127.0.0.1");
  CHECK(bound.host == "127.0.0.1");
  CHECK(bound.port > first.port);

  Socket client(context, Kind::push, {});
  client.connect(bound);
  REQUIRE(send_text(client, "x"));
  CHECK(receive_text(socket) == "x");
}

TEST_CASE("port range: a port that was given back is used again last") {
  Context context;
  PortRange range = test_ports();
  std::uint16_t last = 0;
  for (int i = 0; i < 20; ++i) {
    Socket socket(context, Kind::pull, {});
    const std::uint16_t port = range.bind(socket, "127.0.0.1").port;
    CHECK(port > last);
    last = port;
  }
}

TEST_CASE("port range: when all are in use, that is said with the range and the option") {
  Context context;
  Socket taken(context, Kind::pull, {});
  const std::uint16_t port = test_ports().bind(taken, "127.0.0.1").port;
  PortRange range(port, port);
  Socket socket(context, Kind::pull, {});
  const std::string number = std::to_string(port);
  CHECK(error_of([&] { range.bind(socket, "127.0.0.1"); }) ==
        "cannot bind a port of 127.0.0.1 from " + number + " to " + number +
            ": all are in use; give a wider range with --lane-ports LOW-HIGH");
}

TEST_CASE("port range: goes round to its first port after its last") {
  Context context;
  std::optional<Socket> first(std::in_place, context, Kind::pull, SocketSettings{});
  const std::uint16_t low = test_ports().bind(*first, "127.0.0.1").port;
  PortRange range(low, static_cast<std::uint16_t>(low + 100));
  // All but the first, as far as they are not somebody else's.
  std::vector<Socket> others;
  while (error_of([&] {
           Socket next(context, Kind::pull, {});
           range.bind(next, "127.0.0.1");
           others.push_back(std::move(next));
         }).empty()) {
    REQUIRE(others.size() <= 100);
  }
  REQUIRE_FALSE(others.empty());

  first.reset();
  Socket again(context, Kind::pull, {});
  // The port is free only when the I/O thread has closed the listener.
  const Time until = patience();
  std::uint16_t port = 0;
  while (!error_of([&] { port = range.bind(again, "127.0.0.1").port; }).empty()) {
    REQUIRE(Clock::now() < until);
  }
  CHECK(port == low);
}

TEST_CASE("port range: what is wrong with the host is not blamed on the ports") {
  Context context;
  PortRange range(20000, 20100);
  Socket socket(context, Kind::pull, {});
  CHECK_THAT(error_of([&] { range.bind(socket, "192.0.2.1"); }),
             Catch::Contains("tcp://192.0.2.1:20000: this host has no such address"));
}

}  // namespace fanmill::transport
