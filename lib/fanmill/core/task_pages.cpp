#include <cassert>

#include <fanmill/core/task_pages.hpp>

namespace fanmill::core {

namespace {
constexpr std::size_t page_bytes = LargePayload::least - 1;
constexpr std::size_t spare_pages = 64;
}  // namespace

void TaskPages::add(std::span<const ByteView> payloads, Task::State state) {
  while (!payloads.empty()) {
    std::size_t count = fitting(payloads);
    if (count == 0) {
      begin_page();
      count = fitting(payloads);
      assert(count > 0);
    }
    const ByteView last = payloads[count - 1];
    const char* const begin = payloads.front().data();
    const std::size_t offset = filling_->bytes.size();
    filling_->bytes.append({begin, static_cast<std::size_t>(last.data() + last.size() - begin)});
    add_tasks(payloads.first(count), offset, state);
    payloads = payloads.subspan(count);
  }
}

TaskId TaskPages::add(LargePayload payload, Task::State state) {
  const ByteView view = payload.view();
  assert(view.size() <= std::numeric_limits<std::uint32_t>::max() - LargePayload::headroom);
  auto page = std::make_unique<Page>();
  page->bytes = std::move(payload).take();
  page->is_large = true;
  begin_page(std::move(page));
  add_tasks({&view, 1}, LargePayload::headroom, state);
  return next_id_ - 1;
}

// How many of them the page that is being filled has room for.
std::size_t TaskPages::fitting(std::span<const ByteView> payloads) const {
  if (filling_ == nullptr || filling_->tasks.size() >= page_tasks) return 0;
  const std::size_t most = std::min(payloads.size(), page_tasks - filling_->tasks.size());
  const std::size_t room = filling_->bytes.room() - filling_->bytes.size();
  const char* const begin = payloads.front().data();
  const auto end_of = [&](std::size_t index) {
    return static_cast<std::size_t>(payloads[index].data() + payloads[index].size() - begin);
  };
  if (end_of(most - 1) <= room) return most;
  std::size_t count = 0;
  while (end_of(count) <= room) ++count;
  return count;
}

// `offset` is where the first of them lies in the page that is being filled.
void TaskPages::add_tasks(std::span<const ByteView> payloads, std::size_t offset, Task::State state) {
  const char* const begin = payloads.front().data();
  std::vector<Task>& tasks = filling_->tasks;
  tasks.resize(tasks.size() + payloads.size());
  Task* task = tasks.data() + (tasks.size() - payloads.size());
  std::size_t bytes = 0;
  for (const ByteView payload : payloads) {
    task->offset = static_cast<std::uint32_t>(offset + static_cast<std::size_t>(payload.data() - begin));
    task->size = static_cast<std::uint32_t>(payload.size());
    task->state = state;
    bytes += payload.size();
    ++task;
  }
  bytes_ += bytes;
  filling_->live += payloads.size();
  next_id_ += payloads.size();
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
