#pragma once
// A payload that is copied once and no more: it lies in memory of its own, with room before it for what the
// frame says in which it is sent.

#include <cstddef>
#include <utility>

#include <fanmill/base/bytes.hpp>
#include <fanmill/base/ids.hpp>

namespace fanmill {

class LargePayload {
 public:
  static constexpr std::size_t least = (std::size_t{64} << 10) - Bytes::overhead + 1;  // of bytes
  static constexpr std::size_t headroom = 64;

  // Copies it.
  explicit LargePayload(ByteView payload) : memory_(headroom + payload.size()) {
    memory_.resize(headroom);
    memory_.append(payload);
  }

  [[nodiscard]] ByteView view() const { return memory_.view().substr(headroom); }
  // The room, and the payload.
  [[nodiscard]] Bytes take() && { return std::move(memory_); }

 private:
  Bytes memory_;
};

}  // namespace fanmill
