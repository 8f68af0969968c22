#include <string_view>

#include <fanmill/app/command_text.hpp>
#include <fanmill/work/quoted_word.hpp>

namespace fanmill::app {

namespace {

std::string quoted(std::string_view word) {
  return work::quoted_word(word, "%+,-./:@=_{}#");
}

}  // namespace

std::string command_text(const work::WorkSettings& settings, std::string_view separator) {
  std::string text = separator.empty() ? "" : "--colsep " + quoted(separator) + " ";
  if (settings.item == work::ItemGoes::to_coprocess) {
    text += "--coprocess ";
    if (settings.framing != work::Framing::line)
      text.append("--framing ").append(name_of(settings.framing)) += ' ';
  }
  if (settings.kind == work::WorkKind::shell) return text + settings.words.front();
  if (settings.kind == work::WorkKind::function) text += "--function ";
  if (settings.kind == work::WorkKind::plugin) text += "--plugin ";
  for (std::size_t word = 0; word < settings.words.size(); ++word) {
    if (word > 0) text += ' ';
    text += quoted(settings.words[word]);
  }
  return text;
}

}  // namespace fanmill::app
