#include <fanmill/input/msgpack_values.hpp>

namespace fanmill::input {

namespace {

constexpr unsigned char never_used = 0xc1;

// What a value's first bytes say, https://github.com/msgpack/msgpack/blob/master/spec.md.
struct Head {
  std::uint64_t size = 0;    // of all that is not a value of its own; 0: the head is not complete
  std::uint64_t values = 0;  // in it
};

// `fixed` bytes and a length of `width` bytes, before as many bytes.
Head head_of(ByteView bytes, std::size_t fixed, std::size_t width, std::uint64_t values_each) {
  if (bytes.size() < 1 + width) return {};
  std::uint64_t length = 0;
  for (const char byte : bytes.substr(1, width)) length = length << 8 | static_cast<unsigned char>(byte);
  if (values_each > 0) return {fixed + width, values_each * length};
  return {fixed + width + length, 0};
}

Head head_of(ByteView bytes) {
  const auto kind = static_cast<unsigned char>(bytes.front());
  const auto power = [](unsigned exponent) { return std::uint64_t{1} << exponent; };
  if (kind < 0x80 || kind >= 0xe0) return {1, 0};
  if (kind < 0x90) return {1, 2 * std::uint64_t{kind & 0x0fU}};
  if (kind < 0xa0) return {1, kind & 0x0fU};
  if (kind < 0xc0) return {1 + std::uint64_t{kind & 0x1fU}, 0};
  if (kind < 0xc4) return {1, 0};
  if (kind < 0xc7) return head_of(bytes, 1, power(kind - 0xc4U), 0);     // bin
  if (kind < 0xca) return head_of(bytes, 2, power(kind - 0xc7U), 0);     // ext
  if (kind < 0xcc) return {1 + 4 * power(kind - 0xcaU), 0};              // float
  if (kind < 0xd4) return {1 + power((kind - 0xccU) & 3U), 0};           // integers
  if (kind < 0xd9) return {2 + power(kind - 0xd4U), 0};                  // fixext
  if (kind < 0xdc) return head_of(bytes, 1, power(kind - 0xd9U), 0);     // str
  return head_of(bytes, 1, kind % 2 == 0 ? 2 : 4, kind < 0xde ? 1 : 2);  // array, map
}

}  // namespace

std::size_t MsgpackValues::cut(ByteView bytes, Items& items) {
  std::size_t done = 0;
  while (measure(bytes.substr(done), done, items)) {
    items.add(bytes.substr(done, measured_));
    done += measured_;
    measured_ = 0;
    open_ = 1;
  }
  return done;
}

bool MsgpackValues::measure(ByteView bytes, std::size_t done, Items& items) {
  while (open_ > 0 && measured_ < bytes.size()) {
    const ByteView rest = bytes.substr(measured_);
    if (static_cast<unsigned char>(rest.front()) == never_used) {
      items.refuse(done + measured_, "this is not msgpack: no value begins with 0xc1, as at");
    }
    const Head head = head_of(rest);
    if (head.size == 0) break;
    measured_ += head.size;
    open_ += head.values;
    --open_;
    // Each of those has a byte at least.
    items.check(measured_ + open_);
  }
  return open_ == 0 && measured_ <= bytes.size();
}

void MsgpackValues::end(ByteView rest, Items& items) {
  measured_ = 0;
  open_ = 1;
  if (!rest.empty()) items.refuse(0, "it ends within the msgpack value that begins at");
}

}  // namespace fanmill::input
