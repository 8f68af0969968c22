// Commands with placeholders, without a shell and for one: whatever the item is, the text that the shell
// reads is the same, and is the user's own but for what stands in the placeholders' places. No item can
// become code.

#include <string>
#include <utility>
#include <vector>

#include "fuzz_target.hpp"
#include <fanmill/base/error.hpp>
#include <fanmill/work/command_line.hpp>
#include <fanmill/work/shell_text.hpp>
#include <fanmill/work/work.hpp>

using namespace fanmill;
using namespace fanmill::work;
using fanmill::fuzz::require;

namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    words.emplace_back(word);
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return words;
}

// Whether `out` at `at` is an expansion of the parameter that stands for `placeholder`; then its length.
std::size_t expansion(std::string_view out, const ShellText& shell, const Placeholder& placeholder) {
  for (std::size_t i = 0; i < shell.parameters.size(); ++i) {
    if (shell.parameters[i].placeholder != placeholder) continue;
    const std::string braced = "${" + std::to_string(i + 1) + "}";
    for (const std::string& form :
         {braced, "\"" + braced + "\"", "'\"" + braced + "\"'", "(" + braced + ")"}) {
      if (out.starts_with(form)) return form.size();
    }
  }
  return 0;
}

// `shell.text` is `text`, with expansions where the placeholders are that are not escaped or in a comment.
// `` `…` `` is written anew and not looked into.
bool is_the_users(const ShellText& shell, std::string_view text) {
  std::string_view out = shell.text;
  if (out.starts_with(' ') && !text.starts_with(' ')) out.remove_prefix(1);  // before a + or -
  // Where there is no placeholder the item is an argument more.
  constexpr std::string_view argument = " \"${1}\"";
  for (std::size_t at = out.find(argument); at != out.npos; at = out.find(argument, at + 1)) {
    if (text == std::string(out.substr(0, at)).append(out.substr(at + argument.size()))) return true;
  }
  bool behind_backslash = false;
  while (!out.empty()) {
    if (!text.empty() && out.front() == text.front()) {
      behind_backslash = out.front() == '\\';
      out.remove_prefix(1);
      text.remove_prefix(1);
      continue;
    }
    // In double quotes a backslash before a placeholder is one: written twice, or the $ would be escaped.
    if (std::exchange(behind_backslash, false) && out.front() == '\\') out.remove_prefix(1);
    if (const auto match = match_placeholder(text)) {
      if (const std::size_t size = expansion(out, shell, match->placeholder)) {
        out.remove_prefix(size);
        text.remove_prefix(match->length);
        continue;
      }
    }
    return false;
  }
  return text.empty();
}

void check_arguments(const CommandLine& command, const TaskPlace& place, Arguments& arguments) {
  arguments.clear();
  if (command.expand(place, arguments)) return;
  require(arguments.count() > 0, "there is something to run");
  for (std::size_t i = 0; i < arguments.count(); ++i) {
    require(arguments[i].size() <= max_argument, "no argument is longer than Linux takes");
    require(arguments[i].find('\0') == std::string_view::npos, "no argument holds a NUL");
  }
  char** const argv = arguments.argv();
  for (std::size_t i = 0; i < arguments.count(); ++i) {
    require(arguments[i] == argv[i], "argv is what was filled in");
  }
}

void shell(std::string_view text, const TaskPlace& place, ItemGoes goes) {
  const CommandLine command = CommandLine::of_shell_text(text, goes);
  const ShellText parsed = parse_shell_text(
      text, goes == ItemGoes::to_arguments ? WithoutPlaceholder::append : WithoutPlaceholder::leave);
  if (text.find('`') == std::string_view::npos) {
    require(is_the_users(parsed, text), "the shell reads what the user wrote");
  }
  Arguments first;
  check_arguments(command, place, first);
  Arguments second;
  TaskPlace other = place;
  other.item = "7";
  if (!command.expand(other, second)) {
    require(second.count() == 4 + parsed.parameters.size(), "each parameter is one argument");
    require(second[2] == parsed.text, "the text is the same for all items");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes bytes(data, size);
  const unsigned choice = bytes.number();
  const auto goes = static_cast<ItemGoes>(choice / 2 % 3);
  const std::string_view text = bytes.text();
  const std::string_view separator = bytes.text().substr(0, wire::max_separator);
  const TaskPlace place{bytes.rest(), choice, choice % 7 + 1, separator};
  try {
    if (choice % 2 == 0) {
      shell(text, place, goes);
    } else {
      const std::vector<std::string> words = words_of(text);
      static_cast<void>(kind_of(words));
      Arguments arguments;
      check_arguments(CommandLine::of_words(words, goes), place, arguments);
    }
  } catch (const Error& error) {
    require(error.code() == ErrorCode::usage, "what is wrong with a command is an error of usage");
  }
  return 0;
}
