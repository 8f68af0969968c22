#include <algorithm>
#include <iterator>

#include <fanmill/wire/tasks.hpp>

namespace fanmill::wire {

std::size_t TaskBatch::run_of(std::uint32_t index) const {
  const auto above = std::upper_bound(runs_.begin(), runs_.end(), index,
                                      [](std::uint32_t at, const Run& run) { return at < run.begin; });
  return static_cast<std::size_t>(std::distance(runs_.begin(), above)) - 1;
}

std::vector<IdRange> TaskList::ids() const {
  std::vector<IdRange> ids;
  if (empty()) return ids;
  std::size_t run = batch_->run_of(first_);
  for (std::uint32_t index = first_; index < last_; ++run) {
    const std::uint32_t end = std::min(last_, batch_->end_of(run));
    const TaskId first = batch_->view(run, index).id;
    append_neighbours(ids, {first, first + (end - index) - 1});
    index = end;
  }
  return ids;
}

}  // namespace fanmill::wire
