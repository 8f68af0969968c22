#pragma once
// How the bytes of a file are cut into items.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fanmill/base/ids.hpp>
#include <fanmill/input/input.hpp>
#include <fanmill/input/item_limit.hpp>

namespace fanmill::input {

// Where a framing puts what it has cut: counted, held against the limit, and handed over, many at a time.
class Items {
 public:
  // `title` is the file's, `handed` counts the items of the whole input, and `offset` is where in the file
  // the bytes begin that are being cut.
  Items(Receiver& receiver, const Bytes& block, std::string_view title, std::uint64_t& handed,
        std::size_t max_item, std::uint64_t offset)
      : receiver_(receiver),
        block_(block),
        title_(title),
        handed_(handed),
        max_item_(max_item),
        offset_(offset) {}

  // It lies behind the last one, in the block.
  void add(ByteView item) {
    check(item.size());
    waiting_[count_++] = item;
    if (count_ == waiting_.size()) hand_over();
  }
  // What has been added and not handed over yet.
  void hand_over() {
    const std::span<const ByteView> items(waiting_.data(), std::exchange(count_, 0));
    if (items.empty()) return;
    handed_ += items.size();
    if (block_.room() <= usual_room) return receiver_.neighbours(items, block_);
    // Made for a long item: it is not kept for what stands beside that.
    for (const ByteView& item : items) {
      if (item.size() >= block_.room() / 4) {
        receiver_.neighbours({&item, 1}, block_);
      } else {
        receiver_.item(item);
      }
    }
  }
  // Of an item that is not complete yet: throws where it is too long already.
  void check(std::uint64_t size) {
    if (size <= max_item_) return;
    hand_over();
    throw item_too_long(handed_ + 1, title_, max_item_);
  }
  // What makes the file unreadable at byte `at` of those that are being cut: "…byte " and the place in the
  // file.
  [[noreturn]] void refuse(std::size_t at, const std::string& reason) {
    hand_over();
    throw Error(ErrorCode::unavailable, "read", std::string(title_),
                reason + " byte " + std::to_string(offset_ + at));
  }

 private:
  static constexpr std::size_t usual_room = std::size_t{2} << 20;

  Receiver& receiver_;
  const Bytes& block_;
  std::string_view title_;
  std::uint64_t& handed_;
  std::size_t max_item_;
  std::uint64_t offset_;
  std::array<ByteView, 256> waiting_;
  std::size_t count_ = 0;
};

class Framing {
 public:
  virtual ~Framing() = default;

  // Puts what is complete at the beginning of `bytes` into `items`, and returns how many bytes that was. What
  // is left comes again as the beginning of the next call's bytes, with more behind it.
  virtual std::size_t cut(ByteView bytes, Items& items) = 0;
  // The file has ended with `rest`, which cut() had left. The next call is for another file.
  virtual void end(ByteView rest, Items& items) = 0;
  // What stands between items.
  [[nodiscard]] virtual std::string delimiter() const = 0;
};

}  // namespace fanmill::input
