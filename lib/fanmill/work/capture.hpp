#pragma once
// What is kept of a stream of output: its first bytes, or its last ones. The rest is counted.

#include <cstddef>
#include <cstdint>
#include <string>

#include <fanmill/base/ids.hpp>

namespace fanmill::work {

class Capture {
 public:
  enum class Keep : std::uint8_t { first, last };

  Capture(Keep keep, std::size_t limit) : keep_(keep), limit_(limit) {}

  void append(ByteView bytes);
  [[nodiscard]] ByteView kept() const;
  [[nodiscard]] std::uint64_t size() const { return total_; }
  [[nodiscard]] std::uint64_t dropped() const { return total_ - kept().size(); }
  // Ready for another stream. Keeps the memory of small ones.
  void clear();

 private:
  Keep keep_;
  std::size_t limit_;
  std::string bytes_;        // with Keep::last at times up to twice the limit, so that it is seldom moved
  std::uint64_t total_ = 0;  // bytes appended
};

}  // namespace fanmill::work
