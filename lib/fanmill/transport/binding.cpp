#include <cerrno>
#include <utility>

#include <sys/stat.h>

#include <fanmill/base/error.hpp>
#include <fanmill/transport/binding.hpp>

namespace fanmill::transport {

Bound bind_locked(Socket& socket, const Endpoint& endpoint) {
  if (endpoint.scheme != Scheme::ipc) return {socket.bind(endpoint), std::nullopt};
  IpcPath lock(endpoint.path);
  Endpoint bound = socket.bind(endpoint);
  // Not by umask before: that would be the whole process's for a moment.
  if (chmod(endpoint.path.c_str(), 0600) != 0) {
    throw Error(ErrorCode::unavailable, "close to other users", endpoint.text(), reason_of(errno));
  }
  return {std::move(bound), std::move(lock)};
}

}  // namespace fanmill::transport
