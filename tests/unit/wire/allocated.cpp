#include "allocated.hpp"

#include <cstdlib>
#include <new>

namespace {
std::size_t total = 0;
}  // namespace

void* operator new(std::size_t size) {
  total += size;
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace fanmill::wire::test {

std::size_t allocated() {
  return total;
}

}  // namespace fanmill::wire::test
