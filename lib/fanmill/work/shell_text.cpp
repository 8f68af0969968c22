#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <optional>
#include <utility>

#include <fanmill/base/error.hpp>
#include <fanmill/work/shell_text.hpp>

namespace fanmill::work {

namespace {

// Where a character stands, as far as it decides how an expansion there is quoted.
enum class Quoting : std::uint8_t {
  none,
  double_quotes,
  here_document,  // as in double quotes, but that " is an ordinary character
  arithmetic,
};

enum class Until : std::uint8_t { end_of_text, parenthesis };

// What the next word of a list of commands would be.
enum class Position : std::uint8_t {
  command,    // the name of a command, or a word of the shell's grammar
  arguments,  // an argument
  case_word,  // between `case` and `in`
  pattern,    // a pattern of `case`
  closed,     // nothing but a redirection: after `fi`, `done`, `}` …
};

struct HereDocument {
  std::string delimiter;
  bool quoted = false;       // nothing in it is expanded
  bool strips_tabs = false;  // <<-
};

bool is_name_start(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name(char c) {
  return is_name_start(c) || is_digit(c);
}
bool is_one_of(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}
bool is_any_of(std::string_view word, std::initializer_list<std::string_view> set) {
  return std::find(set.begin(), set.end(), word) != set.end();
}

bool is_assignment(std::string_view word) {
  if (word.empty() || !is_name_start(word.front())) return false;
  const auto end = std::find_if_not(word.begin(), word.end(), is_name);
  return end != word.end() && *end == '=';
}

// a[… : what follows is evaluated as arithmetic by shells that have arrays.
bool is_open_index(std::string_view word) {
  const auto bracket = std::find(word.begin(), word.end(), '[');
  return bracket != word.begin() && bracket != word.end() && is_name_start(word.front()) &&
         std::all_of(word.begin(), bracket, is_name) && std::find(bracket, word.end(), ']') == word.end();
}

// Where the reading of a list of commands has come to.
struct List {
  Position position = Position::command;
  int cases = 0;  // `case` without its `esac`
  // The word being read.
  std::string word;  // what of it is neither quoted nor an expansion
  bool in_word = false;
  bool is_plain = true;    // nothing of it is
  bool is_target = false;  // of a redirection

  void add_part() { in_word = true, is_plain = false; }
  void add_letter(char letter) { in_word = true, word.push_back(letter); }
  void end_case() { cases = std::max(0, cases - 1), position = Position::closed; }
};

// Reads the text once, by recursive descent over what nests, and writes what it reads.
class Scanner {
 public:
  // `text` is what is read; parameters are added to as they are met.
  Scanner(std::string_view text, std::vector<ShellParameter>& parameters)
      : text_(text), parameters_(parameters) {}

  // The text with its placeholders replaced.
  std::string scan() {
    commands(Until::end_of_text);
    return std::move(out_);
  }

  // Where an argument could be added to what scan() returned, if at all.
  [[nodiscard]] std::optional<std::size_t> append_at() const { return append_at_; }

 private:
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  [[nodiscard]] bool looking_at(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  void copy(std::size_t count = 1) {
    count = std::min(count, text_.size() - at_);
    out_.append(text_.substr(at_, count));
    at_ += count;
  }
  void copy_escape() { copy(2); }

  [[noreturn]] static void refuse(std::string_view what, std::string_view reason,
                                  std::string_view next = {}) {
    throw usage_error("shell text", std::string(what) + ": " + std::string(reason), next);
  }
  [[noreturn]] static void refuse_unclosed(std::string_view opener) {
    refuse(opener, "is opened and never closed");
  }

  // Replaces the placeholder that stands here, if one does.
  bool placeholder(Quoting quoting);
  bool placeholder_between(std::string_view before, std::string_view after, ShellParameter::Form form);

  void commands(Until until);
  void command_character(List& list);
  void end_word(List& list);
  void newline(List& list);
  void comment();
  void subshell(List& list);
  void operation(List& list);
  void redirection(List& list);
  void here_document(const HereDocument& document);
  void single_quotes();
  void ansi_c_quotes();
  void double_quotes();
  void until_double_quotes_end(Quoting quoting);
  void dollar(Quoting quoting);
  void parameter(Quoting quoting);
  void parameter_word(Quoting quoting);
  void arithmetic();
  void old_arithmetic();
  void backquotes(Quoting quoting);

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
  std::vector<ShellParameter>& parameters_;
  std::vector<HereDocument> pending_;  // to be read at the next newline
  const char* forbidden_ = nullptr;    // why a placeholder cannot stand here, if so

  int depth_ = 0;  // of lists of commands
  std::optional<std::size_t> append_at_;
};

// `form` is for values made from the item; the number and the slot are numbers anyway.
bool Scanner::placeholder_between(std::string_view before, std::string_view after,
                                  ShellParameter::Form form) {
  const auto match = match_placeholder(text_.substr(at_));
  if (!match) return false;
  const std::string_view spelling = text_.substr(at_, match->length);
  if (forbidden_ != nullptr) refuse(spelling, forbidden_);
  at_ += match->length;
  const bool counted = match->placeholder.part == Part::number || match->placeholder.part == Part::slot;
  const ShellParameter wanted{match->placeholder, counted ? ShellParameter::Form::any : form};
  auto found = std::find(parameters_.begin(), parameters_.end(), wanted);
  if (found == parameters_.end()) found = parameters_.insert(found, wanted);
  out_.append(before).append("${");
  out_.append(std::to_string(found - parameters_.begin() + 1)).append("}").append(after);
  return true;
}

bool Scanner::placeholder(Quoting quoting) {
  using Form = ShellParameter::Form;
  switch (quoting) {
    case Quoting::none:
      return placeholder_between("\"", "\"", Form::any);
    case Quoting::double_quotes:
    case Quoting::here_document:
      return placeholder_between("", "", Form::any);
    case Quoting::arithmetic:
      return placeholder_between("(", ")", Form::whole_number);
  }
  return false;
}

// A list of commands: the whole text, or what stands in $( ) or ( ). The closing parenthesis is left where it
// is.
void Scanner::commands(Until until) {
  ++depth_;
  List list;
  while (!at_end()) {
    const char c = peek();
    if (c == ')') {
      end_word(list);
      if (list.position != Position::pattern && until == Until::parenthesis) break;
      list.position = Position::command;
      append_at_.reset();
      copy();
    } else {
      command_character(list);
    }
  }
  end_word(list);
  if (at_end() && until == Until::parenthesis) refuse_unclosed("(");
  --depth_;
}

void Scanner::command_character(List& list) {
  const char c = peek();
  const char* const outer = forbidden_;
  if (list.position == Position::command && is_open_index(list.word)) {
    forbidden_ = "cannot stand in an array's index, which some shells evaluate";
  }
  if (c == '\\') {
    if (peek(1) == '\0') refuse("\\", "nothing follows it");
    if (peek(1) != '\n') list.add_part();
    copy_escape();
  } else if (c == '\'') {
    single_quotes();
    list.add_part();
  } else if (c == '"') {
    double_quotes();
    list.add_part();
  } else if (c == '$') {
    dollar(Quoting::none);
    list.add_part();
  } else if (c == '`') {
    backquotes(Quoting::none);
    list.add_part();
  } else if (c == ' ' || c == '\t') {
    end_word(list);
    copy();
  } else if (c == '\n') {
    end_word(list);
    newline(list);
  } else if (c == '(') {
    end_word(list);
    subshell(list);
  } else if (is_one_of(c, ";&|")) {
    end_word(list);
    operation(list);
  } else if (is_one_of(c, "<>")) {
    redirection(list);
  } else if (c == '#' && !list.in_word) {
    comment();
  } else if (placeholder(Quoting::none)) {
    list.add_part();
  } else {
    list.add_letter(c);
    copy();
  }
  forbidden_ = outer;
}

void Scanner::end_word(List& list) {
  if (!list.in_word) return;
  const std::string word = std::exchange(list.word, {});
  const bool plain = std::exchange(list.is_plain, true);
  list.in_word = false;
  if (std::exchange(list.is_target, false)) {
    // The command goes on behind it.
  } else if (list.position == Position::command) {
    if (plain && word == "case") {
      ++list.cases;
      list.position = Position::case_word;
    } else if (plain && word == "esac") {
      list.end_case();
    } else if (plain && is_any_of(word, {"fi", "done", "}"})) {
      list.position = Position::closed;
    } else if (!is_assignment(word) && !(plain && is_any_of(word, {"if", "then", "elif", "else", "while",
                                                                   "until", "do", "!", "{"}))) {
      list.position = Position::arguments;
    }
  } else if (list.position == Position::case_word) {
    if (plain && word == "in") list.position = Position::pattern;
  } else if (list.position == Position::pattern) {
    if (plain && word == "esac") list.end_case();
  }
  if (depth_ > 1) return;
  append_at_.reset();
  if (list.position == Position::arguments) append_at_ = out_.size();
}

void Scanner::newline(List& list) {
  copy();
  const std::vector<HereDocument> documents = std::exchange(pending_, {});
  for (const HereDocument& document : documents) here_document(document);
  if (list.position != Position::pattern && list.position != Position::case_word) {
    list.position = Position::command;
  }
}

void Scanner::comment() {
  copy(std::min(text_.find('\n', at_), text_.size()) - at_);
}

void Scanner::subshell(List& list) {
  copy();
  // This one closes with its pattern.
  if (list.position == Position::pattern) return;
  const char* const outer = forbidden_;
  if (peek() == '(') {
    forbidden_ = "cannot stand in '((', which is arithmetic to some shells; write '( (' or use $((…))";
  }
  commands(Until::parenthesis);
  forbidden_ = outer;
  copy();
  list.position = Position::command;
  append_at_.reset();
}

void Scanner::operation(List& list) {
  const bool ends_branch = list.cases > 0 && (looking_at(";;") || looking_at(";&"));
  copy(ends_branch ? 2 : 1);
  if (ends_branch) {
    list.position = Position::pattern;
  } else if (list.position != Position::pattern) {
    list.position = Position::command;
  }
  append_at_.reset();
}

// <, >, >>, >&, <<< and their like. The word that follows is read as any other, but that of a here-document.
void Scanner::redirection(List& list) {
  const bool is_number = list.is_plain && std::all_of(list.word.begin(), list.word.end(), is_digit);
  if (list.in_word && is_number) {
    list.word.clear();
    list.in_word = false;
  }
  end_word(list);
  list.is_target = true;
  if (looking_at("<<<")) return copy(3);
  if (!looking_at("<<")) {
    copy();
    if (is_one_of(peek(), ">&|")) copy();
    return;
  }
  copy(2);
  HereDocument document;
  if (peek() == '-') {
    document.strips_tabs = true;
    copy();
  }
  while (peek() == ' ' || peek() == '\t') copy();
  while (!at_end() && !is_one_of(peek(), " \t\n;&|<>()")) {
    if (match_placeholder(text_.substr(at_))) refuse("<<", "a here-document cannot end with an item");
    const char c = peek();
    if (c == '\'' || c == '"') {
      document.quoted = true;
      const std::size_t end = text_.find(c, at_ + 1);
      if (end == std::string_view::npos) refuse_unclosed(text_.substr(at_, 1));
      const std::string_view quoted = text_.substr(at_ + 1, end - at_ - 1);
      if (has_placeholder(quoted)) refuse("<<", "a here-document cannot end with an item");
      document.delimiter.append(quoted);
      copy(end + 1 - at_);
    } else if (c == '\\') {
      document.quoted = true;
      if (peek(1) != '\0') document.delimiter.push_back(peek(1));
      copy_escape();
    } else {
      document.delimiter.push_back(c);
      copy();
    }
  }
  pending_.push_back(std::move(document));
  list.add_part();
}

void Scanner::here_document(const HereDocument& document) {
  std::size_t end = at_;  // of the body
  std::size_t next = text_.size();
  while (end < text_.size()) {
    next = std::min(text_.find('\n', end), text_.size());
    std::string_view line = text_.substr(end, next - end);
    if (document.strips_tabs) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
    if (line == document.delimiter) break;
    end = std::min(next + 1, text_.size());
  }
  if (document.quoted) {
    if (has_placeholder(text_.substr(at_, end - at_))) {
      refuse("<<'" + document.delimiter + "'",
             "nothing is replaced in a here-document whose delimiter is quoted",
             "write <<" + document.delimiter + ", or hand the item over as an argument");
    }
    copy(end - at_);
  } else {
    const std::string_view whole = std::exchange(text_, text_.substr(0, end));
    until_double_quotes_end(Quoting::here_document);
    text_ = whole;
  }
  copy(std::min(next + 1, text_.size()) - at_);
}

void Scanner::single_quotes() {
  copy();
  while (true) {
    if (at_end()) refuse_unclosed("'");
    if (peek() == '\'') return copy();
    if (!placeholder_between("'\"", "\"'", ShellParameter::Form::any)) copy();
  }
}

// A shell's $'…' has escapes in it, another's is a $ and an ordinary '…'. What both read alike may pass.
void Scanner::ansi_c_quotes() {
  copy(2);
  const char* const outer = std::exchange(forbidden_, "cannot stand in $'…'; end the quotes before it");
  while (true) {
    if (at_end()) refuse_unclosed("$'");
    if (looking_at("\\'")) refuse("$'…'", "\\' means different things to different shells in it");
    if (peek() == '\'') break;
    if (looking_at("\\\\")) {
      copy_escape();
    } else if (!placeholder(Quoting::none)) {
      copy();
    }
  }
  copy();
  forbidden_ = outer;
}

void Scanner::double_quotes() {
  copy();
  until_double_quotes_end(Quoting::double_quotes);
  if (at_end()) refuse_unclosed("\"");
  copy();
}

// Up to the closing quote, or to the end of the text.
void Scanner::until_double_quotes_end(Quoting quoting) {
  const std::string_view escaped = quoting == Quoting::here_document ? "$`\\\n" : "$`\"\\\n";
  while (!at_end()) {
    const char c = peek();
    if (c == '"' && quoting == Quoting::double_quotes) return;
    if (c == '\\') {
      if (is_one_of(peek(1), escaped)) {
        copy_escape();
      } else {
        // It stands for itself. Before an expansion of ours it has to say so.
        copy();
        if (match_placeholder(text_.substr(at_))) out_.push_back('\\');
      }
    } else if (c == '$') {
      dollar(quoting);
    } else if (c == '`') {
      backquotes(quoting);
    } else if (!placeholder(quoting)) {
      copy();
    }
  }
}

void Scanner::dollar(Quoting quoting) {
  const char next = peek(1);
  if (looking_at("$((")) return arithmetic();
  if (next == '(') {
    copy(2);
    const char* const outer = std::exchange(forbidden_, nullptr);
    const std::size_t pending = pending_.size();
    commands(Until::parenthesis);
    if (pending_.size() != pending)
      refuse("<<", "the here-document has to be inside the $( ) that begins it");
    forbidden_ = outer;
    return copy();
  }
  if (next == '{') return parameter(quoting);
  if (next == '[') return old_arithmetic();
  if (next == '\'' && quoting == Quoting::none) return ansi_c_quotes();
  copy(is_name(next) || is_one_of(next, "$?!#-@*") ? 2 : 1);
}

// ${NAME}, ${NAME:-WORD} …
void Scanner::parameter(Quoting quoting) {
  const std::string_view braces = text_.substr(at_ + 1);
  if (!braces.starts_with("{#}") && !is_digit(peek(2))) {
    if (const auto match = match_placeholder(braces)) {
      const std::string spelling(braces.substr(0, match->length));
      refuse("$" + spelling, "a parameter of the shell has no such name",
             "for a dollar sign before an item write \\$" + spelling);
    }
  }
  copy(2);
  if (peek() == '#' && peek(1) != '}') copy();
  if (is_name_start(peek())) {
    while (is_name(peek())) copy();
  } else if (is_digit(peek())) {
    while (is_digit(peek())) copy();
  } else if (!at_end() && is_one_of(peek(), "@*?-$!#")) {
    copy();
  }
  const char* const outer = forbidden_;
  if (peek() == '%' || peek() == '#') {
    // Quotes mean themselves in a pattern, whatever stands around the braces.
    copy();
    if (quoting == Quoting::arithmetic) forbidden_ = "cannot stand in a pattern inside arithmetic";
    parameter_word(Quoting::none);
  } else {
    const std::size_t operation = peek() == ':' ? 1 : 0;
    const char action = peek(operation);
    if (action != '\0' && is_one_of(action, "-=?+")) {
      copy(operation + 1);
      parameter_word(quoting);
    } else {
      forbidden_ = "cannot stand in this kind of ${…}; put it into a variable first";
      parameter_word(quoting);
    }
  }
  forbidden_ = outer;
}

// Up to the brace that closes the expansion, and that.
void Scanner::parameter_word(Quoting quoting) {
  while (true) {
    if (at_end()) refuse_unclosed("${");
    const char c = peek();
    if (placeholder(quoting)) continue;
    if (c == '}') return copy();
    if (c == '\\') {
      const bool before_placeholder = match_placeholder(text_.substr(at_ + 1)).has_value();
      if (before_placeholder && quoting != Quoting::none) {
        refuse("\\{", "a backslash before an item cannot stand inside ${…}");
      }
      copy_escape();
    } else if (c == '$') {
      dollar(quoting);
    } else if (c == '`') {
      backquotes(quoting);
    } else if (c == '"' && quoting != Quoting::arithmetic) {
      double_quotes();
    } else if (c == '\'' && quoting == Quoting::none) {
      single_quotes();
    } else {
      copy();
    }
  }
}

void Scanner::arithmetic() {
  copy(3);
  int depth = 0;
  while (true) {
    if (at_end()) refuse_unclosed("$((");
    const char c = peek();
    if (c == ')' && depth == 0) {
      if (peek(1) != ')') refuse("$((", "is arithmetic; for a subshell in a substitution write '$( ('");
      return copy(2);
    }
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (c == '$') {
      dollar(Quoting::arithmetic);
    } else if (c == '`') {
      backquotes(Quoting::arithmetic);
    } else if (c == '\\') {
      copy_escape();
    } else if (!placeholder(Quoting::arithmetic)) {
      copy();
    }
  }
}

// $[…] is arithmetic to some shells and plain characters to others.
void Scanner::old_arithmetic() {
  const std::size_t end = text_.find(']', at_);
  if (end != std::string_view::npos && has_placeholder(text_.substr(at_, end - at_))) {
    refuse("$[…]", "is arithmetic to some shells only", "write $((…))");
  }
  copy(2);
}

// What stands in `…` is unescaped by one level and read as commands. A part with placeholders in it is
// written again as $(…), which means the same and nests.
void Scanner::backquotes(Quoting quoting) {
  std::string inner;
  const std::size_t begin = at_;
  for (++at_;; ++at_) {
    if (at_end()) refuse_unclosed("`");
    if (peek() == '`') break;
    if (peek() == '\\') {
      const char next = peek(1);
      const bool escape =
          next != '\0' && (is_one_of(next, "$`\\") || (next == '"' && quoting == Quoting::double_quotes));
      if (escape) ++at_;
    }
    inner.push_back(peek());
  }
  ++at_;
  std::vector<ShellParameter> used = parameters_;
  const std::string replaced = Scanner(inner, used).scan();
  if (replaced == inner) {
    out_.append(text_.substr(begin, at_ - begin));
  } else {
    // The newline ends a comment or a here-document that the inner text may end with.
    out_.append("$( ").append(replaced).append("\n)");
    parameters_ = std::move(used);
  }
}

}  // namespace

ShellText parse_shell_text(std::string_view text, WithoutPlaceholder without) {
  if (text.find('\0') != std::string_view::npos) {
    throw usage_error("shell text", "a NUL byte cannot stand in it");
  }
  ShellText result;
  Scanner scanner(text, result.parameters);
  result.text = scanner.scan();
  if (result.parameters.empty() && without == WithoutPlaceholder::append) {
    if (!scanner.append_at()) {
      throw usage_error("shell text", "there is no command at its end that the item could be an argument of",
                        "write {} where the item belongs");
    }
    result.text.insert(*scanner.append_at(), " \"${1}\"");
    result.parameters.push_back({Placeholder{}, ShellParameter::Form::any});
  }
  // sh would take it for more of its own options.
  if (result.text.starts_with('-') || result.text.starts_with('+')) result.text.insert(0, " ");
  return result;
}

bool is_whole_number(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

}  // namespace fanmill::work
