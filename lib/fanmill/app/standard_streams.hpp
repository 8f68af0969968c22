#pragma once
// Descriptors 0, 1 and 2, which whoever starts a program may have closed: a socket that landed on one of them
// would be taken for a terminal.

#include <string_view>

#include <fanmill/app/program_settings.hpp>
#include <fanmill/base/notice.hpp>

namespace fanmill::app {

// What was closed at the start.
struct ClosedStreams {
  bool input = false;
  bool output = false;
  bool errors = false;
};

// Opens /dev/null on those of the three that are closed. Before anything else opens a descriptor.
// Error{unavailable} where there is no /dev/null.
[[nodiscard]] ClosedStreams occupy_closed_streams();

// Whether somebody types the items.
[[nodiscard]] bool is_typed(const input::Settings& settings);

// Error{unavailable} if tasks are to come from a stdin that was closed. Who types them is told so.
void require_input(const ClosedStreams& closed, const input::Settings& settings, const Notice& notice);

// Error{unavailable} if results are to go to a stdout that was closed.
void require_output(const ClosedStreams& closed, const store::StreamSettings& settings);

// Writes `text` to stdout. Throws as a store does: Error{unavailable}, or store::PipeClosed where nobody
// reads it.
void print(const ClosedStreams& closed, std::string_view text);

}  // namespace fanmill::app
