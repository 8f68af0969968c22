#pragma once
// A result as a line of a job log, as GNU parallel writes it (--joblog): nine columns with tabs between them.
//
//   Seq         the task's number, from 1
//   Host        the worker's name
//   Starttime   seconds since 1970; JobRuntime: seconds; both 0.000 where they are not known
//   Send        0: nothing is transferred beside the item
//   Receive     bytes of output
//   Exitval     the exit status; 0 with a signal; −1 where there was none, as after a timeout
//   Signal      the signal's number, or 0
//   Command     the command with the item for {}, or after it; on one line, control characters as \n, \x1b

#include <string>
#include <string_view>

#include <fanmill/wire/batch.hpp>

namespace fanmill::store {

// The names of the columns, with a newline.
[[nodiscard]] std::string_view joblog_header();

// Appends the line and a newline. `command` is empty where it is not known.
void append_joblog_line(std::string& line, std::string_view command, const wire::ResultsHeader& header,
                        const wire::ResultView& result);

}  // namespace fanmill::store
