#pragma once
// A promise of the protocol that was not kept.

#include <stdexcept>
#include <string>

namespace fanmill::simulation {

struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void violated(const std::string& promise) {
  throw Violation(promise);
}

}  // namespace fanmill::simulation
