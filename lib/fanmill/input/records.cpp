#include <algorithm>
#include <utility>

#include <fanmill/input/records.hpp>

namespace fanmill::input {

namespace {
// Large enough that a read(2) costs nothing per item, small enough to stay in the cache.
constexpr std::size_t block_room = (std::size_t{1} << 20) - Bytes::overhead;
// A read(2) into less than this is not worth its call.
constexpr std::size_t least_room = std::size_t{16} << 10;
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
  if (room_ - block_.size() < least_room) make_room();
  const std::size_t most = std::min(room_ - block_.size(), block_room);
  const std::optional<std::size_t> got = source_->read(block_.data() + block_.size(), most);
  if (!got) return true;
  block_.resize(block_.size() + *got);
  begun_ += *got;
  Items items(receiver, block_, source_->title(), handed_, max_item_, offset_);
  const ByteView bytes = block_.view().substr(block_.size() - begun_);
  if (*got > 0) {
    const std::uint64_t before = handed_;
    const std::size_t done = framing_->cut(bytes, items);
    offset_ += done;
    begun_ -= done;
    items.hand_over();
    if (handed_ > before) {
      typical_ = done / (handed_ - before);
      // What comes next need not keep the room of a long item that has gone.
      if (room_ > kept && begun_ < block_room) make_room();
    }
  } else {
    begun_ = 0;
    framing_->end(bytes, items);
    items.hand_over();
    source_.reset();
  }
  return true;
}

// Another block, that begins with what there is of an item. Where items are long, it is for one like the
// last: little of the next one has to be copied when it is full. One that is longer than a block doubles its
// room, so that each of its bytes is copied about once.
void Records::make_room() {
  room_ = typical_ > block_room / 2 ? typical_ + 2 * least_room : block_room;
  if (room_ < begun_ + least_room) room_ = 2 * begun_;
  Bytes next(room_);
  next.append(block_.view().substr(block_.size() - begun_));
  block_ = std::move(next);
}

}  // namespace fanmill::input
