#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "scene.hpp"
#include <fanmill/transport/ipc_path.hpp>

namespace fanmill::transport {

namespace {

Descriptor listening_socket(const std::string& path) {
  Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(listener.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener.fd(), 4) == 0);
  return listener;
}

Descriptor connect_to(const std::string& path) {
  Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::connect(connection.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return connection;
}

// What a killed process leaves: the file is there, and nobody listens.
void leave_dead_socket(const std::string& path) {
  listening_socket(path).reset();
}

void write(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}
std::string read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}
bool exists(const std::string& path) {
  return std::filesystem::symlink_status(path).type() != std::filesystem::file_type::not_found;
}
bool is_socket(const std::string& path) {
  return std::filesystem::is_socket(path);
}

std::string refusal(const std::string& path) {
  return error_of([&] { IpcPath taken(path); });
}

// Root may do anything, so permissions are tried as somebody else.
class NotRoot {
 public:
  NotRoot() {
    if (::geteuid() == 0) changed_ = ::seteuid(65534) == 0;
  }
  ~NotRoot() {
    if (changed_) REQUIRE(::seteuid(0) == 0);
  }
  NotRoot(const NotRoot&) = delete;
  NotRoot& operator=(const NotRoot&) = delete;

 private:
  bool changed_ = false;
};

// Sets an environment variable for a test; an empty value takes it away.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Variable() { set(before_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const std::string& value) const {
    value.empty() ? ::unsetenv(name_) : ::setenv(name_, value.c_str(), 1);
  }
  const char* name_;
  std::string before_;
};

unsigned mode_of(const std::string& path) {
  struct stat there {};
  REQUIRE(::stat(path.c_str(), &there) == 0);
  return there.st_mode & 07777;
}

}  // namespace

TEST_CASE("ipc path: the second on one path is refused, and the first stays") {
  const TempDirectory directory;
  const std::string path = directory.path("socket");
  const IpcPath first(path);
  const Descriptor listener = listening_socket(path);
  CHECK(refusal(path) == "cannot bind ipc://" + path + ": address already in use: '" + path +
                             ".lock' is locked; is another one running? if not, name another path");
  CHECK(is_socket(path));
  CHECK(exists(path + ".lock"));
}

TEST_CASE("ipc path: the lock alone holds it, before there is a socket") {
  const TempDirectory directory;
  const IpcPath first(directory.path("socket"));
  CHECK_THAT(refusal(directory.path("socket")), Catch::Contains("in use"));
}

TEST_CASE("ipc path: free again once its holder has gone, and nothing is left") {
  const TempDirectory directory;
  const std::string path = directory.path("socket");
  {
    const IpcPath holder(path);
    leave_dead_socket(path);
  }
  CHECK_FALSE(exists(path));
  CHECK_FALSE(exists(path + ".lock"));
  CHECK(refusal(path).empty());
}

TEST_CASE("ipc path: a holder that was killed leaves it free") {
  const TempDirectory directory;
  const std::string path = directory.path("socket");
  Pipe taken;
  OtherProcess holder([&](const std::string&) {
    const IpcPath held(path);
    leave_dead_socket(path);
    static_cast<void>(::write(taken.write_end.fd(), "x", 1));
    for (;;) ::pause();
  });
  holder.give("go");
  char byte = 0;
  REQUIRE(::read(taken.read_end.fd(), &byte, 1) == 1);
  CHECK_THAT(refusal(path), Catch::Contains("in use"));
  holder.kill();
  REQUIRE(is_socket(path));
  CHECK(refusal(path).empty());
}

