#include <fanmill/input/length_prefixed.hpp>

namespace fanmill::input {

namespace {
constexpr std::size_t prefix = 4;
}

std::size_t LengthPrefixed::cut(ByteView bytes, Items& items) {
  std::size_t done = 0;
  while (bytes.size() - done >= prefix) {
    std::size_t length = 0;
    for (const char byte : bytes.substr(done, prefix)) {
      length = length << 8 | static_cast<unsigned char>(byte);
    }
    items.check(length);
    if (bytes.size() - done - prefix < length) break;
    items.add(bytes.substr(done + prefix, length));
    done += prefix + length;
  }
  return done;
}

void LengthPrefixed::end(ByteView rest, Items& items) {
  if (!rest.empty()) items.refuse(0, "it ends within the item whose length is at");
}

}  // namespace fanmill::input
