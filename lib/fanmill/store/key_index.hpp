#pragma once
// The stored results that tasks of a new run may be bound to, found by key. About 25 bytes for each, and no
// memory of its own for any that is taken. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <fanmill/base/ids.hpp>

namespace fanmill::store {

class KeyIndex {
 public:
  // What may be done with a stored result.
  enum class Use : std::uint8_t {
    bind,     // a task of its key needs not run again
    replace,  // the new outcome of a task of its key comes in its place
  };
  struct Found {
    std::uint64_t row = 0;
    Outcome outcome = Outcome::ok;
  };

  KeyIndex() = default;
  explicit KeyIndex(std::size_t expected) { entries_.reserve(expected); }

  // Before seal(). `row` < 2^59.
  void add(const Key& key, Use use, Found found);
  // Everything is added.
  void seal();

  // The oldest row of that key and use that was not yet taken, which it is from now on. Takes the same time
  // however many rows share a key.
  [[nodiscard]] std::optional<Found> take(const Key& key, Use use);

  [[nodiscard]] bool empty() const { return entries_.empty(); }

 private:
  // Sorted by key, use and row, so that those of a key and a use are neighbours.
  struct Entry {
    Key key;
    // From the top: use (1 bit), taken (1), outcome (2), the row (60). Of one that is taken, in place of the
    // row: where the first of its neighbours may be that is not.
    std::uint64_t what = 0;
  };
  static_assert(sizeof(Entry) == 24);

  std::vector<Entry> entries_;
  // Where the entries begin whose key's high half is in the n-th of as many equal parts. Keys are hashes, so
  // a part has about four.
  std::vector<std::uint32_t> parts_;
  unsigned shift_ = 63;  // from a key's high half to its part
};

}  // namespace fanmill::store
