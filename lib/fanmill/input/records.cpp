#include <algorithm>
#include <cstring>
#include <utility>

#include <fanmill/input/records.hpp>

namespace fanmill::input {

namespace {
// Large enough that a read(2) costs nothing per item, small enough to stay in the cache.
constexpr std::size_t block = std::size_t{256} << 10;
// Of the room that a long item has made, this much stays for the next one.
constexpr std::size_t kept = std::size_t{8} << 20;
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
  if (room_ < begun_ + block) make_room(2 * std::max(begun_, block));
  const std::optional<std::size_t> got = source_->read(buffer_.get() + begun_, block);
  if (!got) return true;
  Items items(receiver, source_->title(), handed_, max_item_, offset_);
  if (*got > 0) {
    begun_ += *got;
    const std::size_t done = framing_->cut({buffer_.get(), begun_}, items);
    items.hand_over();
    drop(done);
  } else {
    framing_->end({buffer_.get(), std::exchange(begun_, 0)}, items);
    items.hand_over();
    source_.reset();
  }
  return true;
}

void Records::drop(std::size_t done) {
  if (done == 0) return;
  offset_ += done;
  begun_ -= done;
  std::memmove(buffer_.get(), buffer_.get() + done, begun_);
  // The long item has gone; so does its room.
  if (room_ > kept && begun_ < block) make_room(2 * block);
}

// Not zeroed: a short input, or the first tasks of a long one, need not wait for pages that nothing is read
// into.
void Records::make_room(std::size_t size) {
  auto other = std::make_unique_for_overwrite<char[]>(size);
  std::copy_n(buffer_.get(), begun_, other.get());
  buffer_ = std::move(other);
  room_ = size;
}

}  // namespace fanmill::input
