#include "allocated.hpp"

#include <cstdlib>
#include <new>

namespace {

std::size_t total = 0;

[[nodiscard]] void* counted(std::size_t size) noexcept {
  total += size;
  return std::malloc(size);
}

}  // namespace

// All forms, or a sanitizer's own would allocate what is freed here.
void* operator new(std::size_t size) {
  if (void* const memory = counted(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}
void* operator new[](std::size_t size) {
  return operator new(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace fanmill::wire::test {

std::size_t allocated() {
  return total;
}

}  // namespace fanmill::wire::test
