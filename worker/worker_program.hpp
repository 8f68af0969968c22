#pragma once
// fanmill-worker, which `fanmill worker` is too.

#include <fanmill/app/run_main.hpp>
#include <fanmill/work/function.hpp>

namespace fanmill::app {

// Parses the process's arguments, does the work, and returns the exit status. Throws what run_main catches.
[[nodiscard]] int run_worker_program(Process& process);
// The same with a function of the caller in place of the one that --function names; `nullptr`: that one.
[[nodiscard]] int run_worker_with(Process& process, work::Function own);

}  // namespace fanmill::app
