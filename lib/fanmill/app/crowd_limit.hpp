#pragma once
// What a program does where more connections come than it has descriptors for: it closes the newest at once.
//
// libzmq accepts until there are none left; then an ipc listener ends the process, a tcp listener spins, and
// files that have to be opened cannot be. So accept4(2), which libzmq calls, is ours in a program
// (docs/decisions/0023): it keeps the last few descriptors back, and never says EMFILE. A program that embeds
// the library has the system's.

#include <cstddef>

namespace fanmill::app {

// From here on no accepted connection has one of the last descriptors below `descriptors`, the limit: 32, or
// a sixteenth. Once, before there are threads.
void limit_crowd(std::size_t descriptors);

}  // namespace fanmill::app
