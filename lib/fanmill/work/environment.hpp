#pragma once
// What a child finds in its environment: ours, and FANMILL_TASK_ID, FANMILL_ATTEMPT (both from 0, as in
// results), FANMILL_SLOT (from 1) and FANMILL_RUN (16 hexadecimal digits).

#include <array>
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

 private:
  std::vector<std::string> inherited_;
  std::array<std::string, 4> own_;
  std::vector<char*> pointers_;
};

}  // namespace fanmill::work
