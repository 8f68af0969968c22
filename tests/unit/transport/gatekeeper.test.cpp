#include <mutex>

#include "scene.hpp"
#include <fanmill/transport/gatekeeper.hpp>
#include <fanmill/transport/key_file.hpp>

namespace fanmill::transport {

using Catch::Matchers::Contains;
using What = Monitor::What;

namespace {

// A bound socket with a key and a gatekeeper, and one allowed peer's key.
struct Gate {
  explicit Gate(Scheme scheme, std::string for_whom = "")
      : only_for(std::move(for_whom)),
        allowed((make_key_files(scratch.path("keys"), "ann"),
                 read_secret_key("--key", scratch.path("keys/ann.key_secret")))),
        keeper(context, scratch.path("keys"),
               [this](Severity, std::string_view text) {
                 const std::lock_guard lock(mutex);
                 told.emplace_back(text);
               }),
        pull(context, Kind::pull, server_settings()),
        monitor(context, pull),
        endpoint(bind_somewhere(pull, scheme, scratch)) {}

  SocketSettings server_settings() const {
    SocketSettings settings;
    settings.key = own;
    settings.only_for = only_for;
    return settings;
  }
  SocketSettings client_settings(std::shared_ptr<const KeyPair> key) const {
    SocketSettings settings;
    settings.key = std::move(key);
    if (settings.key) settings.server = own->public_key();
    settings.linger = std::chrono::milliseconds(0);
    settings.reconnects = false;
    return settings;
  }
  std::string all_told() {
    const std::lock_guard lock(mutex);
    std::string all;
    for (const std::string& line : told) all += line + "\n";
    return all;
  }

