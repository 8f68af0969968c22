#pragma once
// A run's status for people, and for programs. Pure.

#include <span>
#include <string>

#include <fanmill/wire/status.hpp>

namespace fanmill::app {

// A few lines for the run, one for each worker, and why it waits; each ends with a newline. What peers call
// themselves is printed so that a terminal does not obey it.
[[nodiscard]] std::string status_table(const wire::Status& status);

// {"runs": […]}, docs/status.md, and a newline.
[[nodiscard]] std::string status_json(std::span<const wire::Status> runs);

}  // namespace fanmill::app
