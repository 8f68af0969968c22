#pragma once
// A store that writes a job log (joblog_line.hpp) beside another one: a line for each outcome, in the order
// in which they come.

#include <memory>
#include <string>

#include <fanmill/store/store.hpp>

namespace fanmill::store {

// `file` begins anew. Nothing is safe in `results` before its line is written. `command` is empty where it is
// not known. Throws Error{unavailable} where `file` cannot be opened, and its flush() and finish() where it
// cannot be written. Not for a DurableStore, which would not be known for one any more.
[[nodiscard]] std::unique_ptr<Store> with_job_log(std::unique_ptr<Store> results, const std::string& file,
                                                  const std::string& command);

}  // namespace fanmill::store
