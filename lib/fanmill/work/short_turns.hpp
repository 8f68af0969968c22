#pragma once
// For a thread that works for microseconds at a time, and that others wait for while the processors are busy.

namespace fanmill::work {

// Asks for short turns on a processor, so that this thread need not wait for the end of somebody's long one
// when it is woken: Linux 6.12 and later heed that (sched_setattr(2), sched_runtime). What it starts does not
// inherit it. Changes nothing where somebody has chosen another policy, or a nice value below 0, which would
// not be inherited either.
void take_short_turns();

}  // namespace fanmill::work
