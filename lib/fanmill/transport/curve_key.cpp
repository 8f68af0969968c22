#include <algorithm>
#include <cstdint>
#include <utility>

#include <sodium.h>
#include <zmq.h>

#include <fanmill/base/error.hpp>
#include <fanmill/transport/curve_key.hpp>

namespace fanmill::transport {

namespace {

using Bytes = std::array<std::uint8_t, key_bytes_size>;

bool decode_z85(std::string_view text, Bytes& bytes) {
  // libzmq's decoder looks up whatever it is given in a table of the printable characters.
  const auto printable = [](char one) { return one > ' ' && one < '\x7f'; };
  if (text.size() != key_text_size || !std::all_of(text.begin(), text.end(), printable)) return false;
  std::array<char, key_text_size + 1> terminated{};
  std::copy(text.begin(), text.end(), terminated.begin());
  const bool decoded = zmq_z85_decode(bytes.data(), terminated.data()) != nullptr;
  sodium_memzero(terminated.data(), terminated.size());
  return decoded;
}

// Of a point of small order every secret makes the same: 0.
bool can_be_shared_with(const Bytes& point) {
  constexpr Bytes any_secret{1};
  Bytes shared{};
  return crypto_scalarmult(shared.data(), any_secret.data(), point.data()) == 0;
}

}  // namespace

std::optional<PublicKey> PublicKey::of_text(std::string_view text) {
  Bytes bytes{};
  if (!decode_z85(text, bytes) || !can_be_shared_with(bytes)) return std::nullopt;
  return PublicKey(std::string(text));
}

std::optional<PublicKey> PublicKey::of_bytes(ByteView bytes) {
  if (bytes.size() != key_bytes_size) return std::nullopt;
  std::array<char, key_text_size + 1> text{};
  zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return PublicKey(text.data());
}

std::shared_ptr<const KeyPair> KeyPair::make() {
  std::array<char, key_text_size + 1> public_text{};
  SecretText secret{};
  if (zmq_curve_keypair(public_text.data(), secret.data()) != 0) {
    throw Error(ErrorCode::unavailable, "make", "a key", "this libzmq is built without CURVE");
  }
  std::shared_ptr<const KeyPair> pair(new KeyPair(PublicKey::of_text(public_text.data()).value(), secret));
  sodium_memzero(secret.data(), secret.size());
  return pair;
}

std::shared_ptr<const KeyPair> KeyPair::of_secret(std::string_view secret) {
  Bytes bytes{};
  const bool is_key = decode_z85(secret, bytes);
  sodium_memzero(bytes.data(), bytes.size());
  if (!is_key) return nullptr;
  SecretText text{};
  std::copy(secret.begin(), secret.end(), text.begin());
  std::array<char, key_text_size + 1> public_text{};
  std::shared_ptr<const KeyPair> pair;
  if (zmq_curve_public(public_text.data(), text.data()) == 0) {
    if (auto public_key = PublicKey::of_text(public_text.data())) {
      pair.reset(new KeyPair(std::move(*public_key), text));
    }
  }
  sodium_memzero(text.data(), text.size());
  return pair;
}

KeyPair::~KeyPair() {
  sodium_memzero(secret_.data(), secret_.size());
}

}  // namespace fanmill::transport
