#pragma once
// The stored results that tasks of a new run may be bound to, found by key. About 32 bytes for each, 40 where
// keys repeat, and no memory of its own for any that is taken. Pure.

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

  // Memory for so many more.
  void expect(std::size_t more);
  // `row` < 2^60, and larger than all before. It is not found before seal().
  void add(const Key& key, Use use, Found found);
  [[nodiscard]] std::size_t not_sealed() const { return entries_.size() - sealed_; }
  // All that was added can be found.
  void seal();

  // A row of that key and use that was not yet taken, which it is from now on: the one that follows the row
  // taken before, or else the oldest. Input that was not edited finds its rows in their order, with no
  // search. Takes nearly the same time however many rows share a key.
  [[nodiscard]] std::optional<Found> take(const Key& key, Use use);

  // Has the memory fetched that take() will look at, unless it goes from row to row: where many keys are
  // looked for, all of them wait at once.
  void prepare(const Key& key) const;

  // For another run: what was taken can be taken again, and what was replaced is no more.
  void release();

 private:
  struct Entry {
    Key key;
    std::uint64_t what = 0;  // from the top: use (1 bit), taken (1), outcome (2), the row (60)
  };
  static_assert(sizeof(Entry) == 24);
  using Position = std::uint32_t;  // in entries_

  [[nodiscard]] bool is(const Entry& entry, const Key& key, Use use) const;
  [[nodiscard]] std::size_t slot_of(const Key& key, Use use) const;
  void rebuild();

  std::vector<Entry> entries_;  // by row
  std::size_t sealed_ = 0;      // so many are found
  std::size_t replaced_ = 0;    // so many are there to be replaced
  // A hash table with linear probing, of positions and `none`. Keys are hashes: a key's highest bits are its
  // slot. Of those with the same key and use it has one, and `next_` leads from each to the next younger.
  // What is older than the one in the table is taken.
  std::vector<Position> slots_;
  unsigned shift_ = 63;         // from a key's high half to its slot
  std::vector<Position> next_;  // empty unless keys repeat
  std::size_t following_ = 0;   // after the one taken last
  bool in_order_ = false;       // that was where it was looked for first
};

}  // namespace fanmill::store
