#pragma once
// What a results file knows when a run begins.

#include <array>
#include <cstdint>
#include <optional>

#include <fanmill/base/ranges.hpp>
#include <fanmill/store/key_index.hpp>
#include <fanmill/store/sqlite_file.hpp>

namespace fanmill::store {

// Which outcomes of earlier runs are taken over.
enum class TakeOver : std::uint8_t { all, ok_only };

struct StoredOutcomes {
  std::array<IdSet, 3> of_run;  // by outcome: the tasks of the run that have theirs, the bound ones too
  KeyIndex earlier;             // the results of other runs that no task of this one has
  // For the next run in the same process: `earlier` has all rows up to this one, so that only what has come
  // since is read. None: it has not.
  std::optional<std::uint64_t> known_to;
};

// `run` is the run's row, or 0 where it has just begun and has no results; `outcomes` are those of the run
// before in this process, or new. Reads each result at most once, by blocks where it can, and no output.
// Throws Error{unavailable}, also for what cannot have come from us.
void load_outcomes(const SqliteFile& file, std::uint64_t run, TakeOver take_over, StoredOutcomes& outcomes);

// A row that this run has made, for the next run in the same process: `earlier` finds it then. Up to a
// million of them, so that memory stays flat; those after are read from the file.
void keep_outcome(std::uint64_t row, const std::optional<Key>& key, Outcome outcome, TakeOver take_over,
                  StoredOutcomes& outcomes);

}  // namespace fanmill::store
