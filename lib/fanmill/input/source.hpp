#pragma once
// One file of the input, or stdin, open for reading in a way that never blocks where poll(2) can tell.

#include <cstddef>
#include <optional>
#include <string>

#include <fanmill/base/descriptor.hpp>

namespace fanmill::input {

class Source {
 public:
  // Throws Error{unavailable} where `name` is a directory, a socket, missing or not ours to read. Opens
  // nothing: a FIFO is left for the reading itself.
  static void check(const std::string& name);

  // "-" and /dev/stdin are our stdin. A FIFO is opened without waiting for its writer; the wait is
  // wait_fd()'s.
  explicit Source(const std::string& name);

  // −1 for a regular file, which is always ready.
  [[nodiscard]] int wait_fd() const { return regular_ ? -1 : fd_; }

  // Bytes read, 0 at the end, nothing where there is nothing to read yet. Throws Error{unavailable}.
  std::optional<std::size_t> read(char* into, std::size_t room);

  // For people: "standard input" or the file's name in quotes.
  [[nodiscard]] const std::string& title() const { return title_; }

 private:
  std::string title_;
  Descriptor owned_;  // empty for stdin, which is not ours to close
  int fd_;
  bool regular_ = false;
  // Whether there is something is asked before it is read: of a FIFO of our own, which seems to be at its end
  // before a writer has come, and of stdin where it is no pipe or socket, or where read(2) cannot be told not
  // to wait. (stdin may be shared with programs that want it blocking, so it stays so.)
  bool asks_first_ = false;
};

}  // namespace fanmill::input
