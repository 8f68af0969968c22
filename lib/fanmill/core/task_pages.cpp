#include <cassert>
#include <limits>

#include <fanmill/core/task_pages.hpp>

namespace fanmill::core {

namespace {
constexpr std::size_t page_bytes = std::size_t{64} << 10;
constexpr std::size_t page_tasks = 2048;
constexpr std::size_t spare_pages = 64;
}  // namespace

TaskPages::Page& TaskPages::page_for(std::size_t size) {
  if (filling_ != nullptr && filling_->tasks.size() < page_tasks &&
      (filling_->tasks.empty() || filling_->bytes.size() + size <= page_bytes)) {
    return *filling_;
  }
  Page* full = filling_;
  std::unique_ptr<Page> page;
  if (spare_.empty()) {
    page = std::make_unique<Page>();
  } else {
    page = std::move(spare_.back());
    spare_.pop_back();
  }
  page->first = next_id_;
  filling_ = page.get();
  pages_.emplace_hint(pages_.end(), next_id_, std::move(page));
  if (full != nullptr && full->live == 0) retire(full->first);
  return *filling_;
}

TaskId TaskPages::add(ByteView payload, Task::State state) {
  assert(payload.size() <= std::numeric_limits<std::uint32_t>::max());
  Page& page = page_for(payload.size());
  Task& task = page.tasks.emplace_back();
  task.offset = static_cast<std::uint32_t>(page.bytes.size());
  task.size = static_cast<std::uint32_t>(payload.size());
  task.state = state;
  page.bytes.append(payload);
  ++page.live;
  bytes_ += payload.size();
  return next_id_++;
}

TaskPages::Page* TaskPages::page_of(TaskId id) {
  if (last_found_ != nullptr && id - last_found_->first < last_found_->tasks.size()) return last_found_;
  auto above = pages_.upper_bound(id);
  if (above == pages_.begin()) return nullptr;
  Page* page = std::prev(above)->second.get();
  if (id - page->first >= page->tasks.size()) return nullptr;
  last_found_ = page;
  return page;
}

TaskId TaskPages::next_held(TaskId id) const {
  const auto above = pages_.upper_bound(id);
  if (above != pages_.begin() && id < std::prev(above)->second->end()) return id;
  return above == pages_.end() ? next_id_ : above->first;
}

void TaskPages::retire(TaskId first) {
  const auto found = pages_.find(first);
  assert(found != pages_.end());
  std::unique_ptr<Page> page = std::move(found->second);
  pages_.erase(found);
  if (last_found_ == page.get()) last_found_ = nullptr;
  // A page that held one large item would keep its block for ever.
  if (spare_.size() < spare_pages && page->bytes.capacity() <= 2 * page_bytes) {
    page->bytes.clear();
    page->tasks.clear();
    spare_.push_back(std::move(page));
  }
}

}  // namespace fanmill::core
