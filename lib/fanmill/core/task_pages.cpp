#include <algorithm>
#include <cassert>

#include <fanmill/core/task_pages.hpp>

namespace fanmill::core {

namespace {
constexpr std::size_t copies_room = (std::size_t{64} << 10) - Bytes::overhead;
constexpr std::size_t spare_pages = 8;
// So many pages may keep a block for less than half of it, or a whole one for each of several of its pages:
// those that are read just now, and what is on its way.
constexpr std::size_t young_pages = 16;
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

void TaskPages::Page::add(std::uint32_t count, std::size_t bytes, const Task& task) {
  live_ += count;
  live_bytes_ += bytes;
  if (!tasks_.empty()) {
    tasks_.resize(size_, task);
  } else if (!stretches_.empty() && stretches_.back().task == task) {
    stretches_.back().end += count;
  } else {
    stretches_.push_back({size(), task});
  }
}

void TaskPages::Page::spread() {
  tasks_.reserve(size_);
  for (const Stretch& stretch : stretches_) tasks_.resize(stretch.end, stretch.task);
  stretches_.clear();
}

void TaskPages::Page::clear() {
  block_ = Bytes();
  size_ = 0;
  stretches_.clear();
  tasks_.clear();
  live_ = live_bytes_ = between_ = 0;
  even_ = true;
}

void TaskPages::Page::leave_block() {
  Bytes own(live_bytes_);
  for (std::uint32_t index = 0; index < size();) {
    const Stretch stretch = stretch_at(index, size());
    for (; index < stretch.end; ++index) {
      wire::Cut& cut = cuts_[index];
      if (stretch.task.state == Task::State::done) cut.size = 0;
      const ByteView payload = this->payload(index);
      cut.offset = static_cast<std::uint32_t>(own.size());
      own.append(payload);
    }
  }
  block_ = std::move(own);
  between_ = 0;
  even_ = true;
}

// --- all of them

void TaskPages::add(std::span<const ByteView> payloads, const Bytes& block, Task::State state) {
  while (!payloads.empty()) {
    std::size_t count = fitting(payloads, block);
    if (count == 0) {
      begin_page(block);
      count = std::min(payloads.size(), page_tasks);
    }
    add_cuts(payloads.first(count), state);
    payloads = payloads.subspan(count);
  }
}

void TaskPages::add(ByteView payload, Task::State state) {
  // An empty one, too, has to lie somewhere.
  if (copies_.data() == nullptr || copies_.room() - copies_.size() < payload.size()) {
    copies_ = Bytes(std::max(payload.size(), copies_room));
  }
  const std::size_t at = copies_.size();
  copies_.append(payload);
  const ByteView copy(copies_.data() + at, payload.size());
  add({&copy, 1}, copies_, state);
}

// How many of them can go into the page that is being filled.
std::size_t TaskPages::fitting(std::span<const ByteView> payloads, const Bytes& block) const {
  if (filling_ == nullptr || filling_->block_.data() != block.data()) return 0;
  return std::min(payloads.size(), page_tasks - filling_->size());
}

void TaskPages::add_cuts(std::span<const ByteView> payloads, Task::State state) {
  Page& page = *filling_;
  const char* const base = page.block_.data();
  const auto offset_of = [base](ByteView payload) {
    return static_cast<std::uint32_t>(payload.data() - base);
  };
  const std::uint32_t before = page.size_;
  std::uint32_t follows = offset_of(payloads.front());
  if (before > 0) {
    const wire::Cut& last = page.cuts_[before - 1];
    const std::uint32_t end = last.offset + last.size;
    assert(follows >= end);
    if (before == 1) page.between_ = follows - end;
    follows = end + static_cast<std::uint32_t>(page.between_);
  } else if (payloads.size() > 1) {
    page.between_ = offset_of(payloads[1]) - follows - payloads[0].size();
  }
  const auto between = static_cast<std::uint32_t>(page.between_);
  bool even = page.even_;
  std::size_t bytes = 0;
  page.size_ += static_cast<std::uint32_t>(payloads.size());
  if (page.cuts_.size() < page.size_) page.cuts_.resize(page.size_);
  wire::Cut* cut = page.cuts_.data() + before;
  for (const ByteView payload : payloads) {
    cut->offset = offset_of(payload);
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
  page.add(static_cast<std::uint32_t>(payloads.size()), bytes, task);
}

void TaskPages::begin_page(const Bytes& block) {
  assert(block.room() <= std::numeric_limits<std::uint32_t>::max());
  std::unique_ptr<Page> page;
  if (spare_.empty()) {
    page = std::make_unique<Page>();
  } else {
    page = std::move(spare_.back());
    spare_.pop_back();
  }
  Page* const full = filling_;
  page->first_ = next_id_;
  page->block_ = block.share();
  filling_ = page.get();
  pages_.emplace_hint(pages_.end(), next_id_, std::move(page));
  if (full != nullptr && full->live_ == 0) retire(full->first());
  young_.push_back(filling_->first());
  look_at_old_pages();
}

// Each when it is not young any more, and those that were worth their block then once in a while.
void TaskPages::look_at_old_pages() {
  const auto look_at_first = [this](std::deque<TaskId>& pages) {
    const auto found = pages_.find(pages.front());
    pages.pop_front();
    if (found == pages_.end()) return;
    if (found->second->is_wasteful()) found->second->leave_block();
    old_.push_back(found->first);
  };
  if (young_.size() > young_pages) look_at_first(young_);
  for (int looks = 0; looks < 2 && !old_.empty(); ++looks) look_at_first(old_);
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
  if (spare_.size() < spare_pages) {
    page->clear();
    spare_.push_back(std::move(page));
  }
}

}  // namespace fanmill::core
