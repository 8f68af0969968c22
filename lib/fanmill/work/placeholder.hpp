#pragma once
// The marks in a command that stand for a task, as in GNU parallel, and the words that hold them.
//
//   {}    the item                          {#}  the task's number, from 1
//   {.}   without its extension             {%}  the slot that runs it, from 1
//   {/}   after its last slash              {//} before its last slash: its folder, "." if it names none
//   {/.}  after its last slash, without its extension
//   {2}   its second column, where the run has a separator; {-1} is the last one; {2.} {2/} {2//} {2/.}
//
// Anything else in braces is literal text.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/base/ids.hpp>

namespace fanmill::work {

enum class Part : std::uint8_t { whole, no_extension, name, folder, name_no_extension, number, slot };

struct Placeholder {
  Part part = Part::whole;
  std::int32_t column = 0;  // that it is a part of: from 1, or from −1 backwards; 0: of the item
  friend bool operator==(const Placeholder&, const Placeholder&) = default;
};

// What placeholders are filled in from.
struct TaskPlace {
  ByteView item;
  TaskId id = 0;
  std::uint32_t slot = 1;
  ByteView separator{};  // stands between the item's columns; empty: it has one
};

// As it is written in a command.
[[nodiscard]] std::string spelling_of(const Placeholder& placeholder);

// A column of `item`, counted as a Placeholder counts them (not 0); nothing where it has not so many. An
// empty item has one, which is empty.
[[nodiscard]] std::optional<ByteView> column_of(ByteView item, ByteView separator, std::int32_t column);

struct PlaceholderMatch {
  Placeholder placeholder;
  std::size_t length = 0;
};

// The placeholder that `text` begins with, if it does. Throws usage_error for a column that cannot be.
[[nodiscard]] std::optional<PlaceholderMatch> match_placeholder(std::string_view text);

// The same anywhere in `text`: whether there is one.
[[nodiscard]] bool has_placeholder(std::string_view text);

// Appends what stands for `placeholder`, byte for byte; nothing for a column that the item has not.
void append_value(std::string& to, const Placeholder& placeholder, const TaskPlace& place);

// One word of a command, taken apart once so that filling it in is appending.
class WordTemplate {
 public:
  // Throws usage_error as match_placeholder does.
  explicit WordTemplate(std::string_view word);
  // A word in which braces mean nothing.
  [[nodiscard]] static WordTemplate literal(std::string_view word);
  // A word that is one placeholder.
  explicit WordTemplate(const Placeholder& placeholder) : pieces_{{"", placeholder}} {}

  [[nodiscard]] bool has_placeholder() const;
  // The one that wants the item to have the most columns; nothing where none is a column.
  [[nodiscard]] std::optional<Placeholder> furthest_column() const;
  // The first one that says something of a task, and not of where it runs.
  [[nodiscard]] std::optional<Placeholder> of_task() const;
  void append_to(std::string& to, const TaskPlace& place) const;

 private:
  WordTemplate() = default;

  struct Piece {
    std::string text;
    std::optional<Placeholder> placeholder;  // comes after the text
  };
  std::vector<Piece> pieces_;
};

}  // namespace fanmill::work
