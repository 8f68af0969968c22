#pragma once
// Bytes of strangers, for a terminal.

#include <cstddef>
#include <string>

#include <fanmill/base/ids.hpp>

namespace fanmill::store {

// Text as it is, on one line; control characters (the C1 ones too: terminals obey them) and broken UTF-8 as
// \n, \t, \x1b. Of more than `most` bytes the first, and an ellipsis.
[[nodiscard]] std::string printable(ByteView bytes, std::size_t most);

}  // namespace fanmill::store
