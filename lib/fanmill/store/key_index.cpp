#include <algorithm>
#include <bit>
#include <cassert>
#include <limits>
#include <memory>
#include <tuple>

#include <sys/mman.h>

#include <fanmill/store/key_index.hpp>

namespace fanmill::store {

namespace {

constexpr unsigned use_shift = 63;
constexpr std::uint64_t not_taken = std::uint64_t{1} << 62;
constexpr unsigned outcome_shift = 60;
constexpr std::uint64_t row_mask = (std::uint64_t{1} << outcome_shift) - 1;

}  // namespace

// Keys are hashes: half of one tells nearly any two apart.
inline bool KeyIndex::Before::operator()(const Entry& a, const Entry& b) const {
  if (a.key.high != b.key.high) return a.key.high < b.key.high;
  const auto order = [](const Entry& entry) {
    return std::tuple(entry.key, entry.what >> use_shift, entry.what & row_mask);
  };
  return order(a) < order(b);
}

void KeyIndex::expect(std::size_t more) {
  entries_.reserve(entries_.size() + more);
  // In large pages: the first touch of each small one costs as much as a hundred keys, and keys are looked
  // for all over the place. Where the system has none, nothing is lost.
  constexpr std::size_t page = 4096;
  void* from = entries_.data();
  std::size_t size = entries_.capacity() * sizeof(Entry);
  if (std::align(page, page, from, size) != nullptr) ::madvise(from, size / page * page, MADV_HUGEPAGE);
}

void KeyIndex::add(const Key& key, Use use, Found found) {
  assert(found.row <= row_mask);
  entries_.push_back({key, static_cast<std::uint64_t>(use) << use_shift | not_taken |
                               static_cast<std::uint64_t>(found.outcome) << outcome_shift | found.row});
}

void KeyIndex::seal() {
  const auto fresh = entries_.begin() + static_cast<std::ptrdiff_t>(sealed_);
  std::sort(fresh, entries_.end(), Before());
  std::inplace_merge(entries_.begin(), fresh, entries_.end(), Before());
  sealed_ = entries_.size();
  assert(entries_.size() < std::numeric_limits<std::uint32_t>::max());
  const std::size_t count = std::bit_ceil(std::max<std::size_t>(entries_.size() / 4, 2));
  shift_ = 64 - static_cast<unsigned>(std::countr_zero(count));
  parts_.assign(count + 1, 0);
  for (const Entry& entry : entries_) ++parts_[(entry.key.high >> shift_) + 1];
  for (std::size_t part = 1; part <= count; ++part) parts_[part] += parts_[part - 1];
}

std::optional<KeyIndex::Found> KeyIndex::take(const Key& key, Use use) {
  assert(sealed_ == entries_.size());
  if (entries_.empty()) return std::nullopt;
  const std::size_t part = key.high >> shift_;
  const auto wanted = std::tuple(key, static_cast<std::uint64_t>(use), true);
  const auto is = [](const Entry& entry) {
    return std::tuple(entry.key, entry.what >> use_shift, (entry.what & not_taken) != 0);
  };
  const auto entry =
      std::lower_bound(entries_.begin() + parts_[part], entries_.begin() + parts_[part + 1], wanted,
                       [&](const Entry& one, const auto& value) { return is(one) < value; });
  if (entry == entries_.begin() + parts_[part + 1] || is(*entry) != wanted) return std::nullopt;
  entry->what &= ~not_taken;
  return Found{entry->what & row_mask, static_cast<Outcome>(entry->what >> outcome_shift & 3)};
}

void KeyIndex::prepare(const Key& key) const {
  if (!entries_.empty()) __builtin_prefetch(entries_.data() + parts_[key.high >> shift_]);
}

void KeyIndex::release() {
  std::erase_if(entries_, [](const Entry& entry) {
    return (entry.what & not_taken) == 0 && static_cast<Use>(entry.what >> use_shift) == Use::replace;
  });
  for (Entry& entry : entries_) entry.what |= not_taken;
  sealed_ = entries_.size();
}

}  // namespace fanmill::store
