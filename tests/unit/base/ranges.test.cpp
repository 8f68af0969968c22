#include <algorithm>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include <catch2/catch.hpp>

#include <fanmill/base/ranges.hpp>

using namespace fanmill;

namespace {

// The same set the plain way.
class Model {
 public:
  std::uint64_t add(IdRange range) {
    std::uint64_t added = 0;
    for (TaskId id = range.first; id <= range.last; ++id) added += ids_.insert(id).second ? 1 : 0;
    return added;
  }
  std::uint64_t remove(IdRange range) {
    std::uint64_t removed = 0;
    for (TaskId id = range.first; id <= range.last; ++id) removed += ids_.erase(id);
    return removed;
  }
  [[nodiscard]] bool contains(TaskId id) const { return ids_.contains(id); }
  [[nodiscard]] std::optional<TaskId> next_from(TaskId id) const {
    const auto found = ids_.lower_bound(id);
    return found == ids_.end() ? std::nullopt : std::optional(*found);
  }
  [[nodiscard]] std::size_t size() const { return ids_.size(); }
  [[nodiscard]] std::vector<IdRange> ranges() const {
    std::vector<IdRange> all;
    for (const TaskId id : ids_) append_id(all, id);
    return all;
  }

 private:
  std::set<TaskId> ids_;
};

}  // namespace

namespace Catch {
template <>
struct StringMaker<IdRange> {
  static std::string convert(const IdRange& range) {
    return std::to_string(range.first) + "-" + std::to_string(range.last);
  }
};
}  // namespace Catch

TEST_CASE("ranges: a neighbour makes the last range longer, another id begins a new one") {
  std::vector<IdRange> ranges;
  for (const TaskId id : {3, 4, 5, 7, 9, 10}) append_id(ranges, id);
  CHECK(ranges == std::vector<IdRange>{{3, 5}, {7, 7}, {9, 10}});
}

TEST_CASE("id set: counts what is new and what was there") {
  IdSet set;
  CHECK(set.empty());
  CHECK(set.add(IdRange{10, 19}) == 10);
  CHECK(set.add(IdRange{15, 24}) == 5);
  CHECK_FALSE(set.add(12));
  CHECK(set.add(25));
  CHECK(set.size() == 16);
  CHECK(set.remove(IdRange{0, 11}) == 2);
  CHECK_FALSE(set.remove(11));
  CHECK(set.remove(14));
  CHECK(set.ranges() == std::vector<IdRange>{{12, 13}, {15, 25}});
  set.clear();
  CHECK(set.empty());
  CHECK(set.range_count() == 0);
}

TEST_CASE("id set: neighbours become one range, from either side and between") {
  IdSet set;
  set.add(5);
  set.add(7);
  CHECK(set.range_count() == 2);
  set.add(6);
  CHECK(set.ranges() == std::vector<IdRange>{{5, 7}});
  set.add(4);
  set.add(8);
  CHECK(set.ranges() == std::vector<IdRange>{{4, 8}});
}

TEST_CASE("id set: a range swallows all that it covers") {
  IdSet set;
  for (const TaskId id : {1, 3, 5, 7, 9}) set.add(id);
  CHECK(set.add(IdRange{2, 8}) == 4);
  CHECK(set.ranges() == std::vector<IdRange>{{1, 9}});
}

TEST_CASE("id set: the first and the largest id are like any other") {
  IdSet set;
  CHECK(set.add(IdRange{0, max_task_id}) == max_task_id + 1);
  CHECK(set.contains(0));
  CHECK(set.contains(max_task_id));
  CHECK_FALSE(set.contains(max_task_id + 1));
  CHECK(set.remove(0));
  CHECK(set.remove(max_task_id));
  CHECK(set.ranges() == std::vector<IdRange>{{1, max_task_id - 1}});
}

TEST_CASE("id set: does what a plain set does") {
  constexpr TaskId span = 120;
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const auto below = [&random](std::uint64_t bound) { return random() % bound; };
    IdSet set;
    Model model;
    for (int step = 0; step < 200; ++step) {
      const TaskId first = below(span);
      const IdRange range{first, std::min<TaskId>(first + below(below(3) == 0 ? 30 : 3), span - 1)};
      if (below(5) < 3) {
        REQUIRE(set.add(range) == model.add(range));
      } else {
        REQUIRE(set.remove(range) == model.remove(range));
      }
      REQUIRE(set.size() == model.size());
      REQUIRE(set.ranges() == model.ranges());
      const TaskId probe = below(span);
      REQUIRE(set.contains(probe) == model.contains(probe));
      REQUIRE(set.next_from(probe) == model.next_from(probe));
    }
    REQUIRE(set.range_count() == model.ranges().size());
    REQUIRE(set.empty() == (model.size() == 0));
  }
}
