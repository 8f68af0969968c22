#pragma once
// What is written to stderr, for as long as this lives.

#include <cstdio>
#include <string>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

namespace fanmill::app {

class CapturedErrors {
 public:
  CapturedErrors() : before_(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)), file_(std::tmpfile()) {
    REQUIRE(file_ != nullptr);
    REQUIRE(dup2(fileno(file_), STDERR_FILENO) == STDERR_FILENO);
  }
  ~CapturedErrors() {
    dup2(before_, STDERR_FILENO);
    close(before_);
    std::fclose(file_);
  }
  CapturedErrors(const CapturedErrors&) = delete;
  CapturedErrors& operator=(const CapturedErrors&) = delete;

  [[nodiscard]] std::string text() const {
    std::string bytes(1 << 16, '\0');
    const ssize_t size = pread(fileno(file_), bytes.data(), bytes.size(), 0);
    bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return bytes;
  }

 private:
  int before_;
  std::FILE* file_;
};

}  // namespace fanmill::app
