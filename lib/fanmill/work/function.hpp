#pragma once
// A function that a worker runs in its own process, and what it is given.

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/time.hpp>

namespace fanmill::work {

// How a function meets the executor that calls it.
class FunctionCall {
 public:
  // `slot`: counted from 1; calls of one slot come one after the other.
  explicit FunctionCall(std::uint32_t slot) : slot_(slot) {}
  virtual ~FunctionCall() = default;

  // Who runs what.
  [[nodiscard]] std::uint32_t slot() const { return slot_; }
  [[nodiscard]] TaskId id() const { return id_; }
  [[nodiscard]] std::uint32_t attempt() const { return attempt_; }  // from 0

  // The executor's own memory, to build an output in: empty at the start of each call, and kept between calls
  // so that the next one need not allocate.
  [[nodiscard]] std::string& buffer() { return buffer_; }

  // Waits. Returns false, at once, where the task was abandoned or has taken too long; what the function
  // returns then is not looked at.
  [[nodiscard]] virtual bool pause(Duration duration) = 0;

  // Requested then, too; its callbacks run on the loop's thread. The same one from call to call, until it has
  // been requested.
  [[nodiscard]] const std::stop_source& stop() const { return stop_; }

 protected:
  std::string buffer_;
  std::stop_source stop_;
  TaskId id_ = 0;
  std::uint32_t attempt_ = 0;

 private:
  const std::uint32_t slot_;
};

// Returns the output: a view into the payload, into the call's buffer, or of bytes that live on; valid until
// the same executor's next call. Called on several threads at once. An exception makes the task fail with its
// text.
using Function = std::function<ByteView(ByteView payload, FunctionCall& call)>;

// What a function asks of the executors that call it.
struct FunctionCare {
  // Called on a slot's executor before its first call and after its last one; then all calls of a slot are on
  // that thread. What the first one throws keeps the runner from being made, and the second must not throw.
  std::function<void(std::uint32_t slot)> begin = nullptr;
  std::function<void(std::uint32_t slot)> end = nullptr;
  // A call that takes longer has failed. It cannot be ended, and so the runner is of no use any more; unless
  std::optional<Duration> timeout{};
  // this is said: the function will return in the end, and its executor go on.
  bool returns = false;
};

}  // namespace fanmill::work
