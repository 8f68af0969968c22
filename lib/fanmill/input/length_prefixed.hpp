#pragma once
// Items that come after their length, 32 bits in big-endian order.

#include <cstddef>
#include <string>

#include <fanmill/input/framing.hpp>

namespace fanmill::input {

class LengthPrefixed : public Framing {
 public:
  std::size_t cut(ByteView bytes, Items& items) override;
  void end(ByteView rest, Items& items) override;
  // Nothing stands between them.
  [[nodiscard]] std::string delimiter() const override { return ""; }
};

}  // namespace fanmill::input
