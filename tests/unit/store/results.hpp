#pragma once
// Results as the tests of the stores need them.

#include <string>
#include <vector>

#include <fanmill/store/store.hpp>
#include <fanmill/wire/batch.hpp>

namespace fanmill::store {

inline const wire::ResultsHeader of_commands{RunId{1}, LaneToken{2}, "host:1", false};
inline const wire::ResultsHeader of_functions{RunId{1}, LaneToken{2}, "host:1", true};

inline wire::ResultView ok(TaskId id, ByteView output) {
  wire::ResultView result;
  result.id = id;
  result.output = output;
  return result;
}

inline wire::ResultView with_stderr(TaskId id, ByteView output, ByteView stderr_text) {
  wire::ResultView result = ok(id, output);
  result.detail.emplace().stderr_text = stderr_text;
  return result;
}

inline wire::ResultView failed(TaskId id, wire::Cause cause, std::uint32_t code, ByteView output = {}) {
  wire::ResultView result = ok(id, output);
  result.outcome = Outcome::failed;
  result.detail.emplace().cause = cause;
  result.detail->code = code;
  return result;
}

inline wire::ResultView dead(TaskId id) {
  wire::ResultView result = failed(id, wire::Cause::lost, 0);
  result.outcome = Outcome::dead;
  return result;
}

inline SafeIds taken(Store& store) {
  SafeIds safe;
  store.take_safe(safe);
  return safe;
}

using Ranges = std::vector<IdRange>;

}  // namespace fanmill::store
