#pragma once
// What a fuzz target is made of. Each defines LLVMFuzzerTestOneInput, libFuzzer's entry
// (https://llvm.org/docs/LibFuzzer.html), once; the fuzz preset links libFuzzer to it, every other preset
// replayer.cpp.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fanmill::fuzz {

// Ends the process as a crash does, so that whoever feeds it keeps the input.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// An input taken apart from its front: a target's choices first, and the bytes that they are for.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : left_(reinterpret_cast<const char*>(data), size) {}

  // 0 where there is none left.
  [[nodiscard]] unsigned number() {
    if (left_.empty()) return 0;
    const auto first = static_cast<unsigned char>(left_.front());
    left_.remove_prefix(1);
    return first;
  }
  // Up to a NUL, which is dropped, or to the end.
  [[nodiscard]] std::string_view text() {
    const std::string_view before = left_.substr(0, left_.find('\0'));
    left_.remove_prefix(before.size() < left_.size() ? before.size() + 1 : before.size());
    return before;
  }
  [[nodiscard]] std::string_view rest() const { return left_; }

 private:
  std::string_view left_;
};

}  // namespace fanmill::fuzz
