#include <string_view>

#include <fanmill/app/command_text.hpp>

namespace fanmill::app {

namespace {

std::string quoted(std::string_view word) {
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%+,-./:=@_{}#";
  if (!word.empty() && word.find_first_not_of(plain) == std::string_view::npos) return std::string(word);
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

std::string command_text(const work::WorkSettings& settings) {
  if (settings.kind == work::WorkKind::shell) return settings.words.front();
  std::string text = settings.kind == work::WorkKind::function ? "--function" : "";
  for (const std::string& word : settings.words) {
    if (!text.empty()) text += ' ';
    text += quoted(word);
  }
  return text;
}

}  // namespace fanmill::app
