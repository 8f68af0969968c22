#include <algorithm>
#include <bit>
#include <cassert>
#include <limits>
#include <tuple>

#include <fanmill/store/key_index.hpp>

namespace fanmill::store {

namespace {

constexpr unsigned use_shift = 63;
constexpr std::uint64_t taken = std::uint64_t{1} << 62;
constexpr unsigned outcome_shift = 60;
constexpr std::uint64_t row_mask = (std::uint64_t{1} << outcome_shift) - 1;

}  // namespace

void KeyIndex::add(const Key& key, Use use, Found found) {
  assert(found.row <= row_mask);
  entries_.push_back({key, static_cast<std::uint64_t>(use) << use_shift |
                               static_cast<std::uint64_t>(found.outcome) << outcome_shift | found.row});
}

void KeyIndex::seal() {
  const auto order = [](const Entry& entry) {
    return std::tuple(entry.key, entry.what >> use_shift, entry.what & row_mask);
  };
  std::sort(entries_.begin(), entries_.end(),
            [&](const Entry& a, const Entry& b) { return order(a) < order(b); });
  assert(entries_.size() < std::numeric_limits<std::uint32_t>::max());
  const std::size_t count = std::bit_ceil(std::max<std::size_t>(entries_.size() / 4, 2));
  shift_ = 64 - static_cast<unsigned>(std::countr_zero(count));
  parts_.assign(count + 1, 0);
  for (const Entry& entry : entries_) ++parts_[(entry.key.high >> shift_) + 1];
  for (std::size_t part = 1; part <= count; ++part) parts_[part] += parts_[part - 1];
}

std::optional<KeyIndex::Found> KeyIndex::take(const Key& key, Use use) {
  if (entries_.empty()) return std::nullopt;
  const std::size_t part = key.high >> shift_;
  const auto wanted = std::tuple(key, static_cast<std::uint64_t>(use));
  const auto is = [&](const Entry& entry) { return std::tuple(entry.key, entry.what >> use_shift); };
  const auto first =
      std::lower_bound(entries_.begin() + parts_[part], entries_.begin() + parts_[part + 1], wanted,
                       [&](const Entry& entry, const auto& value) { return is(entry) < value; });
  if (first == entries_.end() || is(*first) != wanted) return std::nullopt;
  // Tasks are asked for from the first of their neighbours, and that one knows how far the taken ones go.
  auto entry = first;
  if ((first->what & taken) != 0) {
    entry = entries_.begin() + static_cast<std::ptrdiff_t>(first->what & row_mask);
    if (entry == entries_.end() || is(*entry) != wanted) return std::nullopt;
  }
  const Found found{entry->what & row_mask, static_cast<Outcome>(entry->what >> outcome_shift & 3)};
  const std::uint64_t kept = first->what & ~row_mask;
  first->what = kept | taken | static_cast<std::uint64_t>(entry - entries_.begin() + 1);
  return found;
}

}  // namespace fanmill::store
