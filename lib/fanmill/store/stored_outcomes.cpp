#include <algorithm>
#include <future>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <fanmill/store/outcome_name.hpp>
#include <fanmill/store/stored_key.hpp>
#include <fanmill/store/stored_outcomes.hpp>

namespace fanmill::store {

namespace {

constexpr std::size_t most_kept = 1'000'000;
constexpr std::uint64_t least_for_two = 50'000;  // rows: 10 ms of reading, to a thread's and a connection's 1
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
    if (one.row == 0 || one.row > largest_row || one.task > max_task_id || one.count == 0 ||
        one.count > largest_row || one.count > max_task_id - one.task + 1 || !follows) {
      throw file.error(fmt::format("it is damaged: what is bound to result {} makes no sense", one.row));
    }
    bound.push_back(one);
  }
  return bound;
}

KeyIndex::Use use_of(Outcome outcome, TakeOver take_over) {
  return take_over == TakeOver::all || outcome == Outcome::ok ? KeyIndex::Use::bind : KeyIndex::Use::replace;
}

// A file can say anything, so its size bounds what is believed of its rows' numbers: no row is smaller than
// this.
std::size_t believed(const SqliteFile& file, std::uint64_t rows) {
  constexpr std::uint64_t least_row = 16;
  return std::min(rows, file.number("PRAGMA page_count") * file.number("PRAGMA page_size") / least_row);
}

// Those that begin at this row or after it.
auto bound_from(std::span<const Bound> all, std::uint64_t row) {
  return std::partition_point(all.begin(), all.end(), [row](const Bound& one) { return one.row < row; });
}

// How many rows from `first` to `last` are not bound, if all are there.
std::uint64_t count_unbound(std::span<const Bound> all, std::uint64_t first, std::uint64_t last) {
  std::uint64_t count = 0;
  for (const Bound& one : all) {
    if (one.row > last) break;
    count += one.row - first;
    first = one.row + one.count;
  }
  return count + (first <= last ? last - first + 1 : 0);
}

// The row, not bound, before which so many are not, from `first` on.
std::uint64_t row_after(std::span<const Bound> all, std::uint64_t first, std::uint64_t unbound) {
  for (const Bound& one : all) {
    if (one.row - first > unbound) break;
    unbound -= one.row - first;
    first = one.row + one.count;
  }
  return first + unbound;
}

// What the rows first … last say.
struct Part {
  std::uint64_t first = 1;
  std::uint64_t last = std::numeric_limits<std::int64_t>::max();
  std::array<IdSet, 3> of_run;
  KeyIndex earlier;
  std::uint64_t read_to = 0;  // the last row that was looked at
  bool any_of_run = false;    // not counting the bound ones
};

// `run` is 0 where it has no rows yet: then a column less is asked for.
void read_part(const SqliteFile& file, std::uint64_t run, TakeOver take_over,
               std::span<const Bound> all_bound, Part& part) {
  auto bound = bound_from(all_bound, part.first);
  const auto bound_end = bound_from(all_bound, part.last + 1);
  Statement rows(file, run == 0 ? "SELECT id, key, outcome, task FROM result WHERE id BETWEEN ?1 AND ?2 "
                                  "ORDER BY id"
                                : "SELECT id, key, outcome, task, run FROM result WHERE id BETWEEN ?1 AND ?2 "
                                  "ORDER BY id");
  rows.bind(1, part.first);
  rows.bind(2, part.last);
  while (rows.step()) {
    const std::uint64_t row = part.read_to = rows.number(0);
    const std::optional<Key> key = from_stored(rows.bytes(1));
    const std::optional<Outcome> outcome = outcome_named(rows.bytes(2));
    const TaskId task = rows.number(3);
    if (row > largest_row || task > max_task_id || !outcome || (!key && !rows.is_null(1))) {
      throw file.error(fmt::format("it is damaged: result {} makes no sense", row));
    }
    IdSet& of_run = part.of_run[static_cast<std::size_t>(*outcome)];
    if (bound != bound_end && row == bound->row) {
      // The others that are bound have the same outcome as the first, and are not looked at.
      of_run.add({bound->task, bound->task + bound->count - 1});
      rows.reset();
      rows.bind(1, row + bound->count);
      ++bound;
    } else if (bound != bound_end && row > bound->row) {
      break;
    } else if (run != 0 && rows.number(4) == run) {
      of_run.add({task, task});
      part.any_of_run = true;
    } else if (key) {
      part.earlier.add(*key, use_of(*outcome, take_over), {row, *outcome});
    }
  }
  if (bound != bound_end) {
    throw file.error(fmt::format("it is damaged: result {} is bound, but not there", bound->row));
  }
}

}  // namespace

void load_outcomes(const SqliteFile& file, std::uint64_t run, TakeOver take_over, StoredOutcomes& outcomes) {
  const std::vector<Bound> bound = load_bound(file);
  if (!outcomes.known_to || !bound.empty()) outcomes = {};
  Part part;
  part.first = outcomes.known_to.value_or(0) + 1;
  part.read_to = part.first - 1;
  part.earlier = std::move(outcomes.earlier);
  part.earlier.release();
  const std::uint64_t last = std::min(file.number("SELECT max(id) FROM result"), largest_row);
  const std::uint64_t unbound = count_unbound(bound, part.first, last);
  part.earlier.expect(believed(file, unbound) + most_kept);

  Part later;
  std::future<void> reading;
  if (unbound >= least_for_two) {
    later.first = row_after(bound, part.first, unbound / 2);
    part.last = later.first - 1;
    later.earlier.expect(believed(file, unbound - unbound / 2));
    try {
      reading = std::async(std::launch::async, [&] {
        const SqliteFile own(file.path(), SqliteFile::Access::write);
        read_part(own, run, take_over, bound, later);
      });
    } catch (const std::system_error&) {
      // No thread to be had: one half after the other.
    }
  }
  read_part(file, run, take_over, bound, part);
  if (reading.valid()) {
    reading.get();
  } else if (later.first > part.last) {
    read_part(file, run, take_over, bound, later);
  }

  for (std::size_t i = 0; i < part.of_run.size(); ++i) {
    for (const IdRange& range : later.of_run[i].ranges()) part.of_run[i].add(range);
  }
  part.earlier.append(std::exchange(later.earlier, {}));
  part.earlier.seal();
  outcomes.of_run = std::move(part.of_run);
  outcomes.earlier = std::move(part.earlier);
  outcomes.known_to.reset();
  const bool has_some = !bound.empty() || part.any_of_run || later.any_of_run;
  if (!has_some) outcomes.known_to = std::max(part.read_to, later.read_to);
}

void keep_outcome(std::uint64_t row, const std::optional<Key>& key, Outcome outcome, TakeOver take_over,
                  StoredOutcomes& outcomes) {
  const bool follows = outcomes.known_to && row == *outcomes.known_to + 1;
  if (!follows || outcomes.earlier.not_sealed() == most_kept) return;
  outcomes.known_to = row;
  if (key) outcomes.earlier.add(*key, use_of(outcome, take_over), {row, outcome});
}

}  // namespace fanmill::store
