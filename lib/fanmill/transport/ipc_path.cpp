#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/transport/endpoint.hpp>
#include <fanmill/transport/ipc_path.hpp>

namespace fanmill::transport {

namespace {

std::string lock_path(const std::string& path) {
  return path + ".lock";
}

Error cannot_bind(const std::string& path, std::string_view reason, std::string_view next = {}) {
  return {ErrorCode::unavailable, "bind", "ipc://" + path, reason, next};
}

Error in_use(const std::string& path) {
  return cannot_bind(path, reason_of(EADDRINUSE), "is another one running?");
}

Error is_locked(const std::string& path) {
  return cannot_bind(path, fmt::format("{}: '{}' is locked", reason_of(EADDRINUSE), lock_path(path)),
                     "is another one running? if not, name another path");
}

Error cannot_lock(const std::string& path, int error) {
  if (error == ENOENT) return cannot_bind(path, "no such directory", "make it, or name another path");
  const std::string name = lock_path(path);
  if (error == ELOOP) {
    return cannot_bind(path, fmt::format("'{}' is a link, and not followed", name),
                       "remove it, or name another path");
  }
  return cannot_bind(path, fmt::format("{} for '{}'", reason_of(error), name),
                     error == EACCES ? "name a path in a directory of yours" : "name another path");
}

// Whoever releases a lock unlinks its file first, so a lock on a file that is no longer at its path locks
// nothing.
bool is_at(int file, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  return fstat(file, &opened) == 0 && lstat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

Descriptor take_lock(const std::string& path) {
  const std::string name = lock_path(path);
  for (;;) {
    Descriptor file(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) throw cannot_lock(path, errno);
    if (flock(file.fd(), LOCK_EX | LOCK_NB) != 0) {
      throw errno == EWOULDBLOCK ? is_locked(path) : cannot_lock(path, errno);
    }
    if (is_at(file.fd(), name)) return file;
  }
}

// Connects as a client would and returns the errno value, or 0.
int error_of_connecting(const std::string& path) {
  const Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return errno;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int result = connect(probe.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return result == 0 ? 0 : errno;
}

// What keeps us from the path, if anything does.
std::optional<Error> remove_dead_socket(const std::string& path) {
  struct stat there {};
  if (lstat(path.c_str(), &there) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return cannot_bind(path, reason_of(errno));
  }
  if (!S_ISSOCK(there.st_mode))
    return cannot_bind(path, "what is there is not a socket", "name another path");
  if (there.st_uid != geteuid())
    return cannot_bind(path, "the socket there is another user's", "name another path");

  switch (const int error = error_of_connecting(path)) {
    case 0:
    case EAGAIN:      // its backlog is full
    case EPROTOTYPE:  // it is not a stream
      return in_use(path);
    case ENOENT:
      return std::nullopt;
    case ECONNREFUSED:
      break;
    default:
      return cannot_bind(path, reason_of(error));
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return cannot_bind(path, reason_of(errno));
  return std::nullopt;
}

bool is_another_users(uid_t user) {
  return user != geteuid() && user != 0;
}

std::string user_name(uid_t user) {
  std::array<char, 1024> text{};
  passwd entry{};
  passwd* found = nullptr;
  const bool known = getpwuid_r(user, &entry, text.data(), text.size(), &found) == 0 && found != nullptr;
  return known ? entry.pw_name : std::to_string(user);
}

Error cannot_connect(const std::string& path, std::string_view reason, std::string_view next) {
  return {ErrorCode::unavailable, "connect to", "ipc://" + path, reason, next};
}

constexpr std::string_view use_keys = "name another path, or use keys: they prove who is there";

Error is_of_another(const std::string& path, uid_t user) {
  return cannot_connect(path, fmt::format("the socket there is another user's ({})", user_name(user)),
                        use_keys);
}

// What is in the way to a path that cannot be looked at.
Error is_closed(const std::string& path) {
  struct stat there {};
  std::filesystem::path closed = path;
  do {
    closed = closed.parent_path();
  } while (stat(closed.c_str(), &there) != 0 && closed.has_relative_path());
  return cannot_connect(
      path,
      fmt::format("{}: '{}' is for {} alone", reason_of(EACCES), closed.string(), user_name(there.st_uid)),
      "name another path");
}

// The variable's directory, if it is an absolute path.
std::optional<std::string> directory_from(const char* variable) {
  const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nothing here sets variables
  if (value == nullptr || value[0] != '/') return std::nullopt;
  return value;
}

// Whether somebody has the path; if nobody has, nothing is left there.
bool is_in_use(const std::string& path) {
  if (path.size() > max_ipc_path) return false;
  try {
    const IpcPath nobodys(path);
    return false;
  } catch (const Error&) {
    const int error = error_of_connecting(path);
    return error == 0 || error == EAGAIN;
  }
}

constexpr std::array<std::string_view, 4> drawn_names{"lane-", "results-", "run-", "status-"};

// Who has just made a lock may not hold it yet.
bool is_young(const std::string& path) {
  constexpr std::time_t age = 10;
  struct stat there {};
  return lstat(path.c_str(), &there) != 0 || std::time(nullptr) - there.st_mtime < age;
}

bool is_own_directory(const std::string& path) {
  struct stat there {};
  return stat(path.c_str(), &there) == 0 && S_ISDIR(there.st_mode) && there.st_uid == geteuid();
}

std::string beside(std::string_view directory) {
  return fmt::format("{}/fanmill-{}", directory, geteuid());
}

std::string usual_directory() {
  // After su or sudo the variable may still name another user's.
  if (const auto given = directory_from("XDG_RUNTIME_DIR"); given && is_own_directory(*given)) {
    return *given + "/fanmill";
  }
  return beside(directory_from("TMPDIR").value_or("/tmp"));
}

// Where this process looks, and where one with another environment may have: a service, or a session of ssh.
std::vector<std::string> runtime_directories() {
  std::vector<std::string> found;
  for (const std::string& path : {usual_directory(), fmt::format("/run/user/{}/fanmill", geteuid()),
                                  beside(directory_from("TMPDIR").value_or("/tmp")), beside("/tmp")}) {
    struct stat there {};
    const bool closed = lstat(path.c_str(), &there) == 0 && S_ISDIR(there.st_mode) &&
                        there.st_uid == geteuid() && (there.st_mode & 077) == 0;
    if (closed && std::find(found.begin(), found.end(), path) == found.end()) found.push_back(path);
  }
  return found;
}

}  // namespace

std::string runtime_directory() {
  const std::string path = usual_directory();

  const auto unusable = [&](std::string_view reason, std::string_view next = {}) {
    return Error(ErrorCode::unavailable, "use", path, reason, next);
  };
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) throw unusable(reason_of(errno));
  struct stat there {};
  if (lstat(path.c_str(), &there) != 0) throw unusable(reason_of(errno));
  if (!S_ISDIR(there.st_mode)) throw unusable("it is not a directory");
  if (there.st_uid != geteuid()) throw unusable("it belongs to another user");
  if ((there.st_mode & 077) != 0) throw unusable("others have access to it", "chmod 700 " + path);
  return path;
}

std::vector<std::string> live_sockets(std::string_view prefix) {
  std::vector<std::string> live;
  for (const std::string& directory : runtime_directories()) {
    std::set<std::string> paths;  // of sockets and of locks
    std::error_code unreadable;
    for (const auto& entry : std::filesystem::directory_iterator(directory, unreadable)) {
      std::string path = entry.path().string();
      if (!entry.path().filename().string().starts_with(prefix)) continue;
      if (const std::string suffix = lock_path(""); path.ends_with(suffix)) {
        path.resize(path.size() - suffix.size());
      }
      paths.insert(std::move(path));
    }
    for (const std::string& path : paths) {
      if (is_in_use(path)) live.push_back(path);
    }
  }
  return live;
}

void remove_dead_sockets(const std::string& directory) {
  struct stat there {};
  const bool is_ours =
      stat(directory.c_str(), &there) == 0 && there.st_uid == geteuid() && (there.st_mode & 022) == 0;
  if (!is_ours) return;
  const std::string suffix = lock_path("");
  std::error_code unreadable;
  for (const auto& entry : std::filesystem::directory_iterator(directory, unreadable)) {
    const std::string name = entry.path().filename().string();
    const bool is_drawn = std::any_of(drawn_names.begin(), drawn_names.end(),
                                      [&](std::string_view prefix) { return name.starts_with(prefix); });
    if (!is_drawn || !name.ends_with(suffix) || is_young(entry.path())) continue;
    std::string path = entry.path().string();
    path.resize(path.size() - suffix.size());
    try {
      const IpcPath nobodys(std::move(path));
    } catch (const Error&) {  // somebody has it
    }
  }
}

void require_own_socket(const std::string& path) {
  struct stat there {};
  if (stat(path.c_str(), &there) != 0) {
    if (errno == EACCES) throw is_closed(path);
    return;
  }
  if (!S_ISSOCK(there.st_mode)) return;
  if (is_another_users(there.st_uid)) throw is_of_another(path, there.st_uid);
  if (faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0 && errno == EACCES) {
    throw cannot_connect(
        path, fmt::format("{}: the socket there is {}'s", reason_of(EACCES), user_name(there.st_uid)),
        use_keys);
  }
}

void require_own_peer(const std::string& path, int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
  // The descriptor may be another thing's by now; what is not of a local socket has no pid.
  if (peer.pid != 0 && is_another_users(peer.uid)) throw is_of_another(path, peer.uid);
}

IpcPath::IpcPath(std::string path) : path_(std::move(path)) {
  if (path_.size() > max_ipc_path) {
    throw cannot_bind(
        path_, fmt::format("the path has {} bytes and the system's limit is {}", path_.size(), max_ipc_path),
        "use a shorter one");
  }
  lock_ = take_lock(path_);
  if (const auto obstacle = remove_dead_socket(path_)) {
    unlink(lock_path(path_).c_str());
    throw Error(*obstacle);
  }
}

IpcPath::~IpcPath() {
  if (!lock_) return;
  struct stat there {};
  if (lstat(path_.c_str(), &there) == 0 && S_ISSOCK(there.st_mode)) unlink(path_.c_str());
  unlink(lock_path(path_).c_str());  // before the lock is let go, see is_at
}

IpcPath& IpcPath::operator=(IpcPath&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

}  // namespace fanmill::transport
