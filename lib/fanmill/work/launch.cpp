#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/work/launch.hpp>
#include <fanmill/work/quoted_word.hpp>

namespace fanmill::work {

bool is_lack(int error) {
  // ETOOMANYREFS: descriptors on their way to the keeper.
  return error == EMFILE || error == ENFILE || error == EAGAIN || error == ENOMEM || error == ETOOMANYREFS;
}

void Lack::found(std::string_view name, std::string_view reason, bool something_runs, Time now) {
  if (something_runs) {
    is_over();
  } else if (since_ == never) {
    since_ = now;
  } else if (now - since_ >= longest_lack) {
    throw Error(ErrorCode::unavailable, "start", "'" + std::string(name) + "'", std::string(reason),
                "raise the limit (ulimit -n, ulimit -u, memory) or lower --jobs");
  }
}

Descriptor open_folder(const std::string& path) {
  if (path.empty()) return {};
  Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::faccessat(folder.fd(), ".", X_OK, AT_EACCESS) != 0) {
    throw Error(ErrorCode::unavailable, "work in", "'" + path + "'", reason_of(errno),
                "--workdir takes a directory that is there");
  }
  return folder;
}

std::string why_not_run(std::string_view name, int error, const Descriptor& folder) {
  std::string reason = reason_of(error);
  struct stat status {};
  if (error == E2BIG) {
    reason = "its arguments and the environment are too long together";
  } else if (name.find('/') != std::string_view::npos &&
             ::fstatat(folder ? folder.fd() : AT_FDCWD, std::string(name).c_str(), &status, 0) == 0) {
    if (S_ISDIR(status.st_mode)) reason = "it is a directory";
    if (error == ENOENT) reason = "the interpreter that it names was not found";
  }
  if (error == ENOENT && is_of_shell(name)) {
    reason += " (it is a word of the shell: give COMMAND as one text, or with --shell)";
  }
  constexpr std::size_t longest = 256;
  return fmt::format("cannot run '{}{}': {}", name.substr(0, longest), name.size() > longest ? "…" : "",
                     reason);
}

}  // namespace fanmill::work
