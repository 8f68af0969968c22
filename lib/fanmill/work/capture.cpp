#include <algorithm>

#include <fanmill/work/capture.hpp>

namespace fanmill::work {

void Capture::append(ByteView bytes) {
  total_ += bytes.size();
  if (keep_ == Keep::first) {
    bytes_.append(bytes.substr(0, limit_ - bytes_.size()));
    return;
  }
  if (bytes.size() >= limit_) {
    bytes_.assign(bytes.substr(bytes.size() - limit_));
    return;
  }
  if (bytes_.size() + bytes.size() > 2 * limit_) bytes_.erase(0, bytes_.size() + bytes.size() - limit_);
  bytes_.append(bytes);
}

ByteView Capture::kept() const {
  const ByteView bytes = bytes_;
  return bytes.substr(bytes.size() - std::min(bytes.size(), limit_));
}

void Capture::clear() {
  constexpr std::size_t small = std::size_t{64} << 10;
  total_ = 0;
  bytes_.clear();
  if (bytes_.capacity() > small) bytes_.shrink_to_fit();
}

}  // namespace fanmill::work
