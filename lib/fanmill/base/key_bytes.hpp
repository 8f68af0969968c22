#pragma once
// A key as it stands in files and messages: 16 bytes, the most significant first, which is how xxh128sum
// prints it.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <fanmill/base/ids.hpp>

namespace fanmill {

inline constexpr std::size_t key_bytes = 16;

// Of a number as it lies in memory, and back.
[[nodiscard]] inline std::uint64_t most_significant_first(std::uint64_t number) {
  return std::endian::native == std::endian::little ? __builtin_bswap64(number) : number;
}

// Writes key_bytes bytes, and returns where they end.
inline char* put_key(char* at, const Key& key) {
  const std::uint64_t halves[]{most_significant_first(key.high), most_significant_first(key.low)};
  static_assert(sizeof halves == key_bytes);
  std::memcpy(at, halves, sizeof halves);
  return at + key_bytes;
}

// Of key_bytes bytes.
[[nodiscard]] inline Key get_key(const char* at) {
  std::uint64_t halves[2];
  std::memcpy(halves, at, sizeof halves);
  return {most_significant_first(halves[0]), most_significant_first(halves[1])};
}

}  // namespace fanmill
