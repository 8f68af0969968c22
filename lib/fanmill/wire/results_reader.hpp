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
  OutputBlock(const Neighbours& neighbours, bool is_divided)
      : neighbours_(neighbours), is_divided_(is_divided) {}

  [[nodiscard]] IdRange ids() const { return {neighbours_.id, neighbours_.id + neighbours_.count - 1}; }
  // All outputs, and what is between them.
  [[nodiscard]] ByteView bytes() const {
    return {neighbours_.at, static_cast<std::size_t>(neighbours_.end - neighbours_.at)};
  }
  // Whether what ResultsReader::open() was told of is between each of them and the next.
  [[nodiscard]] bool is_divided() const { return is_divided_; }

 private:
  Neighbours neighbours_;
  bool is_divided_;
};

class ResultsReader {
 public:
  // Looks at the whole frame, and `more`, the frames that follow it, each of which has to be asked for: these
  // views are to hold as long as what they look at. `delimiter`: what is looked for between records. Where a
  // flaw comes back, next() has nothing.
  [[nodiscard]] Decoded<ResultsHeader> open(ByteView frame, std::span<const ByteView> more = {},
                                            ByteView delimiter = {});
  // The next results in order; empty after the last one. The span holds until the next call.
  [[nodiscard]] std::span<const ResultView> next();
  // What next() would begin with, if that is an entry of neighbours. It looks into the frame.
  [[nodiscard]] std::optional<OutputBlock> next_block();
  // Passes over that.
  void skip_block();

 private:
  std::array<ResultView, 64> piece_;
  ByteView rest_;                   // of the frame, known to be right
  std::span<const ByteView> more_;  // likewise
  Neighbours neighbours_;           // that next() has begun with
  std::uint32_t left_ = 0;
  struct Entry {
    const char* end = nullptr;
    bool is_divided = false;
  };
  std::vector<Entry> entries_;  // of neighbours
  std::size_t next_entry_ = 0;  // the first one that next() has not begun with
};

}  // namespace fanmill::wire
