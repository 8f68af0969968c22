#include <utility>

#include <fanmill/core/line_limit.hpp>

namespace fanmill::core {

std::optional<std::uint64_t> LineLimit::admit(Time now) {
  if (began_ == never || now - began_ >= span_) {
    began_ = now;
    said_ = 0;
  }
  if (said_ >= most_) {
    ++left_out_;
    return std::nullopt;
  }
  ++said_;
  return std::exchange(left_out_, 0);
}

}  // namespace fanmill::core
