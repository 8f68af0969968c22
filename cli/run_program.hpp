#pragma once
// fanmill run: the whole pipeline in one process.

#include <fanmill/app/run_main.hpp>

namespace fanmill::app {

// Parses the process's arguments, does the work, and returns the exit status. Throws what run_main catches.
[[nodiscard]] int run_run_program(Process& process);

}  // namespace fanmill::app
