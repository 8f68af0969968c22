#include <algorithm>
#include <bit>
#include <cassert>
#include <limits>
#include <memory>

#include <sys/mman.h>

#include <fanmill/store/key_index.hpp>

namespace fanmill::store {

namespace {

constexpr unsigned use_shift = 63;
constexpr std::uint64_t taken = std::uint64_t{1} << 62;
constexpr unsigned outcome_shift = 60;
constexpr std::uint64_t row_mask = (std::uint64_t{1} << outcome_shift) - 1;
constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
// Keys lie all over the table: the memory for one is fetched while so many before it are looked at.
constexpr std::size_t ahead = 16;

// Memory for `count` in large pages: the first touch of each small one costs as much as a hundred keys, and
// keys are looked for all over the place. Where the system has none, nothing is lost.
template <class T>
void reserve(std::vector<T>& values, std::size_t count) {
  std::vector<T> larger;
  larger.reserve(count);
  constexpr std::size_t page = 4096;
  void* from = larger.data();
  std::size_t size = larger.capacity() * sizeof(T);
  if (std::align(page, page, from, size) != nullptr) ::madvise(from, size / page * page, MADV_HUGEPAGE);
  larger.assign(values.begin(), values.end());
  values.swap(larger);
}

}  // namespace

void KeyIndex::expect(std::size_t more) {
  // Not a little more each time, which would be a copy each time.
  const std::size_t count = entries_.size() + more;
  if (count > entries_.capacity()) reserve(entries_, std::max(count, entries_.capacity() / 2 * 3));
}

void KeyIndex::add(const Key& key, Use use, Found found) {
  assert(found.row <= row_mask);
  assert(entries_.empty() || found.row > (entries_.back().what & row_mask));
  entries_.push_back({key, static_cast<std::uint64_t>(use) << use_shift |
                               static_cast<std::uint64_t>(found.outcome) << outcome_shift | found.row});
  if (use == Use::replace) ++replaced_;
}

bool KeyIndex::is(const Entry& entry, const Key& key, Use use) const {
  return entry.key == key && entry.what >> use_shift == static_cast<std::uint64_t>(use);
}

// Where it is, or would be.
std::size_t KeyIndex::slot_of(const Key& key, Use use) const {
  std::size_t slot = key.high >> shift_;
  while (slots_[slot] != none && !is(entries_[slots_[slot]], key, use))
    slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

void KeyIndex::rebuild() {
  const std::size_t count = std::bit_ceil(std::max<std::size_t>(entries_.size() + entries_.size() / 2, 2));
  shift_ = 64 - static_cast<unsigned>(std::countr_zero(count));
  next_.clear();
  slots_.clear();
  if (count > slots_.capacity()) reserve(slots_, count);
  slots_.assign(count, none);
  // From the youngest to the oldest, which is the one in the table at the end.
  for (std::size_t at = entries_.size(); at-- > 0;) {
    if (at >= ahead) __builtin_prefetch(slots_.data() + (entries_[at - ahead].key.high >> shift_));
    Position& slot = slots_[slot_of(entries_[at].key, static_cast<Use>(entries_[at].what >> use_shift))];
    if (slot != none) {
      next_.resize(entries_.size(), none);
      next_[at] = slot;
    }
    slot = static_cast<Position>(at);
  }
}

void KeyIndex::seal() {
  assert(entries_.size() < none);
  following_ = 0;
  in_order_ = false;
  bool repeats = !next_.empty() || entries_.size() + entries_.size() / 2 > slots_.size();
  for (std::size_t at = sealed_; at < entries_.size() && !repeats; ++at) {
    if (at + ahead < entries_.size()) {
      __builtin_prefetch(slots_.data() + (entries_[at + ahead].key.high >> shift_));
    }
    Position& slot = slots_[slot_of(entries_[at].key, static_cast<Use>(entries_[at].what >> use_shift))];
    repeats = slot != none;
    if (!repeats) slot = static_cast<Position>(at);
  }
  if (repeats) rebuild();
  sealed_ = entries_.size();
}

std::optional<KeyIndex::Found> KeyIndex::take(const Key& key, Use use) {
  // Each result that comes is asked for one to replace, and mostly there is none at all.
  if (sealed_ == 0 || (use == Use::replace && replaced_ == 0)) return std::nullopt;
  std::size_t at = following_;
  in_order_ = at < sealed_ && is(entries_[at], key, use) && (entries_[at].what & taken) == 0;
  if (!in_order_) {
    Position& slot = slots_[slot_of(key, use)];
    while (slot != none && (entries_[slot].what & taken) != 0 && !next_.empty() && next_[slot] != none) {
      slot = next_[slot];
    }
    if (slot == none || (entries_[slot].what & taken) != 0) return std::nullopt;
    at = slot;
  }
  following_ = at + 1;
  entries_[at].what |= taken;
  return Found{entries_[at].what & row_mask, static_cast<Outcome>(entries_[at].what >> outcome_shift & 3)};
}

void KeyIndex::prepare(const Key& key) const {
  if (!in_order_ && !slots_.empty()) __builtin_prefetch(slots_.data() + (key.high >> shift_));
}

void KeyIndex::release() {
  const auto is_replaced = [](const Entry& entry) {
    return (entry.what & taken) != 0 && static_cast<Use>(entry.what >> use_shift) == Use::replace;
  };
  const std::size_t gone = replaced_ == 0 ? 0 : std::erase_if(entries_, is_replaced);
  replaced_ -= gone;
  const bool has_moved = gone > 0;
  for (Entry& entry : entries_) entry.what &= ~taken;
  // What is in the table may be younger than some that can be taken again.
  if (has_moved || !next_.empty()) {
    slots_.clear();
    sealed_ = 0;
  }
}

}  // namespace fanmill::store
