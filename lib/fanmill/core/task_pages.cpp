#include <algorithm>
#include <array>
#include <cassert>

#include <fanmill/core/task_pages.hpp>

namespace fanmill::core {

namespace {
constexpr std::size_t page_bytes = LargePayload::least - 1;
constexpr std::size_t spare_pages = 64;
constexpr std::array<char, 16> nothing{};  // as much as there may be of it between two payloads
// A page with more of them is looked after task by task.
constexpr std::size_t most_stretches = 32;
}  // namespace

// --- a page

std::size_t TaskPages::Page::size_of(std::uint32_t first, std::uint32_t last) const {
  if (even_) {
    const wire::Cut& end = cuts_[last - 1];
    return end.offset + end.size - cuts_[first].offset - between_ * (last - first - 1);
  }
  std::size_t size = 0;
  for (std::uint32_t i = first; i < last; ++i) size += cuts_[i].size;
  return size;
}

std::uint32_t TaskPages::Page::fitting(std::uint32_t first, std::uint32_t last, std::size_t bytes) const {
  if (size_of(first, last) <= bytes) return last - first;
  if (!even_) {
    std::uint32_t count = 0;
    for (; cuts_[first + count].size <= bytes; ++count) bytes -= cuts_[first + count].size;
    return count;
  }
  // The first one that ends beyond it.
  std::uint32_t low = first;
  std::uint32_t high = last;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (size_of(first, middle + 1) <= bytes) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - first;
}

TaskPages::Page::Stretch TaskPages::Page::stretch_at(std::uint32_t index, std::uint32_t last) const {
  if (!tasks_.empty()) {
    std::uint32_t end = index + 1;
    while (end < last && tasks_[end] == tasks_[index]) ++end;
    return {end, tasks_[index]};
  }
  const auto found = std::find_if(stretches_.begin(), stretches_.end(),
                                  [index](const Stretch& stretch) { return stretch.end > index; });
  return {std::min(found->end, last), found->task};
}

void TaskPages::Page::set(std::uint32_t first, std::uint32_t last, const Task& task) {
  if (!tasks_.empty()) {
    std::fill(tasks_.begin() + first, tasks_.begin() + last, task);
    return;
  }
  auto at = std::find_if(stretches_.begin(), stretches_.end(),
                         [first](const Stretch& stretch) { return stretch.end > first; });
  const std::uint32_t begin = at == stretches_.begin() ? 0 : std::prev(at)->end;
  const Stretch before = *at;
  assert(last <= before.end);
  // A stretch that is taken out becomes part of the one behind it.
  if (first > begin) at = std::next(stretches_.insert(at, {first, before.task}));
  *at = {last, task};
  if (last < before.end) at = std::prev(stretches_.insert(std::next(at), before));
  if (std::next(at) != stretches_.end() && std::next(at)->task == task) at = stretches_.erase(at);
  if (at != stretches_.begin() && std::prev(at)->task == task) stretches_.erase(std::prev(at));
  if (stretches_.size() > most_stretches) spread();
}

void TaskPages::Page::add(std::uint32_t count, const Task& task) {
  live_ += count;
  if (!tasks_.empty()) {
    tasks_.resize(cuts_.size(), task);
  } else if (!stretches_.empty() && stretches_.back().task == task) {
    stretches_.back().end += count;
  } else {
    stretches_.push_back({size(), task});
  }
}

void TaskPages::Page::spread() {
  tasks_.reserve(cuts_.size());
  for (const Stretch& stretch : stretches_) tasks_.resize(stretch.end, stretch.task);
  stretches_.clear();
}

void TaskPages::Page::clear() {
  bytes_.resize(0);
  cuts_.clear();
  stretches_.clear();
  tasks_.clear();
  live_ = between_ = 0;
  even_ = true;
}

// --- all of them

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
    Bytes& bytes = filling_->bytes_;
    // As far from what is there as all the others from each other: bytes that mean nothing.
    if (filling_->size() > 0) bytes.append(ByteView(nothing.data(), filling_->between_));
    const std::size_t offset = bytes.size();
    bytes.append({begin, static_cast<std::size_t>(last.data() + last.size() - begin)});
    add_cuts(payloads.first(count), offset, state);
    payloads = payloads.subspan(count);
  }
}

