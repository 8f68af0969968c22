#pragma once
// What a decoder gives back: the value, or why there is none.

#include <cassert>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace fanmill::wire {

// Why a frame was not taken. Counted by reason; the numbers are not on the wire.
enum class Flaw : std::uint8_t {
  not_msgpack,   // a byte that msgpack never uses
  truncated,     // ends before its own structure does
  trailing,      // goes on after it
  version,       // another protocol version
  unknown_type,  // no such message
  wrong_type,    // an element of another msgpack type
  wrong_arity,   // an array of another length
  out_of_range,  // a number, a size or an order that is not allowed
};

// For people and counters: "trailing bytes".
[[nodiscard]] std::string_view name_of(Flaw flaw);

template <class T>
class [[nodiscard]] Decoded {
 public:
  Decoded(T value) : value_(std::move(value)) {}  // NOLINT: a value is a success
  Decoded(Flaw flaw) : flaw_(flaw) {}             // NOLINT: a flaw is a failure

  explicit operator bool() const { return value_.has_value(); }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  // Only where there is no value.
  [[nodiscard]] Flaw flaw() const {
    assert(!value_);
    return flaw_;
  }

 private:
  std::optional<T> value_;
  Flaw flaw_ = Flaw::not_msgpack;
};

}  // namespace fanmill::wire
