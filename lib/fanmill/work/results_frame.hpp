#pragma once
// Results on their way into RESULTS frames: one after the other until a frame is full, or those of another
// lane come.

#include <cassert>
#include <cstdint>
#include <memory>
#include <vector>

#include <fanmill/base/ranges.hpp>
#include <fanmill/wire/batch.hpp>
#include <fanmill/work/runner.hpp>

namespace fanmill::work {

// `records`, for all frames of one builder: each output is one record, as wire::ResultsHeader says.
enum class OutputForm : std::uint8_t { stream, records };

class ResultsFrame {
 public:
  explicit ResultsFrame(OutputForm form) : form_(form) {}

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] const std::shared_ptr<const RunContext>& context() const { return context_; }
  // Whether the frame should be taken before another result is added.
  [[nodiscard]] bool full() const;

  // A frame holds results of one context: take() before that changes.
  void add(const std::shared_ptr<const RunContext>& context, const wire::ResultView& result) {
    open(context);
    writer_.add(result);
    count(result.id);
  }
  // One that is ok, and of which there is no more to say.
  void add(const std::shared_ptr<const RunContext>& context, TaskId id, std::uint32_t attempt,
           ByteView output) {
    open(context);
    writer_.add(id, attempt, output);
    count(id);
  }
  // Hands over what is there, at least one result; empty afterwards.
  [[nodiscard]] FinishedFrame take();

 private:
  void open(const std::shared_ptr<const RunContext>& context) {
    if (count_ == 0) begin(context);
    assert(context_ == context);
  }
  void begin(const std::shared_ptr<const RunContext>& context);
  void count(TaskId id) {
    ++count_;
    if (!ids_.empty() && ids_.back().last + 1 == id) {
      ids_.back().last = id;
    } else {
      ids_.push_back({id, id});
    }
  }

  OutputForm form_;
  std::shared_ptr<const RunContext> context_;
  wire::ResultsWriter writer_;
  std::vector<IdRange> ids_;  // in the order in which results came
  std::size_t count_ = 0;
};

}  // namespace fanmill::work
