#pragma once
// Waiting for a peer: when to say what is missing, and when to give up. Pure.

#include <cstdint>

#include <fanmill/base/time.hpp>

namespace fanmill::core {

class Patience {
 public:
  // `limit`: how long to wait at all; Duration::max() is for ever.
  explicit Patience(Duration limit) : limit_(limit) {}

  enum class Verdict : std::uint8_t { wait, say, give_up };

  // Call with whether the peer is missing; true starts the wait (or lets it go on), false ends it. `say`
  // comes after a second, since peers that are started together are late by less, and then each ten.
  [[nodiscard]] Verdict check(bool missing, Time now);
  // When check() may have something else to say.
  [[nodiscard]] Time next() const;
  [[nodiscard]] Duration limit() const { return limit_; }

 private:
  Duration limit_;
  Time since_ = never;
  Time say_ = never;
};

}  // namespace fanmill::core
