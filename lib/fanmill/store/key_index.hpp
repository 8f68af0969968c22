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

  // Memory for so many more.
  void expect(std::size_t more);
  // `row` < 2^59, and larger than those that were sealed. seal() comes before take().
  void add(const Key& key, Use use, Found found);
  // All that was added can be found.
  void seal();

  // The oldest row of that key and use that was not yet taken, which it is from now on. Takes nearly the same
  // time however many rows share a key.
  [[nodiscard]] std::optional<Found> take(const Key& key, Use use);

  // Has the memory fetched that take() will look at: where many keys are looked for, all of them wait at
  // once.
  void prepare(const Key& key) const;

  // For another run: what was taken can be taken again, and what was replaced is no more.
  void release();

 private:
  struct Entry {
    Key key;
    std::uint64_t what = 0;  // from the top: use (1 bit), not taken (1), outcome (2), the row (60)
  };
  static_assert(sizeof(Entry) == 24);
  struct Before {
    bool operator()(const Entry& a, const Entry& b) const;
  };

  // Sorted by key, use and row up to `sealed_`: those of a key and a use are neighbours, the taken ones
  // first.
  std::vector<Entry> entries_;
  std::size_t sealed_ = 0;
  // Where the entries begin whose key's high half is in the n-th of as many equal parts. Keys are hashes, so
  // a part has about four.
  std::vector<std::uint32_t> parts_;
  unsigned shift_ = 63;  // from a key's high half to its part
};

}  // namespace fanmill::store
