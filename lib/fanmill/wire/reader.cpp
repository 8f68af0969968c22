#include <fanmill/wire/reader.hpp>

namespace fanmill::wire {

namespace {
constexpr unsigned char never_used = 0xc1;
}  // namespace

std::uint32_t Reader::array() {
  const unsigned char kind = marker();
  if ((kind & 0xf0) == 0x90) return kind & 0x0f;
  if (kind == 0xdc) return static_cast<std::uint32_t>(big_endian(2));
  if (kind == 0xdd) return static_cast<std::uint32_t>(big_endian(4));
  mismatch(kind);
  return 0;
}

void Reader::array_of(std::uint32_t length) {
  if (array() != length) fail(Flaw::wrong_arity);
}

std::uint64_t Reader::number(std::uint64_t low, std::uint64_t high) {
  const unsigned char kind = marker();
  std::uint64_t value = kind;
  if (kind >= 0xcc && kind <= 0xcf) {
    value = big_endian(std::size_t{1} << (kind - 0xcc));
  } else if (kind >= 0xd0 && kind <= 0xd3) {
    const std::size_t width = std::size_t{1} << (kind - 0xd0);
    value = big_endian(width);
    if ((value >> (8 * width - 1)) != 0) fail(Flaw::out_of_range);
  } else if (kind >= 0xe0) {
    fail(Flaw::out_of_range);
  } else if (kind >= 0x80) {
    mismatch(kind);
  }
  if (!flaw_ && (value < low || value > high)) fail(Flaw::out_of_range);
  return flaw_ ? 0 : value;
}

bool Reader::boolean() {
  const unsigned char kind = marker();
  if (kind != 0xc2 && kind != 0xc3) mismatch(kind);
  return kind == 0xc3;
}

ByteView Reader::text(std::size_t most) {
  const unsigned char kind = marker();
  std::uint64_t size = 0;
  if (!str_size(kind, size)) mismatch(kind);
  return raw(size, most);
}

ByteView Reader::bytes(std::size_t most) {
  const unsigned char kind = marker();
  std::uint64_t size = 0;
  if (kind >= 0xc4 && kind <= 0xc6) {
    size = big_endian(std::size_t{1} << (kind - 0xc4));
  } else if (!str_size(kind, size)) {
    mismatch(kind);
  }
  return raw(size, most);
}

void Reader::end() {
  if (at_ != end_) fail(Flaw::trailing);
}

void Reader::fail(Flaw flaw) {
  if (!flaw_) flaw_ = flaw;
  at_ = end_;
}

unsigned char Reader::marker() {
  if (at_ != end_) return static_cast<unsigned char>(*at_++);
  fail(Flaw::truncated);
  return never_used;
}

std::uint64_t Reader::big_endian(std::size_t width) {
  if (left() < width) {
    fail(Flaw::truncated);
    return 0;
  }
  std::uint64_t value = 0;
  for (const char* const stop = at_ + width; at_ != stop; ++at_) {
    value = value << 8 | static_cast<unsigned char>(*at_);
  }
  return value;
}

ByteView Reader::raw(std::uint64_t size, std::size_t most) {
  if (size > most) fail(Flaw::out_of_range);
  if (size > left()) fail(Flaw::truncated);
  if (flaw_) return {};
  const ByteView view(at_, static_cast<std::size_t>(size));
  at_ += size;
  return view;
}

bool Reader::str_size(unsigned char marker, std::uint64_t& size) {
  if ((marker & 0xe0) == 0xa0) {
    size = marker & 0x1f;
  } else if (marker >= 0xd9 && marker <= 0xdb) {
    size = big_endian(std::size_t{1} << (marker - 0xd9));
  } else {
    return false;
  }
  return true;
}

void Reader::mismatch(unsigned char marker) {
  fail(marker == never_used ? Flaw::not_msgpack : Flaw::wrong_type);
}

}  // namespace fanmill::wire
