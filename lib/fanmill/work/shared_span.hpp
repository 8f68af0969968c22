#pragma once
// A piece of a handout that one executor works through, and from which an idle one may take.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace fanmill::work {

// first … last − 1, indices into a handout's tasks.
struct TaskSpan {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  [[nodiscard]] std::size_t count() const { return last - first; }
};

// A span that its owner empties from the front, one task at a time, while others may cut pieces off its end.
// Safe on any number of threads; set() and clear() do not order anything else.
class SharedSpan {
 public:
  void set(TaskSpan span) { state_.store(pack(span), std::memory_order_relaxed); }
  void clear() { set({}); }

  // The next index, or none.
  [[nodiscard]] std::optional<std::uint32_t> next() {
    const TaskSpan before = unpack(state_.fetch_add(1, std::memory_order_relaxed));
    if (before.first < before.last) return before.first;
    return std::nullopt;
  }

  [[nodiscard]] bool has_more() const {
    const TaskSpan span = unpack(state_.load(std::memory_order_relaxed));
    return span.first < span.last;
  }

  // Takes the second half, one at the least; an empty span where there is nothing.
  [[nodiscard]] TaskSpan split() {
    return cut([](std::uint32_t left) { return left - left / 2; });
  }

  // Takes up to `most` from the end.
  [[nodiscard]] TaskSpan cut_off(std::size_t most) {
    return cut(
        [most](std::uint32_t left) { return static_cast<std::uint32_t>(std::min<std::size_t>(most, left)); });
  }

 private:
  template <class Count>
  TaskSpan cut(Count count) {
    std::uint64_t state = state_.load(std::memory_order_relaxed);
    while (true) {
      const TaskSpan span = unpack(state);
      if (span.first >= span.last) return {};
      const std::uint32_t middle = span.last - count(span.last - span.first);
      if (state_.compare_exchange_weak(state, pack({span.first, middle}), std::memory_order_relaxed)) {
        return {middle, span.last};
      }
    }
  }

  // The first index stands low, so that taking one is adding one. It may pass the last one, a little.
  static std::uint64_t pack(TaskSpan span) { return std::uint64_t{span.last} << 32 | span.first; }
  static TaskSpan unpack(std::uint64_t state) {
    return {static_cast<std::uint32_t>(state), static_cast<std::uint32_t>(state >> 32)};
  }

  std::atomic<std::uint64_t> state_{0};
};

}  // namespace fanmill::work
