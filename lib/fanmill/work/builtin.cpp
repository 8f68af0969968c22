#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium/crypto_hash_sha256.h>
#include <unistd.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/work/builtin.hpp>

namespace fanmill::work {

namespace {

ByteView echo(ByteView payload, FunctionCall&) {
  return payload;
}

ByteView fail(ByteView, FunctionCall&) {
  throw std::runtime_error("this function always fails");
}

ByteView sha256(ByteView payload, FunctionCall& call) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash;
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(payload.data()), payload.size());
  constexpr std::string_view digits = "0123456789abcdef";
  for (const unsigned char byte : hash) {
    call.buffer().push_back(digits[byte >> 4]);
    call.buffer().push_back(digits[byte & 15]);
  }
  return call.buffer();
}

ByteView sleep(ByteView payload, FunctionCall& call) {
  double seconds = 0;
  const char* const end = payload.data() + payload.size();
  const auto parsed = std::from_chars(payload.data(), end, seconds, std::chars_format::fixed);
  constexpr double longest = 1e9;  // 30 years; NaN is not below it either
  if (parsed.ec != std::errc() || parsed.ptr != end || !(seconds >= 0 && seconds <= longest)) {
    throw std::runtime_error(fmt::format("'{}' is not a number of seconds", payload.substr(0, 64)));
  }
  const auto duration = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  static_cast<void>(call.pause(duration));
  return {};
}

// Words as wc(1) has them in the C locale: what white space divides, if there is a printable character in it.
class WordCounter {
 public:
  void add(ByteView text) {
    for (const char c : text) {
      if (c == ' ' || (c >= '\t' && c <= '\r')) {
        count_ += in_word_ ? 1 : 0;
        in_word_ = false;
      } else if (c > ' ' && c <= '~') {
        in_word_ = true;
      }
    }
  }
  [[nodiscard]] std::uint64_t count() const { return count_ + (in_word_ ? 1 : 0); }

 private:
  std::uint64_t count_ = 0;
  bool in_word_ = false;
};

[[noreturn]] void cannot_read(const std::string& file) {
  throw Error(ErrorCode::unavailable, "read", "'" + file.substr(0, 256) + "'", reason_of(errno));
}

ByteView wordcount(ByteView payload, FunctionCall& call) {
  if (payload.find('\0') != ByteView::npos) throw std::runtime_error("a file's name cannot hold a NUL byte");
  const std::string file(payload);
  const Descriptor input(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!input) cannot_read(file);
  WordCounter words;
  std::string& buffer = call.buffer();
  buffer.resize(std::size_t{64} << 10);
  while (const ssize_t count = ::read(input.fd(), buffer.data(), buffer.size())) {
    if (count > 0) {
      words.add({buffer.data(), static_cast<std::size_t>(count)});
    } else if (errno != EINTR) {
      cannot_read(file);
    }
  }
  buffer = std::to_string(words.count());
  return buffer;
}

// Not a pointer to it: that would be a call more for each task.
template <ByteView (*function)(ByteView, FunctionCall&)>
Function make() {
  return [](ByteView payload, FunctionCall& call) { return function(payload, call); };
}

struct Builtin {
  std::string_view name;
  Function (*make)();
};

constexpr std::array<Builtin, 5> builtins{{{"echo", make<echo>},
                                           {"fail", make<fail>},
                                           {"sha256", make<sha256>},
                                           {"sleep", make<sleep>},
                                           {"wordcount", make<wordcount>}}};

}  // namespace

Function find_builtin(std::string_view name) {
  for (const Builtin& builtin : builtins) {
    if (builtin.name == name) return builtin.make();
  }
  return {};
}

std::vector<std::string> builtin_names() {
  std::vector<std::string> names;
  names.reserve(builtins.size());
  for (const Builtin& builtin : builtins) names.emplace_back(builtin.name);
  return names;
}

}  // namespace fanmill::work
