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

constexpr std::size_t most_kept = 1'000'000;
constexpr std::uint64_t largest_row = (std::uint64_t{1} << 59) - 1;

// Neighbouring tasks that have neighbouring rows.
struct Bound {
  std::uint64_t row = 0;  // of the first
  TaskId task = 0;        // the first
  std::uint64_t count = 0;
};

// By row.
std::vector<Bound> load_bound(const SqliteFile& file) {
  std::vector<Bound> bound;
  Statement rows(file, "SELECT result, task, count FROM bound ORDER BY result");
  while (rows.step()) {
    const Bound one{rows.number(0), rows.number(1), rows.number(2)};
    const bool follows = bound.empty() || one.row - bound.back().row >= bound.back().count;
    if (one.row > largest_row || one.task > max_task_id || one.count == 0 || one.count > largest_row ||
        one.count > max_task_id - one.task + 1 || !follows) {
      throw file.error(fmt::format("it is damaged: what is bound to result {} makes no sense", one.row));
    }
    bound.push_back(one);
  }
  return bound;
}

KeyIndex::Use use_of(Outcome outcome, TakeOver take_over) {
  return take_over == TakeOver::all || outcome == Outcome::ok ? KeyIndex::Use::bind : KeyIndex::Use::replace;
}

// How many rows there are from `first` on. They go up from 1, with gaps. A file can say anything, so its size
// bounds what is believed: no row is smaller than this.
std::size_t expected_rows(const SqliteFile& file, std::uint64_t first) {
  constexpr std::uint64_t least_row = 16;
  const std::uint64_t bytes = file.number("PRAGMA page_count") * file.number("PRAGMA page_size");
  const std::uint64_t last = file.number("SELECT max(id) FROM result");
  return last < first ? 0 : std::min(last - first + 1, bytes / least_row);
}

}  // namespace

void load_outcomes(const SqliteFile& file, std::uint64_t run, TakeOver take_over, StoredOutcomes& outcomes) {
  const std::vector<Bound> all_bound = load_bound(file);
  if (!outcomes.known_to || !all_bound.empty()) outcomes = {};
  for (IdSet& ids : outcomes.of_run) ids.clear();
  std::uint64_t row = outcomes.known_to.value_or(0);
  outcomes.earlier.release();
  outcomes.earlier.expect(expected_rows(file, row + 1) + most_kept);
  auto bound = all_bound.begin();
  bool has_some = !all_bound.empty();
  Statement rows(file, "SELECT id, run, task, key, outcome FROM result WHERE id >= ?1 ORDER BY id");
  rows.bind(1, row + 1);
  while (rows.step()) {
    row = rows.number(0);
    const TaskId task = rows.number(2);
    const std::optional<Key> key = from_stored(rows.bytes(3));
    const std::optional<Outcome> outcome = outcome_named(rows.bytes(4));
    if (row > largest_row || task > max_task_id || !outcome || (!key && !rows.is_null(3))) {
      throw file.error(fmt::format("it is damaged: result {} makes no sense", row));
    }
    IdSet& of_run = outcomes.of_run[static_cast<std::size_t>(*outcome)];
    if (bound != all_bound.end() && row == bound->row) {
      // The others that are bound have the same outcome as the first, and are not looked at.
      of_run.add({bound->task, bound->task + bound->count - 1});
      rows.reset();
      rows.bind(1, row + bound->count);
      ++bound;
    } else if (bound != all_bound.end() && row > bound->row) {
      break;
    } else if (rows.number(1) == run) {
      of_run.add({task, task});
      has_some = true;
    } else if (key) {
      outcomes.earlier.add(*key, use_of(*outcome, take_over), {row, *outcome});
    }
  }
  if (bound != all_bound.end()) {
    throw file.error(fmt::format("it is damaged: result {} is bound, but not there", bound->row));
  }
  outcomes.earlier.seal();
  outcomes.known_to.reset();
  if (!has_some) outcomes.known_to = row;
}

void keep_outcome(std::uint64_t row, const std::optional<Key>& key, Outcome outcome, TakeOver take_over,
                  StoredOutcomes& outcomes) {
  const bool follows = outcomes.known_to && row == *outcomes.known_to + 1;
  if (!follows || outcomes.earlier.not_sealed() == most_kept) return;
  outcomes.known_to = row;
  if (key) outcomes.earlier.add(*key, use_of(outcome, take_over), {row, outcome});
}

}  // namespace fanmill::store
