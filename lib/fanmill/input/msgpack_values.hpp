#pragma once
// Items that are msgpack values, one after the other, each with its own bytes. A value is measured, not
// decoded: nothing nests and nothing is allocated, whatever its header promises.

#include <cstddef>
#include <cstdint>
#include <string>

#include <fanmill/input/framing.hpp>

namespace fanmill::input {

class MsgpackValues : public Framing {
 public:
  std::size_t cut(ByteView bytes, Items& items) override;
  void end(ByteView rest, Items& items) override;
  // Each value says where it ends.
  [[nodiscard]] std::string delimiter() const override { return ""; }

 private:
  // Whether the value that `bytes` begin with is complete; its size is then in measured_.
  [[nodiscard]] bool measure(ByteView bytes, std::size_t done, Items& items);

  std::uint64_t measured_ = 0;  // bytes of the value that has begun; some may not have come yet
  std::uint64_t open_ = 1;      // values that have to begin behind them, until it is complete
};

}  // namespace fanmill::input
