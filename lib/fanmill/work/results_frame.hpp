#pragma once
// Results on their way into RESULTS frames: one after the other until a frame is full, or those of another
// lane come.

#include <cassert>
#include <cstdint>
#include <functional>
#include <memory>

#include <fanmill/wire/batch.hpp>
#include <fanmill/wire/limits.hpp>
#include <fanmill/work/runner.hpp>

namespace fanmill::work {

// `records`, for all frames of one builder: each output is one record, as wire::ResultsHeader says.
enum class OutputForm : std::uint8_t { stream, records };

class ResultsFrame {
 public:
  explicit ResultsFrame(OutputForm form) : form_(form) {}

  [[nodiscard]] bool empty() const { return writer_.count() == 0; }
  [[nodiscard]] const std::shared_ptr<const RunContext>& context() const { return context_; }
  // Whether the frame should be taken before another result is added.
  [[nodiscard]] bool full() const {
    return writer_.count() >= wire::batch_tasks || (writer_.bytes() >= wire::batch_bytes && !empty());
  }

  // A frame holds results of one context: take() before that changes.
  void add(const std::shared_ptr<const RunContext>& context, const wire::ResultView& result) {
    open(context);
    writer_.add(result);
  }
  // One that is ok, and of which there is no more to say.
  void add(const std::shared_ptr<const RunContext>& context, TaskId id, std::uint32_t attempt,
           ByteView output) {
    open(context);
    writer_.add(id, attempt, output);
  }
  // The same, of an output that may be a part of the task's payload, which lies where lend_from() has said,
  // and is then not copied where there is much of it.
  [[gnu::always_inline]] void add(const std::shared_ptr<const RunContext>& context, TaskId id,
                                  std::uint32_t attempt, ByteView output, ByteView payload) {
    open(context);
    if (is_part(output, payload)) {
      writer_.lend(id, attempt, output);
    } else {
      writer_.add(id, attempt, output);
    }
  }
  void lend_from(const std::shared_ptr<const void>& owner, const char* memory) {
    writer_.lend_from(owner, memory);
  }
  void hold() { writer_.hold(); }
  // Hands over what is there, at least one result; empty afterwards.
  [[nodiscard]] FinishedFrame take();

 private:
  static bool is_part(ByteView part, ByteView whole) {
    const std::less_equal<> is_before;  // of pointers that need not be into the same memory
    return is_before(whole.data(), part.data()) &&
           is_before(part.data() + part.size(), whole.data() + whole.size());
  }
  void open(const std::shared_ptr<const RunContext>& context) {
    if (empty()) begin(context);
    assert(context_ == context);
  }
  void begin(const std::shared_ptr<const RunContext>& context);

  OutputForm form_;
  std::shared_ptr<const RunContext> context_;
  wire::ResultsWriter writer_;
};

}  // namespace fanmill::work
