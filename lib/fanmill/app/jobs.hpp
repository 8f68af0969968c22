#pragma once
// -j: how many tasks run at the same time.

#include <cstddef>
#include <string_view>

namespace fanmill::app {

// "N", "N%" of the processors (rounded down), "+N" more or "-N" fewer than them; at least one comes of the
// last three. Throws usage_error for 0 and for more than a worker may have.
[[nodiscard]] std::size_t parse_jobs(std::string_view option, std::string_view text, std::size_t processors);

}  // namespace fanmill::app
