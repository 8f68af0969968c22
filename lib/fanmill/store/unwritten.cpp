#include <fanmill/store/unwritten.hpp>

namespace fanmill::store {

namespace {
constexpr std::uint64_t group_bytes = 32 << 10;

std::vector<IdRange>& of(SafeIds& safe, Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
      return safe.ok;
    case Outcome::failed:
      return safe.failed;
    case Outcome::dead:
      break;
  }
  return safe.dead;
}
}  // namespace

void append_safe(SafeIds& safe, Outcome outcome, IdRange ids) {
  append_neighbours(of(safe, outcome), ids);
}

void move_safe(SafeIds& from, SafeIds& safe) {
  for (const Outcome outcome : {Outcome::ok, Outcome::failed, Outcome::dead}) {
    for (const IdRange& ids : of(from, outcome)) append_safe(safe, outcome, ids);
    of(from, outcome).clear();
  }
}

void Unwritten::add(IdRange ids, Outcome outcome, Ends ends) {
  if (first_ < groups_.size()) {
    Group& last = groups_.back();
    if (last.outcome == outcome && last.ids.last + 1 == ids.first &&
        ends.output - last.begin <= group_bytes) {
      last.ids.last = ids.last;
      last.ends = ends;
      return;
    }
  }
  // A result's own bytes begin somewhere before; counting from its end only makes the group a little longer.
  groups_.push_back({ids, outcome, ends.output, ends});
}

void Unwritten::take(Ends written, SafeIds& safe) {
  for (; first_ < groups_.size(); ++first_) {
    const Group& group = groups_[first_];
    if (group.ends.output > written.output || group.ends.errors > written.errors) break;
    append_safe(safe, group.outcome, group.ids);
  }
  if (first_ > groups_.size() / 2) {
    groups_.erase(groups_.begin(), groups_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

}  // namespace fanmill::store
