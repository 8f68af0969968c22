#pragma once
// What a task is recognised by when its input is run again.

#include <fanmill/base/ids.hpp>

namespace fanmill::core {

// XXH3, 128 bits: fast, and for a payload that nobody made to collide as good as unique.
[[nodiscard]] Key content_key(ByteView payload);

}  // namespace fanmill::core
