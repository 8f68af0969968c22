// The library in this one file: nothing to link, and the loop is inlined.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fanmill/core/content_key.hpp>

namespace fanmill::core {

Key content_key(ByteView payload) {
  const XXH128_hash_t hash = XXH3_128bits(payload.data(), payload.size());
  return {hash.high64, hash.low64};
}

}  // namespace fanmill::core
