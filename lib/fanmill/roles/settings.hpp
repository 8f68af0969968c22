#pragma once
// What each role is told at its start: everything parsed, nothing stringly.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fanmill/base/notice.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/core/progress.hpp>
#include <fanmill/core/tenure.hpp>
#include <fanmill/transport/curve_key.hpp>
#include <fanmill/transport/endpoint.hpp>
#include <fanmill/wire/limits.hpp>

namespace fanmill::roles {

using fanmill::Notice;
using fanmill::Severity;

// Control messages queued to one peer. What is beyond is lost, and an ACK, CHECK or FRESH is not said again:
// where a sink takes over, there is one for each gap in what is unfinished.
inline constexpr int control_send_limit = 100'000;

struct CommonSettings {
  Duration wait_timeout = Duration::max();         // how long to do without a peer before ending with 3
  bool insecure = false;                           // tcp beyond loopback without keys
  std::shared_ptr<const transport::KeyPair> key;   // its own; null: all goes in the clear
  std::optional<transport::PublicKey> server_key;  // worker, sink: the ventilator's; there if `key` is
  std::string allow;                               // ventilator, sink: the directory of the keys let in
  std::size_t max_message = wire::default_max_message;
  std::string
      advertise;  // the host that others are told for what this process binds; empty: the one they used
  Notice notice = [](Severity, std::string_view) {};
  // Ventilator, sink: told again and again how far it has come, from the role's thread; null: nobody is. Must
  // not throw, and must not wait.
  std::function<void(const core::Progress&)> watch = nullptr;
  Duration watch_period = std::chrono::milliseconds(100);
};

// Ends the run with 3 once so many tasks have failed or are dead for good.
struct Halt {
  bool now = false;  // commands that run are killed; otherwise they are finished, and nothing more is started
  std::uint64_t failures = 1;
};

struct VentilatorSettings : CommonSettings {
  std::vector<Endpoint> bind;
  std::optional<std::pair<std::uint16_t, std::uint16_t>>
      lane_ports;                                    // none: those that follow the control port
  std::size_t window_tasks = 131072;                 // most tasks out and waiting
  std::size_t window_bytes = std::size_t{32} << 20;  // most bytes of them; one larger item passes alone
  // Most of payload on a lane within this process. What is sent from where it was read, and not copied, takes
  // no more of the cache for being much.
  std::size_t lane_bytes_inproc = std::size_t{4} << 20;
  std::optional<std::uint32_t> prefetch;  // tasks beyond a worker's slots; none: by time
  std::uint32_t min_workers = 1;          // do not start before so many are there
  std::uint32_t retries = 0;              // further attempts after a failure
  Duration retry_delay{0};                // before the first of them; each further one waits longer
  std::optional<Halt> halt;
  std::string status_directory{};  // where `fanmill status` looks for runs; empty: not for this one
  std::string separator;           // between the columns of an item, for the workers; empty: there are none
};

struct WorkerSettings : CommonSettings {
  Endpoint connect;
  std::string name;  // for people; empty: host:pid
  core::Tenure::Settings tenure;
  bool keep = false;  // stays for the next run when one ends
};

struct SinkSettings : CommonSettings {
  Endpoint connect;
  std::vector<Endpoint> bind;  // empty: the transport of `connect`, any free port or a random path
  bool wants_item = false;
  bool wants_detail = false;
  std::string shown_by = "--format jsonl";  // what people are told to look at for all that failed
};

}  // namespace fanmill::roles
