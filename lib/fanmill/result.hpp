#pragma once
// What has become of a task, for the callback of a Pipeline or a Sink.

#include <cstdint>
#include <functional>
#include <string_view>

#include <fanmill/base/ids.hpp>
#include <fanmill/codec.hpp>

namespace fanmill {

// Views hold during the call.
struct Result {
  std::uint64_t id = 0;           // of the task, as submit() has returned it
  Outcome outcome = Outcome::ok;  // dead: worker processes died of it, three that ran nothing else
  std::string_view output;        // empty where it failed by an exception
  std::uint32_t attempts = 1;     // up to this outcome; a worker's death costs one, too
  std::string_view reason;        // for people; empty where it is ok
  std::string_view worker;        // who ran it; empty where it is dead

  // Whether there is an output to be read.
  [[nodiscard]] bool ok() const { return outcome == Outcome::ok; }

  // The output as a type that <fanmill/codec.hpp> knows. Throws Error{unavailable} where the task is not
  // ok(), with its reason, and where the bytes are no such value.
  template <Readable Value>
  [[nodiscard]] Value as() const {
    require_ok();
    return detail::read_from<Value>("the output", output);
  }

 private:
  void require_ok() const;
};

// Called with each result, on one thread and never twice at the same time; while it runs, further ones wait.
using OnResult = std::function<void(const Result&)>;

// Of the results that have been delivered.
struct Counts {
  std::uint64_t submitted = 0;  // tasks in all
  std::uint64_t ok = 0;         // by outcome
  std::uint64_t failed = 0;
  std::uint64_t dead = 0;
  // Nothing, unless the run was cut short.
  [[nodiscard]] std::uint64_t unfinished() const {
    const std::uint64_t done = ok + failed + dead;
    return done < submitted ? submitted - done : 0;
  }
};

}  // namespace fanmill
