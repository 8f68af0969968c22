#pragma once
// Where ipc sockets live, and the lock that makes a path ours.

#include <string>
#include <string_view>
#include <vector>

#include <fanmill/base/descriptor.hpp>

namespace fanmill::transport {

// The directory of mode 0700 where this user's ipc sockets live when nobody names another:
// $XDG_RUNTIME_DIR/fanmill if that variable names a directory of this user's, else
// ${TMPDIR:-/tmp}/fanmill-UID. Made if it is not there; one that belongs to another user, is a symbolic link
// or is open to others is refused (Error{unavailable}).
[[nodiscard]] std::string runtime_directory();

// The sockets in this user's runtime directories whose names begin with `prefix` and on which somebody
// listens, as absolute paths, sorted. Looks wherever runtime_directory() may have led for some process,
// whatever its environment; what is not this user's alone is passed over. Dead sockets are removed, under
// their locks.
[[nodiscard]] std::vector<std::string> live_sockets(std::string_view prefix);

// Removes from a directory of this user's what programs that were killed have left: sockets with names that
// programs of ours draw (lane-…, results-…, run-…, status-…), and their locks, which nobody holds and which
// are some seconds old. One that others can write to, as /tmp, is left alone. Nothing is an error.
void remove_dead_sockets(const std::string& directory);

// What keeps whoever has no keys from connecting to another user's socket. Both throw Error{unavailable} that
// names the user; root's is as good as one's own. What is not there yet is no error.
//
// Looks at the path: whose the socket there is, and whether this user may connect to it.
void require_own_socket(const std::string& path);
// Looks at a connection that has been made to `path`: who listens at its other end. Nothing where it has
// gone.
void require_own_peer(const std::string& path, int fd);

// Holds an ipc path for as long as it lives: takes an flock on PATH.lock, refuses (Error{unavailable}:
// address in use; is another one running?) if somebody has it, removes a dead socket of this user's that is
// there, and never a live one nor anything that is not a socket. Removes both files at its end. libzmq by
// itself would unlink whatever it finds.
class IpcPath {
 public:
  explicit IpcPath(std::string path);
  ~IpcPath();
  IpcPath(IpcPath&&) noexcept = default;
  IpcPath& operator=(IpcPath&&) noexcept;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  Descriptor lock_;  // nothing once moved from
};

}  // namespace fanmill::transport
