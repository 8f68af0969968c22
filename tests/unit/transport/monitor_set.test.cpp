#include <algorithm>
#include <deque>

#include "scene.hpp"
#include <fanmill/transport/monitor_set.hpp>

namespace fanmill::transport {

namespace {

using What = Monitor::What;

struct Watched {
  Watched(Context& context, const TempDirectory& directory, const std::string& name)
      : socket(context, Kind::push, {}), monitor(context, socket) {
    endpoint = socket.bind(ipc(directory.path(name)));
    while (monitor.next()) {
    }
  }
  Socket socket;
  Monitor monitor;
  Endpoint endpoint;
};

// Waits for news by the one descriptor, and reads it, until that monitor has said so.
void wait_for_up(MonitorSet& set, std::deque<Watched>& watched, std::uint64_t key) {
  const Time until = patience();
  for (;;) {
    Poller poller;
    const auto item = poller.watch_readable(set.fd());
    poller.wait(Clock::now(), until);
    REQUIRE(poller.readable(item));
    bool is_up = false;
    for (const std::uint64_t one : set.news()) {
      while (const auto event = watched[one].monitor.next()) {
        CHECK(one == key);
        is_up |= event->what == What::up;
      }
    }
    if (is_up) return;
  }
}

}  // namespace

TEST_CASE("monitor set: tells whose connections have news, one after the other") {
  const TempDirectory directory;
  Context context;
  MonitorSet set;
  std::deque<Watched> watched;
  for (std::uint64_t key = 0; key < 5; ++key) {
    watched.emplace_back(context, directory, "socket" + std::to_string(key));
    set.add(watched.back().monitor, key);
  }
  CHECK(set.news().empty());
  std::deque<Socket> peers;
  for (const std::uint64_t key : {3, 0, 3, 4}) {
    peers.emplace_back(context, Kind::pull, SocketSettings{}).connect(watched[key].endpoint);
    wait_for_up(set, watched, key);
  }
  while (!set.news().empty()) {
    for (const std::uint64_t key : set.news()) {
      while (watched[key].monitor.next()) {
      }
    }
  }

  // News that nobody reads is told again; one that was taken out is not told of, the others are.
  peers.emplace_back(context, Kind::pull, SocketSettings{}).connect(watched[1].endpoint);
  const Time until = patience();
  while (set.news().empty()) REQUIRE(Clock::now() < until);
  CHECK(set.news() == std::vector<std::uint64_t>{1});
  CHECK(set.news() == std::vector<std::uint64_t>{1});
  set.remove(watched[1].monitor);
  CHECK(set.news().empty());
  peers.emplace_back(context, Kind::pull, SocketSettings{}).connect(watched[2].endpoint);
  wait_for_up(set, watched, 2);
}

TEST_CASE("monitor set: one monitor after the other may have the same descriptor") {
  const TempDirectory directory;
  Context context;
  MonitorSet set;
  for (std::uint64_t round = 0; round < 50; ++round) {
    std::deque<Watched> watched;
    watched.emplace_back(context, directory, "socket" + std::to_string(round));
    set.add(watched[0].monitor, 0);
    Socket peer(context, Kind::pull, {});
    peer.connect(watched[0].endpoint);
    wait_for_up(set, watched, 0);
    set.remove(watched[0].monitor);
  }
  CHECK(set.news().empty());
}

}  // namespace fanmill::transport
