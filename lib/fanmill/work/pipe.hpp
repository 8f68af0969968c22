#pragma once
// A pipe between us and a child.

#include <cstdint>
#include <optional>

#include <fanmill/base/descriptor.hpp>

namespace fanmill::work {

struct Pipe {
  Descriptor ours;    // does not block
  Descriptor theirs;  // does
};

enum class WeDo : std::uint8_t { read, write };

// Both ends lie above the standard descriptors, so that none of them is closed by mistake in a child.
// Nothing, and errno, where the system gives none.
[[nodiscard]] std::optional<Pipe> open_pipe(WeDo we);

}  // namespace fanmill::work
