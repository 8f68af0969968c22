#pragma once
// Whether bytes are text.

#include <cstddef>

#include <fanmill/base/ids.hpp>

namespace fanmill::store {

// Length of the well-formed UTF-8 sequence that begins at `at` (Unicode 15, table 3-7), or 0 where none does.
[[nodiscard]] std::size_t utf8_sequence(ByteView bytes, std::size_t at);

[[nodiscard]] bool is_utf8(ByteView bytes);

}  // namespace fanmill::store
