#pragma once
// The pipes between us and one command: what it says on stdout and stderr is captured, and its item goes to
// its stdin.
//
// SIGPIPE must be ignored by the program where items go to stdin. One thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/ids.hpp>
#include <fanmill/work/capture.hpp>
#include <fanmill/work/epoll.hpp>

namespace fanmill::work {

class CommandPipes {
 public:
  enum class Which : std::uint8_t { out, err, in };
  // What their events on the Epoll carry: whose they are, and which of them it is about.
  static std::uint64_t event_of(std::uint64_t owner, Which which) {
    return owner << 2 | static_cast<std::uint64_t>(which);
  }
  static std::uint64_t owner_of(std::uint64_t event) { return event >> 2; }
  static Which which_of(std::uint64_t event) { return static_cast<Which>(event & 3); }

  // The command's own ends: of stdin −1 where it gets none from us, of the others our own stdout and stderr.
  struct Ends {
    int in = -1;
    int out = -1;
    int err = -1;
  };

  // Keeps the first bytes of stdout, so many, and the last ones of stderr. `epoll` has to live longer.
  CommandPipes(const Epoll& epoll, std::uint64_t owner, std::size_t max_output, std::size_t max_stderr);

  // New ones. Returns the errno value if there are none to be had, or 0; close() either way.
  [[nodiscard]] int open(bool captures, bool has_input);
  [[nodiscard]] Ends theirs() const;
  // Once the command has them.
  void close_theirs();
  // From now on there are events of stdin, when it takes more.
  void watch_input() const;
  // And of what the command says. Before that it is read at the command's end alone.
  void watch_output();
  [[nodiscard]] bool is_watched() const { return is_watched_; }

  // What the pipe takes of it, behind what it has taken already; closes it behind the last byte, or where the
  // command wants no more.
  void write_input(ByteView item);
  // What is there, up to a mebibyte of it. `room` is for its bytes on their way.
  void read(Which which, std::span<char> room);
  // What is in both pipes now, and not what others may go on to write.
  void read_rest(std::span<char> room);

  [[nodiscard]] Capture& out() { return streams_[0].capture; }
  [[nodiscard]] const Capture& out() const { return streams_[0].capture; }
  [[nodiscard]] const Capture& err() const { return streams_[1].capture; }

  // And forgets what was captured.
  void close();

 private:
  struct Stream {
    Descriptor pipe;  // our end
    Capture capture;
    Descriptor theirs;
  };

  void close_input();
  static void read_rest(Stream& stream, std::span<char> room);

  const Epoll& epoll_;
  std::uint64_t owner_;
  std::array<Stream, 2> streams_;  // stdout, stderr
  bool is_watched_ = false;
  Descriptor input_;  // as long as there is something to write
  Descriptor their_input_;
  std::size_t written_ = 0;  // bytes of the item
};

}  // namespace fanmill::work
