#pragma once
// All stages in this process: `fanmill run`, and a ventilator on inproc.

#include <fanmill/app/program_settings.hpp>
#include <fanmill/app/run_main.hpp>

namespace fanmill::app {

// Opens input and output, runs the pipeline, reports, and returns the exit status. Throws what run_main
// catches.
[[nodiscard]] int run_hosted(const Process& process, ProgramSettings settings);

}  // namespace fanmill::app
