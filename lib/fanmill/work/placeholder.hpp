#pragma once
// The marks in a command that stand for a task, as in GNU parallel, and the words that hold them.
//
//   {}    the item                          {#}  the task's number, from 1
//   {.}   without its extension             {%}  the slot that runs it, from 1
//   {/}   after its last slash              {//} before its last slash: its folder, "." if it names none
//   {/.}  after its last slash, without its extension
//
// Anything else in braces is literal text, but {1}, {2/} and their like: those are columns, which are not
// there yet, and a command that counts on them must not run.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/base/ids.hpp>

namespace fanmill::work {

enum class Placeholder : std::uint8_t { item, no_extension, name, folder, name_no_extension, number, slot };

// What placeholders are filled in from.
struct TaskPlace {
  ByteView item;
  TaskId id = 0;
  std::uint32_t slot = 1;
};

struct PlaceholderMatch {
  Placeholder placeholder{};
  std::size_t length = 0;
};

// The placeholder that `text` begins with, if it does. Throws usage_error for a column.
[[nodiscard]] std::optional<PlaceholderMatch> match_placeholder(std::string_view text);

// The same anywhere in `text`: whether there is one.
[[nodiscard]] bool has_placeholder(std::string_view text);

// Appends what stands for `placeholder`, byte for byte.
void append_value(std::string& to, Placeholder placeholder, const TaskPlace& place);

// One word of a command, taken apart once so that filling it in is appending.
class WordTemplate {
 public:
  // Throws usage_error for a column.
  explicit WordTemplate(std::string_view word);
  // A word in which braces mean nothing.
  [[nodiscard]] static WordTemplate literal(std::string_view word);
  // A word that is one placeholder.
  explicit WordTemplate(Placeholder placeholder) : parts_{{"", placeholder}} {}

  [[nodiscard]] bool has_placeholder() const;
  void append_to(std::string& to, const TaskPlace& place) const;

 private:
  WordTemplate() = default;

  struct Part {
    std::string text;
    std::optional<Placeholder> placeholder;  // comes after the text
  };
  std::vector<Part> parts_;
};

}  // namespace fanmill::work
