#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <fanmill/store/outcome_name.hpp>
#include <fanmill/store/row_block.hpp>
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

// Row by row of the file, by blocks where there are any.
class Reading {
 public:
  Reading(const SqliteFile& file, std::uint64_t run, TakeOver take_over, std::span<const Bound> bound,
          std::uint64_t first, KeyIndex& earlier)
      : file_(file),
        run_(run),
        take_over_(take_over),
        bound_(bound),
        next_(first),
        earlier_(earlier),
        rows_(file, "SELECT id, key, outcome, task, run FROM result WHERE id BETWEEN ?1 AND ?2 ORDER BY id"),
        keys_(file, "SELECT keys FROM block_keys WHERE first = ?1") {}

  void read_to(std::uint64_t last);

  [[nodiscard]] std::array<IdSet, 3> take_of_run() { return std::move(of_run_); }
  [[nodiscard]] bool any_of_run() const { return any_of_run_; }  // not counting the bound ones

 private:
  void read_rows(std::uint64_t last);
  void read_block(std::uint64_t first, std::uint64_t count, std::uint64_t run,
                  const std::vector<TaskRun>& runs);
  [[nodiscard]] ByteView keys_of_block(std::uint64_t first, std::uint64_t count);
  [[nodiscard]] Error senseless_block(std::uint64_t first) const;
  [[nodiscard]] bool is_bound(std::uint64_t row) const;
  void take_bound(Outcome outcome);

  const SqliteFile& file_;
  std::uint64_t run_;
  TakeOver take_over_;
  std::span<const Bound> bound_;  // what is left of them
  std::uint64_t next_;            // the first row that was not looked at
  KeyIndex& earlier_;
  Statement rows_;
  Statement keys_;
  std::array<IdSet, 3> of_run_;
  bool any_of_run_ = false;
};

void Reading::read_to(std::uint64_t last) {
  Statement blocks(
      file_,
      "SELECT first, count, run, tasks FROM block "
      "WHERE first >= coalesce((SELECT max(first) FROM block WHERE first <= ?1), 0) ORDER BY first");
  blocks.bind(1, next_);
  std::uint64_t end = 0;  // of the block before
  while (blocks.step()) {
    const std::uint64_t first = blocks.number(0);
    const std::uint64_t count = blocks.number(1);
    const auto runs = read_tasks(blocks.bytes(3), count);
    if (!runs || first == 0 || first < end || first > last || count == 0 || count > last - first + 1) {
      throw senseless_block(first);
    }
    end = first + count;
    read_rows(first - 1);
    read_block(first, count, blocks.number(2), *runs);
  }
  read_rows(last);
  if (!bound_.empty()) static_cast<void>(is_bound(largest_row + 1));
}

Error Reading::senseless_block(std::uint64_t first) const {
  return file_.error(fmt::format("it is damaged: the block of result {} makes no sense", first));
}

// Until the next call.
ByteView Reading::keys_of_block(std::uint64_t first, std::uint64_t count) {
  keys_.reset();
  keys_.bind(1, first);
  const ByteView keys = keys_.step() ? keys_.bytes(0) : ByteView();
  if (keys.size() % key_bytes != 0 || keys.size() / key_bytes != count) throw senseless_block(first);
  return keys;
}

// `row` is there, and all before it were looked at.
bool Reading::is_bound(std::uint64_t row) const {
  if (bound_.empty() || bound_.front().row > row) return false;
  if (bound_.front().row == row) return true;
  throw file_.error(fmt::format("it is damaged: result {} is bound, but not there", bound_.front().row));
}

// The others that are bound have the same outcome as the first, and are not looked at.
void Reading::take_bound(Outcome outcome) {
  const Bound& bound = bound_.front();
  of_run_[static_cast<std::size_t>(outcome)].add({bound.task, bound.task + bound.count - 1});
  next_ = bound.row + bound.count;
  bound_ = bound_.subspan(1);
}

void Reading::read_rows(std::uint64_t last) {
  if (next_ > last) return;
  rows_.bind(1, next_);
  rows_.bind(2, last);
  while (rows_.step()) {
    const std::uint64_t row = rows_.number(0);
    const std::optional<Key> key = from_stored(rows_.bytes(1));
    const std::optional<Outcome> outcome = outcome_named(rows_.bytes(2));
    const TaskId task = rows_.number(3);
    if (row > largest_row || task > max_task_id || !outcome || (!key && !rows_.is_null(1))) {
      throw file_.error(fmt::format("it is damaged: result {} makes no sense", row));
    }
    if (is_bound(row)) {
      take_bound(*outcome);
      rows_.reset();
      rows_.bind(1, next_);
    } else if (rows_.number(4) == run_) {
      of_run_[static_cast<std::size_t>(*outcome)].add(task);
      any_of_run_ = true;
    } else if (key) {
      earlier_.add(*key, use_of(*outcome, take_over_), {row, *outcome});
    }
  }
  next_ = std::max(next_, last + 1);
}

void Reading::read_block(std::uint64_t first, std::uint64_t count, std::uint64_t run,
                         const std::vector<TaskRun>& runs) {
  ByteView keys;
  std::uint64_t begin = first;  // of the rows of one run of tasks
  for (const TaskRun& one : runs) {
    const std::uint64_t end = begin + one.tasks.count();
    while (next_ < end) {
      if (is_bound(next_)) {
        take_bound(one.outcome);
        continue;
      }
      const std::uint64_t stop = bound_.empty() ? end : std::min(end, bound_.front().row);
      if (run == run_) {
        const TaskId task = one.tasks.first + (next_ - begin);
        of_run_[static_cast<std::size_t>(one.outcome)].add({task, task + (stop - next_) - 1});
        any_of_run_ = true;
      } else {
        if (keys.empty()) keys = keys_of_block(first, count);
        const KeyIndex::Use use = use_of(one.outcome, take_over_);
        for (std::uint64_t row = next_; row < stop; ++row) {
          earlier_.add(get_key(keys.data() + (row - first) * key_bytes), use, {row, one.outcome});
        }
      }
      next_ = stop;
    }
    begin = end;
  }
}

}  // namespace

void load_outcomes(const SqliteFile& file, std::uint64_t run, TakeOver take_over, StoredOutcomes& outcomes) {
  const std::vector<Bound> bound = load_bound(file);
  if (!outcomes.known_to || !bound.empty()) outcomes = {};
  const std::uint64_t first = outcomes.known_to.value_or(0) + 1;
  const std::uint64_t last = std::min(file.number("SELECT max(id) FROM result"), largest_row);
  outcomes.earlier.release();
  outcomes.earlier.expect(believed(file, count_unbound(bound, first, last)) + most_kept);
  Reading reading(file, run, take_over, bound, first, outcomes.earlier);
  reading.read_to(last);
  outcomes.earlier.seal();
  outcomes.of_run = reading.take_of_run();
  outcomes.known_to.reset();
  if (bound.empty() && !reading.any_of_run()) outcomes.known_to = std::max(first - 1, last);
}

void keep_outcome(std::uint64_t row, const std::optional<Key>& key, Outcome outcome, TakeOver take_over,
                  StoredOutcomes& outcomes) {
  const bool follows = outcomes.known_to && row == *outcomes.known_to + 1;
  if (!follows || outcomes.earlier.not_sealed() == most_kept) return;
  outcomes.known_to = row;
  if (key) outcomes.earlier.add(*key, use_of(outcome, take_over), {row, outcome});
}

}  // namespace fanmill::store
