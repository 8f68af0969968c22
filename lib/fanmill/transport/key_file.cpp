#include <array>
#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/transport/key_file.hpp>
#include <fanmill/transport/key_text.hpp>
#include <fanmill/transport/uninterrupted.hpp>

namespace fanmill::transport {

namespace {

// A file's bytes, for as long as somebody looks at them.
struct Wiped {
  std::string bytes;
  Wiped() { bytes.reserve(max_key_text + 1); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  ~Wiped() { sodium_memzero(bytes.data(), bytes.size()); }
};

Error cannot_read(const std::string& option, const std::string& file, std::string_view reason,
                  std::string_view next = {}) {
  return {ErrorCode::unavailable, "read", fmt::format("the key of {}, '{}'", option, file), reason, next};
}

// Within what `text` has room for: it is not moved to where nobody wipes it.
void read_all(int fd, Wiped& text, const std::string& option, const std::string& file) {
  std::array<char, 1024> part;
  while (text.bytes.size() <= max_key_text) {
    const auto got = uninterrupted([&] { return static_cast<int>(::read(fd, part.data(), part.size())); });
    if (got < 0) throw cannot_read(option, file, reason_of(errno));
    if (got == 0) break;
    text.bytes.append(part.data(), std::min<std::size_t>(static_cast<std::size_t>(got),
                                                         max_key_text + 1 - text.bytes.size()));
  }
  sodium_memzero(part.data(), part.size());
}

std::string_view next_step(int open_error) {
  switch (open_error) {
    case ENOENT:
      return "fanmill keygen makes one";
    case EACCES:
      return "let this user read it (ls -l shows whose it is)";
    default:
      return {};
  }
}

// Does not wait for whoever may write to a FIFO.
Descriptor open_regular(const std::string& option, const std::string& file, struct stat& facts) {
  Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (opened.fd() < 0) {
    const int error = errno;
    if (error == ENOENT && ::lstat(file.c_str(), &facts) == 0) {
      throw cannot_read(option, file, "it is a link to what is not there", "mend or remove it");
    }
    throw cannot_read(option, file, reason_of(error), next_step(error));
  }
  if (::fstat(opened.fd(), &facts) != 0) throw cannot_read(option, file, reason_of(errno));
  if (S_ISDIR(facts.st_mode)) throw cannot_read(option, file, "it is a directory", "name a file in it");
  if (!S_ISREG(facts.st_mode)) {
    throw cannot_read(option, file, "it is not a regular file",
                      "name one; a secret key may come over stdin, as -");
  }
  return opened;
}

DecodedKey decode(const std::string& option, const std::string& file, const Wiped& text) {
  DecodedKey key = decode_key_text(text.bytes);
  if (!key.flaw.empty()) {
    throw cannot_read(option, file, fmt::format("it is not a key file: {}", key.flaw),
                      "fanmill keygen makes one");
  }
  return key;
}

DecodedKey read_key(const std::string& option, const std::string& file, struct stat& facts) {
  const Descriptor opened = open_regular(option, file, facts);
  Wiped text;
  read_all(opened.fd(), text, option, file);
  return decode(option, file, text);
}

DecodedKey read_key_from_stdin(const std::string& option) {
  Wiped text;
  read_all(STDIN_FILENO, text, option, "-");
  if (text.bytes.empty()) {
    throw cannot_read(option, "-", "there was nothing on stdin", "write the secret file's text to it");
  }
  return decode(option, "-", text);
}

void write_new(const std::string& file, const std::string& text, mode_t mode) {
  const auto cannot = [&](std::string_view reason, std::string_view next = {}) {
    return Error(ErrorCode::unavailable, "make", fmt::format("'{}'", file), reason, next);
  };
  Descriptor made(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (made.fd() < 0) {
    if (errno == EEXIST)
      throw cannot("it is there already", "a key is not written over; choose another NAME");
    throw cannot(reason_of(errno));
  }
  std::string_view left = text;
  int error = 0;
  while (!left.empty() && error == 0) {
    const auto written =
        uninterrupted([&] { return static_cast<int>(::write(made.fd(), left.data(), left.size())); });
    if (written < 0) {
      error = errno;
    } else {
      left.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  if (error == 0 && ::fsync(made.fd()) != 0) error = errno;
  if (error != 0) {
    ::unlink(file.c_str());
    throw cannot(reason_of(error));
  }
}

}  // namespace

PublicKey make_key_files(const std::string& directory, const std::string& name) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    throw Error(ErrorCode::unavailable, "make", fmt::format("the directory '{}'", directory),
                reason_of(errno));
  }
  const std::string base = directory + "/" + name;
  const std::string secret_file = base + std::string(secret_key_ending);
  const auto pair = KeyPair::make();
  std::string text = secret_key_text(*pair);
  try {
    write_new(secret_file, text, 0600);
  } catch (const Error&) {
    sodium_memzero(text.data(), text.size());
    throw;
  }
  sodium_memzero(text.data(), text.size());
  try {
    write_new(base + std::string(public_key_ending), public_key_text(pair->public_key()), 0644);
  } catch (const Error&) {
    ::unlink(secret_file.c_str());
    throw;
  }
  return pair->public_key();
}

std::shared_ptr<const KeyPair> read_secret_key(const std::string& option, const std::string& file) {
  struct stat facts {};
  const bool is_stdin = file == "-";
  DecodedKey key = is_stdin ? read_key_from_stdin(option) : read_key(option, file, facts);
  if (!key.pair) {
    throw cannot_read(option, file, "there is no secret-key in it",
                      fmt::format("name the file that ends with {}", secret_key_ending));
  }
  if (!is_stdin && (facts.st_mode & 0077) != 0) {
    throw cannot_read(option, file, "others than its owner may read it or write to it",
                      fmt::format("chmod 600 '{}'", file));
  }
  return std::move(key.pair);
}

PublicKey read_public_key(const std::string& option, const std::string& file) {
  struct stat facts {};
  DecodedKey key = read_key(option, file, facts);
  if (key.pair) {
    throw cannot_read(option, file, "a secret key is in it",
                      fmt::format("name the file that ends with {}", public_key_ending));
  }
  if ((facts.st_mode & S_IWOTH) != 0) {
    throw cannot_read(option, file, "everybody on this host may write to it",
                      fmt::format("chmod o-w '{}'", file));
  }
  return *key.public_key;
}

PublicKey public_key_of(const std::string& option, const std::string& given) {
  const auto text = PublicKey::of_text(given);
  if (text && ::access(given.c_str(), F_OK) != 0) return *text;
  struct stat facts {};
  if (::lstat(given.c_str(), &facts) == 0 || errno != ENOENT) return read_public_key(option, given);
  throw cannot_read(
      option, given,
      fmt::format("it is neither a key, which has {} characters, nor a file that is there", key_text_size),
      "name the other side's file that ends with " + std::string(public_key_ending));
}

}  // namespace fanmill::transport
