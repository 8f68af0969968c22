#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "collected.hpp"
#include <fanmill/input/blocks.hpp>
#include <fanmill/input/length_prefixed.hpp>
#include <fanmill/input/lines.hpp>
#include <fanmill/input/msgpack_values.hpp>

namespace fanmill::input {

using Catch::Matchers::Contains;

namespace {

using Texts = std::vector<std::string>;

// Gives a framing a file in pieces, as reading it does.
class Feeder {
 public:
  explicit Feeder(Framing& framing, std::size_t max_item = 1 << 20)
      : framing_(framing), max_item_(max_item) {}

  void give(ByteView piece) {
    left_.append(piece);
    Items items = this->items();
    // A copy of its own, so that a sanitizer sees a look beyond its end.
    const std::vector<char> bytes(left_.begin(), left_.end());
    const std::size_t done = framing_.cut({bytes.data(), bytes.size()}, items);
    items.hand_over();
    REQUIRE(done <= left_.size());
    left_.erase(0, done);
    offset_ += done;
  }
  Texts end() {
    Items items = this->items();
    framing_.end(left_, items);
    items.hand_over();
    return collected_.items;
  }
  [[nodiscard]] const Texts& so_far() const { return collected_.items; }
  [[nodiscard]] std::size_t left() const { return left_.size(); }

 private:
  Items items() { return {collected_, block_, "the file", handed_, max_item_, offset_}; }

