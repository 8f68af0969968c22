#pragma once
// Keys in files: made, and read with an eye on who else can. The text is key_text.hpp's.

#include <memory>
#include <string>

#include <fanmill/transport/curve_key.hpp>

namespace fanmill::transport {

// What the two files of a pair end with.
inline constexpr std::string_view public_key_ending = ".key";
inline constexpr std::string_view secret_key_ending = ".key_secret";

// DIRECTORY/NAME.key_secret, of mode 0600 from its first moment, and DIRECTORY/NAME.key. The directory is
// made with mode 0700 if it is not there. Returns the public key. Throws Error{unavailable}, also where one
// of the files is there already; what was made by then is removed again. `name` has no '/' in it.
PublicKey make_key_files(const std::string& directory, const std::string& name);

// A pair's secret file; "-" is standard input, which is read to its end. Throws Error{unavailable}: it is no
// regular file, cannot be read, is no secret key, or others than its owner may read it. `option` names it in
// the error.
[[nodiscard]] std::shared_ptr<const KeyPair> read_secret_key(const std::string& option,
                                                             const std::string& file);

// A public file. Throws likewise, and where it has a secret in it or everybody may write to it.
[[nodiscard]] PublicKey read_public_key(const std::string& option, const std::string& file);

// A public key as people give it: the 40 characters, or its file. If there is a file of that name, it is
// meant.
[[nodiscard]] PublicKey public_key_of(const std::string& option, const std::string& given);

}  // namespace fanmill::transport
