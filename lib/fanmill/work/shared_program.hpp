#pragma once
// A program and its arguments where a keeper's process sees them: in memory that both share, at the same
// address in both.

#include <cstddef>

#include <fanmill/work/spawner.hpp>

namespace fanmill::work {

class SharedProgram {
 public:
  // Throws Error where there is no memory.
  SharedProgram();
  ~SharedProgram();
  SharedProgram(const SharedProgram&) = delete;
  SharedProgram& operator=(const SharedProgram&) = delete;

  // Copies a program's file, arguments and environment. False if they are more than execve(2) takes.
  [[nodiscard]] bool put(const Program& program);
  // What was put last, with its descriptors missing.
  [[nodiscard]] Program get() const;

 private:
  char* memory_ = nullptr;
};

}  // namespace fanmill::work
