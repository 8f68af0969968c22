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
  for (const std::string word :
       {"{foo}", "{", "}", "{ }", "{{", "{1", "{1..3}", "{1,2}", "{///}", "{-}", "$2"}) {
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

TEST_CASE("placeholder: columns are refused, and the message names what they need") {
  for (const std::string column : {"{1}", "{12}", "{-1}", "{2/}", "{3/.}", "{1//}"}) {
    CAPTURE(column);
    CHECK_THROWS_AS(WordTemplate("x" + column), Error);
    CHECK_THROWS_WITH(has_placeholder(column), Catch::Contains(column) && Catch::Contains("--colsep"));
  }
}