  std::string only_for;
  TempDirectory scratch;
  std::mutex mutex;
  std::vector<std::string> told;
  std::shared_ptr<const KeyPair> own = KeyPair::make();
  std::shared_ptr<const KeyPair> allowed;
  Context context;
  Gatekeeper keeper;
  Socket pull;
  Monitor monitor;
  Endpoint endpoint;
};

// What both sides see of a connection; `up` must not be among it.
void is_refused(Gate& gate, const SocketSettings& settings, What at_server, What at_client) {
  Socket stranger(gate.context, Kind::push, settings);
  Monitor monitor(gate.context, stranger);
  stranger.connect(gate.endpoint);
  const auto seen = [](Monitor& one, What wanted, What otherwise) {
    Poller poller;
    poller.watch_readable(one);
    for (const Time until = patience(); Clock::now() < until; poller.wait(Clock::now(), until)) {
      while (const auto event = one.next()) {
        CHECK(event->what != What::up);
        if (event->what == wanted || event->what == otherwise) return true;
      }
    }
    return false;
  };
  CHECK(seen(gate.monitor, at_server, at_server));
  // The connection may be gone before the reason is read.
  CHECK(seen(monitor, at_client, What::cut_off));
}

}  // namespace

TEST_CASE("gatekeeper: a key of the directory is let in, over tcp and ipc") {
  for (const Scheme scheme : {Scheme::tcp, Scheme::ipc}) {
    Gate gate(scheme);
    Socket push(gate.context, Kind::push, gate.client_settings(gate.allowed));
    push.connect(gate.endpoint);
    REQUIRE(send_text(push, "hello"));
    auto message = receive_message(gate.pull);
    REQUIRE(message);
    CHECK(message->view() == "hello");
    CHECK(message->key_name() == "ann");
    CHECK(gate.all_told().empty());
  }
}

TEST_CASE("gatekeeper: a socket for one key lets no other of the directory in") {
  for (const Scheme scheme : {Scheme::tcp, Scheme::ipc}) {
    Gate gate(scheme, "ann");
    make_key_files(gate.scratch.path("keys"), "bob");
    const auto bob = read_secret_key("--key", gate.scratch.path("keys/bob.key_secret"));
    is_refused(gate, gate.client_settings(bob), What::refused, What::refused);
    CHECK_THAT(gate.all_told(), Contains("the key bob is not the one that this lane is for"));
    Socket push(gate.context, Kind::push, gate.client_settings(gate.allowed));
    push.connect(gate.endpoint);
    REQUIRE(send_text(push, "hello"));
    CHECK(receive_text(gate.pull) == "hello");
  }
}

TEST_CASE("gatekeeper: a stranger's key, no key, and a key for another server are refused") {
  for (const Scheme scheme : {Scheme::tcp, Scheme::ipc}) {
    Gate gate(scheme);
    is_refused(gate, gate.client_settings(KeyPair::make()), What::refused, What::refused);
    CHECK_THAT(gate.all_told(), Contains("refused a connection from") && Contains("is not in '"));
    is_refused(gate, gate.client_settings(nullptr), What::other_mechanism, What::other_mechanism);
    SocketSettings mistaken = gate.client_settings(gate.allowed);
    mistaken.server = KeyPair::make()->public_key();
    is_refused(gate, mistaken, What::other_key, What::cut_off);
  }
}

TEST_CASE(
    "gatekeeper: a stranger waits for its refusal, a crowd of them shorter, and nobody else for theirs") {
  Gate gate(Scheme::tcp);
  const Time knocked = Clock::now();
  is_refused(gate, gate.client_settings(KeyPair::make()), What::refused, What::refused);
  CHECK(Clock::now() - knocked >= std::chrono::milliseconds(100));

  std::vector<std::unique_ptr<Socket>> strangers;
  for (int i = 0; i < 100; ++i) {
    strangers.push_back(
        std::make_unique<Socket>(gate.context, Kind::push, gate.client_settings(KeyPair::make())));
    strangers.back()->connect(gate.endpoint);
  }
  Socket push(gate.context, Kind::push, gate.client_settings(gate.allowed));
  push.connect(gate.endpoint);
  REQUIRE(send_text(push, "hello"));
  CHECK(receive_text(gate.pull) == "hello");
  Poller poller;
  poller.watch_readable(gate.monitor);
  std::size_t refused = 0;
  for (const Time until = patience(); refused < strangers.size() && Clock::now() < until;
       poller.wait(Clock::now(), until)) {
    while (const auto event = gate.monitor.next()) refused += event->what == What::refused ? 1U : 0U;
  }
  CHECK(refused == strangers.size());
}

TEST_CASE("gatekeeper: a key taken away is refused from then on, and one put there is let in") {
  Gate gate(Scheme::tcp);
  const std::string file = gate.scratch.path("keys/ann.key");
  std::filesystem::rename(file, file + ".away");
  is_refused(gate, gate.client_settings(gate.allowed), What::refused, What::refused);
  std::filesystem::rename(file + ".away", file);
  Socket push(gate.context, Kind::push, gate.client_settings(gate.allowed));
  push.connect(gate.endpoint);
  REQUIRE(send_text(push, "hello"));
  CHECK(receive_text(gate.pull) == "hello");
}

TEST_CASE("gatekeeper: without it a socket with a key lets nobody in") {
  const auto own = KeyPair::make();
  Context context;
  SocketSettings settings;
  settings.key = own;
  Socket pull(context, Kind::pull, settings);
  Monitor monitor(context, pull);
  const Endpoint endpoint = test_ports().bind(pull, "127.0.0.1");
  settings.key = KeyPair::make();
  settings.server = own->public_key();
  settings.linger = std::chrono::milliseconds(0);
  Socket push(context, Kind::push, settings);
  push.connect(endpoint);
  Poller poller;
  poller.watch_readable(monitor);
  const Time until = patience();
  bool over = false;
  while (!over && Clock::now() < until) {
    while (const auto event = monitor.next()) {
      CHECK(event->what != What::up);
      over = over || event->what == What::down;
    }
    if (!over) poller.wait(Clock::now(), until);
  }
  CHECK(over);
}

TEST_CASE("gatekeeper: a directory that cannot be read is an error before anything is bound") {
  Context context;
  CHECK_THAT(error_of([&] { Gatekeeper(context, "/nowhere/at/all", [](Severity, std::string_view) {}); }),
             Contains("cannot read the keys of --allow, '/nowhere/at/all': no such file or directory"));
}

}  // namespace fanmill::transport
