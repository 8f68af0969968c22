#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/store/destination.hpp>

namespace fanmill::store {

namespace {

// The descriptor that a path like /dev/stdout or a shell's >(COMMAND) stands for: it is used as it is, since
// opening a redirected file anew would begin it anew, and a socket cannot be opened.
std::optional<int> descriptor_of(std::string_view path) {
  if (path.empty() || path == "-" || path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view prefix : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(prefix)) continue;
    const std::string_view digits = path.substr(prefix.size());
    int fd = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), fd);
    if (error == std::errc{} && end == digits.data() + digits.size()) return fd;
  }
  return std::nullopt;
}

}  // namespace

Destination open_destination(const std::string& path, const std::string& what) {
  if (const std::optional<int> fd = descriptor_of(path)) {
    return {Output(*fd, what + " to " + (*fd == STDOUT_FILENO ? "standard output" : "'" + path + "'")),
            std::nullopt};
  }
  const std::string title = "'" + path + "'";
  struct stat status {};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (!exists || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
    ResultFile file(path, "write " + what + " to");
    Output output(file.fd(), what + " to " + title, "what there is stays in '" + file.partial() + "'");
    return {std::move(output), std::move(file)};
  }
  Descriptor device(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  if (!device) throw Error(ErrorCode::unavailable, "write " + what + " to", title, reason_of(errno));
  return {Output(std::move(device), what + " to " + title), std::nullopt};
}

}  // namespace fanmill::store
