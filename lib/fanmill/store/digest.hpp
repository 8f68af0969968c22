#pragma once
// What people are told at the end of a run about the tasks that went wrong: the first few in full, the others
// counted.
//
// Memory does not grow with the failures. Pure.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/wire/batch.hpp>

namespace fanmill::store {

class Digest {
 public:
  // Of results that are ok only what was not kept of their output counts.
  void add(const wire::ResultsHeader& header, const wire::ResultView& result);

  // For stderr, without newlines; none where nothing went wrong. Whatever came from a task or a worker is
  // made printable. Where some are only counted, `shown_by` says what shows them all.
  //
  //   task 17 'holiday.jpg' on host:4711: exit status 3
  //       convert: no decode delegate for this image format
  //   and 9995 more with the same cause
  //   --format jsonl shows each of them with its stderr
  [[nodiscard]] std::vector<std::string> lines(std::string_view shown_by) const;

  // Likewise, of output that was longer than what is kept of it: a line for stdout, one for stderr, or none.
  //   the stdout of task 17 was longer than --max-output: its end is lost, 8 MiB in all
  [[nodiscard]] std::vector<std::string> losses() const;
  [[nodiscard]] std::uint64_t outputs_cut() const { return cut_stdout_.tasks; }  // tasks

 private:
  struct Cause {
    std::string words;
    std::uint64_t untold = 0;  // tasks that went wrong for this cause and are not among the examples
  };

  // Output that was not kept.
  struct Cut {
    std::uint64_t tasks = 0;
    std::uint64_t bytes = 0;
    TaskId first = 0;  // the first of them that came
    void add(TaskId id, std::uint64_t dropped);
    [[nodiscard]] std::string whose(std::string_view stream) const;
  };

  void tell(const wire::ResultsHeader& header, const wire::ResultView& result, const std::string& cause);

  std::vector<std::string> examples_;  // lines
  std::size_t told_ = 0;               // tasks among them
  std::vector<Cause> causes_;          // the first few different ones
  std::uint64_t others_ = 0;           // tasks with yet other causes
  Cut cut_stdout_;
  Cut cut_stderr_;
};

}  // namespace fanmill::store
