#include <algorithm>

#include <fanmill/core/backoff.hpp>

namespace fanmill::core {

void Backoff::start(Time now) {
  due_ = now;
  wait_ = first_;
}

bool Backoff::due(Time now) {
  if (now < due_) return false;
  due_ = now + wait_;
  wait_ = std::min(wait_ * 2, most_);
  return true;
}

}  // namespace fanmill::core
