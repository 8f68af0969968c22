#include <cstdint>
#include <string>

#include <catch2/catch.hpp>

#include "flaw_text.hpp"
#include "foreign.hpp"
#include <fanmill/wire/reader.hpp>

using namespace fanmill;
using namespace fanmill::wire;
using namespace fanmill::wire::test;

TEST_CASE("reader: reads what msgpack-c packs, in order, to the end") {
  const std::string frame = packed(7, 70'000, "text", bin("bytes"), true, false);
  Reader reader(frame);
  reader.array_of(6);
  CHECK(reader.number() == 7);
  CHECK(reader.number32(0, 70'000) == 70'000);
  CHECK(reader.text(4) == "text");
  CHECK(reader.bytes(5) == "bytes");
  CHECK(reader.boolean());
  CHECK_FALSE(reader.boolean());
  reader.end();
  CHECK_FALSE(reader.flaw());
}

TEST_CASE("reader: bounds are included") {
  for (const auto& [value, good] : {std::pair(9U, false), {10U, true}, {20U, true}, {21U, false}}) {
    CAPTURE(value);
    const std::string frame = packed(value).substr(1);
    Reader reader(frame);
    CHECK(reader.number(10, 20) == (good ? value : 0));
    CHECK(reader.flaw() == (good ? std::nullopt : std::optional(Flaw::out_of_range)));
  }
}

TEST_CASE("reader: the largest number of each form, and the negative next to it") {
  const auto read = [](ByteView bytes) {
    Reader reader(bytes);
    const std::uint64_t value = reader.number();
    return reader.flaw() ? std::optional<std::uint64_t>() : value;
  };
  CHECK(read("\x7f") == 127);
  CHECK(read("\xcc\xff") == 255);
  CHECK(read("\xcf\xff\xff\xff\xff\xff\xff\xff\xff") == ~std::uint64_t{0});
  CHECK(read("\xd0\x7f") == 127);
  CHECK(read("\xd1\x7f\xff") == 32'767);
  CHECK(read("\xd3\x7f\xff\xff\xff\xff\xff\xff\xff") == ~std::uint64_t{0} >> 1);
  CHECK_FALSE(read("\xd0\x80"));
  CHECK_FALSE(read("\xd1\x80\x01"));
  CHECK_FALSE(read("\xd3\xff\xff\xff\xff\xff\xff\xff\xff"));
  CHECK_FALSE(read("\xff"));
  CHECK_FALSE(read("\xe0"));
}

TEST_CASE("reader: str is not taken for a text when it is bin, and both are bytes") {
  const std::string str = packed("x").substr(1);
  const std::string binary = packed(bin("x")).substr(1);
  CHECK(Reader(str).text(1) == "x");
  CHECK(Reader(str).bytes(1) == "x");
  CHECK(Reader(binary).bytes(1) == "x");
  Reader reader(binary);
  CHECK(reader.text(1).empty());
  CHECK(reader.flaw() == Flaw::wrong_type);
}

TEST_CASE("reader: the first flaw stays, and nothing is read after it") {
  const std::string frame = packed("text", 5, "more");
  Reader reader(frame);
  reader.array_of(3);
  CHECK(reader.number() == 0);
  CHECK(reader.flaw() == Flaw::wrong_type);
  CHECK(reader.number() == 0);
  CHECK(reader.text(100).empty());
  CHECK(reader.array() == 0);
  CHECK_FALSE(reader.boolean());
  reader.end();
  CHECK(reader.left() == 0);
  CHECK(reader.flaw() == Flaw::wrong_type);
}
