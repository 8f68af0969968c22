#pragma once
// What went wrong with a task, where a number does not say it.

#include <string_view>

#include <fanmill/wire/batch.hpp>

namespace fanmill::store {

// Empty for a task that is ok, and for an exit status or a signal alone.
[[nodiscard]] inline ByteView words_for(const wire::Detail& detail) {
  if (!detail.error.empty()) return detail.error;
  if (detail.cause == wire::Cause::timeout) return "timed out";
  if (detail.cause == wire::Cause::lost) return "the workers that ran it died";
  return {};
}

}  // namespace fanmill::store
