#include <algorithm>
#include <array>

#include <fanmill/work/quoted_word.hpp>

namespace fanmill::work {

namespace {

// Those of bash, too.
constexpr std::array<std::string_view, 17> reserved{"case",   "coproc", "do",   "done",     "elif", "else",
                                                    "esac",   "fi",     "for",  "function", "if",   "in",
                                                    "select", "then",   "time", "until",    "while"};

std::string in_quotes(std::string_view word) {
  std::string text = "'";
  for (const char byte : word) {
    if (byte == '\'') {
      text += "'\\''";
    } else {
      text += byte;
    }
  }
  return text += '\'';
}

}  // namespace

std::string quoted_word(std::string_view word, std::string_view plain) {
  constexpr std::string_view letters_and_digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const bool is_plain = std::all_of(word.begin(), word.end(), [&](char byte) {
    return letters_and_digits.find(byte) != std::string_view::npos ||
           plain.find(byte) != std::string_view::npos;
  });
  return !word.empty() && is_plain ? std::string(word) : in_quotes(word);
}

std::string quoted_command(std::string_view word) {
  const bool is_reserved = std::find(reserved.begin(), reserved.end(), word) != reserved.end();
  return is_reserved ? in_quotes(word) : quoted_word(word, "+-./_");
}

}  // namespace fanmill::work
