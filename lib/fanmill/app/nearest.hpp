#pragma once
// "Did you mean": the known word that is most like a misspelt one.

#include <span>
#include <string_view>

namespace fanmill::app {

// The word with the fewest letters added, dropped, changed or swapped with a neighbour, or an empty view
// where none is near enough to be meant.
[[nodiscard]] std::string_view nearest(std::string_view misspelt, std::span<const std::string_view> known);

}  // namespace fanmill::app
