#pragma once
// Writes msgpack, each value in its shortest form, into bytes that are handed over whole.
//
// The put_… functions write at a pointer and return where they ended: what a batch's inner loop is made of.
// The members of Writer do the same one value at a time, and see to the room.

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <fanmill/base/bytes.hpp>
#include <fanmill/base/ids.hpp>

namespace fanmill::wire {

// The most bytes that put_number, put_array, put_bin_header and put_str_header write.
inline constexpr std::size_t max_header = 9;

// Unrolled by hand: compilers make one store of these, and of a loop they do not.
template <class Unsigned, std::size_t... index>
[[nodiscard]] inline char* put_each_byte(char* at, Unsigned value, std::index_sequence<index...>) {
  ((at[index] = static_cast<char>(value >> (8 * (sizeof(Unsigned) - 1 - index)))), ...);
  return at + sizeof(Unsigned);
}

template <class Unsigned>
[[nodiscard]] inline char* put_big_endian(char* at, Unsigned value) {
  return put_each_byte(at, value, std::make_index_sequence<sizeof(Unsigned)>());
}

// A marker byte and the number after it.
template <class Unsigned>
[[nodiscard]] inline char* put_marked(char* at, unsigned char marker, std::uint64_t value) {
  *at = static_cast<char>(marker);
  return put_big_endian(at + 1, static_cast<Unsigned>(value));
}

[[nodiscard]] inline char* put_number(char* at, std::uint64_t value) {
  if (value < 0x80) return put_big_endian(at, static_cast<std::uint8_t>(value));
  if (value <= 0xff) return put_marked<std::uint8_t>(at, 0xcc, value);
  if (value <= 0xffff) return put_marked<std::uint16_t>(at, 0xcd, value);
  if (value <= 0xffffffff) return put_marked<std::uint32_t>(at, 0xce, value);
  return put_marked<std::uint64_t>(at, 0xcf, value);
}

[[nodiscard]] inline char* put_array(char* at, std::size_t length) {
  assert(length <= 0xffffffff);
  if (length < 16) return put_big_endian(at, static_cast<std::uint8_t>(0x90 | length));
  if (length <= 0xffff) return put_marked<std::uint16_t>(at, 0xdc, length);
  return put_marked<std::uint32_t>(at, 0xdd, length);
}

[[nodiscard]] inline char* put_bin_header(char* at, std::size_t size) {
  assert(size <= 0xffffffff);
  if (size <= 0xff) return put_marked<std::uint8_t>(at, 0xc4, size);
  if (size <= 0xffff) return put_marked<std::uint16_t>(at, 0xc5, size);
  return put_marked<std::uint32_t>(at, 0xc6, size);
}

[[nodiscard]] inline char* put_str_header(char* at, std::size_t size) {
  assert(size <= 0xffffffff);
  if (size < 32) return put_big_endian(at, static_cast<std::uint8_t>(0xa0 | size));
  if (size <= 0xff) return put_marked<std::uint8_t>(at, 0xd9, size);
  if (size <= 0xffff) return put_marked<std::uint16_t>(at, 0xda, size);
  return put_marked<std::uint32_t>(at, 0xdb, size);
}

class Writer {
 public:
  // Empties the writer; `expected` is what the frame will probably take, in bytes.
  void begin(std::size_t expected);

  void array(std::size_t length) { wrote(put_array(room(max_header), length)); }
  void number(std::uint64_t value) { wrote(put_number(room(max_header), value)); }
  void boolean(bool value) { wrote(put_big_endian(room(1), static_cast<std::uint8_t>(value ? 0xc3 : 0xc2))); }
  // msgpack str and msgpack bin.
  void text(ByteView value);
  void bytes(ByteView value);

  // Leaves three bytes for the length of an array that is not counted yet; returns where they are.
  [[nodiscard]] std::size_t open_array();
  // Fills them in; `length` ≤ 65535.
  void close_array(std::size_t opened_at, std::size_t length);
  void take_away(std::size_t size) { frame_.resize(frame_.size() - size); }
  // Writes a number over the four bytes there, most significant first.
  void fill_in(std::size_t at, std::uint32_t value) {
    assert(at + sizeof value <= frame_.size());
    static_cast<void>(put_big_endian(frame_.data() + at, value));
  }

  // Room for `header` bytes, at which the put_… functions may write, and for `raw` after them. wrote() says
  // where the headers ended, and appends `raw` as it is.
  [[nodiscard]] char* room(std::size_t header, ByteView raw = {}) {
    const std::size_t size = header + raw.size();
    if (frame_.room() - frame_.size() < size) grow(size);
    return frame_.data() + frame_.size();
  }
  void wrote(char* end, ByteView raw = {}) {
    end = copy_small(end, raw);
    frame_.resize(static_cast<std::size_t>(end - frame_.data()));
  }

  [[nodiscard]] std::size_t size() const { return frame_.size(); }
  [[nodiscard]] ByteView view() const { return frame_.view(); }
  // Hands the frame over, and leaves the writer empty.
  [[nodiscard]] Bytes take() { return std::exchange(frame_, Bytes()); }

 private:
  void grow(std::size_t size);

  Bytes frame_;
};

}  // namespace fanmill::wire
