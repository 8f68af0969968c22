#include <cstdint>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "foreign.hpp"
#include <fanmill/wire/writer.hpp>

using namespace fanmill;
using namespace fanmill::wire;
using namespace fanmill::wire::test;

namespace {

// What one call writes.
template <class Write>
[[nodiscard]] std::string written(Write write) {
  Writer writer;
  writer.begin(0);
  write(writer);
  return std::string(writer.take().view());
}

// What msgpack-c writes for one value.
template <class Value>
[[nodiscard]] std::string judged(const Value& value) {
  return packed(value).substr(1);
}

}  // namespace

TEST_CASE("writer: numbers are as msgpack-c packs them, about every power of two") {
  for (int bit = 0; bit < 64; ++bit) {
    for (const int offset : {-1, 0, 1}) {
      const std::uint64_t value = (std::uint64_t{1} << bit) + static_cast<std::uint64_t>(offset);
      CAPTURE(value);
      CHECK(written([value](Writer& writer) { writer.number(value); }) == judged(value));
    }
  }
  const std::uint64_t most = ~std::uint64_t{0};
  CHECK(written([](Writer& writer) { writer.number(most); }) == judged(most));
}

TEST_CASE("writer: texts, bytes and booleans are as msgpack-c packs them") {
  for (const std::size_t size : {0, 1, 31, 32, 255, 256, 4095, 4096, 4097, 65'535, 65'536, 200'000}) {
    CAPTURE(size);
    const std::string value(size, 'v');
    CHECK((written([&value](Writer& writer) { writer.text(value); }) == judged(value)));
    CHECK((written([&value](Writer& writer) { writer.bytes(value); }) == judged(bin(value))));
  }
  CHECK(written([](Writer& writer) { writer.boolean(true); }) == judged(true));
  CHECK(written([](Writer& writer) { writer.boolean(false); }) == judged(false));
}

TEST_CASE("writer: an array's header is as msgpack-c packs it") {
  for (const std::uint32_t length : {0U, 15U, 16U, 65'535U, 65'536U, 0xffffffffU}) {
    CAPTURE(length);
    msgpack::sbuffer buffer;
    msgpack::packer(buffer).pack_array(length);
    CHECK(written([length](Writer& writer) { writer.array(length); }) ==
          std::string(buffer.data(), buffer.size()));
  }
}

TEST_CASE("writer: an array may be counted after it is written") {
  Writer writer;
  writer.begin(0);
  writer.array(2);
  const std::size_t opened = writer.open_array();
  for (std::uint64_t i = 0; i < 300; ++i) writer.number(i);
  writer.close_array(opened, 300);
  writer.text("behind");
  const msgpack::object_handle handle = unpack(writer.take());
  std::tuple<std::vector<std::uint64_t>, std::string> read;
  handle.get().convert(read);
  CHECK(std::get<0>(read).size() == 300);
  CHECK(std::get<0>(read)[299] == 299);
  CHECK(std::get<1>(read) == "behind");
}

TEST_CASE("writer: small and large pieces follow each other without a gap, whatever was expected") {
  for (const std::size_t expected : {0, 100, 10'000, 1'000'000}) {
    CAPTURE(expected);
    const std::string small(100, 's');
    const std::string large(10'000, 'l');
    Writer writer;
    writer.begin(expected);
    writer.array(60);
    for (int i = 0; i < 20; ++i) {
      writer.bytes(small);
      writer.bytes(large);
      writer.number(70'000);
    }
    const std::size_t size = writer.size();
    const Bytes frame = writer.take();
    CHECK(frame.size() == size);
    const msgpack::object_handle handle = unpack(frame);
    REQUIRE(handle.get().via.array.size == 60);
    for (std::uint32_t i = 0; i < 60; i += 3) {
      const msgpack::object* const at = handle.get().via.array.ptr + i;
      CHECK((ByteView(at[0].via.bin.ptr, at[0].via.bin.size) == small));
      CHECK((ByteView(at[1].via.bin.ptr, at[1].via.bin.size) == large));
      CHECK(at[2].as<std::uint64_t>() == 70'000);
    }
  }
}
