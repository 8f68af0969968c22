#pragma once
// Every signal is as it is in a new process: handled by nobody, and ignored only where the system does.

#include <cstddef>

namespace fanmill::work {

// For a child that runs on its parent's memory while that waits (see Spawner): it must not run anything that
// believes itself to be in a process of its own. System calls alone, past the C library's and the sanitizers'
// versions of them.
#define FANMILL_IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

constexpr std::size_t signal_set_size = 8;  // the kernel's sigset_t

// For all of the process. Handlers live in its memory, and what it ignores its child would.
FANMILL_IN_CHILD void set_signals_to_default();

}  // namespace fanmill::work
