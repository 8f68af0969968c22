#include <chrono>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/roles/status_socket.hpp>
#include <fanmill/transport/random.hpp>

namespace fanmill::roles {

namespace {

constexpr std::size_t longest_question = 4096;
constexpr int answers_queued = 4;      // to each who asks
constexpr int questions_at_once = 16;  // between two looks at everything else
constexpr std::size_t descriptors_needed = 8;

transport::SocketSettings socket_settings() {
  transport::SocketSettings settings;
  settings.max_message = longest_question;
  settings.send_limit = answers_queued;
  settings.linger = std::chrono::milliseconds(0);
  return settings;
}

Endpoint endpoint_in(const std::string& directory) {
  // A listener that runs out of descriptors ends the process.
  if (!transport::Context::has_room_for(descriptors_needed)) {
    throw Error(ErrorCode::unavailable, "listen in", directory, "too few file descriptors are left");
  }
  Endpoint endpoint;
  endpoint.scheme = Scheme::ipc;
  endpoint.path =
      fmt::format("{}/{}{}-{}", directory, StatusSocket::prefix, getpid(), transport::random_name(8));
  return endpoint;
}

}  // namespace

StatusSocket::StatusSocket(transport::Context& context, const VentilatorSettings& settings)
    : own_context_(settings.key ? std::make_unique<transport::Context>() : nullptr),
      socket_(own_context_ ? *own_context_ : context, transport::Kind::router, socket_settings()) {
  bound_ = transport::bind_locked(socket_, endpoint_in(settings.status_directory));
}

void StatusSocket::answer(const transport::Poller& poller, core::Run& run, Time now) {
  if (!poller.readable(watched_)) return;
  for (int i = 0; i < questions_at_once; ++i) {
    const auto asked = socket_.receive_from();
    if (!asked) return;
    const auto message = wire::decode_control(asked->message.view());
    wire::Control answer;
    if (message && std::holds_alternative<wire::Ask>(*message)) {
      if (!run.may_answer(now)) continue;
      answer = run.status(now);
    } else if (!message && message.flaw() == wire::Flaw::version &&
               wire::looks_like_opening(asked->message.view())) {
      answer = core::Run::other_version();
    } else {
      continue;
    }
    transport::Message frame(wire::encode(answer));
    static_cast<void>(socket_.send_to(asked->peer, frame));
  }
}

}  // namespace fanmill::roles
