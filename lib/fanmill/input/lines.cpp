#include <algorithm>
#include <cstring>
#include <utility>

#include <fanmill/input/item_limit.hpp>
#include <fanmill/input/lines.hpp>

namespace fanmill::input {

namespace {
// Large enough that a read(2) costs nothing per line, small enough to stay in the cache.
constexpr std::size_t block = std::size_t{256} << 10;
}  // namespace

Lines::Lines(std::vector<std::string> files, char delimiter, std::size_t max_item)
    : files_(std::move(files)), delimiter_(delimiter), max_item_(max_item) {
  for (const std::string& file : files_) Source::check(file);
}

bool Lines::read(Receiver& receiver) {
  if (!source_) {
    if (next_file_ == files_.size()) return false;
    source_.emplace(files_[next_file_++]);
    if (source_->wait_fd() >= 0) return true;
  }
  // A long item doubles its room, so that each of its bytes is copied about once; none is searched twice.
  if (buffer_.size() < begun_ + block) buffer_.resize(2 * std::max(begun_, block));
  const std::optional<std::size_t> got = source_->read(buffer_.data() + begun_, block);
  if (!got) return true;
  if (*got > 0) {
    split(receiver, *got);
    return true;
  }
  if (begun_ > 0) hand_over(receiver, {buffer_.data(), std::exchange(begun_, 0)});
  source_.reset();
  return true;
}

void Lines::split(Receiver& receiver, std::size_t got) {
  const char* item = buffer_.data();
  const char* from = item + begun_;
  const char* const end = from + got;
  while (const void* found = std::memchr(from, delimiter_, static_cast<std::size_t>(end - from))) {
    const char* delimiter = static_cast<const char*>(found);
    hand_over(receiver, {item, static_cast<std::size_t>(delimiter - item)});
    item = from = delimiter + 1;
  }
  begun_ = static_cast<std::size_t>(end - item);
  if (begun_ > max_item_) throw item_too_long(items_ + 1, source_->title(), max_item_);
  if (item == buffer_.data()) return;
  if (buffer_.size() > 8 * block && begun_ < block) {
    // The long item has gone; so does its room.
    std::vector<char> smaller(2 * block);
    std::memcpy(smaller.data(), item, begun_);
    buffer_ = std::move(smaller);
  } else {
    std::memmove(buffer_.data(), item, begun_);
  }
}

void Lines::hand_over(Receiver& receiver, ByteView item) {
  if (item.size() > max_item_) throw item_too_long(items_ + 1, source_->title(), max_item_);
  ++items_;
  receiver.item(item);
}

}  // namespace fanmill::input
