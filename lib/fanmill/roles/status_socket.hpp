#pragma once
// Where this user's programs on this host ask a run how it is going, with keys or without: an ipc socket of
// its own in a directory that is closed to all others. Nobody can join a run by it. One thread.

#include <memory>
#include <string_view>

#include <fanmill/core/run.hpp>
#include <fanmill/roles/settings.hpp>
#include <fanmill/transport/binding.hpp>
#include <fanmill/transport/poller.hpp>
#include <fanmill/transport/socket.hpp>

namespace fanmill::roles {

class StatusSocket {
 public:
  // What the names of such sockets begin with.
  static constexpr std::string_view prefix = "status-";

  // Binds status-PID-RANDOM in settings.status_directory. Throws Error{unavailable}. Where there are keys,
  // which the gatekeeper of `context` asks of everybody, it has a context of its own.
  StatusSocket(transport::Context& context, const VentilatorSettings& settings);

  void watch(transport::Poller& poller) { watched_ = poller.watch_readable(socket_); }
  // Answers those who have asked since watch().
  void answer(const transport::Poller& poller, core::Run& run, Time now);

 private:
  std::unique_ptr<transport::Context> own_context_;
  transport::Bound bound_;  // goes after the socket that is bound there
  transport::Socket socket_;
  std::size_t watched_ = transport::Poller::nothing;
};

}  // namespace fanmill::roles
