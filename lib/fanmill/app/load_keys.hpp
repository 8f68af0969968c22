#pragma once
// The keys that a command line names, from their files.

#include <fanmill/app/program_settings.hpp>

namespace fanmill::app {

// Gives them to every stage. Throws Error{unavailable} where one cannot be read, or is not what it should be.
void load_keys(ProgramSettings& settings);

}  // namespace fanmill::app
