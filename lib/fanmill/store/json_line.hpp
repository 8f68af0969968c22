#pragma once
// A result as one line of JSON.
//
//   id        from 0, in the order of the input
//   outcome   "ok", "failed" or "dead"
//   attempts  how often the task was handed out, from 1
//   exit      the exit status of a command that failed with one
//   signal    the number of the signal that killed it
//   error     what else went wrong, in words
//   worker    its name, and slot, from 1: where it ran
//   started   seconds since 1970; seconds: how long it ran
//   item      the task's payload
//   output    what it wrote, always there; stderr: likewise, where there was any
//   output_dropped, stderr_dropped   bytes over the limits, where there were any
//
// What is not known is left out. What is not UTF-8 stands in base64 under KEY_base64 in place of KEY.

#include <string>

#include <fanmill/wire/batch.hpp>

namespace fanmill::store {

// Appends the object and a newline.
void append_json_line(std::string& line, const wire::ResultsHeader& header, const wire::ResultView& result);

}  // namespace fanmill::store
