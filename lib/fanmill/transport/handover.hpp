#pragma once
// A message goes from thread to thread inside libzmq, which as packaged is not built for ThreadSanitizer:
// what orders the writing before the reading is not seen there. Here it is said, for these bytes and no
// others. Outside of such a build it is nothing.

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace fanmill::transport {

// By the thread that gives the bytes away, before it does.
inline void give_away([[maybe_unused]] void* bytes) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(bytes);
#endif
}

// By the thread that has been given them, before it looks.
inline void take_over([[maybe_unused]] void* bytes) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(bytes);
#endif
}

}  // namespace fanmill::transport
