#include <algorithm>
#include <chrono>

#include <fanmill/core/patience.hpp>

namespace fanmill::core {

using std::chrono::seconds;

Patience::Verdict Patience::check(bool missing, Time now) {
  if (!missing) {
    since_ = say_ = never;
    return Verdict::wait;
  }
  if (since_ == never) {
    since_ = now;
    say_ = now + seconds(1);
  }
  if (limit_ != Duration::max() && now - since_ >= limit_) return Verdict::give_up;
  if (now < say_) return Verdict::wait;
  say_ = now + seconds(10);
  return Verdict::say;
}

Time Patience::next() const {
  if (since_ == never) return never;
  return limit_ == Duration::max() ? say_ : std::min(say_, since_ + limit_);
}

}  // namespace fanmill::core
