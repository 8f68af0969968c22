#pragma once
// How many workers are worth having.

#include <cstddef>

namespace fanmill {

// Those that this process may use, which taskset and containers make fewer than the machine has; ≥ 1.
[[nodiscard]] std::size_t usable_processors();

}  // namespace fanmill
