#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "ran.hpp"
#include <fanmill/base/error.hpp>
#include <fanmill/work/shell_text.hpp>

using namespace fanmill;
using namespace fanmill::work;

namespace {

// The shells of this machine that are /bin/sh somewhere.
std::vector<std::vector<std::string>> shells() {
  std::vector<std::vector<std::string>> found{{"/bin/sh"}};
  if (::access("/bin/bash", X_OK) == 0) found.push_back({"/bin/bash"});
  return found;
}

// As a command runner would, but in a shell of our choice.
std::string output_in(std::vector<std::string> argv, const ShellText& shell, ByteView item,
                      ByteView separator = {}) {
  argv.insert(argv.end(), {"-c", shell.text, "fanmill"});
  for (const ShellParameter& parameter : shell.parameters) {
    append_value(argv.emplace_back(), parameter.placeholder, {item, 0, 1, separator});
  }
  return output_of(argv);
}

std::string parsed(std::string_view text) {
  return parse_shell_text(text).text;
}

// What a shell would like to run, split, expand or choke on. No '.' and no '/', so that parts of paths can be
// made of them. Starting a shell takes a while, so the first has most of it in one.
const std::vector<std::string> hostile{
    "\"; touch PWNED; \"'; touch PWNED; '$(touch PWNED)`touch PWNED`\n* a  b\tc \\ ${HOME} $1 $@ })]& "
    "|\xff\xfe\x80 #",
    "-n",
    "*",
    "\\",
    "",
};

// Text in which the item stands, and what is written around it.
struct Place {
  std::string text;
  std::string before;
  std::string after;
};

const std::vector<Place> places{
    {"printf %s {}", "", ""},
    {"printf %s x{}y", "x", "y"},
    {"printf %s", "", ""},
    {"printf %s # with a comment\n", "", ""},
    {"printf %s \"<{}>\"", "<", ">"},
    {"printf %s '<{}>'", "<", ">"},
    {"printf %s 'it'\\''s {}'", "it's ", ""},
    {"printf %s \\\"{}\\'", "\"", "'"},
    {"x={}; printf %s \"$x\"", "", ""},
    {"x=\"{}\" y='{}'; [ \"$x\" = \"$y\" ] && printf %s \"$x\"", "", ""},
    {"printf %s \"$(printf %s {})\"", "", ""},
    {"printf %s \"$(printf %s \"{}\")\"", "", ""},
    {"printf %s \"$(printf %s '{}')\"", "", ""},
    {"printf %s \"$(printf %s \"$(printf %s \"<{}>\")\")\"", "<", ">"},
    {"printf %s \"`printf %s {}`\"", "", ""},
    {"printf %s \"`printf %s \\\"{}\\\"`\"", "", ""},
    {"printf %s \"`printf %s '{}' # why not`\"", "", ""},
    {"printf %s \"`printf %s \\\"\\`printf %s {}\\`\\\"`\"", "", ""},
    {"x=`printf %s {}`; printf %s \"$x\"", "", ""},
    {"printf %s `printf a`{}", "a", ""},
    {"printf %s ${nothing:-{}}", "", ""},
    {"printf %s ${nothing:-\"{}\"}", "", ""},
    {"printf %s ${nothing:-'{}'}", "", ""},
    {"printf %s \"${nothing:-{}}\"", "", ""},
    {"printf %s \"${nothing:-<{}>}\"", "<", ">"},
    {"printf %s \"${nothing:-\"{}\"}\"", "", ""},
    {"printf %s \"${nothing:-'{}'}\"", "'", "'"},
    {"printf %s \"${nothing:-$(printf %s {})}\"", "", ""},
    {"x=1; printf %s \"${x:+{}}\"", "", ""},
    {"x=a{}; printf %s \"${x#a}\"", "", ""},
    {"x={}a{}; printf %s \"${x%a{}}\"", "", ""},
    {"x={}a{}; printf %s \"${x%a\"{}\"}\"", "", ""},
    {"x={}a{}; printf %s \"${x#'{}'a}\"", "", ""},
    {"x={}a{}; y=${x#{}a}; printf %s \"$y\"", "", ""},
    {"cat <<E\n<{}>\nE", "<", ">\n"},
    {"cat <<E\n\\{}\\\\\nE", "\\", "\\\n"},
    {"cat <<-E\n\t<{}>\n\tE\nprintf .", "<", ">\n."},
    {"cat <<E\n$(printf %s \"<{}>\")\nE", "<", ">\n"},
    {"cat <<E\n${nothing:-{}}\nE", "", "\n"},
    {"cat <<A - <<B\nnot this\nA\n{}\nB", "", "\n"},
    {"printf %s \"$(cat <<E\n<{}>\nE\n)\"", "<", ">"},
    {"cat <<'E' && printf %s {}\n$x `\nE", "$x `\n", ""},
    {"printf %s \"\\{}\"", "\\", ""},
    {"printf %s \"\\\\{}\"", "\\", ""},
    {"printf %s \"\\$\"{}", "$", ""},
    {"printf %s \"\\${}\"", "$", ""},
    {"printf %s \\${}", "$", ""},
    {"case x in x) printf %s {};; esac", "", ""},
    {"case x in (y) ;; x) printf %s {};; esac", "", ""},
    {"printf %s \"$(case x in y|x) printf %s {};; esac)\"", "", ""},
    {"printf %s \"$(case {} in esac; case x in x) printf %s {} ;; esac)\"", "", ""},
    {"( printf %s {} )", "", ""},
    {"{ printf %s {}; }", "", ""},
    {"if true; then printf %s {}; fi", "", ""},
    {"for i in {}; do printf %s \"$i\"; done", "", ""},
    {"f() { printf %s \"$1\"; }; f {}", "", ""},
    {"printf %s {} # {} ' \" ` $(\n", "", ""},
    {"printf %s {} | cat", "", ""},
    {"printf %s a#b{}", "a#b", ""},
    {"printf %s \\{}{}", "{}", ""},
    {"echo 1 >&2 2>/dev/null; printf %s {}", "1\n", ""},
};

void check_every_place(const std::vector<std::string>& shell) {
  const Folder folder;
  for (const Place& place : places) {
    const ShellText text = parse_shell_text(place.text);
    for (const std::string& item : hostile) {
      CAPTURE(shell, place.text, text.text, item);
      CHECK(output_in(shell, text, item) == place.before + item + place.after);
    }
  }
  CHECK(folder.entries() == 0);
}

}  // namespace

