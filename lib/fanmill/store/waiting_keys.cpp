#include <utility>

#include <fanmill/store/waiting_keys.hpp>

namespace fanmill::store {

WaitingKeys::Page* WaitingKeys::page_of(TaskId id) {
  const std::uint64_t number = id / page_size;
  if (last_ == nullptr || last_number_ != number) {
    const auto found = pages_.find(number);
    if (found == pages_.end()) return nullptr;
    last_ = found->second.get();
    last_number_ = number;
  }
  return last_;
}

void WaitingKeys::add(TaskId id, const Key& key) {
  Page* page = page_of(id);
  if (page == nullptr) {
    std::unique_ptr<Page> fresh = spare_ ? std::move(spare_) : std::make_unique<Page>();
    page = fresh.get();
    pages_.emplace(id / page_size, std::move(fresh));
  }
  const std::size_t at = id % page_size;
  if (!page->there.test(at)) ++page->count;
  page->there.set(at);
  page->keys[at] = key;
}

std::optional<Key> WaitingKeys::take(TaskId id) {
  Page* const page = page_of(id);
  const std::size_t at = id % page_size;
  if (page == nullptr || !page->there.test(at)) return std::nullopt;
  const Key key = page->keys[at];
  page->there.reset(at);
  if (--page->count == 0) {
    const auto emptied = pages_.find(id / page_size);
    spare_ = std::move(emptied->second);
    pages_.erase(emptied);
    last_ = nullptr;
  }
  return key;
}

void WaitingKeys::clear() {
  pages_.clear();
  last_ = nullptr;
}

}  // namespace fanmill::store
