#pragma once
// Results as a stream of bytes: on stdout, or in a file.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <fanmill/store/screen.hpp>
#include <fanmill/store/store.hpp>

namespace fanmill::store {

enum class Format : std::uint8_t {
  // Each output as it is; of records each followed by the run's delimiter. Failed and dead tasks' outputs
  // too, as they were; a failed record has none.
  raw,
  jsonl,    // an object a line, as json_line.hpp says
  msgpack,  // a map after the other, as msgpack_map.hpp says
  length,   // of each task four bytes, how long its output is, the highest first; and the output
  joblog,   // GNU parallel's columns, as joblog_line.hpp says, the names of the columns first
};

struct StreamSettings {
  Format format = Format::raw;
  bool tag = false;         // --tag, for raw alone: the item and a tab before each line, stderr's too
  bool keep_order = false;  // -k: in the order of ids, stderr too
  // What waits for its turn beyond this is in a temporary file.
  std::size_t order_memory = std::size_t{64} << 20;
  // -o: written beside as FILE.partial and renamed by finish(true). Empty, "-" or /dev/stdout is stdout;
  // FIFOs, devices and /dev/fd/N are written as they are.
  std::string file{};
  std::string command{};     // for joblog: what the workers run, where it is known
  Screen* screen = nullptr;  // the line of progress on the terminal, if there is one; outlives the stream
  bool pass_stderr = true;   // commands' stderr to our stderr, grouped by task, byte for byte
};

// Safe is: written to the descriptor (with keep_order also: spooled, in memory or in the temporary file).
// backlog() counts what is not written for want of a reader, and with keep_order also what waits behind that
// beyond order_memory; what waits for a slow task it does not count, so that this stalls nothing.
//
// An output that cannot be opened is Error{unavailable}; opening a FIFO waits for its reader, as a shell
// does. SIGPIPE must be ignored by the program. Once nobody reads our stderr any more, what was meant for it
// is dropped.
[[nodiscard]] std::unique_ptr<Store> open_stream(const StreamSettings& settings);

}  // namespace fanmill::store
