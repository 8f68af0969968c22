#pragma once
// fanmill keygen: a pair of CURVE keys in files.

#include <fanmill/app/run_main.hpp>

namespace fanmill::app {

// Parses the process's arguments, writes, and returns the exit status. Throws what run_main catches.
[[nodiscard]] int run_keygen_program(Process& process);

}  // namespace fanmill::app
