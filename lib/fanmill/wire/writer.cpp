#include <algorithm>
#include <utility>

#include <fanmill/wire/writer.hpp>

namespace fanmill::wire {

void Writer::begin(std::size_t expected) {
  frame_.resize(0);
  if (frame_.room() < expected) frame_ = Bytes(expected);
}

void Writer::text(ByteView value) {
  wrote(put_str_header(room(max_header, value), value.size()), value);
}

void Writer::bytes(ByteView value) {
  wrote(put_bin_header(room(max_header, value), value.size()), value);
}

std::size_t Writer::open_array() {
  const std::size_t opened_at = frame_.size();
  wrote(put_marked<std::uint16_t>(room(max_header), 0xdc, 0));
  return opened_at;
}

void Writer::close_array(std::size_t opened_at, std::size_t length) {
  assert(length <= 0xffff && opened_at + 3 <= frame_.size());
  const char* const end = put_marked<std::uint16_t>(frame_.data() + opened_at, 0xdc, length);
  assert(end <= frame_.data() + frame_.size());
  static_cast<void>(end);
}

void Writer::grow(std::size_t size) {
  constexpr std::size_t least = 256;
  frame_.reserve(std::max({frame_.size() + size, 2 * frame_.room(), least}));
}

}  // namespace fanmill::wire
