#pragma once
// A program and its arguments where a keeper's process sees them: in memory that both share, at the same
// address in both; and when the keeper has begun with it, if it has.

#include <cstddef>
#include <cstdint>
#include <optional>

#include <fanmill/base/time.hpp>
#include <fanmill/work/spawner.hpp>

namespace fanmill::work {

class SharedProgram {
 public:
  struct Beginning {
    Time time{};
    std::uint64_t at = 0;  // µs since 1970
  };

  // Throws Error where there is no memory.
  SharedProgram();
  SharedProgram(SharedProgram&& other) noexcept;
  SharedProgram& operator=(SharedProgram&&) = delete;
  ~SharedProgram();

  // Copies a program's file, arguments and environment; nobody has begun with it. False if they are more
  // than execve(2) takes.
  [[nodiscard]] bool put(const Program& program);
  // What was put last, with its descriptors missing.
  [[nodiscard]] Program get() const;

  // The keeper's, before it starts the program, and where it could not.
  void begin() const;
  void fail_to_begin() const;
  // None: nothing of it has run.
  [[nodiscard]] std::optional<Beginning> begun() const;

 private:
  char* memory_ = nullptr;
  std::size_t capacity_ = 0;
};

}  // namespace fanmill::work
