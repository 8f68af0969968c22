#include <set>

#include <sys/stat.h>

#include "scene.hpp"

namespace fanmill::transport {

TEST_CASE("binding: two on one ipc path, the second is refused and the first still works") {
  const TempDirectory directory;
  const Endpoint endpoint = ipc(directory.path("socket"));
  Context context;
  Socket first(context, Kind::pull, {});
  const Bound bound = bind_locked(first, endpoint);
  CHECK(bound.endpoint == endpoint);

  Socket second(context, Kind::pull, {});
  CHECK_THAT(error_of([&] { static_cast<void>(bind_locked(second, endpoint)); }),
             Catch::Contains("address already in use: ") && Catch::Contains("is another one running?"));

  Socket client(context, Kind::push, {});
  client.connect(endpoint);
  REQUIRE(send_text(client, "to the first"));
  CHECK(receive_text(first) == "to the first");
}

TEST_CASE("binding: the listener of a process that was killed is replaced") {
  const TempDirectory directory;
  const Endpoint endpoint = ipc(directory.path("socket"));
  Pipe bound_there;
  OtherProcess holder([&](const std::string&) {
    Context context;
    Socket socket(context, Kind::pull, {});
    const Bound bound = bind_locked(socket, endpoint);
    static_cast<void>(::write(bound_there.write_end.fd(), "x", 1));
    for (;;) ::pause();
  });
  holder.give("go");
  char byte = 0;
  REQUIRE(::read(bound_there.read_end.fd(), &byte, 1) == 1);
  holder.kill();
  REQUIRE(std::filesystem::is_socket(endpoint.path));

  Context context;
  Socket heir(context, Kind::pull, {});
  const Bound bound = bind_locked(heir, endpoint);
  Socket client(context, Kind::push, {});
  client.connect(endpoint);
  REQUIRE(send_text(client, "to the heir"));
  CHECK(receive_text(heir) == "to the heir");
}

TEST_CASE("binding: a path given up and taken again at once is the new one's") {
  const TempDirectory directory;
  const Endpoint endpoint = ipc(directory.path("socket"));
  Context context;
  for (int round = 0; round < 50; ++round) {
    std::optional<Socket> socket(std::in_place, context, Kind::pull, SocketSettings{});
    const Bound bound = bind_locked(*socket, endpoint);
    Socket client(context, Kind::push, {});
    client.connect(endpoint);
    REQUIRE(send_text(client, "x"));
    REQUIRE(receive_text(*socket) == "x");
    socket.reset();
  }
  CHECK_FALSE(std::filesystem::exists(endpoint.path));
}

TEST_CASE("binding: an ipc socket is for its user alone") {
  const TempDirectory directory;
  Context context;
  Socket socket(context, Kind::pull, {});
  const Bound bound = bind_locked(socket, ipc(directory.path("socket")));
  struct stat there {};
  REQUIRE(::stat(directory.path("socket").c_str(), &there) == 0);
  CHECK((there.st_mode & 07777) == 0600);
}

TEST_CASE("binding: tcp and inproc need no lock") {
  Context context;
  Socket socket(context, Kind::pull, {});
  CHECK_FALSE(bind_locked(socket, tcp("127.0.0.1", 0)).lock.has_value());
  CHECK_FALSE(bind_locked(socket, inproc()).lock.has_value());
}

TEST_CASE("random: names are of the length asked for, in hexadecimal, and differ") {
  const std::string name = random_name(16);
  CHECK(name.size() == 32);
  CHECK(name.find_first_not_of("0123456789abcdef") == std::string::npos);
  std::set<std::string> names;
  std::set<std::uint64_t> ids;
  for (int i = 0; i < 1000; ++i) {
    names.insert(random_name(8));
    ids.insert(random_id());
  }
  CHECK(names.size() == 1000);
  CHECK(ids.size() == 1000);
  CHECK(ids.count(0) == 0);
}

}  // namespace fanmill::transport
