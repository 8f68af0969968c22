#include <array>

#include <catch2/catch.hpp>

#include <fanmill/base/error.hpp>
#include <fanmill/work/placeholder.hpp>

using namespace fanmill;
using namespace fanmill::work;

namespace {
std::string filled(std::string_view word, ByteView item, TaskId id = 0, std::uint32_t slot = 1) {
  std::string text;
  WordTemplate(word).append_to(text, {item, id, slot});
  return text;
}
}  // namespace

TEST_CASE("placeholder: the parts of a path are those that GNU parallel gives") {
  struct Row {
    std::string item, no_extension, name, folder, name_no_extension;
  };
  const std::array<Row, 14> rows{{
      {"sub/dir/foo.tar.gz", "sub/dir/foo.tar", "foo.tar.gz", "sub/dir", "foo.tar"},
      {"foo.jpg", "foo", "foo.jpg", ".", "foo"},
      {"sub.dir/bar", "sub.dir/bar", "bar", "sub.dir", "bar"},
      {"sub.dir/bar.c", "sub.dir/bar", "bar.c", "sub.dir", "bar"},
      {"plain", "plain", "plain", ".", "plain"},
      {".hidden", "", ".hidden", ".", ""},
      {"dir/.hidden", "dir/", ".hidden", "dir", ""},
      {"/root.txt", "/root", "root.txt", "/", "root"},
      {"dir/", "dir/", "", ".", ""},
      {"a/b/", "a/b/", "", "a", ""},
      {"a//b", "a//b", "b", "a", "b"},
      {"//", "//", "", "/", ""},
      {"", "", "", ".", ""},
      {"dot.", "dot", "dot.", ".", "dot"},
  }};
  for (const Row& row : rows) {
    CAPTURE(row.item);
    CHECK(filled("{}", row.item) == row.item);
    CHECK(filled("{.}", row.item) == row.no_extension);
    CHECK(filled("{/}", row.item) == row.name);
    CHECK(filled("{//}", row.item) == row.folder);
    CHECK(filled("{/.}", row.item) == row.name_no_extension);
  }
}

TEST_CASE("placeholder: the number counts from one, and the slot is as it is") {
  CHECK(filled("{#}", "x", 0) == "1");
  CHECK(filled("{#}", "x", max_task_id) == "9007199254740992");
  CHECK(filled("{%}", "x", 0, 17) == "17");
}

TEST_CASE("placeholder: several in a word, with text between them") {
  CHECK(filled("--in={} --out={.}.png/{#}", "a.jpg", 4) == "--in=a.jpg --out=a.png/5");
  CHECK(filled("{}{}", "x") == "xx");
  CHECK(filled("", "x").empty());
}

TEST_CASE("placeholder: what is filled in is not looked at again") {
  CHECK(filled("<{}>", "{.}{}{#}") == "<{.}{}{#}>");
}

TEST_CASE("placeholder: anything else in braces is text") {
  for (const std::string word : {"{foo}", "{", "}", "{ }", "{{", "{1", "{1..3}", "{1,2}", "{-}", "$2", "{1#}",
                                 "{2%}", "{1 }", "{3///}"}) {
    CAPTURE(word);
    CHECK(filled(word, "x") == word);
    CHECK_FALSE(WordTemplate(word).has_placeholder());
    CHECK_FALSE(has_placeholder(word));
  }
  CHECK(filled("{{}}", "x") == "{x}");
}

TEST_CASE("placeholder: a word that is literal has none") {
  std::string text;
  WordTemplate::literal("{} {1}").append_to(text, {"x"});
  CHECK(text == "{} {1}");
}

TEST_CASE("placeholder: a column is what stands between separators, counted from either end") {
  const auto in_columns = [](std::string_view word, ByteView item, ByteView separator = ",") {
    std::string text;
    WordTemplate(word).append_to(text, {item, 7, 3, separator});
    return text;
  };
  CHECK(in_columns("{1}", "a,b,c") == "a");
  CHECK(in_columns("{3}{2}", "a,b,c") == "cb");
  CHECK(in_columns("{-1}{-3}", "a,b,c") == "ca");
  CHECK(in_columns("{}", "a,b,c") == "a,b,c");
  CHECK(in_columns("<{1}|{2}|{3}>", ",,") == "<||>");
  CHECK(in_columns("<{1}>", "") == "<>");
  CHECK(in_columns("{2}", "a::b:::c", "::") == "b");
  CHECK(in_columns("{3}", "a::b:::c", "::") == ":c");
  CHECK(in_columns("{2.} {2/} {2//} {2/.}", "x,dir/y.tar.gz") == "dir/y.tar y.tar.gz dir y.tar");
  CHECK(in_columns("{12}", "1,2,3,4,5,6,7,8,9,10,11,12") == "12");
  CHECK(in_columns("{1}{#}{%}", "{2},b") == "{2}83");
  CHECK(in_columns("{2}", "a\tb\tc", "\t") == "b");
  CHECK(in_columns("{1}", "a b", "") == "a b");
}

TEST_CASE("placeholder: whether an item has a column") {
  CHECK(column_of("a,b", ",", 2) == "b");
  CHECK(column_of("a,b", ",", -2) == "a");
  CHECK_FALSE(column_of("a,b", ",", 3));
  CHECK_FALSE(column_of("a,b", ",", -3));
  CHECK(column_of("", ",", 1) == "");
  CHECK(column_of("", ",", -1) == "");
  CHECK_FALSE(column_of("", ",", 2));
  CHECK_FALSE(column_of("a,b", "", 2));
}

TEST_CASE("placeholder: a word tells of the column that it needs most") {
  CHECK_FALSE(WordTemplate("{} {#}").furthest_column());
  CHECK(spelling_of(*WordTemplate("{2}{-4/.}{3}").furthest_column()) == "{-4/.}");
  for (const std::string text : {"{}", "{.}", "{/}", "{//}", "{/.}", "{#}", "{%}", "{1}", "{-20}", "{3//}"}) {
    CHECK(spelling_of(match_placeholder(text).value().placeholder) == text);
  }
}

TEST_CASE("placeholder: a column that cannot be is refused") {
  for (const std::string column : {"{0}", "{-0}", "{100000}", "{99999999999999999999/}"}) {
    CAPTURE(column);
    CHECK_THROWS_AS(WordTemplate("x" + column), Error);
    CHECK_THROWS_WITH(has_placeholder(column), Catch::Contains(column) && Catch::Contains("no such column"));
  }
}

TEST_CASE("placeholder: what can only be meant for one, and is none, is refused") {
  for (const std::string text :
       {"{..}", "{...}", "{///}", "{+1}", "{+/}", "{##}", "{+}", "{.2}", "{/1}", "{= s/a/b/ =}"}) {
    CAPTURE(text);
    CHECK_THROWS_WITH(has_placeholder("x" + text),
                      Catch::Contains(text + ": there is no such placeholder") && Catch::Contains("{//}"));
  }
}

TEST_CASE("placeholder: other braces are text") {
  for (const std::string text : {"{print}", "{ print $1 }", "{1..9}", "{2,3}", "{2+}", "{a,b}", "{\"a\": 1}",
                                 "{-}", "{=}", "{:}", "${x}", "{", "}"}) {
    CAPTURE(text);
    CHECK_FALSE(has_placeholder(text));
  }
}