TEST_CASE("ipc path: however fast it changes hands, one has it at a time") {
  const TempDirectory directory;
  const std::string path = directory.path("socket");
  std::atomic<int> holders{0};
  std::atomic<int> together{0};
  const auto take_and_leave = [&] {
    for (int i = 0; i < 6000; ++i) {
      static_cast<void>(error_of([&] {
        const IpcPath held(path);
        if (holders.fetch_add(1) != 0) ++together;
        for (int turn = 0; turn < 20; ++turn) std::this_thread::yield();
        holders.fetch_sub(1);
      }));
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(take_and_leave);
  for (std::thread& thread : threads) thread.join();
  CHECK(together == 0);
}

TEST_CASE("ipc path: a dead socket is removed") {
  const TempDirectory directory;
  const std::string path = directory.path("socket");
  leave_dead_socket(path);
  REQUIRE(is_socket(path));
  const IpcPath taken(path);
  CHECK_FALSE(exists(path));
}

TEST_CASE("ipc path: a live socket of somebody without our lock is not stolen") {
  const TempDirectory directory;
  const std::string path = directory.path("socket");
  const Descriptor listener = listening_socket(path);
  CHECK_THAT(refusal(path), Catch::Contains("address already in use; is another one running?"));
  CHECK(is_socket(path));
  CHECK_FALSE(exists(path + ".lock"));
}

TEST_CASE("ipc path: a live socket whose backlog is full is not stolen") {
  const TempDirectory directory;
  const std::string path = directory.path("socket");
  const Descriptor listener = listening_socket(path);
  REQUIRE(::listen(listener.fd(), 0) == 0);
  CHECK_THAT(refusal(path), Catch::Contains("in use"));  // its probe fills the backlog
  CHECK_THAT(refusal(path), Catch::Contains("in use"));
  CHECK(is_socket(path));
}

TEST_CASE("ipc path: what is not a socket is never removed") {
  const TempDirectory directory;
  const std::string path = directory.path("file");
  write(path, "precious");
  CHECK(refusal(path) == "cannot bind ipc://" + path + ": what is there is not a socket; name another path");
  CHECK(read(path) == "precious");
  CHECK_FALSE(exists(path + ".lock"));
}

TEST_CASE("ipc path: a symbolic link is never followed or removed") {
  const TempDirectory directory;
  leave_dead_socket(directory.path("socket"));
  std::filesystem::create_symlink(directory.path("socket"), directory.path("link"));
  CHECK_THAT(refusal(directory.path("link")), Catch::Contains("not a socket"));
  CHECK(is_socket(directory.path("socket")));

  write(directory.path("target"), "precious");
  std::filesystem::create_symlink(directory.path("target"), directory.path("other.lock"));
  CHECK_THAT(refusal(directory.path("other")),
             Catch::Contains("other.lock' is a link, and not followed; remove it"));
  CHECK(read(directory.path("target")) == "precious");
}

TEST_CASE("ipc path: what has replaced our socket meanwhile is not removed") {
  const TempDirectory directory;
  const std::string path = directory.path("socket");
  {
    const IpcPath holder(path);
    write(path, "precious");
  }
  CHECK(read(path) == "precious");
}

TEST_CASE("ipc path: the limit of 107 bytes is named") {
  const std::string path = "/tmp/" + std::string(103, 'x');
  CHECK(refusal(path) == "cannot bind ipc://" + path +
                             ": the path has 108 bytes and the system's limit is 107; use a shorter one");
  CHECK_FALSE(exists(path + ".lock"));
}

TEST_CASE("ipc path: a directory that is not there, or not ours to write, is said") {
  const TempDirectory directory;
  CHECK_THAT(refusal(directory.path("none/socket")), Catch::Contains(": no such directory"));

  std::filesystem::permissions(directory.path(""), std::filesystem::perms(0755));
  std::filesystem::create_directory(directory.path("closed"));
  std::filesystem::permissions(directory.path("closed"), std::filesystem::perms(0555));
  const NotRoot somebody;
  CHECK_THAT(refusal(directory.path("closed/socket")), Catch::Contains(": permission denied"));
}

TEST_CASE("ipc path: another user's socket is left alone") {
  if (::geteuid() != 0) {
    WARN("skipped: only root can make another user's socket");
    return;
  }
  const TempDirectory directory;
  const std::string path = directory.path("socket");
  leave_dead_socket(path);
  REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
  CHECK_THAT(refusal(path), Catch::Contains("another user's"));
  CHECK(is_socket(path));
}

TEST_CASE("ipc path: nothing keeps from connecting to one's own socket, root's, or what is not there") {
  const TempDirectory directory;
  const std::string path = directory.path("socket");
  const auto refused = [](const std::string& at) { return error_of([&] { require_own_socket(at); }); };
  CHECK(refused(path).empty());
  const Descriptor listener = listening_socket(path);
  CHECK(refused(path).empty());
  const Descriptor connection = connect_to(path);
  CHECK(error_of([&] { require_own_peer(path, connection.fd()); }).empty());
  CHECK(error_of([&] { require_own_peer(path, -1); }).empty());
  if (::geteuid() != 0) return;
  std::filesystem::permissions(directory.path(""), std::filesystem::perms(0755));
  std::filesystem::permissions(path, std::filesystem::perms(0777));
  const NotRoot somebody;
  CHECK(refused(path).empty());
  const Descriptor to_root = connect_to(path);
  CHECK(error_of([&] { require_own_peer(path, to_root.fd()); }).empty());
}

TEST_CASE("ipc path: another user's socket is not connected to, and neither is one that is closed") {
  if (::geteuid() != 0) {
    WARN("skipped: only root can make another user's socket");
    return;
  }
  const TempDirectory directory;
  const std::string path = directory.path("socket");
  const auto refused = [&] { return error_of([&] { require_own_socket(path); }); };
  std::filesystem::permissions(directory.path(""), std::filesystem::perms(0777));
  Descriptor listener;
  {
    const NotRoot nobody;
    listener = listening_socket(path);
  }
  const std::string is_of_another =
      "cannot connect to ipc://" + path + ": the socket there is another user's (";
  CHECK_THAT(refused(),
             Catch::StartsWith(is_of_another) && Catch::EndsWith("use keys: they prove who is there"));
  // Who listens counts, and not whose the path has been made to look.
  REQUIRE(::chown(path.c_str(), 0, 0) == 0);
  CHECK(refused().empty());
  const Descriptor connection = connect_to(path);
  CHECK_THAT(error_of([&] { require_own_peer(path, connection.fd()); }), Catch::StartsWith(is_of_another));

  std::filesystem::permissions(path, std::filesystem::perms(0600));
  {
    const NotRoot nobody;
    CHECK_THAT(refused(), Catch::Contains("permission denied: the socket there is root's; "));
  }
  std::filesystem::permissions(directory.path(""), std::filesystem::perms(0700));
  {
    const NotRoot nobody;
    CHECK_THAT(refused(),
               Catch::Contains("permission denied: '/tmp/fanmill-") && Catch::Contains("is for root alone"));
  }
}

TEST_CASE("ipc path: moved, it is held by the one it was moved to") {
  const TempDirectory directory;
  std::optional<IpcPath> first(std::in_place, directory.path("a"));
  IpcPath second(std::move(*first));
  first.reset();
  CHECK_THAT(refusal(directory.path("a")), Catch::Contains("in use"));
  CHECK(second.path() == directory.path("a"));

  second = IpcPath(directory.path("b"));
  CHECK(refusal(directory.path("a")).empty());
  CHECK_THAT(refusal(directory.path("b")), Catch::Contains("in use"));
}

TEST_CASE("dead sockets: what was left is removed, where the names are ours and nobody has them") {
  const TempDirectory directory;
  const auto leave = [&](const std::string& name, bool is_old) {
    const std::string path = directory.path(name);
    leave_dead_socket(path);
    write(path + ".lock", "");
    const timespec long_ago[2] = {{1000, 0}, {1000, 0}};
    if (is_old) REQUIRE(::utimensat(AT_FDCWD, (path + ".lock").c_str(), long_ago, 0) == 0);
    return path;
  };
  const std::vector<std::string> dead{leave("lane-1", true), leave("results-1", true), leave("run-1", true),
                                      leave("status-1", true)};
  const std::string young = leave("lane-2", false);
  const std::string named = leave("mill", true);
  const IpcPath held(leave("lane-3", true));
  const Descriptor listener = listening_socket(held.path());
  const timespec long_ago[2] = {{1000, 0}, {1000, 0}};
  REQUIRE(::utimensat(AT_FDCWD, (held.path() + ".lock").c_str(), long_ago, 0) == 0);

  SECTION("in a directory of ours") {
    remove_dead_sockets(directory.path("."));
    for (const std::string& path : dead) CHECK_FALSE((exists(path) || exists(path + ".lock")));
  }
  SECTION("but not in one that others can write to") {
    REQUIRE(::chmod(directory.path(".").c_str(), 01777) == 0);
    remove_dead_sockets(directory.path("."));
    for (const std::string& path : dead) CHECK((exists(path) && exists(path + ".lock")));
  }
  for (const std::string& path : {young, named, held.path()}) {
    CHECK((is_socket(path) && exists(path + ".lock")));
  }
  remove_dead_sockets(directory.path("nowhere"));
}

TEST_CASE("runtime directory: this user's own, made with mode 0700") {
  const TempDirectory directory;
  const Variable no_runtime("XDG_RUNTIME_DIR", "");
  const Variable temp("TMPDIR", directory.path("."));
  const std::string expected = directory.path(".") + "/fanmill-" + std::to_string(::geteuid());
  CHECK(runtime_directory() == expected);
  CHECK(mode_of(expected) == 0700);
  CHECK(runtime_directory() == expected);
}

TEST_CASE("runtime directory: under XDG_RUNTIME_DIR, where that is this user's") {
  const TempDirectory directory;
  const Variable temp("TMPDIR", directory.path("."));
  std::filesystem::create_directory(directory.path("run"));
  {
    const Variable runtime("XDG_RUNTIME_DIR", directory.path("run"));
    CHECK(runtime_directory() == directory.path("run/fanmill"));
    CHECK(mode_of(directory.path("run/fanmill")) == 0700);
  }
  for (const std::string& useless : {directory.path("none"), std::string("relative")}) {
    const Variable runtime("XDG_RUNTIME_DIR", useless);
    CHECK_THAT(runtime_directory(), Catch::StartsWith(directory.path(".") + "/fanmill-"));
  }
}

TEST_CASE("runtime directory: one that others can enter, a link or a file is refused") {
  const TempDirectory directory;
  const Variable runtime("XDG_RUNTIME_DIR", directory.path("."));
  const std::string path = directory.path(".") + "/fanmill";

  std::filesystem::create_directory(path);
  std::filesystem::permissions(path, std::filesystem::perms(0750));
  CHECK_THAT(error_of([] { static_cast<void>(runtime_directory()); }),
             Catch::Contains("others have access") && Catch::Contains("chmod 700 " + path));
  std::filesystem::permissions(path, std::filesystem::perms(0700));
  CHECK(runtime_directory() == path);

  std::filesystem::rename(path, directory.path("elsewhere"));
  std::filesystem::create_directory_symlink(directory.path("elsewhere"), path);
  CHECK_THAT(error_of([] { static_cast<void>(runtime_directory()); }), Catch::Contains("not a directory"));
  std::filesystem::remove(path);
  write(path, "");
  CHECK_THAT(error_of([] { static_cast<void>(runtime_directory()); }), Catch::Contains("not a directory"));
}

TEST_CASE("live sockets: those on which somebody listens, and nothing is left of others") {
  const TempDirectory directory;
  const std::string prefix = "trial-of-" + std::to_string(::getpid()) + "-";
  const Variable runtime("XDG_RUNTIME_DIR", directory.path("."));
  const std::string path = runtime_directory() + "/" + prefix;
  CHECK(live_sockets(prefix).empty());

  const Descriptor live = listening_socket(path + "live");
  leave_dead_socket(path + "dead");
  write(path + "dead.lock", "");
  write(path + "bare.lock", "");
  write(path + "file", "");
  leave_dead_socket(runtime_directory() + "/another");
  const IpcPath held(path + "held");  // by somebody who is about to listen
  CHECK(live_sockets(prefix) == std::vector{path + "live"});
  CHECK_FALSE(exists(path + "dead"));
  CHECK_FALSE(exists(path + "dead.lock"));
  CHECK_FALSE(exists(path + "bare.lock"));
  CHECK(exists(path + "file"));
  CHECK(exists(path + "held.lock"));
  CHECK(exists(runtime_directory() + "/another"));
}

TEST_CASE("live sockets: also where a process with another environment keeps its own") {
  const TempDirectory directory;
  const std::string prefix = "trial-of-" + std::to_string(::getpid()) + "-";
  const Variable temporary("TMPDIR", directory.path("."));
  std::string elsewhere;
  {
    const Variable none("XDG_RUNTIME_DIR", "");
    elsewhere = runtime_directory() + "/" + prefix + "live";
  }
  const Descriptor live = listening_socket(elsewhere);
  const Variable runtime("XDG_RUNTIME_DIR", directory.path("."));
  CHECK(live_sockets(prefix) == std::vector{elsewhere});
  std::filesystem::permissions(std::filesystem::path(elsewhere).parent_path(), std::filesystem::perms(0755));
  CHECK(live_sockets(prefix).empty());
}

TEST_CASE("runtime directory: another user's is refused") {
  if (::geteuid() != 0) {
    WARN("skipped: only root can make another user's directory");
    return;
  }
  const TempDirectory directory;
  const Variable runtime("XDG_RUNTIME_DIR", directory.path("."));
  std::filesystem::create_directory(directory.path("fanmill"));
  std::filesystem::permissions(directory.path("fanmill"), std::filesystem::perms(0700));
  REQUIRE(::chown(directory.path("fanmill").c_str(), 65534, 65534) == 0);
  CHECK_THAT(error_of([] { static_cast<void>(runtime_directory()); }), Catch::Contains("another user"));
}

}  // namespace fanmill::transport
