#pragma once
// Results as they come from the wire, for those who get them by a callback.

#include <fanmill/result.hpp>
#include <fanmill/wire/batch.hpp>

namespace fanmill::detail {

// Calls `on_result` with the public view of a result, and lets through what that throws.
void deliver(const wire::ResultsHeader& header, const wire::ResultView& result, const OnResult& on_result);

// Adds it to where its outcome is counted.
void count(Counts& counts, Outcome outcome);

}  // namespace fanmill::detail
