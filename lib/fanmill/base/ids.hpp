#pragma once
// The names of things on the wire. A task is counted; all else is drawn at random, so that no two runs,
// workers or lanes are ever taken for each other.

#include <compare>
#include <cstdint>
#include <string_view>

namespace fanmill {

// A payload, an output, a frame: bytes that belong to somebody else, of any value, NUL and broken UTF-8
// included.
using ByteView = std::string_view;

// A task's ordinal in its run: 0, 1, 2, … without a gap. Arithmetic is meant, so it is a plain number.
using TaskId = std::uint64_t;

// The largest id that the protocol carries (2^53 − 1, so that JSON can say it too).
inline constexpr TaskId max_task_id = (TaskId{1} << 53) - 1;

enum class RunId : std::uint64_t {};        // one pass over one input
enum class Incarnation : std::uint64_t {};  // one joining of a worker or sink; a sink's is its epoch
enum class LaneToken : std::uint64_t {};    // one lane; 0 is no lane

// What a payload is recognised by from one run to the next: its XXH3 128-bit hash.
struct Key {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const Key&, const Key&) = default;
};

// How a task ended.
enum class Outcome : std::uint8_t { ok = 0, failed = 1, dead = 2 };

}  // namespace fanmill