TEST_CASE("shell text: an item comes through every place as it is in sh, and nothing in it runs") {
  check_every_place({"/bin/sh"});
}

TEST_CASE("shell text: an item comes through every place as it is in bash, and nothing in it runs") {
  for (const auto& shell : shells()) {
    if (shell.front() != "/bin/sh") check_every_place(shell);
  }
}

TEST_CASE("shell text: a column comes through every place as an item does") {
  const Folder folder;
  for (Place place : places) {
    for (std::size_t at = place.text.find("{}"); at != std::string::npos; at = place.text.find("{}", at)) {
      place.text.replace(at, 2, "{2}");
    }
    // Where it was appended, and not written.
    if (place.text.find("{2}") == std::string::npos) continue;
    const ShellText text = parse_shell_text(place.text);
    for (const std::string& item : {hostile.front(), hostile.back()}) {
      CAPTURE(place.text, text.text, item);
      if (place.text.find("\\{2}{2}") != std::string::npos) place.before = "{2}";
      CHECK(output_in({"/bin/sh"}, text, "first\x1f" + item + "\x1fthird", "\x1f") ==
            place.before + item + place.after);
    }
  }
  CHECK(folder.entries() == 0);
}

TEST_CASE("shell text: an item that stands twice is there twice") {
  for (const auto& shell : shells()) {
    for (const std::string& item : hostile) {
      CAPTURE(shell, item);
      CHECK(output_in(shell, parse_shell_text("cat <<E\n\"{}\" '{}'\nE\n# {}"), item) ==
            "\"" + item + "\" '" + item + "'\n");
    }
  }
}

