#include <algorithm>
#include <utility>

#include <fanmill/wire/writer.hpp>

namespace fanmill::wire {

void Writer::begin(std::size_t expected) {
  frame_.clear();
  frame_.reserve(expected);
  used_ = 0;
}

void Writer::text(ByteView value) {
  wrote(put_str_header(room(max_header, value), value.size()), value);
}

void Writer::bytes(ByteView value) {
  wrote(put_bin_header(room(max_header, value), value.size()), value);
}

std::size_t Writer::open_array() {
  const std::size_t opened_at = used_;
  wrote(put_marked<std::uint16_t>(room(max_header), 0xdc, 0));
  return opened_at;
}

void Writer::close_array(std::size_t opened_at, std::size_t length) {
  assert(length <= 0xffff && opened_at + 3 <= used_);
  const char* const end = put_marked<std::uint16_t>(frame_.data() + opened_at, 0xdc, length);
  assert(end <= frame_.data() + used_);
  static_cast<void>(end);
}

std::string Writer::take() {
  frame_.resize(used_);
  used_ = 0;
  return std::exchange(frame_, {});
}

// By as much as is there, within bounds: a frame of one small task does not pay for zeroes that it does not
// need, and a batch does not pay for many small steps. Never into a new allocation for the step's sake alone.
void Writer::grow(std::size_t size) {
  std::size_t step = std::max(size, std::clamp<std::size_t>(used_, 256, 8192));
  if (used_ + size <= frame_.capacity()) step = std::min(step, frame_.capacity() - used_);
  frame_.resize(used_ + step);
}

void Writer::append_large(ByteView raw) {
  frame_.resize(used_);
  frame_.append(raw);
  used_ = frame_.size();
}

}  // namespace fanmill::wire
