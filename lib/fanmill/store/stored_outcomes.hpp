#pragma once
// What a results file knows when a run begins.

#include <array>
#include <cstdint>

#include <fanmill/base/ranges.hpp>
#include <fanmill/store/key_index.hpp>
#include <fanmill/store/sqlite_file.hpp>

namespace fanmill::store {

// Which outcomes of earlier runs are taken over.
enum class TakeOver : std::uint8_t { all, ok_only };

struct StoredOutcomes {
  std::array<IdSet, 3> of_run;  // by outcome: the tasks of the run that have theirs, the bound ones too
  KeyIndex earlier;             // the results of other runs that no task of this one has
};

// `run` is the run's row. Reads each result once, but not its output. Throws Error{unavailable}, also for
// what cannot have come from us.
[[nodiscard]] StoredOutcomes load_outcomes(const SqliteFile& file, std::uint64_t run, TakeOver take_over);

}  // namespace fanmill::store