  Framing& framing_;
  std::size_t max_item_;
  Bytes block_;  // nobody shares it
  Collected collected_;
  std::uint64_t handed_ = 0;
  std::uint64_t offset_ = 0;
  std::string left_;
};

// In two pieces wherever the first may end, and byte by byte: each time as another file.
void check_in_pieces(Framing& framing, const std::string& bytes, const Texts& expected) {
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    Feeder feeder(framing);
    feeder.give(ByteView(bytes).substr(0, first));
    feeder.give(ByteView(bytes).substr(first));
    CHECK(feeder.end() == expected);
  }
  Feeder feeder(framing);
  for (const char byte : bytes) feeder.give({&byte, 1});
  CHECK(feeder.end() == expected);
}

std::string end_error(Framing& framing, const std::string& bytes) {
  Feeder feeder(framing);
  return error_of([&] {
    for (const char byte : bytes) feeder.give({&byte, 1});
    feeder.end();
  });
}

std::string give_error(Framing& framing, const std::string& bytes, std::size_t max_item) {
  Feeder feeder(framing, max_item);
  return error_of([&] { feeder.give(bytes); });
}

std::string big_endian(std::uint64_t value, unsigned width) {
  std::string bytes;
  for (unsigned at = width; at-- > 0;) bytes.push_back(static_cast<char>(value >> (8 * at) & 0xff));
  return bytes;
}

// The whole lines of `bytes`, each with its delimiter if it has one.
Texts lines_with_ends(const std::string& bytes, char delimiter) {
  Texts lines;
  std::string line;
  for (const char byte : bytes) {
    line.push_back(byte);
    if (byte == delimiter) lines.push_back(std::exchange(line, {}));
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

Texts reference_lines(const std::string& bytes, char delimiter, std::size_t per_task) {
  Texts items;
  const Texts lines = lines_with_ends(bytes, delimiter);
  for (std::size_t at = 0; at < lines.size(); at += per_task) {
    std::string item;
    for (std::size_t i = at; i < std::min(lines.size(), at + per_task); ++i) item += lines[i];
    if (item.back() == delimiter) item.pop_back();
    items.push_back(item);
  }
  return items;
}

Texts reference_blocks(const std::string& bytes, char delimiter, std::size_t size) {
  Texts items;
  for (const std::string& line : lines_with_ends(bytes, delimiter)) {
    if (!items.empty() && items.back().size() + line.size() <= size) {
      items.back() += line;
    } else {
      items.push_back(line);
    }
  }
  return items;
}

using Random = std::mt19937_64;

std::uint64_t up_to(Random& random, std::uint64_t most) {
  return std::uniform_int_distribution<std::uint64_t>(0, most)(random);
}

std::string random_bytes(Random& random, std::size_t most) {
  std::string bytes(up_to(random, most), '\0');
  for (char& byte : bytes) byte = static_cast<char>(up_to(random, 255));
  return bytes;
}

// Any kind of value, and any of the forms in which a kind may be written.
std::string random_value(Random& random, int depth) {
  const auto head = [](unsigned marker) { return std::string(1, static_cast<char>(marker)); };
  switch (up_to(random, depth > 0 ? 11 : 8)) {
    case 0:
      return head(static_cast<unsigned>(up_to(random, 0x7f)));
    case 1:
      return head(0xe0U + static_cast<unsigned>(up_to(random, 0x1f)));
    case 2:
      return head(up_to(random, 1) == 0 ? 0xc0 : 0xc2);
    case 3: {
      const unsigned log = static_cast<unsigned>(up_to(random, 3));
      return head((up_to(random, 1) == 0 ? 0xccU : 0xd0U) + log) + big_endian(random(), 1U << log);
    }
    case 4: {
      const unsigned log = static_cast<unsigned>(up_to(random, 1));
      return head(0xcaU + log) + big_endian(random(), 4U << log);
    }
    case 5: {
      const std::string bytes = random_bytes(random, 31);
      return head(0xa0U + static_cast<unsigned>(bytes.size())) + bytes;
    }
    case 6: {
      const std::string bytes = random_bytes(random, 200);
      const unsigned log = static_cast<unsigned>(up_to(random, 2));
      return head((up_to(random, 1) == 0 ? 0xc4U : 0xd9U) + log) + big_endian(bytes.size(), 1U << log) +
             bytes;
    }
    case 7: {
      const std::string bytes = random_bytes(random, 200);
      const unsigned log = static_cast<unsigned>(up_to(random, 2));
      return head(0xc7U + log) + big_endian(bytes.size(), 1U << log) + "t" + bytes;
    }
    case 8: {
      const unsigned log = static_cast<unsigned>(up_to(random, 4));
      return head(0xd4U + log) + "t" + std::string(std::size_t{1} << log, 'x');
    }
    default:
      break;
  }
  const bool map = up_to(random, 1) == 1;
  const std::size_t count = up_to(random, 6);
  std::string bytes;
  switch (up_to(random, 2)) {
    case 0:
      bytes = head((map ? 0x80U : 0x90U) + static_cast<unsigned>(count));
      break;
    case 1:
      bytes = head(map ? 0xde : 0xdc) + big_endian(count, 2);
      break;
    default:
      bytes = head(map ? 0xdf : 0xdd) + big_endian(count, 4);
  }
  for (std::size_t i = 0; i < (map ? 2 * count : count); ++i) bytes += random_value(random, depth - 1);
  return bytes;
}

void check_in_random_pieces(Random& random, Framing& framing, const std::string& bytes,
                            const Texts& expected) {
  Feeder feeder(framing);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = 1 + up_to(random, 40);
    feeder.give(ByteView(bytes).substr(at, length));
    at += length;
  }
  CHECK(feeder.end() == expected);
}

}  // namespace

TEST_CASE("framing: lines that are put together keep what stands between them") {
  Lines pairs('\n', 2);
  check_in_pieces(pairs, "a\nb\nc\nd\n", {"a\nb", "c\nd"});
  check_in_pieces(pairs, "a\nb\nc\n", {"a\nb", "c"});
  check_in_pieces(pairs, "a\nb\nc", {"a\nb", "c"});
  check_in_pieces(pairs, "a", {"a"});
  check_in_pieces(pairs, "\n\n\n", {"\n", ""});
  check_in_pieces(pairs, "\na\nb\n\n", {"\na", "b\n"});
  check_in_pieces(pairs, "", {});
  Lines threes('\0', 3);
  check_in_pieces(threes, std::string("a\nb\0c\0\0d\0", 9), {std::string("a\nb\0c\0", 6), "d"});
  CHECK(threes.delimiter() == std::string(1, '\0'));
  Lines ones('\n', 1);
  check_in_pieces(ones, "a\n\nbc\nd", {"a", "", "bc", "d"});
}

TEST_CASE("framing: blocks hold the lines that fit, ends included, and a line that does not by itself") {
  Blocks blocks('\n', 6);
  check_in_pieces(blocks, "ab\ncd\nef\n", {"ab\ncd\n", "ef\n"});
  check_in_pieces(blocks, "abcde\nf\n", {"abcde\n", "f\n"});
  check_in_pieces(blocks, "a\nabcdef\nb\nc\n", {"a\n", "abcdef\n", "b\nc\n"});
  check_in_pieces(blocks, "abcdefghijkl\nmnopqrstu\n", {"abcdefghijkl\n", "mnopqrstu\n"});
  check_in_pieces(blocks, "a\nabcdefgh", {"a\n", "abcdefgh"});
  check_in_pieces(blocks, "a\nb", {"a\nb"});
  check_in_pieces(blocks, "\n\n\n\n\n\n\n", {"\n\n\n\n\n\n", "\n"});
  check_in_pieces(blocks, "", {});
  Blocks tiny('\0', 1);
  check_in_pieces(tiny, std::string("\0ab\0\n", 5), {std::string(1, '\0'), std::string("ab\0", 3), "\n"});
}

TEST_CASE("framing: what comes after its length") {
  LengthPrefixed framing;
  const auto record = [](const std::string& bytes) { return big_endian(bytes.size(), 4) + bytes; };
  const std::string odd("\0\n\xff", 3);
  check_in_pieces(framing, record("abc") + record("") + record(odd), {"abc", "", odd});
  check_in_pieces(framing, record(std::string(300, 'x')), {std::string(300, 'x')});
  check_in_pieces(framing, "", {});
  CHECK(framing.delimiter().empty());
  CHECK(end_error(framing, record("abc") + std::string(2, '\0')) ==
        "cannot read the file: it ends within the item whose length is at byte 7");
  CHECK_THAT(end_error(framing, std::string("\0\0\0\x05", 4) + "abcd"), Contains("at byte 0"));
}

TEST_CASE("framing: a length over the limit is said before the bytes have come") {
  LengthPrefixed framing;
  const std::string first = big_endian(3, 4) + "abc";
  CHECK(give_error(framing, first + big_endian(3, 4), 3).empty());
  CHECK_THAT(give_error(framing, first + big_endian(4, 4), 3), Contains("item 2 (from the file): longer"));
  CHECK_THAT(give_error(framing, big_endian(0xffffffff, 4), 1 << 20), Contains("--max-message"));
}

TEST_CASE("framing: msgpack values, each with its own bytes") {
  MsgpackValues framing;
  const std::string nested("\x93\x01\x81\xa1k\xc0\x90", 7);
  check_in_pieces(framing, nested + "\x05" + "\xa3xyz" + nested, {nested, "\x05", "\xa3xyz", nested});
  check_in_pieces(framing, std::string("\xdd\0\0\0\x02\xc4\0\xcd\x01\x02", 10),
                  {std::string("\xdd\0\0\0\x02\xc4\0\xcd\x01\x02", 10)});
  check_in_pieces(framing, "", {});
  CHECK(framing.delimiter().empty());
}

TEST_CASE("framing: each form of msgpack value is measured as it is written") {
  MsgpackValues framing;
  for (unsigned kind = 0; kind < 256; ++kind) {
    if (kind == 0xc1) continue;
    CAPTURE(kind);
    // Enough of what may follow; whatever it is, one byte of zero after another is a value, or a length of 0.
    Feeder feeder(framing);
    feeder.give(std::string(1, static_cast<char>(kind)));
    for (int i = 0; i < 64; ++i) {
      if (!feeder.so_far().empty()) break;
      feeder.give(std::string(1, '\0'));
    }
    REQUIRE(feeder.so_far().size() == 1);
    static const std::vector<std::pair<unsigned, std::size_t>> sizes{
        {0x00, 1}, {0x7f, 1}, {0x80, 1}, {0x8f, 31}, {0x90, 1},  {0x9f, 16}, {0xa0, 1}, {0xbf, 32}, {0xc0, 1},
        {0xc2, 1}, {0xc3, 1}, {0xc4, 2}, {0xc5, 3},  {0xc6, 5},  {0xc7, 3},  {0xc8, 4}, {0xc9, 6},  {0xca, 5},
        {0xcb, 9}, {0xcc, 2}, {0xcd, 3}, {0xce, 5},  {0xcf, 9},  {0xd0, 2},  {0xd1, 3}, {0xd2, 5},  {0xd3, 9},
        {0xd4, 3}, {0xd5, 4}, {0xd6, 6}, {0xd7, 10}, {0xd8, 18}, {0xd9, 2},  {0xda, 3}, {0xdb, 5},  {0xdc, 3},
        {0xdd, 5}, {0xde, 3}, {0xdf, 5}, {0xe0, 1},  {0xff, 1},
    };
    for (const auto& [of, size] : sizes) {
      if (of == kind) CHECK(feeder.so_far().front().size() == size);
    }
    CHECK(feeder.end().size() == 1);
  }
}

TEST_CASE("framing: msgpack that is cut off or wrong is named by its byte") {
  MsgpackValues framing;
  CHECK(end_error(framing, "\x01\x02\x92\x01") ==
        "cannot read the file: it ends within the msgpack value that begins at byte 2");
  CHECK_THAT(end_error(framing, "\xa2x"), Contains("at byte 0"));
  CHECK_THAT(end_error(framing, "\xda"), Contains("at byte 0"));
  for (std::size_t shown = 1; shown < 7; ++shown) {
    CHECK_THAT(end_error(framing, std::string("\x93\x01\x81\xa1k\xc0\x90", 7).substr(0, shown)),
               Contains("at byte 0"));
  }
  MsgpackValues other;
  CHECK_THAT(end_error(other, "\x01\x92\x01\xc1"), Contains("this is not msgpack") && Contains("byte 3"));
}

TEST_CASE("framing: msgpack that promises too much is over the limit at once") {
  MsgpackValues array;
  CHECK_THAT(give_error(array, "\xdd\xff\xff\xff\xff", 1000), Contains("item 1 (from the file): longer"));
  MsgpackValues text;
  CHECK_THAT(give_error(text, std::string("\x01\xdb\0\0\x04\0", 6), 1000), Contains("item 2 "));
  MsgpackValues fits;
  CHECK(give_error(fits, std::string("\xda\x03\xe5", 3), 1000).empty());
  MsgpackValues deep;
  CHECK_THAT(give_error(deep, std::string(2000, '\x91'), 1000), Contains("longer"));
}

TEST_CASE("framing: lines and blocks over the limit are said before their end has come") {
  Lines lines('\n', 3);
  CHECK(give_error(lines, "ab\n", 2).empty());
  Lines longer('\n', 3);
  CHECK_THAT(give_error(longer, "ab\nc", 2), Contains("item 1 (from the file): longer"));
  Blocks blocks('\n', 2);
  CHECK(give_error(blocks, "a\nb\nabc\n", 4).empty());
  Blocks wide('\n', 2);
  CHECK_THAT(give_error(wide, "a\nb\nabcde", 4), Contains("item 3 "));
}

TEST_CASE("framing: whatever the bytes and the pieces, the items are those of a simple splitter") {
  Random random(1);
  for (int round = 0; round < 3000; ++round) {
    // Lines of a few bytes, and now and then of a few hundred.
    std::string bytes(up_to(random, round % 10 == 0 ? 1500 : 120), 'x');
    const std::uint64_t often = 1 + up_to(random, round % 4 == 0 ? 300 : 12);
    for (char& byte : bytes) byte = up_to(random, often) == 0 ? '\n' : 'x';
    const std::size_t per_task = 1 + up_to(random, 5);
    const std::size_t size = 1 + up_to(random, 30);
    CAPTURE(round, bytes, per_task, size);
    Lines lines('\n', per_task);
    check_in_random_pieces(random, lines, bytes, reference_lines(bytes, '\n', per_task));
    Blocks blocks('\n', size);
    check_in_random_pieces(random, blocks, bytes, reference_blocks(bytes, '\n', size));
  }
}

TEST_CASE("framing: whatever the values and the pieces, msgpack and lengths come apart as they were made") {
  Random random(2);
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    Texts values;
    Texts records;
    std::string stream;
    std::string prefixed;
    for (std::uint64_t i = up_to(random, 8); i > 0; --i) {
      values.push_back(random_value(random, 3));
      stream += values.back();
      records.push_back(random_bytes(random, 60));
      prefixed += big_endian(records.back().size(), 4) + records.back();
    }
    MsgpackValues msgpack;
    check_in_random_pieces(random, msgpack, stream, values);
    LengthPrefixed lengths;
    check_in_random_pieces(random, lengths, prefixed, records);
  }
}

}  // namespace fanmill::input