TEST_CASE("shell text: $'…' without a placeholder is left to the shell") {
  for (const auto& shell : shells()) {
    const std::string alone = output_of({shell.front(), "-c", "printf %s $'a b'"});
    CHECK(output_in(shell, parse_shell_text("printf %s $'a b'{}"), "x y") == alone + "x y");
  }
}

TEST_CASE("shell text: an item is a pattern's plain text") {
  for (const auto& shell : shells()) {
    for (const std::string& item : hostile) {
      CAPTURE(shell, item);
      CHECK(output_in(shell,
                      parse_shell_text("case {} in '{}') printf 1;; esac; case {} in {}) printf 2;; esac"),
                      item) == "12");
      CHECK(output_in(shell, parse_shell_text("case x{}y in \"{}\") printf no;; {}) printf no;; esac"), item)
                .empty());
    }
  }
}

TEST_CASE("shell text: each kind of placeholder brings its own bytes") {
  const Folder folder;
  const ShellText text = parse_shell_text("printf '%s\\0' {} {.} {/} \"{//}\" '{/.}' {#} {%}");
  CHECK(text.parameters.size() == 7);
  for (const auto& shell : shells()) {
    for (const std::string& part : hostile) {
      if (part.empty()) continue;  // its folder would be the root
      const std::string item = part + "/" + part + ".x";
      CAPTURE(shell, item);
      std::string expected;
      for (const std::string& piece :
           {item, part + "/" + part, part + ".x", part, part, std::string("1"), std::string("1")}) {
        expected.append(piece).push_back('\0');
      }
      CHECK(output_in(shell, text, item) == expected);
    }
  }
  CHECK(folder.entries() == 0);
}

