#pragma once
// A worker's or sink's connection to the ventilator: one DEALER and its monitor. One thread.

#include <array>
#include <cstddef>
#include <optional>

#include <fanmill/core/cut_offs.hpp>
#include <fanmill/roles/keys.hpp>
#include <fanmill/roles/settings.hpp>
#include <fanmill/transport/monitor.hpp>
#include <fanmill/transport/poller.hpp>
#include <fanmill/transport/socket.hpp>
#include <fanmill/wire/control.hpp>

namespace fanmill::roles {

class ControlLink {
 public:
  ControlLink(transport::Context& context, const Endpoint& ventilator, const CommonSettings& settings)
      : settings_(settings),
        ventilator_(ventilator),
        socket_(context, transport::Kind::dealer, socket_settings(settings, ventilator)),
        monitor_(context, socket_),
        connected_(ventilator.scheme == Scheme::inproc) {
    require_own_socket(settings, ventilator);
    socket_.connect(ventilator);
  }

  // What is said while there is no connection goes nowhere: all that matters is said again once there is one.
  void say(const wire::Control& message) {
    if (!connected_) return;
    transport::Message frame(wire::encode(message));
    static_cast<void>(socket_.send(frame));
  }

  void watch(transport::Poller& poller) {
    watched_ = {poller.watch_readable(socket_), poller.watch_readable(monitor_)};
  }
  // Whether the last wait found something to read.
  [[nodiscard]] bool ready(const transport::Poller& poller) const {
    return poller.readable(watched_[0]) || poller.readable(watched_[1]);
  }

  // What has come: Machine is a core::Station or core::Collector. `perform` is called after each message,
  // since what the machine has asked for may decide what it makes of the next. Throws Error{refused} where
  // the keys do not fit, Error{unavailable} where another user has the ventilator's path.
  template <class Machine, class Perform>
  void read(Machine& machine, Time now, Perform perform) {
    bool up = false;
    bool down = false;
    while (const auto event = monitor_.next()) {
      up = up || event->what == transport::Monitor::What::up;
      down = down || event->what == transport::Monitor::What::down;
      require_own_peer(settings_, ventilator_, *event);
      look_at_keys(event->what, now);
    }
    while (auto frame = socket_.receive()) {
      if (const auto message = wire::decode_control(frame->view())) {
        machine.on_control(*message, now);
        perform();
      } else {
        ++malformed_;
        if (malformed_ == 1) {
          settings_.notice(Severity::warning, "the ventilator sent a message that is not understood (" +
                                                  std::string(wire::name_of(message.flaw())) +
                                                  "); is it of another version?");
        }
      }
    }
    connected_ = (connected_ && !down) || up;
    // The last messages of a connection may come after the news of its end.
    if (down) machine.on_control_down(now);
    if (up) machine.on_control_up(now);
  }

 private:
  void look_at_keys(transport::Monitor::What what, Time now) {
    using What = transport::Monitor::What;
    throw_if_refused(what, settings_, "the ventilator", ventilator_.text());
    if (what == What::up || what == What::unreachable) cut_offs_.reached();
    if (what != What::cut_off || !settings_.key) return;
    switch (cut_offs_.cut_off(now)) {
      case core::CutOffs::Verdict::wait:
        break;
      case core::CutOffs::Verdict::say:
        settings_.notice(Severity::warning, cut_off_words(ventilator_));
        break;
      case core::CutOffs::Verdict::give_up:
        throw cut_off_error(ventilator_);
    }
  }

  static transport::SocketSettings socket_settings(const CommonSettings& settings,
                                                   const Endpoint& ventilator) {
    transport::SocketSettings result;
    result.max_message = settings.max_message + wire::frame_slack;
    result.send_limit = control_send_limit;
    // Over ipc nothing is cut off. A ventilator that is stopped is found out by its own heartbeats, which say
    // how soon another has to follow.
    if (ventilator.scheme == Scheme::ipc) result.heartbeat_interval = std::chrono::milliseconds(0);
    use_key(result, settings, ventilator, settings.server_key);
    return result;
  }

  const CommonSettings& settings_;
  const Endpoint ventilator_;
  transport::Socket socket_;
  transport::Monitor monitor_;
  std::array<std::size_t, 2> watched_{transport::Poller::nothing, transport::Poller::nothing};
  bool connected_;  // over inproc always
  std::uint64_t malformed_ = 0;
  core::CutOffs cut_offs_;
};

}  // namespace fanmill::roles
