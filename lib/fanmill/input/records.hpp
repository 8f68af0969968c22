#pragma once
// The items of files that are read one after the other. None goes on from one file into the next.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fanmill/input/framing.hpp>
#include <fanmill/input/input.hpp>
#include <fanmill/input/source.hpp>

namespace fanmill::input {

class Records : public Input {
 public:
  // Checks all files, opens none.
  Records(std::vector<std::string> files, std::unique_ptr<Framing> framing, std::size_t max_item);

  [[nodiscard]] int wait_fd() const override { return source_ ? source_->wait_fd() : -1; }
  bool read(Receiver& receiver) override;
  [[nodiscard]] std::string delimiter() const override { return framing_->delimiter(); }

 private:
  void make_room();

  std::vector<std::string> files_;
  std::unique_ptr<Framing> framing_;
  std::size_t max_item_;
  std::size_t next_file_ = 0;
  std::optional<Source> source_;
  // What was handed over, which others may share and which is not written to again; an item's beginning;
  // room.
  Bytes block_;
  std::size_t room_ = 0;      // of the block; there may be more than was asked for
  std::size_t begun_ = 0;     // bytes of that item, up to block_.size()
  std::uint64_t offset_ = 0;  // where it begins in the file
  std::uint64_t handed_ = 0;  // items, of all files
  std::size_t typical_ = 0;   // bytes of an item, of those that were handed over last
};

}  // namespace fanmill::input