TEST_CASE("shell text: a placeholder is quoted as its place needs") {
  struct Row {
    std::string text, expected;
  };
  const std::vector<Row> rows{
      {"echo {}", "echo \"${1}\""},
      {"echo \"{}\"", "echo \"${1}\""},
      {"echo '{}'", "echo ''\"${1}\"''"},
      {"echo {} {/} {}", "echo \"${1}\" \"${2}\" \"${1}\""},
      {"echo \"$(cat {})\"", "echo \"$(cat \"${1}\")\""},
      {"echo `cat {}`", "echo $( cat \"${1}\"\n)"},
      {"echo `date` {}", "echo `date` \"${1}\""},
      {"echo ${x:-{}}", "echo ${x:-\"${1}\"}"},
      {"echo \"${x:-{}}\"", "echo \"${x:-${1}}\""},
      {"echo \"${x%{}}\"", "echo \"${x%\"${1}\"}\""},
      {"echo $((1+{}))", "echo $((1+(${1})))"},
      {"echo \"\\{}\"", "echo \"\\\\${1}\""},
      {"echo \\{} {}", "echo \\{} \"${1}\""},
      {"echo {foo} {}", "echo {foo} \"${1}\""},
      {"echo ${#} $# {}", "echo ${#} $# \"${1}\""},
      {"echo ${1} {}", "echo ${1} \"${1}\""},
      {"echo {1..3} {}", "echo {1..3} \"${1}\""},
      {"[ {} ] && ls a[{}] [{}]", "[ \"${1}\" ] && ls a[\"${1}\"] [\"${1}\"]"},
      {"-x {}", " -x \"${1}\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(parsed(row.text) == row.expected);
  }
}

TEST_CASE("shell text: without a placeholder the item is an argument of the last command") {
  struct Row {
    std::string text, expected;
  };
  const std::vector<Row> rows{
      {"gzip -k", "gzip -k \"${1}\""},
      {"gzip -k \n ", "gzip -k \"${1}\" \n "},
      {"a; b -c", "a; b -c \"${1}\""},
      {"a | b", "a | b \"${1}\""},
      {"a > out", "a > out \"${1}\""},
      {"a # not {}", "a \"${1}\" # not {}"},
      {"X=1 a", "X=1 a \"${1}\""},
      {"a \\\n b", "a \\\n b \"${1}\""},
      {"echo \"$(a; b)\"", "echo \"$(a; b)\" \"${1}\""},
      {"wc - <<E\nbody\nE\n", "wc - <<E \"${1}\"\nbody\nE\n"},
      {"echo \\{}", "echo \\{} \"${1}\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(parsed(row.text) == row.expected);
  }
}

TEST_CASE("shell text: an item is never made a command by being appended") {
  for (const std::string text :
       {"", "  \n", "a;", "a &", "a |", "a &&", "X=1", "a; X=1 Y=2", "( a )", "{ a; }", "if a; then b; fi",
        "while a; do b; done < c", "case x in x) a;; esac", "!", "a; > out", "# a", "f() { a; }", "then"}) {
    CAPTURE(text);
    CHECK_THROWS_WITH(parse_shell_text(text), Catch::Contains("write {} where"));
  }
}

TEST_CASE("shell text: what cannot be kept safe is refused in words") {
  struct Row {
    std::string text, reason;
  };
  const std::vector<Row> rows{
      {"echo $'{}'", "$'"},
      {"echo $'it\\'s' {}", "different things"},
      {"cat <<'E'\n{}\nE", "quoted"},
      {"cat <<\\E\n{}\nE", "quoted"},
      {"cat <<{}\nx\n{}", "cannot end with an item"},
      {"cat <<'{}'\nx\n{}", "cannot end with an item"},
      {"echo ${x/a/{}}", "variable"},
      {"echo \"${x:{}}\"", "variable"},
      {"echo $[1+{}]", "$((…))"},
      {"(( {} > 1 ))", "(("},
      {"for ((i=0; i<{}; i++)); do a; done", "(("},
      {"a[{}]=1; echo $a {}", "array's index"},
      {"a['{}']=1", "array's index"},
      {"a[\"{}\"]=1", "array's index"},
      {"echo ${}", "\\${}"},
      {"echo ${/.}", "\\${/.}"},
      {"echo {0}", "no such column"},
      {"echo $'{2}'", "$'"},
      {"a[{1}]=1", "array's index"},
      {"cat <<'E'\n{-1}\nE", "quoted"},
      {"echo \"{}", "never closed"},
      {"echo '{}", "never closed"},
      {"echo `{}", "never closed"},
      {"echo $(a {}", "never closed"},
      {"(a {}", "never closed"},
      {"echo ${x:-{}", "never closed"},
      {"echo $((1+{}", "never closed"},
      {"echo $((a {}) | b)", "subshell"},
      {"echo $(cat <<E) {}\nx\nE", "inside the $( )"},
      {"echo \"${x:-\\{}}\"", "backslash"},
      {"echo {} \\", "nothing follows"},
      {std::string("a\0b", 3), "NUL"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK_THROWS_WITH(parse_shell_text(row.text), Catch::Contains(row.reason));
    CHECK_THROWS_AS(parse_shell_text(row.text), Error);
  }
}

TEST_CASE("shell text: inside arithmetic an item must be a number") {
  using Form = ShellParameter::Form;
  const ShellText text = parse_shell_text("echo $((2 * {} + {#})) {}");
  REQUIRE(text.parameters.size() == 3);
  CHECK(text.parameters[0] == ShellParameter{Placeholder{}, Form::whole_number});
  CHECK(text.parameters[1] == ShellParameter{Placeholder{Part::number}, Form::any});
  CHECK(text.parameters[2] == ShellParameter{Placeholder{}, Form::any});
  for (const auto& shell : shells()) {
    CHECK(output_in(shell, text, "21") == "43 21\n");
    CHECK(output_in(shell, text, "-3") == "-5 -3\n");
    CHECK(output_in(shell, parse_shell_text("echo \"$((1-{}))\""), "-3") == "4\n");
  }
  for (const std::string number : {"0", "42", "-7", "+8"}) CHECK(is_whole_number(number));
  for (const std::string other : {"", "-", "a", "1.5", "1 ", "x[$(touch PWNED)]", "--1", "1+1"}) {
    CAPTURE(other);
    CHECK_FALSE(is_whole_number(other));
  }
}
