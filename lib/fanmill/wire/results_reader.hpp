#pragma once
// Reads a RESULTS frame by the piece, for the sink, through whose one thread all results come: a view of a
// small result is ten times as large as the result, and those of a whole frame would not stay in the cache.
// In batch.cpp, with the rest of the format.
//
// Pure: no socket, no thread, no clock.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <fanmill/wire/batch.hpp>

namespace fanmill::wire {

// Of an entry of neighbours, what is left to read: the next one's bytes begin at `at`, its id is `id`.
struct Neighbours {
  const char* at = nullptr;
  const char* end = nullptr;  // of all their bytes
  TaskId id = 0;
  std::uint32_t attempt = 0;
  std::uint32_t count = 0;
  std::size_t between = 0;
};

// Results of neighbours, all ok, as they lie in their frame.
class OutputBlock {
 public:
  // `sizes`: where they stand in the frame, known to be right, and where that ends.
  OutputBlock(const Neighbours& neighbours, ByteView sizes) : neighbours_(neighbours), sizes_(sizes) {}

  [[nodiscard]] IdRange ids() const { return {neighbours_.id, neighbours_.id + neighbours_.count - 1}; }
  // All outputs, and what is between them.
  [[nodiscard]] ByteView bytes() const {
    return {neighbours_.at, static_cast<std::size_t>(neighbours_.end - neighbours_.at)};
  }
  // Whether that is what stands between each of them and the next.
  [[nodiscard]] bool is_divided_by(ByteView between) const;

 private:
  Neighbours neighbours_;
  ByteView sizes_;
};

class ResultsReader {
 public:
  // Looks at the whole frame. Where a flaw comes back, next() has nothing.
  [[nodiscard]] Decoded<ResultsHeader> open(ByteView frame);
  // The next results in order; empty after the last one. The span holds until the next call.
  [[nodiscard]] std::span<const ResultView> next();
  // What next() would begin with, if that is an entry of neighbours. It looks into the frame.
  [[nodiscard]] std::optional<OutputBlock> next_block();
  // Passes over that.
  void skip_block();

 private:
  std::array<ResultView, 64> piece_;
  ByteView rest_;          // of the frame, known to be right
  Neighbours neighbours_;  // that next() has begun with
  std::uint32_t left_ = 0;
  std::vector<const char*> ends_;  // of the entries of neighbours
  std::size_t next_end_ = 0;       // of the first one that next() has not begun with
};

}  // namespace fanmill::wire
