#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <fanmill/store/outcome_name.hpp>
#include <fanmill/store/stored_key.hpp>
#include <fanmill/store/stored_outcomes.hpp>

namespace fanmill::store {

namespace {

constexpr std::uint64_t largest_row = (std::uint64_t{1} << 59) - 1;

// Row and task, by row.
std::vector<std::pair<std::uint64_t, TaskId>> load_bound(const SqliteFile& file) {
  std::vector<std::pair<std::uint64_t, TaskId>> bound;
  Statement rows(file, "SELECT result, task FROM bound");
  while (rows.step()) bound.emplace_back(rows.number(0), rows.number(1));
  std::sort(bound.begin(), bound.end());
  return bound;
}

// Rows go from 1 up, with gaps. A file can say anything, so its size bounds what is believed: no row is
// smaller than this.
std::size_t expected_rows(const SqliteFile& file) {
  constexpr std::uint64_t least_row = 16;
  const std::uint64_t bytes = file.number("PRAGMA page_count") * file.number("PRAGMA page_size");
  return std::min(file.number("SELECT max(id) FROM result"), bytes / least_row);
}

}  // namespace

StoredOutcomes load_outcomes(const SqliteFile& file, std::uint64_t run, TakeOver take_over) {
  StoredOutcomes loaded;
  const auto bound = load_bound(file);
  auto next_bound = bound.begin();
  loaded.earlier = KeyIndex(expected_rows(file));
  Statement rows(file, "SELECT id, run, task, key, outcome FROM result ORDER BY id");
  while (rows.step()) {
    const std::uint64_t row = rows.number(0);
    TaskId task = rows.number(2);
    const std::optional<Key> key = from_stored(rows.bytes(3));
    const std::optional<Outcome> outcome = outcome_named(rows.bytes(4));
    const bool is_bound = next_bound != bound.end() && next_bound->first == row;
    if (is_bound) task = next_bound++->second;
    if (row > largest_row || task > max_task_id || !outcome || (!key && !rows.is_null(3))) {
      throw file.error(fmt::format("it is damaged: result {} makes no sense", row));
    }
    if (is_bound || rows.number(1) == run) {
      loaded.of_run[static_cast<std::size_t>(*outcome)].add(task);
    } else if (key) {
      const bool taken_over = take_over == TakeOver::all || *outcome == Outcome::ok;
      loaded.earlier.add(*key, taken_over ? KeyIndex::Use::bind : KeyIndex::Use::replace, {row, *outcome});
    }
  }
  if (next_bound != bound.end()) {
    throw file.error(fmt::format("it is damaged: result {} is bound, but not there", next_bound->first));
  }
  loaded.earlier.seal();
  return loaded;
}

}  // namespace fanmill::store
