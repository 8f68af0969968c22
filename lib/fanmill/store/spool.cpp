#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/store/spool.hpp>

namespace fanmill::store {

namespace {

[[noreturn]] void fail(const std::string& directory, int error_number) {
  throw Error(ErrorCode::unavailable, "keep results for their turn in", "'" + directory + "'",
              reason_of(error_number), "TMPDIR names another directory");
}

}  // namespace

void Spool::open() {
  const char* chosen = std::getenv("TMPDIR");
  directory_ = chosen != nullptr && *chosen != '\0' ? chosen : "/tmp";
  file_.reset(::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file_) return;
  // Some file systems cannot make a file without a name.
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT) fail(directory_, errno);
  std::string name = directory_ + "/fanmill-XXXXXX";
  file_.reset(::mkostemp(name.data(), O_CLOEXEC));
  if (!file_) fail(directory_, errno);
  ::unlink(name.c_str());
}

std::uint64_t Spool::append(ByteView bytes) {
  if (!file_) open();
  const std::uint64_t begin = end_;
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(file_.fd(), bytes.data(), bytes.size(), static_cast<off_t>(end_));
    if (count < 0) {
      if (errno == EINTR) continue;
      fail(directory_, errno);
    }
    end_ += static_cast<std::uint64_t>(count);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  needed_ += end_ - begin;
  return begin;
}

void Spool::read(std::uint64_t from, char* into, std::size_t size) const {
  while (size > 0) {
    const ssize_t count = ::pread(file_.fd(), into, size, static_cast<off_t>(from));
    if (count < 0 && errno == EINTR) continue;
    // Its end cannot come early: nobody else has the file.
    if (count <= 0) fail(directory_, count < 0 ? errno : EIO);
    from += static_cast<std::uint64_t>(count);
    into += count;
    size -= static_cast<std::size_t>(count);
  }
}

void Spool::forget(std::uint64_t from, std::uint64_t size) {
  needed_ -= size;
  if (needed_ > 0) {
    // Where a file system has no holes, the room comes back when all is forgotten.
    (void)::fallocate(file_.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(from),
                      static_cast<off_t>(size));
    return;
  }
  end_ = 0;
  if (::ftruncate(file_.fd(), 0) != 0) fail(directory_, errno);
}

}  // namespace fanmill::store
