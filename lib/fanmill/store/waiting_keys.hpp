#pragma once
// The keys of tasks whose outcome is still to come. Ids come in order and go in nearly that order; memory
// follows what is under way, and a task that takes days holds up 4 KiB. Pure.

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include <fanmill/base/ids.hpp>

namespace fanmill::store {

class WaitingKeys {
 public:
  void add(TaskId id, const Key& key);
  // Moves out a task's key; none where it was never added.
  [[nodiscard]] std::optional<Key> take(TaskId id);
  void clear();

 private:
  static constexpr std::size_t page_size = 256;
  struct Page {
    std::array<Key, page_size> keys;
    std::bitset<page_size> there;
    std::size_t count = 0;
  };
  Page* page_of(TaskId id);

  std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;  // by id / page_size
  std::unique_ptr<Page> spare_;                                     // the last one that was emptied
  std::uint64_t last_number_ = 0;  // of the page that was used last: neighbours follow each other
  Page* last_ = nullptr;
};

}  // namespace fanmill::store
