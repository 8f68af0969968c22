#pragma once
// A file that one process at a time works on: held open and locked (flock) as long as this lives. The lock
// goes with the process, however that ends.

#include <cstdint>
#include <string>

#include <fanmill/base/descriptor.hpp>

namespace fanmill::store {

class ClaimedFile {
 public:
  enum class Existing : std::uint8_t { refused, welcome };

  // Makes `path` where it is missing. Throws usage_error where it is there and that is not wanted;
  // Error{unavailable} where it cannot be opened for writing, is no plain file, or belongs to another
  // process, which is named.
  ClaimedFile(const std::string& path, Existing existing);

  // It was not there before.
  [[nodiscard]] bool is_new() const { return is_new_; }

 private:
  // Must not be closed while an SQLite database on the same file is open: close(2) drops the locks (fcntl)
  // that SQLite has taken in this process.
  Descriptor file_;
  bool is_new_ = false;
};

}  // namespace fanmill::store
