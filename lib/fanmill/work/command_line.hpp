#pragma once
// What is executed for a task: a command's words, or the shell with the user's text, with the task filled in.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/work/placeholder.hpp>
#include <fanmill/work/shell_text.hpp>

namespace fanmill::work {

// Where a task's item is put.
enum class ItemGoes : std::uint8_t {
  to_arguments,  // where no placeholder stands, the item is the last argument
  to_stdin,      // placeholders may stand, and nothing is appended
  to_coprocess,  // likewise, but the command is there before the item: {%} alone may stand
};

// The most bytes that Linux takes as one argument, without the NUL at its end (MAX_ARG_STRLEN, execve(2)).
inline constexpr std::size_t max_argument = (std::size_t{128} << 10) - 1;

// Arguments one after the other, each with its NUL: cleared and filled again for each task without
// allocating.
class Arguments {
 public:
  void clear();
  [[nodiscard]] std::size_t count() const { return ends_.size(); }
  [[nodiscard]] std::string_view operator[](std::size_t index) const;

  // Appends an argument: what `append` adds to the string it is given.
  template <class Append>
  std::string_view add(Append append) {
    append(bytes_);
    bytes_.push_back('\0');
    ends_.push_back(bytes_.size());
    return (*this)[ends_.size() - 1];
  }

  // As execve(2) wants them, for as long as nothing is added: a null pointer ends them, and before the first
  // one there is room for another (see Spawner).
  [[nodiscard]] char** argv();

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;  // behind each NUL
  std::vector<char*> pointers_;
};

class CommandLine {
 public:
  // A command and its arguments, without a shell. Throws usage_error.
  [[nodiscard]] static CommandLine of_words(const std::vector<std::string>& words,
                                            ItemGoes item = ItemGoes::to_arguments);
  // `/bin/sh -c TEXT fanmill …`. Throws usage_error.
  [[nodiscard]] static CommandLine of_shell_text(std::string_view text,
                                                 ItemGoes item = ItemGoes::to_arguments);

  // The column that a task's item must have, the furthest of those that are used; nothing where none is.
  [[nodiscard]] const std::optional<Placeholder>& column() const { return column_; }

  // Fills `arguments`. Returns why the task cannot be run, if so: what it is made of cannot be an argument,
  // or a column is missing.
  [[nodiscard]] std::optional<std::string> expand(const TaskPlace& place, Arguments& arguments) const;

 private:
  void find_column();
  void refuse_tasks() const;

  struct Word {
    WordTemplate text;
    ShellParameter::Form form = ShellParameter::Form::any;
  };
  std::vector<Word> words_;
  std::optional<Placeholder> column_;
};

}  // namespace fanmill::work
