#pragma once
// Items of as many whole lines as fit into a size. They are the file's bytes, each line with its delimiter,
// so that all items one after the other are the file.

#include <cstddef>
#include <string>

#include <fanmill/input/framing.hpp>

namespace fanmill::input {

class Blocks : public Framing {
 public:
  // A line that is longer than `size` (≥ 1) is an item by itself.
  Blocks(char delimiter, std::size_t size) : delimiter_(delimiter), size_(size) {}

  std::size_t cut(ByteView bytes, Items& items) override;
  void end(ByteView rest, Items& items) override;
  [[nodiscard]] std::string delimiter() const override { return std::string(1, delimiter_); }

 private:
  // Behind the last line that fits, or behind a first line that does not; 0 where its end has not come.
  [[nodiscard]] std::size_t end_of_block(ByteView bytes) const;

  char delimiter_;
  std::size_t size_;
  std::size_t searched_ = 0;  // bytes of a line that is too long for a block, without its end
};

}  // namespace fanmill::input
