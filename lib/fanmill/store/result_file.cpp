#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/store/result_file.hpp>

namespace fanmill::store {

namespace {

// A link stays a link: what it leads to is replaced.
std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), &::free);
  return real ? real.get() : path;
}

}  // namespace

ResultFile::ResultFile(const std::string& path, std::string action)
    : action_(std::move(action)),
      title_("'" + path + "'"),
      target_(resolved(path)),
      partial_(target_ + ".partial") {
  struct stat old {};
  const bool exists = ::stat(target_.c_str(), &old) == 0;
  if (!exists && errno != ENOENT) fail(errno);
  if (exists && S_ISDIR(old.st_mode)) fail(EISDIR);
  if (!exists && target_.ends_with('/')) fail(ENOENT);
  if (exists && ::faccessat(AT_FDCWD, target_.c_str(), W_OK, AT_EACCESS) != 0) fail(errno);

  file_.reset(::open(partial_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
  if (!file_) fail(errno);
  if (::flock(file_.fd(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    throw Error(ErrorCode::unavailable, action_, title_, "another run is writing it");
  }
  if (::ftruncate(file_.fd(), 0) != 0) fail(errno);
  if (exists && ::fchmod(file_.fd(), old.st_mode & 0777) != 0) fail(errno);
}

ResultFile::~ResultFile() {
  struct stat status {};
  if (file_ && !settled_ && ::fstat(file_.fd(), &status) == 0 && status.st_size == 0) discard();
}

void ResultFile::complete() {
  const std::string place = "everything is in '" + partial_ + "'";
  if (::fsync(file_.fd()) != 0) fail(errno, place);
  if (::rename(partial_.c_str(), target_.c_str()) != 0) fail(errno, place);
  settled_ = true;
  // Not every file system can sync a directory; where it can, the new name survives a loss of power.
  const std::filesystem::path directory = std::filesystem::path(target_).parent_path();
  const Descriptor folder(
      ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder && ::fsync(folder.fd()) != 0 && errno != EINVAL) fail(errno);
}

void ResultFile::discard() noexcept {
  settled_ = true;
  ::unlink(partial_.c_str());
}

void ResultFile::fail(int error_number, std::string_view next) const {
  throw Error(ErrorCode::unavailable, action_, title_, reason_of(error_number), next);
}

}  // namespace fanmill::store
