#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include <fanmill/base/error.hpp>
#include <fanmill/base/quantity.hpp>
#include <fanmill/work/command_line.hpp>

namespace fanmill::work {

namespace {

constexpr std::string_view other_way = "with --stdin the command reads it from there";

// For a message: what a person recognises an item by.
std::string quoted(std::string_view text) {
  constexpr std::size_t longest = 64;
  return text.size() <= longest ? fmt::format("'{}'", text) : fmt::format("'{}…'", text.substr(0, longest));
}

void check_fixed_word(std::string_view what, std::string_view word) {
  if (word.find('\0') != std::string_view::npos) throw usage_error(what, "a NUL byte cannot stand in it");
  if (word.size() > max_argument) {
    throw usage_error(
        what, fmt::format("it has {} bytes, and an argument can have at most {}", word.size(), max_argument));
  }
}

}  // namespace

void Arguments::clear() {
  bytes_.clear();
  ends_.clear();
}

std::string_view Arguments::operator[](std::size_t index) const {
  const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
  return std::string_view(bytes_).substr(begin, ends_[index] - 1 - begin);
}

char** Arguments::argv() {
  pointers_.assign(1, nullptr);
  std::size_t begin = 0;
  for (const std::size_t end : ends_) {
    pointers_.push_back(bytes_.data() + begin);
    begin = end;
  }
  pointers_.push_back(nullptr);
  return pointers_.data() + 1;
}

CommandLine CommandLine::of_words(const std::vector<std::string>& words, ItemGoes item) {
  if (words.empty() || words.front().empty()) throw usage_error("COMMAND", "there is nothing to run");
  CommandLine line;
  bool has_item = item != ItemGoes::to_arguments;
  for (const std::string& word : words) {
    check_fixed_word("COMMAND", word);
    line.words_.push_back({WordTemplate(word)});
    has_item = has_item || line.words_.back().text.has_placeholder();
  }
  if (!has_item) line.words_.push_back({WordTemplate(Placeholder{})});
  line.find_column();
  if (item == ItemGoes::to_coprocess) line.refuse_tasks();
  return line;
}

CommandLine CommandLine::of_shell_text(std::string_view text, ItemGoes item) {
  const ShellText shell = parse_shell_text(
      text, item == ItemGoes::to_arguments ? WithoutPlaceholder::append : WithoutPlaceholder::leave);
  check_fixed_word("shell text", shell.text);
  CommandLine line;
  for (const std::string_view word : {std::string_view("/bin/sh"), std::string_view("-c")}) {
    line.words_.push_back({WordTemplate(word)});
  }
  line.words_.push_back({WordTemplate::literal(shell.text)});
  line.words_.push_back({WordTemplate("sh")});  // $0: what the shell itself says begins with it
  for (const ShellParameter& parameter : shell.parameters) {
    line.words_.push_back({WordTemplate(parameter.placeholder), parameter.form});
  }
  line.find_column();
  if (item == ItemGoes::to_coprocess) line.refuse_tasks();
  return line;
}

void CommandLine::find_column() {
  for (const Word& word : words_) {
    const auto other = word.text.furthest_column();
    if (other && (!column_ || std::abs(other->column) > std::abs(column_->column))) column_ = other;
  }
}

void CommandLine::refuse_tasks() const {
  for (const Word& word : words_) {
    const auto placeholder = word.text.of_task();
    if (!placeholder) continue;
    throw usage_error(spelling_of(*placeholder),
                      "a co-process is started before there is an item, and reads it",
                      "{%}, the slot, is all that may stand in its command");
  }
}

std::optional<std::string> CommandLine::expand(const TaskPlace& place, Arguments& arguments) const {
  arguments.clear();
  if (column_ && !column_of(place.item, place.separator, column_->column)) {
    return fmt::format("the item {} has no column {}", quoted(place.item), spelling_of(*column_));
  }
  for (const Word& word : words_) {
    const std::string_view argument = arguments.add([&](std::string& to) { word.text.append_to(to, place); });
    if (argument.size() > max_argument) {
      return fmt::format("the item makes an argument of {} bytes, and Linux takes at most {} ({}); {}",
                         argument.size(), max_argument, format_size(max_argument + 1), other_way);
    }
    if (argument.find('\0') != std::string_view::npos) {
      return fmt::format("the item holds a NUL byte, which cannot stand in an argument; {}", other_way);
    }
    if (word.form == ShellParameter::Form::whole_number && !is_whole_number(argument)) {
      return fmt::format("{} is not a whole number, and it stands in $((…))", quoted(argument));
    }
  }
  return std::nullopt;
}

}  // namespace fanmill::work
