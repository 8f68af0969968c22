#pragma once
// Which results are safe once so many bytes are written.

#include <cstddef>
#include <cstdint>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/ranges.hpp>
#include <fanmill/store/store.hpp>

namespace fanmill::store {

// Appends ids that have become safe, in the order in which they came; neighbours share a range.
void append_safe(SafeIds& safe, Outcome outcome, IdRange ids);

// The same for all of `from`, which is empty afterwards.
void move_safe(SafeIds& from, SafeIds& safe);

// The results whose bytes are on their way, in the order of their bytes.
class Unwritten {
 public:
  // A result is safe when both outputs are written up to these offsets.
  struct Ends {
    std::uint64_t output = 0;
    std::uint64_t errors = 0;
  };

  // Of neighbours that become safe together.
  void add(IdRange ids, Outcome outcome, Ends ends);
  // Moves out what is safe when so much is written.
  void take(Ends written, SafeIds& safe);

 private:
  // Neighbours of one outcome, as long as they are few bytes: they become safe together.
  struct Group {
    IdRange ids;
    Outcome outcome = Outcome::ok;
    std::uint64_t begin = 0;
    Ends ends;
  };
  std::vector<Group> groups_;
  std::size_t first_ = 0;  // those before it have been taken
};

}  // namespace fanmill::store
