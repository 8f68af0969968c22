#pragma once
// Where a file that is named on a command line is written: beside its place, to be renamed when it is whole;
// or, where the name is a device's, a FIFO's or an open descriptor's, as it is.

#include <optional>
#include <string>

#include <fanmill/store/output.hpp>
#include <fanmill/store/result_file.hpp>

namespace fanmill::store {

struct Destination {
  Output output;
  std::optional<ResultFile> file;  // to be completed, if it is one
};

// `what` is written, for errors: "results". Empty, "-" and /dev/stdout are stdout. Throws Error{unavailable};
// opening a FIFO waits for its reader, as a shell does.
[[nodiscard]] Destination open_destination(const std::string& path, const std::string& what);

}  // namespace fanmill::store
