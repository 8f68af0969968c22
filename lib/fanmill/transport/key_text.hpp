#pragma once
// What is in a key file: the certificates of CZMQ and pyzmq,
//
//   # a comment
//   curve
//       public-key = "40 characters of Z85"
//       secret-key = "40 characters of Z85"
//
// the last line only in the secret file. Pure.

#include <memory>
#include <optional>
#include <string>

#include <fanmill/base/ids.hpp>
#include <fanmill/transport/curve_key.hpp>

namespace fanmill::transport {

// Most bytes of a key file.
inline constexpr std::size_t max_key_text = 8192;

[[nodiscard]] std::string public_key_text(const PublicKey& key);
[[nodiscard]] std::string secret_key_text(const KeyPair& pair);  // whoever takes it wipes it

struct DecodedKey {
  std::optional<PublicKey> public_key;
  std::shared_ptr<const KeyPair> pair;  // null in a public file
  // Why it is no key file, with the number of the line, and never with what is in it. Empty: it is one.
  std::string flaw;
};

// Any bytes at all. Each key at most once, the public one always, the two of a pair fitting each other; in
// the sections `curve` and `metadata` (of which nothing is wanted), and nothing else.
[[nodiscard]] DecodedKey decode_key_text(ByteView text);

}  // namespace fanmill::transport
