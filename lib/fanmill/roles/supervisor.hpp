#pragma once
// A worker in a process of its own, and another one in its place whenever it dies or is of no use any more:
// what crashes or hangs there costs the tasks that it held an attempt, and nobody else anything.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <fanmill/base/notice.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/roles/report.hpp>
#include <fanmill/roles/stop.hpp>

namespace fanmill::roles {

// How a worker's process knows that it has a supervisor: this is in its environment, and its stdin is the
// work::Board that both see.
inline constexpr const char* supervised_variable = "FANMILL_SUPERVISED";

struct SupervisorSettings {
  std::string program;                 // the file to execute
  std::vector<std::string> arguments;  // argv, its first word included
  std::string work;                    // what runs there, for people: "the plugin './x.so'"
  std::size_t slots = 1;
  // How long the process has to end once it was asked to; none: as long as it likes.
  std::optional<Duration> patience{};
  Notice notice = [](Severity, std::string_view) {};
};

// Starts the process and watches it on the calling thread, with which it dies; its stdout goes to stderr.
// Stopped once: it is told to end in order (SIGTERM). Twice: it is killed, and the exit code is 128 + the
// signal. Otherwise returns with the exit code of a process that ended in order, and throws Error, with its
// text and code, where that could not go on; and Error{unavailable} where it dies again and again, before it
// was given a task or without having finished any ever.
RunReport run_supervised(const SupervisorSettings& settings, StopRequest& stop);

}  // namespace fanmill::roles
