#pragma once
// fanmill status: how a run is going.

#include <fanmill/app/run_main.hpp>

namespace fanmill::app {

[[nodiscard]] int run_status_program(Process& process);

}  // namespace fanmill::app
