#include <algorithm>
#include <thread>

#include <sched.h>

#include <fanmill/processors.hpp>

namespace fanmill {

std::size_t usable_processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<std::size_t>(CPU_COUNT(&set));
  // A machine with more processors than the set has room for.
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace fanmill
