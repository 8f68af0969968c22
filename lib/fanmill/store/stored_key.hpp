#pragma once
// A key as it stands in a file: 16 bytes, the most significant first, which is how xxh128sum prints it.

#include <array>
#include <cstddef>
#include <optional>

#include <fanmill/base/ids.hpp>

namespace fanmill::store {

using StoredKey = std::array<char, 16>;

[[nodiscard]] inline StoredKey to_stored(const Key& key) {
  StoredKey bytes{};
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<char>(key.high >> (56 - 8 * i));
    bytes[8 + i] = static_cast<char>(key.low >> (56 - 8 * i));
  }
  return bytes;
}

// None for what is no key.
[[nodiscard]] inline std::optional<Key> from_stored(ByteView bytes) {
  if (bytes.size() != 16) return std::nullopt;
  Key key;
  for (std::size_t i = 0; i < 8; ++i) {
    key.high = key.high << 8 | static_cast<unsigned char>(bytes[i]);
    key.low = key.low << 8 | static_cast<unsigned char>(bytes[8 + i]);
  }
  return key;
}

}  // namespace fanmill::store
