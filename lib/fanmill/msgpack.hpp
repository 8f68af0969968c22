#pragma once
// Any type that msgpack can carry, as a payload or an output. To be included beside <fanmill/fanmill.hpp>, by
// programs that have msgpack-c (Debian: libmsgpack-cxx-dev); nothing has to be linked.
//
//   struct Page { std::string url; std::vector<std::string> words; MSGPACK_DEFINE(url, words); };
//   fanmill::Pipeline pipeline([](const Page& page) { return page.words.size(); }, on_result);
//   pipeline.submit(Page{url, words});
//
// It is the Codec of every type that has no other: a number, a string and a vector of those stay what
// <fanmill/codec.hpp> says. msgpack.packb([url, words]) makes the same bytes in Python.
//
// Bytes from elsewhere may be anything. What is no msgpack, has bytes behind its value, is nested more than
// 64 deep, or is not of the type's shape (as many items in each array and map, numbers that fit) is refused
// with the reason, so that the task fails, and Result::as() throws. Memory is taken for what is there, never
// for what a header promises. The exact count of items is asked for since msgpack itself would fill up what
// is missing and drop what is too much; to add a field to a type is to change both sides.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <msgpack.hpp>

#include <fanmill/codec.hpp>

namespace fanmill {

namespace detail {

// Looks at bytes without making anything of them: the sizes of their arrays and maps.
class MsgpackShape : public msgpack::null_visitor {
 public:
  bool start_array(std::uint32_t size) { return enter(std::uint64_t{size} << 1); }
  bool start_map(std::uint32_t size) { return enter(std::uint64_t{size} << 1 | 1); }
  bool end_array() { return leave(); }
  bool end_map() { return leave(); }
  void parse_error(std::size_t, std::size_t) { flaw_ = "it is no msgpack"; }
  void insufficient_bytes(std::size_t, std::size_t) { flaw_ = "it ends within its msgpack value"; }

  // Throws std::invalid_argument unless they are one value.
  static MsgpackShape of(std::string_view bytes) {
    MsgpackShape shape;
    std::size_t end = 0;
    if (bytes.empty()) throw std::invalid_argument("there is nothing, and msgpack has one byte at least");
    const bool is_whole = msgpack::parse(bytes.data(), bytes.size(), end, shape);
    if (!shape.flaw_.empty()) throw std::invalid_argument(shape.flaw_);
    if (!is_whole) throw std::invalid_argument("it ends within its msgpack value");
    if (end != bytes.size()) throw std::invalid_argument("there are bytes behind its msgpack value");
    std::sort(shape.sizes_.begin(), shape.sizes_.end());  // a map's order means nothing
    return shape;
  }
  friend bool operator==(const MsgpackShape& one, const MsgpackShape& other) {
    return one.sizes_ == other.sizes_;
  }

 private:
  static constexpr int most_depth = 64;

  bool enter(std::uint64_t size) {
    sizes_.push_back(size);
    if (++depth_ <= most_depth) return true;
    flaw_ = "it is nested more than " + std::to_string(most_depth) + " deep";
    return false;
  }
  bool leave() {
    --depth_;
    return true;
  }

  std::vector<std::uint64_t> sizes_;
  int depth_ = 0;
  std::string flaw_;
};

// What msgpack::pack() writes to.
struct MsgpackStream {
  std::string& to;
  void write(const char* bytes, std::size_t size) { to.append(bytes, size); }
};

}  // namespace detail

template <class Value>
requires(!detail::BuiltIn<Value>) struct Codec<Value> {
  static void write(const Value& value, std::string& to) {
    detail::MsgpackStream stream{to};
    msgpack::pack(stream, value);
  }
  static Value read(std::string_view bytes) {
    const auto shape = detail::MsgpackShape::of(bytes);
    const auto wrong = [](const char* what) {
      return std::invalid_argument(std::string("its msgpack is no value of the type that is wanted") + what);
    };
    std::string again;
    try {
      const msgpack::object_handle handle = msgpack::unpack(bytes.data(), bytes.size());
      Value value = handle.get().template as<Value>();
      write(value, again);
      if (detail::MsgpackShape::of(again) == shape) return value;
    } catch (const msgpack::type_error&) {
      throw wrong("");
    }
    throw wrong(": there are more or fewer items");
  }
};

}  // namespace fanmill
