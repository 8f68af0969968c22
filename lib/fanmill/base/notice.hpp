#pragma once
// What a role says to people while it runs.

#include <cstdint>
#include <functional>
#include <string_view>

namespace fanmill {

enum class Severity : std::uint8_t { info, warning };

// Called from the role's own thread; must not throw.
using Notice = std::function<void(Severity, std::string_view)>;

}  // namespace fanmill
