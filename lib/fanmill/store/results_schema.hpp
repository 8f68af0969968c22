#pragma once
// The tables of a results file, as docs/results.md describes them to those who query it.

#include <cstdint>

#include <fanmill/store/sqlite_file.hpp>

namespace fanmill::store {

// Stand in the file's header (PRAGMA application_id, user_version): "Fnml", and the format's number.
inline constexpr std::uint64_t results_application = 0x466E6D6C;
inline constexpr std::uint64_t results_format = 5;

enum class Contents : std::uint8_t { none, results };

// What there is in `file`: nothing at all, or our tables. Throws Error{unavailable} where it is not SQLite's,
// not ours, of another format, or damaged.
[[nodiscard]] Contents check_results_schema(const SqliteFile& file);

// Makes the tables, all or none, in a file that has nothing.
void make_results_schema(SqliteFile& file);

}  // namespace fanmill::store
