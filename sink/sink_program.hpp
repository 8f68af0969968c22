#pragma once
// fanmill-sink, which `fanmill sink` is too.

#include <fanmill/app/run_main.hpp>

namespace fanmill::app {

// Parses the process's arguments, does the work, and returns the exit status. Throws what run_main catches.
[[nodiscard]] int run_sink_program(Process& process);

}  // namespace fanmill::app
