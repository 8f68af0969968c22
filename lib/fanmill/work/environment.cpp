#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

#include <fanmill/work/environment.hpp>

namespace fanmill::work {

namespace {
constexpr std::array<std::string_view, 4> own_names{
    "FANMILL_RUN=", "FANMILL_SLOT=", "FANMILL_TASK_ID=", "FANMILL_ATTEMPT="};
}  // namespace

Environment::Environment() {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const bool is_own = std::any_of(own_names.begin(), own_names.end(),
                                    [text](std::string_view name) { return text.starts_with(name); });
    if (!is_own) inherited_.emplace_back(text);
  }
}

char** Environment::of_task(RunId run, TaskId task, std::uint32_t attempt, std::uint32_t slot) {
  own_[2] = fmt::format("{}{}", own_names[2], task);
  own_[3] = fmt::format("{}{}", own_names[3], attempt);
  return with_own(run, slot, 4);
}

char** Environment::of_slot(RunId run, std::uint32_t slot) {
  return with_own(run, slot, 2);
}

char** Environment::with_own(RunId run, std::uint32_t slot, std::size_t count) {
  own_[0] = fmt::format("{}{:016x}", own_names[0], static_cast<std::uint64_t>(run));
  own_[1] = fmt::format("{}{}", own_names[1], slot);
  pointers_.clear();
  for (std::string& entry : inherited_) pointers_.push_back(entry.data());
  for (std::size_t i = 0; i < count; ++i) pointers_.push_back(own_[i].data());
  pointers_.push_back(nullptr);
  return pointers_.data();
}

}  // namespace fanmill::work
