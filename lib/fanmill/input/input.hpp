#pragma once
// Where tasks come from: lines or other pieces of stdin or of files, or items of the command line. A stream:
// nothing here grows with the input, but for one item that is longer than a block.
//
// Reading never blocks the ventilator's loop: it waits on wait_fd() and calls read() when that is readable.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <fanmill/base/bytes.hpp>
#include <fanmill/base/ids.hpp>

namespace fanmill::input {

// Takes the items of one read(), in order.
class Receiver {
 public:
  virtual ~Receiver() = default;
  // The view ends with the call.
  virtual void item(ByteView payload) = 0;
  // One or several that lie one after the other in this block. Whoever shares it (Bytes::share) keeps them:
  // what has been read stays as it is, while there may be more to come behind it.
  virtual void neighbours(std::span<const ByteView> payloads, const Bytes& block) = 0;
};

class Input {
 public:
  virtual ~Input() = default;
  // A descriptor to wait on before read(), or −1 where read() has something at once (files,
  // items given, the end).
  [[nodiscard]] virtual int wait_fd() const = 0;
  // Reads one block, if there is something to read, and hands over the items that are complete. False once
  // the input has ended, and from then on; a call that says so has handed over nothing. Throws
  // Error{unavailable} for what cannot be read, naming the file and the reason.
  virtual bool read(Receiver& receiver) = 0;
  // What stood between the items: "\n", "\0", or "" where they need nothing; "\n" for items of the command
  // line.
  [[nodiscard]] virtual std::string delimiter() const = 0;
};

// What is one item of a file.
enum class Form : std::uint8_t {
  lines,            // so many lines
  blocks,           // whole lines up to a size
  msgpack,          // a msgpack value
  length_prefixed,  // bytes that come after their length, 32 bits, big-endian
};

struct Settings {
  std::vector<std::string> files{};  // -a, one after the other; "-" is stdin; none is stdin
  std::vector<std::string> items{};  // ::: ITEM…
  bool items_given = false;          // ::: was there, even with nothing after it
  Form form = Form::lines;
  char delimiter = '\n';             // or NUL: of lines and blocks
  std::uint64_t lines_per_task = 1;  // of lines
  std::size_t block = 1;             // bytes, delimiters included: of blocks
  // A longer one is Error{unavailable} naming its number and --max-message.
  std::size_t max_item = std::size_t{64} << 20;
};

// Files are opened as they are reached, but for all of them it is checked now that they can be read: a typing
// error in the third file is said before the first task is sent. A last line without its delimiter is a
// line; an empty line is one. An item ends where its file ends; one that is cut off there, of those that say
// how long they are, is Error{unavailable} naming the byte that it begins at.
[[nodiscard]] std::unique_ptr<Input> open_input(const Settings& settings);

}  // namespace fanmill::input
