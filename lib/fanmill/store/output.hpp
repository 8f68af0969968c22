#pragma once
// Bytes on their way to a descriptor, without ever keeping the caller waiting for a slow reader.
//
// stdout's open file description is shared with other programs, so its flags are never changed: a pipe or a
// terminal is opened a second time, a socket is asked not to wait with each send, and where neither is
// possible little is written at a time, and only when poll(2) says that there is room. SIGPIPE must be
// ignored by the program.

#include <cstddef>
#include <cstdint>
#include <string>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/ids.hpp>
#include <fanmill/store/screen.hpp>

namespace fanmill::store {

class Output {
 public:
  // `title` is for errors, which read as "cannot write TITLE: …": "results to standard output". `fd` stays
  // the caller's and open. `next`: what people can do about an error, if anything. Throws Error{unavailable}
  // where it is not open.
  Output(int fd, std::string title, std::string next = {});
  // Takes `file` over.
  Output(Descriptor file, std::string title);

  // If the descriptor is that screen's terminal, its line makes room for what is written. The screen outlives
  // this.
  void share(Screen* screen);

  // What is not yet written ends here: to be appended to, and nothing else.
  [[nodiscard]] std::string& tail() { return buffer_; }

  // Appends `bytes` and what is to follow them; as much as goes is written at once, without a copy, behind
  // what waits (on a socket, and on what is written to after a poll: where nothing waits). What cannot be
  // written is write()'s to tell of.
  void append_large(ByteView bytes, ByteView after);

  // Offsets into all that was ever appended.
  [[nodiscard]] std::uint64_t end() const { return written_ + unwritten(); }
  [[nodiscard]] std::uint64_t written() const { return written_; }
  [[nodiscard]] std::size_t unwritten() const { return buffer_.size() - begin_; }

  // Writes as much as goes without waiting. Throws Error{unavailable}; PipeClosed when nobody reads any more.
  void write();
  // Writes everything, waiting as long as it takes. Throws likewise.
  void write_all();

  // The last write() stopped because the reader is behind.
  [[nodiscard]] bool blocked() const { return blocked_; }
  [[nodiscard]] int fd() const { return fd_; }
  // Somebody reads at the other end, and may go: a pipe or a socket.
  [[nodiscard]] bool has_reader() const { return has_reader_; }

 private:
  enum class Way : std::uint8_t { as_it_comes, after_poll, send };

  std::ptrdiff_t put(const char* bytes, std::size_t size) const;
  std::ptrdiff_t put_behind(ByteView bytes, ByteView after) const;
  void wrote(std::size_t count);

  std::string title_;
  std::string next_;
  Descriptor file_;   // the descriptor itself, where it is ours
  Descriptor again_;  // the same pipe or terminal, opened again for ourselves
  int fd_;            // the one that is written to
  Way way_ = Way::as_it_comes;
  Screen* screen_ = nullptr;
  bool has_reader_ = false;
  bool blocked_ = false;
  std::string buffer_;
  std::size_t begin_ = 0;      // bytes of buffer_ that are written
  std::uint64_t written_ = 0;  // of all bytes
};

}  // namespace fanmill::store