TaskId TaskPages::add(LargePayload payload, Task::State state) {
  const ByteView view = payload.view();
  assert(view.size() <= std::numeric_limits<std::uint32_t>::max() - LargePayload::headroom);
  auto page = std::make_unique<Page>();
  page->bytes_ = std::move(payload).take();
  page->is_large_ = true;
  begin_page(std::move(page));
  add_cuts({&view, 1}, LargePayload::headroom, state);
  return next_id_ - 1;
}

// How many of them the page that is being filled has room for.
std::size_t TaskPages::fitting(std::span<const ByteView> payloads) const {
  if (filling_ == nullptr || filling_->is_large_ || filling_->size() >= page_tasks) return 0;
  const std::size_t most = std::min(payloads.size(), page_tasks - filling_->size());
  const std::size_t taken = filling_->bytes_.size() + filling_->between_;
  const std::size_t room = filling_->bytes_.room();
  const char* const begin = payloads.front().data();
  const auto end_of = [&](std::size_t index) {
    return taken + static_cast<std::size_t>(payloads[index].data() + payloads[index].size() - begin);
  };
  if (end_of(most - 1) <= room) return most;
  std::size_t count = 0;
  while (end_of(count) <= room) ++count;
  return count;
}

// `offset` is where the first of them lies in the page that is being filled.
void TaskPages::add_cuts(std::span<const ByteView> payloads, std::size_t offset, Task::State state) {
  Page& page = *filling_;
  const char* const begin = payloads.front().data();
  std::vector<wire::Cut>& cuts = page.cuts_;
  if (page.size() == 0 && payloads.size() > 1) {
    const auto between = static_cast<std::size_t>(payloads[1].data() - begin) - payloads[0].size();
    page.between_ = std::min(between, nothing.size());
  }
  const auto between = static_cast<std::uint32_t>(page.between_);
  std::uint32_t follows = static_cast<std::uint32_t>(offset);
  bool even = page.even_;
  std::size_t bytes = 0;
  const std::size_t before = cuts.size();
  cuts.resize(before + payloads.size());
  wire::Cut* cut = cuts.data() + before;
  for (const ByteView payload : payloads) {
    cut->offset = static_cast<std::uint32_t>(offset + static_cast<std::size_t>(payload.data() - begin));
    cut->size = static_cast<std::uint32_t>(payload.size());
    even = even && cut->offset == follows;
    follows = cut->offset + cut->size + between;
    bytes += payload.size();
    ++cut;
  }
  page.even_ = even;
  bytes_ += bytes;
  next_id_ += payloads.size();
  Task task;
  task.state = state;
  page.add(static_cast<std::uint32_t>(payloads.size()), task);
}

void TaskPages::begin_page() {
  if (spare_.empty()) {
    auto page = std::make_unique<Page>();
    page->bytes_ = Bytes(page_bytes);
    begin_page(std::move(page));
  } else {
    auto page = std::move(spare_.back());
    spare_.pop_back();
    begin_page(std::move(page));
  }
}

void TaskPages::begin_page(std::unique_ptr<Page> page) {
  Page* const full = filling_;
  page->first_ = next_id_;
  filling_ = page.get();
  pages_.emplace_hint(pages_.end(), next_id_, std::move(page));
  if (full != nullptr && full->live_ == 0) retire(full->first());
}

TaskPages::Page* TaskPages::page_of(TaskId id) {
  if (last_found_ != nullptr && id - last_found_->first() < last_found_->size()) return last_found_;
  auto above = pages_.upper_bound(id);
  if (above == pages_.begin()) return nullptr;
  Page* page = std::prev(above)->second.get();
  if (id - page->first() >= page->size()) return nullptr;
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
  if (spare_.size() < spare_pages && !page->is_large_) {
    page->clear();
    spare_.push_back(std::move(page));
  }
}

}  // namespace fanmill::core
