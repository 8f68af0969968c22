#include <utility>

#include <fanmill/roles/strangers.hpp>

namespace fanmill::roles {

void Strangers::on_event(const transport::Monitor::Event& event, Time now) {
  if (!settings_.key) return;
  using What = transport::Monitor::What;
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
      if (reason.empty()) break;
      if (const auto line = refusals_.refused(address, reason, now)) {
        settings_.notice(Severity::warning, *line);
      }
      break;
    }
    case What::up:
    case What::unreachable:
    case What::refused:
    case What::cut_off:
      break;
  }
}

}  // namespace fanmill::roles
