#pragma once
// How much this program has asked of operator new so far, in bytes: a decoder's thrift is tested by this, not
// by time.

#include <cstddef>

namespace fanmill::wire::test {

[[nodiscard]] std::size_t allocated();

}  // namespace fanmill::wire::test
