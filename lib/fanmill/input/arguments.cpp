#include <algorithm>
#include <utility>

#include <fanmill/input/arguments.hpp>
#include <fanmill/input/item_limit.hpp>

namespace fanmill::input {

namespace {
// What one read() hands over at most, so that its caller can do something else in between.
constexpr std::size_t items_per_read = 4096;
}  // namespace

Arguments::Arguments(std::vector<std::string> items, std::size_t max_item)
    : items_(std::move(items)), max_item_(max_item) {}

bool Arguments::read(Receiver& receiver) {
  if (next_ == items_.size()) return false;
  const std::size_t end = std::min(items_.size(), next_ + items_per_read);
  for (; next_ < end; ++next_) {
    if (items_[next_].size() > max_item_) throw item_too_long(next_ + 1, "the command line", max_item_);
    receiver.item(items_[next_]);
  }
  return true;
}

}  // namespace fanmill::input
