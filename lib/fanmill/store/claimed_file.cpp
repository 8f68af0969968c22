#include <cerrno>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fanmill/base/error.hpp>
#include <fanmill/store/claimed_file.hpp>

namespace fanmill::store {

namespace {

Error cannot(const std::string& title, std::string_view reason) {
  return {ErrorCode::unavailable, "write results to", title, reason};
}

// The process that holds the lock, from lines such as
// "4: FLOCK  ADVISORY  WRITE 4711 fe:00:123456 0 EOF" (proc_locks(5)). None where /proc does not say.
std::optional<long> holder_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return std::nullopt;
  const std::string file = fmt::format("{:02x}:{:02x}:{}", major(status.st_dev), minor(status.st_dev),
                                       static_cast<std::uint64_t>(status.st_ino));
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number;
    std::string kind;
    std::string ignored;
    std::string where;
    long pid = 0;
    words >> number >> kind >> ignored >> ignored >> pid >> where;
    if (words && kind == "FLOCK" && where == file && pid > 0) return pid;
  }
  return std::nullopt;
}

}  // namespace

ClaimedFile::ClaimedFile(const std::string& path, Existing existing) {
  const std::string title = "'" + path + "'";
  file_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  is_new_ = static_cast<bool>(file_);
  if (!file_ && errno == EEXIST) {
    if (existing == Existing::refused) {
      throw usage_error("--results", fmt::format("{} is there already", title),
                        "give --resume to go on with it, --retry-failed to run again what failed too, or "
                        "another file");
    }
    file_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  }
  if (!file_) throw cannot(title, reason_of(errno));
  struct stat status {};
  if (::fstat(file_.fd(), &status) != 0) throw cannot(title, reason_of(errno));
  if (!S_ISREG(status.st_mode)) throw cannot(title, "it is not a plain file");
  if (::flock(file_.fd(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) throw cannot(title, reason_of(errno));
  const std::optional<long> holder = holder_of(file_.fd());
  throw cannot(title, holder ? fmt::format("it is in use by another sink (process {})", *holder)
                             : std::string("it is in use by another sink"));
}

}  // namespace fanmill::store
