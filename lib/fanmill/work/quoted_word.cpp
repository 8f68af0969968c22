#include <algorithm>
#include <array>

#include <fanmill/work/quoted_word.hpp>

namespace fanmill::work {

namespace {

// Those of bash, too.
constexpr std::array<std::string_view, 17> reserved{"case",   "coproc", "do",   "done",     "elif", "else",
                                                    "esac",   "fi",     "for",  "function", "if",   "in",
                                                    "select", "then",   "time", "until",    "while"};

constexpr std::array<std::string_view, 26> builtins{
    "alias",  "bg",   "cd",    "declare", "eval",   "exec",  "exit",   "export", "fg",
    "jobs",   "let",  "local", "popd",    "pushd",  "read",  "return", "set",    "shift",
    "source", "trap", "type",  "typeset", "ulimit", "umask", "unset",  "wait"};

bool is_reserved(std::string_view word) {
  return std::find(reserved.begin(), reserved.end(), word) != reserved.end();
}

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
  return is_reserved(word) ? in_quotes(word) : quoted_word(word, "+-./_");
}

bool is_of_shell(std::string_view word) {
  return is_reserved(word) || std::find(builtins.begin(), builtins.end(), word) != builtins.end();
}

}  // namespace fanmill::work
