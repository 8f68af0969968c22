#include <algorithm>
#include <cassert>
#include <iterator>

#include <fanmill/base/ranges.hpp>

namespace fanmill {

void append_id(std::vector<IdRange>& ranges, TaskId id) {
  assert(id <= max_task_id && (ranges.empty() || id > ranges.back().last));
  append_neighbours(ranges, {id, id});
}

std::uint64_t IdSet::add(IdRange range) {
  assert(range.first <= range.last && range.last <= max_task_id);
  std::uint64_t added = range.count();
  auto next = ranges_.upper_bound(range.first);
  auto home = ranges_.end();
  if (next != ranges_.begin() && std::prev(next)->second + 1 >= range.first) {
    home = std::prev(next);  // overlaps or touches: grows instead of a new node
    if (home->second >= range.first) added -= std::min(home->second, range.last) - range.first + 1;
    home->second = std::max(home->second, range.last);
  } else {
    home = ranges_.emplace_hint(next, range.first, range.last);
  }
  while (next != ranges_.end() && next->first <= range.last + 1) {
    if (next->first <= range.last) added -= std::min(next->second, range.last) - next->first + 1;
    home->second = std::max(home->second, next->second);
    next = ranges_.erase(next);
  }
  size_ += added;
  return added;
}

std::uint64_t IdSet::remove(IdRange range) {
  assert(range.first <= range.last && range.last <= max_task_id);
  std::uint64_t removed = 0;
  auto at = ranges_.upper_bound(range.first);
  if (at != ranges_.begin() && std::prev(at)->second >= range.first) --at;
  while (at != ranges_.end() && at->first <= range.last) {
    const IdRange there{at->first, at->second};
    const IdRange gone{std::max(there.first, range.first), std::min(there.last, range.last)};
    removed += gone.count();
    if (there.first < gone.first) {
      at->second = gone.first - 1;
      ++at;
    } else {
      at = ranges_.erase(at);
    }
    if (there.last > gone.last) ranges_.emplace_hint(at, gone.last + 1, there.last);
  }
  size_ -= removed;
  return removed;
}

bool IdSet::contains(TaskId id) const {
  const auto after = ranges_.upper_bound(id);
  return after != ranges_.begin() && std::prev(after)->second >= id;
}

std::optional<TaskId> IdSet::next_from(TaskId id) const {
  if (contains(id)) return id;
  const auto after = ranges_.upper_bound(id);
  return after == ranges_.end() ? std::nullopt : std::optional(after->first);
}

std::vector<IdRange> IdSet::ranges() const {
  std::vector<IdRange> all;
  all.reserve(ranges_.size());
  for (const auto& [first, last] : ranges_) all.push_back({first, last});
  return all;
}

void IdSet::clear() {
  ranges_.clear();
  size_ = 0;
}

}  // namespace fanmill
