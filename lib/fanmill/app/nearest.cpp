#include <algorithm>
#include <cstddef>
#include <vector>

#include <fanmill/app/nearest.hpp>

namespace fanmill::app {

namespace {

// Optimal string alignment, three rows at a time.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({changed, above[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view misspelt, std::span<const std::string_view> known) {
  // A word cut short is meant as its beginning says: "--keep" is nearer to "--help" by letters alone.
  constexpr std::size_t telling = 4;
  const auto begins = [&](std::string_view word) { return word.starts_with(misspelt); };
  const auto first = std::find_if(known.begin(), known.end(), begins);
  if (misspelt.size() >= telling && first != known.end()) return *first;

  // A third of the letters may be wrong.
  std::size_t best = std::min<std::size_t>(3, misspelt.size() / 3);
  std::string_view found;
  for (const std::string_view word : known) {
    const std::size_t away = distance(misspelt, word);
    if (away <= best && (found.empty() || away < best)) {
      best = away;
      found = word;
    }
  }
  return found;
}

}  // namespace fanmill::app
