#pragma once
// fanmill export: a results file's last run, as the stream of results that a sink would have written.

#include <fanmill/app/run_main.hpp>

namespace fanmill::app {

// Parses the process's arguments, writes, and returns the exit status. Throws what run_main catches.
[[nodiscard]] int run_export_program(Process& process);

}  // namespace fanmill::app
