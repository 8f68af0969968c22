#include <cstring>

#include <fanmill/input/lines.hpp>

namespace fanmill::input {

std::size_t Lines::cut(ByteView bytes, Items& items) {
  if (bytes.empty()) return 0;
  const char* item = bytes.data();
  const char* from = item + searched_;
  const char* const end = item + bytes.size();
  while (const void* const found = std::memchr(from, delimiter_, static_cast<std::size_t>(end - from))) {
    const char* const delimiter = static_cast<const char*>(found);
    from = delimiter + 1;
    if (++lines_ < per_task_) continue;
    lines_ = 0;
    items.add({item, static_cast<std::size_t>(delimiter - item)});
    item = from;
  }
  searched_ = static_cast<std::size_t>(end - item);
  items.check(without_last_delimiter({item, searched_}).size());
  return static_cast<std::size_t>(item - bytes.data());
}

void Lines::end(ByteView rest, Items& items) {
  lines_ = searched_ = 0;
  if (!rest.empty()) items.add(without_last_delimiter(rest));
}

ByteView Lines::without_last_delimiter(ByteView lines) const {
  if (lines.ends_with(delimiter_)) lines.remove_suffix(1);
  return lines;
}

}  // namespace fanmill::input
