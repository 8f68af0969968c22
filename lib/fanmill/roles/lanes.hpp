#pragma once
// The ventilator's lanes: one PUSH socket per worker, bound where that worker can reach it. One thread.

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/roles/settings.hpp>
#include <fanmill/transport/binding.hpp>
#include <fanmill/transport/monitor_set.hpp>
#include <fanmill/transport/poller.hpp>

namespace fanmill::roles {

class Lanes {
 public:
  // `bound`: the ventilator's control endpoints.
  Lanes(transport::Context& context, const VentilatorSettings& settings, std::vector<Endpoint> bound);

  // Binds a lane beside the control endpoint whose transport `reached` names, and returns its address as the
  // worker is to be told. With keys only the one of that name is let in there. Throws Error where that cannot
  // be: no such transport here, no port left, no descriptors left.
  std::string open(LaneToken token, const std::string& reached, const std::string& key_name);
  void close(LaneToken token);

  [[nodiscard]] bool writable(LaneToken token);
  // False if the lane's worker is not connected any more.
  [[nodiscard]] bool send(LaneToken token, transport::Message message, std::span<transport::Message> more);
  void watch_writable(LaneToken token, transport::Poller& poller);

  // A PUSH gives every other task to a second peer, whoever that is: a lane is for one, and one that has had
  // two is to be closed.
  [[nodiscard]] int news_fd() const { return monitors_.fd(); }  // readable: shared() has something to look at
  [[nodiscard]] std::vector<LaneToken> shared();

 private:
  struct Lane {
    // In this order: the socket goes before the path that it is bound to.
    std::optional<transport::Bound> bound;
    transport::Socket socket;
    std::unique_ptr<transport::Monitor> monitor = nullptr;  // none over inproc, where there is nothing to see
    bool has_peer = false;                                  // or has had one
  };

  [[nodiscard]] static bool has_another_peer(Lane& lane);

  transport::Context& context_;
  const VentilatorSettings& settings_;
  std::vector<Endpoint> control_;
  std::optional<transport::PortRange> ports_;
  std::map<LaneToken, Lane> lanes_;
  transport::MonitorSet monitors_;
};

}  // namespace fanmill::roles
