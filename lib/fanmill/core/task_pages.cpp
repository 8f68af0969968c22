#include <cassert>

#include <fanmill/core/task_pages.hpp>

namespace fanmill::core {

namespace {
constexpr std::size_t page_bytes = LargePayload::least - 1;
constexpr std::size_t spare_pages = 64;
}  // namespace

TaskId TaskPages::add(LargePayload payload, Task::State state) {
  const std::size_t size = payload.view().size();
  assert(size <= std::numeric_limits<std::uint32_t>::max() - LargePayload::headroom);
  auto page = std::make_unique<Page>();
  page->bytes = std::move(payload).take();
  page->is_large = true;
  begin_page(std::move(page));
  return add_task(LargePayload::headroom, size, state);
}

void TaskPages::begin_page() {
  if (spare_.empty()) {
    auto page = std::make_unique<Page>();
    page->bytes = Bytes(page_bytes);
    begin_page(std::move(page));
  } else {
    auto page = std::move(spare_.back());
    spare_.pop_back();
    begin_page(std::move(page));
  }
}

void TaskPages::begin_page(std::unique_ptr<Page> page) {
  Page* const full = filling_;
  page->first = next_id_;
  filling_ = page.get();
  pages_.emplace_hint(pages_.end(), next_id_, std::move(page));
  if (full != nullptr && full->live == 0) retire(full->first);
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
  if (spare_.size() < spare_pages && !page->is_large) {
    page->bytes.resize(0);
    page->tasks.clear();
    spare_.push_back(std::move(page));
  }
}

}  // namespace fanmill::core
