#pragma once
// The user's shell text, made ready for `/bin/sh -c TEXT fanmill ARGUMENT…`.
//
// An item is never pasted into the text, so it cannot become code. Each kind of placeholder that the text
// uses gets a positional parameter of its own, and stands in the text as an expansion of it, quoted as its
// place needs:
//
//   echo {}            echo "${1}"             outside quotes, in $( ), ` ` and ( ) too
//   echo "<{}>"        echo "<${1}>"           inside double quotes, and in a here-document
//   echo '<{}>'        echo '<'"${1}"'>'       inside single quotes
//   ${x:-{}}           ${x:-"${1}"}            inside a parameter expansion that is not quoted itself
//   $((2 * {}))        $((2 * (${1})))         inside arithmetic, where an item has to be a whole number,
//   because some
//                                              shells run code that stands in an array's index there
//   \{}  # {}          as they are             a placeholder that is escaped, or in a comment, is none
//
// Text without a placeholder gets ` "${1}"` after its last word. Where a placeholder's meaning cannot be kept
// safely
// ($'…', a here-document with a quoted delimiter, a pattern substitution …) the text is refused.
//
// What the text does with a parameter is its own: `eval {}`, `ssh host '{}'` and `sh -c 'echo {}'` hand the
// item to a second shell, and that one will run it; so may bash's `let {}` and `[[ {} -eq 1 ]]`.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/work/placeholder.hpp>

namespace fanmill::work {

struct ShellParameter {
  enum class Form : std::uint8_t { any, whole_number };
  Placeholder placeholder;
  Form form = Form::any;  // a task whose value has another form must not be run
  friend bool operator==(const ShellParameter&, const ShellParameter&) = default;
};

struct ShellText {
  std::string text;
  std::vector<ShellParameter> parameters;  // of $1, $2, …
};

// What becomes of a text in which no placeholder stands: it gets the item as its last argument, or nothing.
enum class WithoutPlaceholder : std::uint8_t { append, leave };

// Throws usage_error, in words for who wrote the text.
[[nodiscard]] ShellText parse_shell_text(std::string_view text,
                                         WithoutPlaceholder without = WithoutPlaceholder::append);

// An optional sign and decimal digits.
[[nodiscard]] bool is_whole_number(std::string_view text);

}  // namespace fanmill::work
