#pragma once
// A function that a worker runs in its own process, and what it is given.

#include <functional>
#include <string>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/time.hpp>

namespace fanmill::work {

// How a function meets the executor that calls it.
class FunctionCall {
 public:
  virtual ~FunctionCall() = default;

  // The executor's own memory, to build an output in: empty at the start of each call, and kept between calls
  // so that the next one need not allocate.
  [[nodiscard]] std::string& buffer() { return buffer_; }

  // Waits. Returns false, at once, where the task was abandoned; what the function returns then is not looked
  // at.
  [[nodiscard]] virtual bool pause(Duration duration) = 0;

 protected:
  std::string buffer_;
};

// Returns the output: a view into the payload, into the call's buffer, or of bytes that live on; valid until
// the same executor's next call. Called on several threads at once. An exception makes the task fail with its
// text.
using Function = std::function<ByteView(ByteView payload, FunctionCall& call)>;

}  // namespace fanmill::work
