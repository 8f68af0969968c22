#pragma once
// A key as it stands in a file.

#include <array>
#include <optional>

#include <fanmill/base/key_bytes.hpp>

namespace fanmill::store {

using StoredKey = std::array<char, key_bytes>;

[[nodiscard]] inline StoredKey to_stored(const Key& key) {
  StoredKey bytes;
  put_key(bytes.data(), key);
  return bytes;
}

// None for what is no key.
[[nodiscard]] inline std::optional<Key> from_stored(ByteView bytes) {
  if (bytes.size() != key_bytes) return std::nullopt;
  return get_key(bytes.data());
}

}  // namespace fanmill::store
