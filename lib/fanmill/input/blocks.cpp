#include <algorithm>
#include <cstring>

#include <fanmill/input/blocks.hpp>

namespace fanmill::input {

std::size_t Blocks::cut(ByteView bytes, Items& items) {
  std::size_t done = 0;
  // As long as no more than a block is there, a last line without its end may yet fit.
  while (bytes.size() > size_ || (bytes.size() == size_ && bytes.back() == delimiter_)) {
    const std::size_t end = end_of_block(bytes);
    if (end == 0) {
      searched_ = bytes.size();
      items.check(searched_);
      break;
    }
    searched_ = 0;
    items.add(bytes.substr(0, end));
    bytes.remove_prefix(end);
    done += end;
  }
  return done;
}

std::size_t Blocks::end_of_block(ByteView bytes) const {
  if (searched_ < size_) {
    if (const void* const last = ::memrchr(bytes.data(), delimiter_, size_)) {
      return static_cast<std::size_t>(static_cast<const char*>(last) - bytes.data()) + 1;
    }
  }
  return bytes.find(delimiter_, std::max(searched_, size_)) + 1;  // npos + 1 is 0
}

void Blocks::end(ByteView rest, Items& items) {
  searched_ = 0;
  if (!rest.empty()) items.add(rest);
}

}  // namespace fanmill::input
