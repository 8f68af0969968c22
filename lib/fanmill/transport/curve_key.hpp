#pragma once
// CURVE keys (https://rfc.zeromq.org/spec/26/), as the 40 characters of Z85 that libzmq takes. A secret is
// never part of a message, a log or an argument; only key_file.hpp writes one, and Socket hands one to
// libzmq.

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fanmill/base/ids.hpp>

namespace fanmill::transport {

inline constexpr std::size_t key_text_size = 40;
inline constexpr std::size_t key_bytes_size = 32;

class PublicKey {
 public:
  // Nothing for what is not 32 bytes in Z85, and for the few points with which no two sides share a secret:
  // libzmq ends the process over one of them.
  [[nodiscard]] static std::optional<PublicKey> of_text(std::string_view text);
  // Nothing unless there are 32 of them. For a peer's key as libzmq passes it on.
  [[nodiscard]] static std::optional<PublicKey> of_bytes(ByteView bytes);

  [[nodiscard]] const std::string& text() const { return text_; }
  friend bool operator==(const PublicKey&, const PublicKey&) = default;
  friend bool operator<(const PublicKey& one, const PublicKey& other) { return one.text_ < other.text_; }

 private:
  explicit PublicKey(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// A secret key and the public one that goes with it. Stays where it was made, and is wiped at its end.
class KeyPair {
 public:
  [[nodiscard]] static std::shared_ptr<const KeyPair> make();
  // Null for what is no key.
  [[nodiscard]] static std::shared_ptr<const KeyPair> of_secret(std::string_view secret);

  ~KeyPair();
  KeyPair(const KeyPair&) = delete;
  KeyPair& operator=(const KeyPair&) = delete;

  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] const char* secret() const { return secret_.data(); }  // with a NUL at its end

 private:
  using SecretText = std::array<char, key_text_size + 1>;
  KeyPair(PublicKey public_key, const SecretText& secret)
      : public_key_(std::move(public_key)), secret_(secret) {}

  PublicKey public_key_;
  SecretText secret_;
};

}  // namespace fanmill::transport
