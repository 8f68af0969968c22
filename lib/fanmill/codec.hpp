#pragma once
// C++ types as the bytes of payloads and outputs, for handlers, submit() and Result::as().
//
//   std::string, std::string_view   the bytes as they are; so is all that converts to std::string_view
//   a number, bool, std::byte       as many bytes as it has, little-endian; IEEE 754; a bool is 0 or 1
//   std::vector of those            one after the other: their count follows from the bytes
//   std::vector<std::string>        each after its size, 32 bits, little-endian
//
// Others read them as easily: Python has struct.unpack("<i", payload) and numpy.frombuffer(payload, "<f8").
// What is written by another machine or language wants types of a known size, such as std::int64_t. Any other
// type has a Codec of its own, or that of <fanmill/msgpack.hpp>.

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace fanmill {

// To be specialised for a type of yours:
//
//   template <> struct fanmill::Codec<Mine> {
//     static void write(const Mine& value, std::string& to);  // appends
//     static Mine read(std::string_view bytes);               // all of them; throws what says why not
//   };
//
// Both are called on many threads at once.
template <class Value>
struct Codec;

namespace detail {

template <class Value>
concept Text = std::convertible_to<const Value&, std::string_view>;
template <class Value>
concept Number = (std::is_arithmetic_v<Value> && !std::same_as<Value, long double> &&
                  !std::same_as<Value, wchar_t>) ||
                 std::same_as<Value, std::byte>;

template <class Value>
struct IsPlainVector : std::false_type {};
template <class Item>
struct IsPlainVector<std::vector<Item>>
    : std::bool_constant<Number<Item> || std::same_as<Item, std::string>> {};
// Has a Codec here.
template <class Value>
concept BuiltIn = Number<Value> || IsPlainVector<Value>::value || std::same_as<Value, std::string> ||
    std::same_as<Value, std::string_view>;

template <Number Value>
void append_number(std::string& to, Value value) {
  char bytes[sizeof(Value)];
  std::memcpy(bytes, &value, sizeof(Value));
  if constexpr (std::endian::native == std::endian::big) std::reverse(bytes, bytes + sizeof(Value));
  to.append(bytes, sizeof(Value));
}

template <Number Value>
Value number_at(const char* at) {
  if constexpr (std::same_as<Value, bool>) {
    if (*at != 0 && *at != 1) throw std::invalid_argument("a bool is the byte 0 or 1");
    return *at == 1;
  } else {
    char bytes[sizeof(Value)];
    std::memcpy(bytes, at, sizeof(Value));
    if constexpr (std::endian::native == std::endian::big) std::reverse(bytes, bytes + sizeof(Value));
    Value value;
    std::memcpy(&value, bytes, sizeof(Value));
    return value;
  }
}

// "it has 3 bytes, and a multiple of 4 is wanted", for `wanted`: "a multiple of 4".
[[noreturn]] void throw_wrong_size(std::size_t bytes, const std::string& wanted);
// Throws Error{unavailable}, "cannot read WHAT: REASON".
[[noreturn]] void throw_unreadable(const std::string& what, const char* reason);

}  // namespace detail

template <>
struct Codec<std::string_view> {
  static void write(std::string_view value, std::string& to) { to.append(value); }
  static std::string_view read(std::string_view bytes) { return bytes; }
};

template <>
struct Codec<std::string> {
  static void write(const std::string& value, std::string& to) { to.append(value); }
  static std::string read(std::string_view bytes) { return std::string(bytes); }
};

template <detail::Number Value>
struct Codec<Value> {
  static void write(Value value, std::string& to) { detail::append_number(to, value); }
  static Value read(std::string_view bytes) {
    if (bytes.size() != sizeof(Value)) detail::throw_wrong_size(bytes.size(), std::to_string(sizeof(Value)));
    return detail::number_at<Value>(bytes.data());
  }
};

template <detail::Number Item>
struct Codec<std::vector<Item>> {
  static void write(const std::vector<Item>& values, std::string& to) {
    to.reserve(to.size() + values.size() * sizeof(Item));
    for (const Item value : values) detail::append_number(to, value);
  }
  static std::vector<Item> read(std::string_view bytes) {
    if (bytes.size() % sizeof(Item) != 0) {
      detail::throw_wrong_size(bytes.size(), "a multiple of " + std::to_string(sizeof(Item)));
    }
    std::vector<Item> values(bytes.size() / sizeof(Item));
    for (std::size_t at = 0; at < values.size(); ++at) {
      values[at] = detail::number_at<Item>(bytes.data() + at * sizeof(Item));
    }
    return values;
  }
};

template <>
struct Codec<std::vector<std::string>> {
  // Throws std::length_error for a string of 4 GiB or more.
  static void write(const std::vector<std::string>& values, std::string& to);
  static std::vector<std::string> read(std::string_view bytes);
};

// What payloads and outputs can be made of, and what can be made of them.
template <class Value>
concept Writable = detail::Text<Value> || requires(const Value& value, std::string& to) {
  Codec<Value>::write(value, to);
};
template <class Value>
concept Readable = requires(std::string_view bytes) {
  { Codec<Value>::read(bytes) } -> std::same_as<Value>;
};

namespace detail {

// In place of what is in `to`.
template <class Value>
void write_to(std::string& to, Value&& value) {
  using Plain = std::remove_cvref_t<Value>;
  if constexpr (std::same_as<Plain, std::string>) {
    to = std::forward<Value>(value);
  } else if constexpr (Text<Plain>) {
    to.assign(std::string_view(value));
  } else {
    static_assert(Writable<Plain>, "this type has no fanmill::Codec; <fanmill/msgpack.hpp> may help");
    to.clear();
    Codec<Plain>::write(value, to);
  }
}

template <Writable Value>
std::string bytes_of(const Value& value) {
  std::string bytes;
  write_to(bytes, value);
  return bytes;
}

// `what` names the bytes to people: "the payload". What a Codec throws that is a std::exception becomes an
// Error.
template <Readable Value>
Value read_from(const char* what, std::string_view bytes) {
  try {
    return Codec<Value>::read(bytes);
  } catch (const std::exception& exception) {
    throw_unreadable(what, exception.what());
  }
}

}  // namespace detail

}  // namespace fanmill
