#pragma once
// Connections with a key that end before their handshake has: once means nothing, again and again that the
// other side cannot read us, for which it has no words. Pure.

#include <cstdint>

#include <fanmill/base/time.hpp>

namespace fanmill::core {

class CutOffs {
 public:
  enum class Verdict : std::uint8_t { wait, say, give_up };

  // `say` at the third in a row; `give_up` where that has gone on for ten seconds: somebody who only starts,
  // behind a tunnel that takes connections for him, has had his time.
  [[nodiscard]] Verdict cut_off(Time now);
  void reached() { in_row_ = 0; }  // or found nobody there

 private:
  std::uint64_t in_row_ = 0;
  Time first_{};
};

}  // namespace fanmill::core
