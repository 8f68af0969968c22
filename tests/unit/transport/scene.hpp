#pragma once
// What the tests of the transport set up: a directory, ports, another process, and waiting for something to
// happen.

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/transport/binding.hpp>
#include <fanmill/transport/monitor.hpp>
#include <fanmill/transport/poller.hpp>

namespace fanmill::transport {

// A directory that goes with its test, under a short name: ipc paths are limited.
class TempDirectory {
 public:
  TempDirectory() {
    std::string name = "/tmp/fanmill-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline Endpoint ipc(std::string path) {
  return {.scheme = Scheme::ipc, .host = {}, .port = 0, .path = std::move(path)};
}
inline Endpoint tcp(std::string host, std::uint16_t port) {
  return {.scheme = Scheme::tcp, .host = std::move(host), .port = port, .path = {}};
}
inline Endpoint inproc() {
  return {.scheme = Scheme::inproc, .host = {}, .port = 0, .path = random_name(8)};
}

// Tests run side by side, so each starts somewhere else.
inline PortRange test_ports() {
  return {static_cast<std::uint16_t>(20000 + random_id() % 11000), 32767};
}

// Binds a socket of either transport that has connections to an address that nobody else has.
inline Endpoint bind_somewhere(Socket& socket, Scheme scheme, const TempDirectory& directory) {
  if (scheme == Scheme::ipc) return socket.bind(ipc(directory.path("socket")));
  return test_ports().bind(socket, "127.0.0.1");
}

// For when something has to happen and nothing says how soon: long enough for a machine that is busy.
inline Time patience() {
  return Clock::now() + std::chrono::seconds(20);
}

inline bool wait_readable(Socket& socket, Time until) {
  Poller poller;
  const auto item = poller.watch_readable(socket);
  poller.wait(Clock::now(), until);
  return poller.readable(item);
}

inline std::optional<Message> receive_message(Socket& socket) {
  const Time until = patience();
  for (;;) {
    if (auto message = socket.receive()) return message;
    if (Clock::now() >= until) return std::nullopt;
    wait_readable(socket, until);
  }
}

// Of a message of several frames, the first; the others are put into `more`.
inline std::optional<Message> receive_frames(Socket& socket, std::vector<Message>& more) {
  const Time until = patience();
  for (;;) {
    if (auto message = socket.receive(more)) return message;
    if (Clock::now() >= until) return std::nullopt;
    wait_readable(socket, until);
  }
}

inline std::string receive_text(Socket& socket) {
  const auto message = receive_message(socket);
  return message ? std::string(message->view()) : "(nothing came)";
}

inline std::optional<Socket::Addressed> receive_addressed(Socket& router) {
  const Time until = patience();
  for (;;) {
    if (auto addressed = router.receive_from()) return addressed;
    if (Clock::now() >= until) return std::nullopt;
    wait_readable(router, until);
  }
}

// Sends as soon as there is a peer with room.
inline bool send_soon(Socket& socket, Message message, std::span<Message> more = {}) {
  Poller poller;
  poller.watch_writable(socket);
  const Time until = patience();
  while (socket.send(message, more) != Sent::yes) {
    if (Clock::now() >= until) return false;
    poller.wait(Clock::now(), until);
  }
  return true;
}

inline bool send_text(Socket& socket, const std::string& text) {
  return send_soon(socket, Message(text));
}

// The next event of that sort; others are passed over.
inline std::optional<Monitor::Event> wait_for(Monitor& monitor, Monitor::What what) {
  Poller poller;
  poller.watch_readable(monitor);
  const Time until = patience();
  for (;;) {
    while (const auto event = monitor.next()) {
      if (event->what == what) return event;
    }
    if (Clock::now() >= until) return std::nullopt;
    poller.wait(Clock::now(), until);
  }
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
  Descriptor read_end;
  Descriptor write_end;
};

// Another process, begun before this one has a context. It waits for one line, the word that it is given, and
// runs `part` with it; if that returns, it stays until it is killed.
class OtherProcess {
 public:
  template <class Part>
  explicit OtherProcess(Part part) {
    process_ = ::fork();
    REQUIRE(process_ >= 0);
    if (process_ == 0) {
      word_.write_end.reset();
      std::string word;
      char letter = 0;
      while (::read(word_.read_end.fd(), &letter, 1) == 1 && letter != '\n') word.push_back(letter);
      part(word);
      for (;;) ::pause();
    }
    word_.read_end.reset();
  }
  ~OtherProcess() { kill(); }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;

  void give(const std::string& word) const {
    const std::string line = word + "\n";
    REQUIRE(::write(word_.write_end.fd(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  }
  void signal(int number) const { ::kill(process_, number); }
  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }

 private:
  Pipe word_;
  pid_t process_ = -1;
};

// The text of the Error that `action` throws, or "" where it throws none.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace fanmill::transport
