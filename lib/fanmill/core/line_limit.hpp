#pragma once
// How much is said to people: whoever can make a program say something could otherwise fill a disk. Pure.

#include <cstdint>
#include <optional>

#include <fanmill/base/time.hpp>

namespace fanmill::core {

class LineLimit {
 public:
  // At most `most` lines within `span`.
  LineLimit(std::uint64_t most, Duration span) : most_(most), span_(span) {}

  // Whether a line may be said now; then how many were left out since the last one that was.
  [[nodiscard]] std::optional<std::uint64_t> admit(Time now);

 private:
  std::uint64_t most_;
  Duration span_;
  Time began_ = never;  // the span that we are in
  std::uint64_t said_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace fanmill::core
