#include <catch2/catch.hpp>

#include <fanmill/store/base64.hpp>
#include <fanmill/store/printable.hpp>
#include <fanmill/store/utf8.hpp>

namespace fanmill::store {

TEST_CASE("utf8: text is told from bytes that only look like it") {
  for (const ByteView text : {"", "plain", "eight by", "größer", "\u20AC", "\U0001F33E", "\U0010FFFF",
                              "a long text with an umlaut at its end: ü"}) {
    CHECK(is_utf8(text));
  }
  CHECK(is_utf8(ByteView("\0", 1)));
  for (const ByteView bytes :
       {"\x80", "\xC3", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xE2\x82", "\xED\xA0\x80",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "12345678\xC3", "\xC3\xC3"}) {
    INFO(base64(bytes));
    CHECK_FALSE(is_utf8(bytes));
  }
}

TEST_CASE("utf8: a sequence does not reach beyond the view") {
  CHECK_FALSE(is_utf8(ByteView("ü").substr(0, 1)));
  CHECK(utf8_sequence("a", 1) == 0);
}

TEST_CASE("base64: the examples of RFC 4648") {
  CHECK(base64("").empty());
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64("\xFB\xFF\xBF") == "+/+/");
}

TEST_CASE("printable: nothing that a terminal obeys comes through") {
  CHECK(printable("größer", 60) == "größer");
  CHECK(printable("a\nb\tc", 60) == "a\\nb\\tc");
  CHECK(printable("\x1b[31m\x7f", 60) == "\\x1b[31m\\x7f");
  CHECK(printable("\xC2\x9B", 60) == "\\xc2\\x9b");
  CHECK(printable("\xC2\xA0", 60) == "\xC2\xA0");
  CHECK(printable("\xFFz", 60) == "\\xffz");
  CHECK(printable(ByteView("\0", 1), 60) == "\\x00");
}

TEST_CASE("printable: what is too long is cut between characters") {
  CHECK(printable("abc", 3) == "abc");
  CHECK(printable("abcd", 3) == "abc…");
  CHECK(printable("abü", 3) == "ab…");
}

}  // namespace fanmill::store
