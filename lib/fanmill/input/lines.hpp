#pragma once
// Items that end with a delimiter, or so many of them as one.

#include <cstddef>
#include <cstdint>
#include <string>

#include <fanmill/input/framing.hpp>

namespace fanmill::input {

class Lines : public Framing {
 public:
  // An item is `per_task` lines (≥ 1) with the delimiters between them, fewer at the end of a file.
  Lines(char delimiter, std::uint64_t per_task) : delimiter_(delimiter), per_task_(per_task) {}

  std::size_t cut(ByteView bytes, Items& items) override;
  void end(ByteView rest, Items& items) override;
  [[nodiscard]] std::string delimiter() const override { return std::string(1, delimiter_); }

 private:
  [[nodiscard]] ByteView without_last_delimiter(ByteView lines) const;

  char delimiter_;
  std::uint64_t per_task_;
  std::uint64_t lines_ = 0;   // complete ones of the item that has begun
  std::size_t searched_ = 0;  // bytes of it
};

}  // namespace fanmill::input
