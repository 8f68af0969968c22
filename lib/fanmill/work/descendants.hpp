#pragma once
// The processes below this one: its children, theirs, and so on, as /proc/PID/task/TID/children has them
// (proc(5), CONFIG_PROC_CHILDREN).
//
// Allocates nothing, so that a process that was just forked off a threaded one may call it.

#include <cstddef>

namespace fanmill::work {

// Sends a signal to each of them that is there now, the youngest generation first. Returns how many took it;
// those of other users do not.
std::size_t signal_descendants(int signal);

}  // namespace fanmill::work
