#include <utility>

#include <fanmill/roles/strangers.hpp>

namespace fanmill::roles {

void Strangers::on_event(const transport::Monitor::Event& event, Time now) {
  using What = transport::Monitor::What;
  if (event.what == What::crowded) {
    tell("", "too few file descriptors are left; raise the limit (ulimit -n)", now);
    return;
  }
  if (!settings_.key) return;
  switch (event.what) {
    case What::opened:
      addresses_[event.fd] = transport::address_beyond(event.fd);
      break;
    case What::other_mechanism:
      reason_ = "it has no key";
      break;
    case What::other_key:
      reason_ = "it took this for somebody else; its --server-key is not this one's";
      break;
    case What::down: {
      const std::string address = std::exchange(addresses_[event.fd], {});
      addresses_.erase(event.fd);
      const std::string reason = std::exchange(reason_, {});
      const bool cut_off = std::exchange(cut_off_, false);
      if (!reason.empty()) {
        tell(address, reason, now);
      } else if (cut_off) {
        say(refusals_.ended(address, now));
      }
      break;
    }
    case What::up:
    case What::unreachable:
    case What::crowded:
    case What::refused:
      break;
    // A peer without a key may have seen that there is one here, and gone, before that was seen here.
    case What::cut_off:
      cut_off_ = true;
      break;
  }
}

void Strangers::tell(const std::string& address, const std::string& reason, Time now) {
  say(refusals_.refused(address, reason, now));
}

void Strangers::say(const std::optional<std::string>& line) {
  if (line) settings_.notice(Severity::warning, *line);
}

void Strangers::finish() {
  for (const std::string& line : refusals_.rest()) settings_.notice(Severity::warning, line);
}

void Strangers::tick(Time now) {
  for (const std::string& line : refusals_.due(now)) settings_.notice(Severity::warning, line);
}

}  // namespace fanmill::roles
