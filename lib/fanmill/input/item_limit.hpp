#pragma once
// What is said of an item that no message can carry.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <fanmill/base/error.hpp>
#include <fanmill/base/quantity.hpp>

namespace fanmill::input {

// `number` counts from 1 over the whole input, as people count; `where` is a file's name or "standard input".
[[nodiscard]] inline Error item_too_long(std::uint64_t number, std::string_view where, std::size_t max_item) {
  return {ErrorCode::unavailable, "read",
          "item " + std::to_string(number) + " (from " + std::string(where) + ")",
          "longer than " + format_size(max_item), "--max-message SIZE allows more"};
}

}  // namespace fanmill::input
