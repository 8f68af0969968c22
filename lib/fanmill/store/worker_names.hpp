#pragma once
// The workers of a results file, each of whose names stands there once.

#include <cstdint>
#include <string>
#include <unordered_map>

#include <fanmill/store/sqlite_file.hpp>
#include <fanmill/wire/batch.hpp>

namespace fanmill::store {

class WorkerNames {
 public:
  explicit WorkerNames(const SqliteFile& file);

  // The row of the worker that sent these results, made if it is missing; 0 for nobody. Within a transaction.
  // Throws.
  [[nodiscard]] std::uint64_t id_of(const wire::ResultsHeader& header);

 private:
  Statement insert_;
  std::unordered_map<std::string, std::uint64_t> known_;
  // Most results come from the worker that the last one came from.
  std::string last_;
  std::uint64_t last_id_ = 0;
  std::string asked_;
};

}  // namespace fanmill::store
