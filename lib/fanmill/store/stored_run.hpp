#pragma once
// The last run of a results file, to be read by whoever wants its results elsewhere.

#include <functional>
#include <string>

#include <fanmill/store/sqlite_file.hpp>
#include <fanmill/wire/batch.hpp>

namespace fanmill::store {

class StoredRun {
 public:
  // Opens the file for reading, as it is at this moment; a run may go on in it. Throws Error{unavailable}
  // where it cannot be read, is not ours, or no run has begun in it.
  explicit StoredRun(const std::string& path);

  [[nodiscard]] const std::string& delimiter() const { return delimiter_; }
  // What the workers ran; empty where the sink did not know.
  [[nodiscard]] const std::string& command() const { return command_; }

  // Whether there is an item with each result: a function's are not stored.
  [[nodiscard]] bool has_items() const;

  // Hands over each result in the order of tasks, those that an earlier run had made too. Views end with the
  // call. Memory does not grow with the results. Throws Error{unavailable}.
  using Receiver = std::function<void(const wire::ResultsHeader&, const wire::ResultView&)>;
  void read(const Receiver& receiver) const;

 private:
  SqliteFile file_;
  std::string delimiter_;
  std::string command_;
};

}  // namespace fanmill::store
