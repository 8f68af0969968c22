#pragma once
// Where the tests of the stores write to: pipes, directories that go with the test, and stand-ins for our own
// descriptors.

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/error.hpp>

namespace fanmill::store {

class Pipe {
 public:
  // `capacity` in bytes, a page at least.
  explicit Pipe(int capacity = 1 << 20) {
    std::signal(SIGPIPE, SIG_IGN);
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    read_end_.reset(ends[0]);
    write_end_.reset(ends[1]);
    REQUIRE(::fcntl(write_end_.fd(), F_SETPIPE_SZ, capacity) >= capacity);
  }

  [[nodiscard]] int fd() const { return write_end_.fd(); }
  // As a path that a store opens.
  [[nodiscard]] std::string path() const { return "/dev/fd/" + std::to_string(fd()); }

  // What is in it now, up to `most` bytes.
  std::string read(std::size_t most = 1 << 20) {
    REQUIRE(::fcntl(read_end_.fd(), F_SETFL, O_NONBLOCK) == 0);
    std::string bytes(most, '\0');
    const ssize_t count = ::read(read_end_.fd(), bytes.data(), most);
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
  }
  void close_read_end() { read_end_.reset(); }

 private:
  Descriptor read_end_;
  Descriptor write_end_;
};

// A directory that goes with its test.
class TempDirectory {
 public:
  TempDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "fanmill-store-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  [[nodiscard]] std::string path(const std::string& name = "") const { return path_ / name; }
  [[nodiscard]] bool has(const std::string& name) const { return std::filesystem::exists(path_ / name); }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ostringstream bytes;
    bytes << std::ifstream(path_ / name, std::ios::binary).rdbuf();
    return bytes.str();
  }

 private:
  std::filesystem::path path_;
};

// Puts `fd` in the place of one of our own descriptors for as long as it lives. Nothing may be checked
// meanwhile where that is stdout: the reports go there.
class InPlaceOf {
 public:
  InPlaceOf(int own, int fd) : own_(own), saved_(::dup(own)) { ::dup2(fd, own); }
  ~InPlaceOf() {
    if (saved_) {
      ::dup2(saved_.fd(), own_);
    } else {
      ::close(own_);
    }
  }
  InPlaceOf(const InPlaceOf&) = delete;
  InPlaceOf& operator=(const InPlaceOf&) = delete;

 private:
  int own_;
  Descriptor saved_;
};

// The text of the Error{unavailable} that `action` throws, or "" where it throws none.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code() == ErrorCode::unavailable ? error.what() : "another code";
  }
  return "";
}

}  // namespace fanmill::store
