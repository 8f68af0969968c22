#pragma once
// Items that end with a delimiter, out of files that are read one after the other.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fanmill/input/input.hpp>
#include <fanmill/input/source.hpp>

namespace fanmill::input {

class Lines : public Input {
 public:
  // Checks all files, opens none.
  Lines(std::vector<std::string> files, char delimiter, std::size_t max_item);

  [[nodiscard]] int wait_fd() const override { return source_ ? source_->wait_fd() : -1; }
  bool read(Receiver& receiver) override;
  [[nodiscard]] std::string delimiter() const override { return std::string(1, delimiter_); }

 private:
  void hand_over(Receiver& receiver, ByteView item);
  void split(Receiver& receiver, std::size_t got);

  std::vector<std::string> files_;
  char delimiter_;
  std::size_t max_item_;
  std::size_t next_file_ = 0;
  std::optional<Source> source_;
  std::vector<char> buffer_;  // an item's beginning, and room for a block after it
  std::size_t begun_ = 0;     // bytes of it; no delimiter is among them
  std::uint64_t items_ = 0;   // handed over
};

}  // namespace fanmill::input
