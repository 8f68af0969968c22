#include <algorithm>
#include <chrono>
#include <string_view>

#include <fanmill/base/error.hpp>
#include <fanmill/base/quantity.hpp>
#include <fanmill/roles/keys.hpp>
#include <fanmill/roles/observer.hpp>
#include <fanmill/transport/monitor.hpp>
#include <fanmill/transport/poller.hpp>
#include <fanmill/wire/control.hpp>

namespace fanmill::roles {

namespace {

constexpr auto usual_wait = std::chrono::seconds(2);
constexpr auto between_questions = std::chrono::milliseconds(200);

class Observer {
 public:
  Observer(transport::Context& context, const ObserverSettings& settings)
      : settings_(settings),
        socket_(context, transport::Kind::dealer, socket_settings(settings)),
        monitor_(context, socket_) {
    require_own_socket(settings, settings.connect);
    socket_.connect(settings.connect);
  }

  wire::Status run() {
    const bool patient = settings_.wait_timeout != Duration::max();
    const Time began = Clock::now();
    const Time end = began + (patient ? settings_.wait_timeout : Duration(usual_wait));
    Time ask = began;
    for (Time now = began; now < end; now = Clock::now()) {
      if (now >= ask) {
        transport::Message question(wire::encode(wire::Ask{}));
        static_cast<void>(socket_.send(question));
        ask = now + between_questions;
      }
      poller_.clear();
      poller_.watch_readable(socket_);
      poller_.watch_readable(monitor_);
      poller_.wait(now, std::min(ask, end));
      while (const auto event = monitor_.next()) {
        require_own_peer(settings_, settings_.connect, *event);
        throw_if_refused(event->what, settings_, "the ventilator", settings_.connect.text());
        if (event->what == transport::Monitor::What::unreachable && !patient) throw no_answer();
        connected_ = connected_ || event->what == transport::Monitor::What::up;
        cut_off_ = cut_off_ || event->what == transport::Monitor::What::cut_off;
      }
      while (const auto frame = socket_.receive()) {
        if (const auto status = status_in(frame->view())) return *status;
      }
    }
    throw no_answer();
  }

 private:
  static transport::SocketSettings socket_settings(const ObserverSettings& settings) {
    transport::SocketSettings result;
    result.max_message = settings.max_message + wire::frame_slack;
    result.linger = std::chrono::milliseconds(0);
    use_key(result, settings, settings.connect, settings.server_key);
    return result;
  }

  [[nodiscard]] Error cannot(ErrorCode code, std::string_view reason, std::string_view next) const {
    return {code, "get the status of", settings_.connect.text(), reason, next};
  }

  [[nodiscard]] std::optional<wire::Status> status_in(ByteView frame) const {
    const auto message = wire::decode_control(frame);
    if (!message) {
      if (message.flaw() != wire::Flaw::version || !wire::looks_like_answer(frame)) return std::nullopt;
      throw cannot(ErrorCode::refused, "it speaks another version of the protocol than this program",
                   "use the fanmill that is installed there");
    }
    if (const auto* refused = std::get_if<wire::Refused>(&*message)) {
      throw cannot(ErrorCode::refused, refused->reason, "");
    }
    const auto* status = std::get_if<wire::Status>(&*message);
    return status == nullptr ? std::nullopt : std::optional(*status);
  }

  [[nodiscard]] Error no_answer() const {
    if (connected_) {
      return cannot(ErrorCode::unavailable, "it takes connections and does not answer",
                    "is it a ventilator's address, and not a sink's?");
    }
    if (cut_off_ && settings_.key) return cut_off_error(settings_.connect);
    return cannot(ErrorCode::unavailable, "nobody answers there",
                  "fanmill status without an address lists the runs on this host");
  }

  const ObserverSettings& settings_;
  transport::Socket socket_;
  transport::Monitor monitor_;
  transport::Poller poller_;
  bool connected_ = false;
  bool cut_off_ = false;
};

}  // namespace

wire::Status ask_for_status(transport::Context& context, const ObserverSettings& settings) {
  return Observer(context, settings).run();
}

}  // namespace fanmill::roles
