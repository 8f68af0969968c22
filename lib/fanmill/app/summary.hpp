#pragma once
// --summary-json: what a run came to, for programs.

#include <optional>
#include <string>

#include <fanmill/roles/report.hpp>
#include <fanmill/store/destination.hpp>

namespace fanmill::app {

class Summary {
 public:
  // Without a path there is none. Throws Error{unavailable} where the file could not be written, so that it
  // is said before the run.
  explicit Summary(const std::string& path);
  Summary(const Summary&) = delete;
  Summary& operator=(const Summary&) = delete;
  ~Summary();

  // Writes one object, {"exit_status": …, and each counter of the report}, whole or not at all. Once. Throws
  // Error{unavailable}.
  void write(const roles::RunReport& report);

 private:
  std::optional<store::Destination> to_;
};

}  // namespace fanmill::app
