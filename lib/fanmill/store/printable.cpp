#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include <fanmill/store/printable.hpp>
#include <fanmill/store/utf8.hpp>

namespace fanmill::store {

namespace {

bool is_control(ByteView character) {
  const unsigned char first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return character.size() == 2 && first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

}  // namespace

std::string printable(ByteView bytes, std::size_t most) {
  std::string text;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t sequence = utf8_sequence(bytes, at);
    const ByteView character = bytes.substr(at, std::max<std::size_t>(sequence, 1));
    if (at + character.size() > most) return text + "…";
    at += character.size();
    if (sequence > 0 && !is_control(character)) {
      text += character;
    } else if (character == "\n") {
      text += "\\n";
    } else if (character == "\t") {
      text += "\\t";
    } else {
      for (const char byte : character) {
        fmt::format_to(std::back_inserter(text), "\\x{:02x}", static_cast<unsigned char>(byte));
      }
    }
  }
  return text;
}

}  // namespace fanmill::store
