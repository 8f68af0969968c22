#include <algorithm>
#include <utility>

#include <fanmill/base/error.hpp>
#include <fanmill/roles/lanes.hpp>
#include <fanmill/transport/random.hpp>

namespace fanmill::roles {

namespace {
// A connected lane has its socket's mailbox, the listener and the connection, and its monitor two mailboxes;
// one to spare for an ipc lock.
constexpr std::size_t descriptors_of_a_lane = 6;

std::string directory_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}
}  // namespace

Lanes::Lanes(transport::Context& context, const VentilatorSettings& settings, std::vector<Endpoint> bound)
    : context_(context), settings_(settings), control_(std::move(bound)) {
  for (const Endpoint& endpoint : control_) {
    if (endpoint.scheme != Scheme::tcp || ports_) continue;
    ports_ = settings_.lane_ports
                 ? transport::PortRange(settings_.lane_ports->first, settings_.lane_ports->second)
                 : transport::PortRange::following(endpoint.port);
  }
}

std::string Lanes::open(LaneToken token, const std::string& reached, const std::string& key_name) {
  Endpoint asked;
  const auto beside = !decode_endpoint(reached, asked)
                          ? control_.end()
                          : std::find_if(control_.begin(), control_.end(),
                                         [&](const Endpoint& e) { return e.scheme == asked.scheme; });
  if (beside == control_.end()) {
    throw Error(ErrorCode::refused, "open a lane for", reached,
                "this ventilator is not bound to such an address");
  }
  if (!transport::Context::has_room_for(descriptors_of_a_lane)) {
    throw Error(ErrorCode::unavailable, "open a lane for", reached, "too few file descriptors are left",
                "raise the limit (ulimit -n)");
  }

  transport::SocketSettings lane_settings;
  lane_settings.linger = std::chrono::milliseconds(0);
  lane_settings.send_limit = 0;  // credit bounds what is in it
  // Nothing comes from a worker, and whatever a stranger sends is never read.
  lane_settings.receive_limit = 1;
  lane_settings.send_much_to(asked);
  lane_settings.key = settings_.key;
  lane_settings.only_for = key_name;
  lane_settings.max_message = settings_.max_message + wire::frame_slack;
  Lane lane{std::nullopt, transport::Socket(context_, transport::Kind::push, lane_settings)};
  if (beside->scheme != Scheme::inproc) {
    lane.monitor = std::make_unique<transport::Monitor>(context_, lane.socket);
  }
  Endpoint told;
  switch (beside->scheme) {
    case Scheme::tcp:
      told = ports_->bind(lane.socket, beside->host);
      break;
    case Scheme::ipc: {
      Endpoint own = *beside;
      own.path = directory_of(beside->path) + "/lane-" + transport::random_name(8);
      lane.bound = transport::bind_locked(lane.socket, own);
      told = own;
      break;
    }
    case Scheme::inproc: {
      Endpoint own = *beside;
      own.path = beside->path + "-lane-" + transport::random_name(8);
      told = lane.socket.bind(own);
      break;
    }
  }
  if (lane.monitor) {
    // What is read to the end is told of from then on. Whoever knows the address already is a peer, too.
    static_cast<void>(has_another_peer(lane));
    monitors_.add(*lane.monitor, static_cast<std::uint64_t>(token));
  }
  lanes_.emplace(token, std::move(lane));
  return to_pass_on(told, settings_.advertise).text();
}

void Lanes::close(LaneToken token) {
  const auto found = lanes_.find(token);
  if (found == lanes_.end()) return;
  if (found->second.monitor) monitors_.remove(*found->second.monitor);
  lanes_.erase(found);
}

bool Lanes::writable(LaneToken token) {
  const auto found = lanes_.find(token);
  return found != lanes_.end() && found->second.socket.writable();
}

bool Lanes::send(LaneToken token, transport::Message message, std::span<transport::Message> more) {
  const auto found = lanes_.find(token);
  return found != lanes_.end() && found->second.socket.send(message, more) == transport::Sent::yes;
}

void Lanes::watch_writable(LaneToken token, transport::Poller& poller) {
  const auto found = lanes_.find(token);
  if (found != lanes_.end()) poller.watch_writable(found->second.socket);
}

bool Lanes::has_another_peer(Lane& lane) {
  bool is_shared = false;
  while (const auto event = lane.monitor->next()) {
    // Noise on a port, and whoever only looks whether it is open, do not become a peer.
    if (event->what == transport::Monitor::What::up) is_shared |= std::exchange(lane.has_peer, true);
  }
  return is_shared;
}

std::vector<LaneToken> Lanes::shared() {
  std::vector<LaneToken> shared;
  for (const std::uint64_t key : monitors_.news()) {
    const auto found = lanes_.find(LaneToken{key});
    if (found != lanes_.end() && has_another_peer(found->second)) shared.push_back(found->first);
  }
  return shared;
}

}  // namespace fanmill::roles
