#pragma once
// A cursor over msgpack that came from anybody. It reads only what is asked for, checks it before it is
// believed, never recurses and never allocates.
//
// The first flaw stays: after it every read gives zero or nothing, so that a decoder reads a whole message
// and asks once. Only what allocates or loops by something that was read has to ask before.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include <fanmill/base/ids.hpp>
#include <fanmill/wire/decoded.hpp>

namespace fanmill::wire {

class Reader {
 public:
  explicit Reader(ByteView frame) : at_(frame.data()), end_(frame.data() + frame.size()) {}

  // An array's length, whatever width it is written in.
  [[nodiscard]] std::uint32_t array();
  void array_of(std::uint32_t length);
  // An integer of any width, signed or not, within low … high.
  [[nodiscard]] std::uint64_t number(std::uint64_t low = 0,
                                     std::uint64_t high = std::numeric_limits<std::uint64_t>::max());
  [[nodiscard]] std::uint32_t number32(std::uint32_t low, std::uint32_t high) {
    return static_cast<std::uint32_t>(number(low, high));
  }
  template <class Enum>
  [[nodiscard]] Enum one_of(Enum low, Enum high) {
    return static_cast<Enum>(number(static_cast<std::uint64_t>(low), static_cast<std::uint64_t>(high)));
  }
  [[nodiscard]] bool boolean();
  // msgpack str. The view is into the frame.
  [[nodiscard]] ByteView text(std::size_t most);
  // msgpack bin or str.
  [[nodiscard]] ByteView bytes(std::size_t most = std::numeric_limits<std::size_t>::max());
  // Nothing may follow.
  void end();

  void fail(Flaw flaw);
  [[nodiscard]] std::optional<Flaw> flaw() const { return flaw_; }

  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  // For a loop of its own over the common forms, which falls back on this reader for all others.
  [[nodiscard]] const char* position() const { return at_; }
  void seek(const char* position) { at_ = position; }

 private:
  // The next byte; 0xc1, which msgpack never uses, where there is none.
  [[nodiscard]] unsigned char marker();
  [[nodiscard]] std::uint64_t big_endian(std::size_t width);
  [[nodiscard]] ByteView raw(std::uint64_t size, std::size_t most);
  [[nodiscard]] bool str_size(unsigned char marker, std::uint64_t& size);
  void mismatch(unsigned char marker);

  const char* at_;
  const char* end_;
  std::optional<Flaw> flaw_;
};

}  // namespace fanmill::wire
