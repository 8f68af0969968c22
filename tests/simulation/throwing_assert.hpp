// Stands in for <cassert> in the simulation's copy of core/: an assertion that fails is a finding with a
// seed, and not the end of the process.

#include "violation.hpp"

#undef assert
#define assert(condition) \
  static_cast<void>((condition) || (fanmill::simulation::violated("assertion: " #condition), false))
