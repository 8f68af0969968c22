#include <algorithm>
#include <cstring>
#include <utility>

#include <fanmill/input/records.hpp>

namespace fanmill::input {

namespace {
// Large enough that a read(2) costs nothing per item, small enough to stay in the cache.
constexpr std::size_t block = std::size_t{256} << 10;
}  // namespace

Records::Records(std::vector<std::string> files, std::unique_ptr<Framing> framing, std::size_t max_item)
    : files_(std::move(files)), framing_(std::move(framing)), max_item_(max_item) {
  for (const std::string& file : files_) Source::check(file);
}

bool Records::read(Receiver& receiver) {
  if (!source_) {
    if (next_file_ == files_.size()) return false;
    source_.emplace(files_[next_file_++]);
    offset_ = 0;
    if (source_->wait_fd() >= 0) return true;
  }
  // A long item doubles its room, so that each of its bytes is copied about once.
  if (buffer_.size() < begun_ + block) buffer_.resize(2 * std::max(begun_, block));
  const std::optional<std::size_t> got = source_->read(buffer_.data() + begun_, block);
  if (!got) return true;
  Items items(receiver, source_->title(), handed_, max_item_, offset_);
  if (*got > 0) {
    begun_ += *got;
    drop(framing_->cut({buffer_.data(), begun_}, items));
  } else {
    framing_->end({buffer_.data(), std::exchange(begun_, 0)}, items);
    source_.reset();
  }
  return true;
}

void Records::drop(std::size_t done) {
  if (done == 0) return;
  offset_ += done;
  begun_ -= done;
  if (buffer_.size() > 8 * block && begun_ < block) {
    // The long item has gone; so does its room.
    std::vector<char> smaller(2 * block);
    std::memcpy(smaller.data(), buffer_.data() + done, begun_);
    buffer_ = std::move(smaller);
  } else {
    std::memmove(buffer_.data(), buffer_.data() + done, begun_);
  }
}

}  // namespace fanmill::input
