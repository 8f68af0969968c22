#pragma once
// Bytes as text (RFC 4648, section 4, with padding).

#include <string>

#include <fanmill/base/ids.hpp>

namespace fanmill::store {

[[nodiscard]] std::string base64(ByteView bytes);

}  // namespace fanmill::store
