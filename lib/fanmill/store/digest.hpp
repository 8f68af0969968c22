#pragma once
// What people are told at the end of a run about the tasks that went wrong: the first few in full, the others
// counted.
//
// Memory does not grow with the failures. Pure.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fanmill/wire/batch.hpp>

namespace fanmill::store {

class Digest {
 public:
  // Results that are ok are passed over.
  void add(const wire::ResultsHeader& header, const wire::ResultView& result);

  // For stderr, without newlines; none where nothing went wrong. Whatever came from a task or a worker is
  // made printable.
  //
  //   task 17 'holiday.jpg' on host:4711: exit status 3
  //       convert: no decode delegate for this image format
  //   and 9995 more with the same cause
  //   --format jsonl shows each of them with its stderr
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  struct Cause {
    std::string words;
    std::uint64_t untold = 0;  // tasks that went wrong for this cause and are not among the examples
  };

  void tell(const wire::ResultsHeader& header, const wire::ResultView& result, const std::string& cause);

  std::vector<std::string> examples_;  // lines
  std::size_t told_ = 0;               // tasks among them
  std::vector<Cause> causes_;          // the first few different ones
  std::uint64_t others_ = 0;           // tasks with yet other causes
};

}  // namespace fanmill::store
