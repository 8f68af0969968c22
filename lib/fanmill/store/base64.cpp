#include <cstddef>
#include <string_view>

#include <fanmill/store/base64.hpp>

namespace fanmill::store {

std::string base64(ByteView bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto byte = [&](std::size_t at) -> unsigned {
    return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U;
  };
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const unsigned three = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
    text += digits[three >> 18];
    text += digits[three >> 12 & 63];
    text += at + 1 < bytes.size() ? digits[three >> 6 & 63] : '=';
    text += at + 2 < bytes.size() ? digits[three & 63] : '=';
  }
  return text;
}

}  // namespace fanmill::store
