#pragma once
// Items of the command line (::: ITEM…).

#include <cstddef>
#include <string>
#include <vector>

#include <fanmill/input/input.hpp>

namespace fanmill::input {

class Arguments : public Input {
 public:
  // An item longer than `max_item` is found when it is reached, as in a file.
  Arguments(std::vector<std::string> items, std::size_t max_item);

  [[nodiscard]] int wait_fd() const override { return -1; }
  bool read(Receiver& receiver) override;
  [[nodiscard]] std::string delimiter() const override { return "\n"; }

 private:
  std::vector<std::string> items_;
  std::size_t max_item_;
  std::size_t next_ = 0;
};

}  // namespace fanmill::input
