#pragma once
// Sets of task ids that are mostly runs of neighbours: what a worker holds, what the sink has, what an ACK
// says.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <fanmill/base/ids.hpp>

namespace fanmill {

// first … last, both included; first ≤ last.
struct IdRange {
  TaskId first = 0;
  TaskId last = 0;
  [[nodiscard]] std::uint64_t count() const { return last - first + 1; }
  friend bool operator==(const IdRange&, const IdRange&) = default;
};

// Appends `id` to ascending, disjoint `ranges`; an id that follows the last one costs no new range. `id` must
// be larger than all that are there.
void append_id(std::vector<IdRange>& ranges, TaskId id);

// Appends a range in whatever order they come; one that follows the last one makes that longer.
inline void append_neighbours(std::vector<IdRange>& ranges, IdRange ids) {
  if (!ranges.empty() && ranges.back().last + 1 == ids.first) {
    ranges.back().last = ids.last;
  } else {
    ranges.push_back(ids);
  }
}

// A set of ids; memory grows with the number of gaps, not of ids.
class IdSet {
 public:
  // Returns how many of the range were new.
  std::uint64_t add(IdRange range);
  bool add(TaskId id) { return add(IdRange{id, id}) == 1; }
  // Returns how many of the range were there.
  std::uint64_t remove(IdRange range);
  bool remove(TaskId id) { return remove(IdRange{id, id}) == 1; }

  [[nodiscard]] bool contains(TaskId id) const;
  // The smallest id of the set that is at least `id`.
  [[nodiscard]] std::optional<TaskId> next_from(TaskId id) const;
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t range_count() const { return ranges_.size(); }
  // Ascending, disjoint and never adjacent.
  [[nodiscard]] std::vector<IdRange> ranges() const;
  void clear();

 private:
  std::map<TaskId, TaskId> ranges_;  // first → last
  std::uint64_t size_ = 0;
};

}  // namespace fanmill
