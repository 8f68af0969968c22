// Key files: a key that works, or a reason in which nothing of the file stands.

#include <string>

#include "fuzz_target.hpp"
#include <fanmill/transport/key_text.hpp>

using namespace fanmill;
using namespace fanmill::transport;
using fanmill::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView text = fuzz::Bytes(data, size).rest();
  const DecodedKey key = decode_key_text(text);
  require(key.flaw.empty() == key.public_key.has_value(), "there is a key or a reason");
  if (!key.flaw.empty()) {
    require(!key.pair, "a pair with a flaw is none");
    require(key.flaw.size() < 200, "a reason is short");
  } else {
    const DecodedKey again =
        decode_key_text(key.pair ? secret_key_text(*key.pair) : public_key_text(*key.public_key));
    require(again.flaw.empty() && *again.public_key == *key.public_key, "a key comes back the same");
  }
  static_cast<void>(PublicKey::of_text(text));
  if (const auto peer = PublicKey::of_bytes(text.substr(0, key_bytes_size))) {
    require(peer->text().size() == key_text_size, "a peer's key has a text");
  }
  return 0;
}
