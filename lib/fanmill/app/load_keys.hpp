#pragma once
// The keys that a command line names, from their files.

#include <fanmill/app/program_settings.hpp>

namespace fanmill::app {

// From here on nobody but root reads this process's memory, and it leaves no core dump: libzmq keeps copies
// of keys where no madvise(2) of ours reaches them. What it executes is free of that.
void keep_memory_to_ourselves();

// Gives them to every stage, in a process that keeps its memory to itself. Throws Error{unavailable} where
// one cannot be read, or is not what it should be.
void load_keys(ProgramSettings& settings);

}  // namespace fanmill::app
