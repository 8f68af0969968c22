#pragma once
// Who came to a bound socket with no key, or for somebody else: libzmq asks no Gatekeeper about those. And
// who came when there was no room. One thread.

#include <map>
#include <optional>
#include <string>

#include <fanmill/core/refusals.hpp>
#include <fanmill/roles/settings.hpp>
#include <fanmill/transport/monitor.hpp>

namespace fanmill::roles {

class Strangers {
 public:
  explicit Strangers(const CommonSettings& settings) : settings_(settings) {}

  // Each event of a bound socket's monitor, in order. Tells of those that were refused, at a bounded rate;
  // where there is no key, of those alone for whom there was no room.
  void on_event(const transport::Monitor::Event& event, Time now);
  void tick(Time now);  // tells of those that were held back
  [[nodiscard]] Time next_tick() const { return refusals_.next(); }
  void finish();  // and at the end of all that are left

 private:
  void tell(const std::string& address, const std::string& reason, Time now);
  void say(const std::optional<std::string>& line);

  const CommonSettings& settings_;
  std::map<int, std::string> addresses_;  // by descriptor, of what is open
  std::string reason_;                    // of the connection that ends next; empty: no such
  bool cut_off_ = false;                  // and whether it ended by itself
  core::Refusals refusals_;
};

}  // namespace fanmill::roles
