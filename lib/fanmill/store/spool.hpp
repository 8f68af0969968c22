#pragma once
// A temporary file without a name, in $TMPDIR or /tmp: it goes with the process, whatever becomes of that.

#include <cstddef>
#include <cstdint>
#include <string>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/ids.hpp>

namespace fanmill::store {

// All members throw Error{unavailable} naming the directory. The file is made by the first append().
class Spool {
 public:
  // Returns where the bytes begin.
  std::uint64_t append(ByteView bytes);
  void read(std::uint64_t from, char* into, std::size_t size) const;
  // These bytes are not needed any more: gives their room back to the file system, if it can do that.
  void forget(std::uint64_t from, std::uint64_t size);

  // Bytes between the first and the last that are still needed, 0 when none is.
  [[nodiscard]] std::uint64_t size() const { return end_; }

 private:
  void open();

  std::string directory_;
  Descriptor file_;
  std::uint64_t end_ = 0;     // where the next bytes go
  std::uint64_t needed_ = 0;  // bytes appended and not forgotten
};

}  // namespace fanmill::store
