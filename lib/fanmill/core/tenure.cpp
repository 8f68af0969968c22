#include <algorithm>

#include <fanmill/core/tenure.hpp>

namespace fanmill::core {

namespace {
Time after(Duration wait, Time now) {
  return wait >= never - now ? never : now + wait;
}
}  // namespace

Tenure::Tenure(const Settings& settings, Time now)
    : settings_(settings), left_(settings.max_tasks), end_(after(settings.lifetime, now)) {
  look(false, now);
}

void Tenure::look(bool has_tasks, Time now) {
  if (has_tasks) {
    idle_end_ = never;
  } else if (idle_end_ == never) {
    idle_end_ = after(settings_.idle_timeout, now);
  }
}

std::string Tenure::over(Time now) const {
  if (left_ == 0) return "it has begun all of its --max-tasks";
  if (end_ != never && now >= end_) return "its --lifetime is over";
  if (idle_end_ != never && now >= idle_end_) return "no task came within its --idle-timeout";
  return "";
}

Time Tenure::next() const {
  return std::min(end_, idle_end_);
}

}  // namespace fanmill::core
