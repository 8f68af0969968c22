#pragma once
// Names that nobody else has, from the kernel's random numbers. May be used from any thread.

#include <cstddef>
#include <cstdint>
#include <string>

namespace fanmill::transport {

// `bytes` random bytes in lower-case hexadecimal.
[[nodiscard]] std::string random_name(std::size_t bytes);
[[nodiscard]] std::uint64_t random_id();  // never 0

}  // namespace fanmill::transport
