#pragma once
// What a child finds in its environment: ours, and FANMILL_RUN (16 hexadecimal digits), FANMILL_SLOT (from 1)
// and, where it is there for one task, FANMILL_TASK_ID and FANMILL_ATTEMPT (both from 0, as in results).

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fanmill/base/ids.hpp>

namespace fanmill::work {

class Environment {
 public:
  // Copies the environment as it is now.
  Environment();

  // As execve(2) wants it; valid until the next call.
  [[nodiscard]] char** of_task(RunId run, TaskId task, std::uint32_t attempt, std::uint32_t slot);
  [[nodiscard]] char** of_slot(RunId run, std::uint32_t slot);

 private:
  [[nodiscard]] char** with_own(RunId run, std::uint32_t slot, std::size_t count);

  std::vector<std::string> inherited_;
  std::array<std::string, 4> own_;
  std::vector<char*> pointers_;
};

}  // namespace fanmill::work
