#pragma once
// fanmill audit: whether what a results file says of its last run adds up.

#include <fanmill/app/run_main.hpp>

namespace fanmill::app {

// Prints the statement, and a line for each thing that does not hold; returns 0, or 1 where there is one.
// Throws what run_main catches.
[[nodiscard]] int run_audit_program(Process& process);

}  // namespace fanmill::app
