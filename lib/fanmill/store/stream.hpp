#pragma once
// Results as a stream of bytes: on stdout, or in a file.

#include <cstddef>
#include <memory>
#include <string>

#include <fanmill/store/store.hpp>

namespace fanmill::store {

enum class Format : std::uint8_t {
  raw,    // each output as it is; of records each followed by the run's delimiter; failed and dead tasks' outputs too, as they were
  jsonl,  // an object a line: id, outcome, attempts, exit/signal/error, worker, slot, started, seconds, item, output, stderr
};

struct StreamSettings {
  Format format = Format::raw;
  bool keep_order = false;            // -k: in the order of ids
  std::size_t order_memory = std::size_t{64} << 20;  // what waits for its turn beyond this is in a temporary file
  std::string file;                   // -o: written beside as FILE.partial and renamed by finish(true); empty is stdout
  bool pass_stderr = true;            // commands' stderr to our stderr, grouped by task
};

// Safe is: written to the descriptor (with keep_order: spooled, in memory or in the temporary file). An output file that cannot be made is
// Error{unavailable}.
[[nodiscard]] std::unique_ptr<Store> open_stream(const StreamSettings& settings);

}  // namespace fanmill::store
