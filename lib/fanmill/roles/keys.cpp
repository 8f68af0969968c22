#include <cassert>

#include <fmt/format.h>

#include <fanmill/roles/keys.hpp>
#include <fanmill/transport/ipc_path.hpp>

namespace fanmill::roles {

std::unique_ptr<transport::Gatekeeper> open_gate(transport::Context& context,
                                                 const CommonSettings& settings) {
  if (!settings.key) return nullptr;
  return std::make_unique<transport::Gatekeeper>(context, settings.allow, settings.notice);
}

void use_key(transport::SocketSettings& socket, const CommonSettings& settings, const Endpoint& to,
             const std::optional<transport::PublicKey>& server) {
  if (!settings.key || to.scheme == Scheme::inproc) return;
  assert(server);
  socket.key = settings.key;
  socket.server = server;
}

void throw_if_refused(transport::Monitor::What what, const CommonSettings& settings, const std::string& who,
                      const std::string& where) {
  const auto because = [&](const std::string& reason, std::string_view next) {
    return Error(ErrorCode::refused, "connect to", who + " at " + where, reason, next);
  };
  using What = transport::Monitor::What;
  if (what == What::refused) {
    const std::string key = settings.key ? " " + settings.key->public_key().text() : "";
    throw because(fmt::format("it does not let in this key{}", key),
                  "put its public file into the directory of the other side's --allow");
  }
  if (what != What::other_mechanism) return;
  if (settings.key) {
    throw because("it has no key, and whoever answers there may be anybody",
                  "start it with --key and --allow, or this without --key");
  }
  throw because("it lets in none without a key", "give --key FILE and --server-key KEY");
}

void require_own_socket(const CommonSettings& settings, const Endpoint& where) {
  if (where.scheme == Scheme::ipc && !settings.key) transport::require_own_socket(where.path);
}

void require_own_peer(const CommonSettings& settings, const Endpoint& where,
                      const transport::Monitor::Event& event) {
  if (where.scheme != Scheme::ipc || settings.key) return;
  using What = transport::Monitor::What;
  if (event.what == What::opened) transport::require_own_peer(where.path, event.fd);
  if (event.what == What::unreachable) transport::require_own_socket(where.path);
}

std::string cut_off_words(const Endpoint& where) {
  return fmt::format(
      "the ventilator at {} takes connections and ends them before they are made: is "
      "--server-key its key?",
      where.text());
}

Error cut_off_error(const Endpoint& where) {
  return {ErrorCode::refused, "connect to", "the ventilator at " + where.text(),
          "it ends each connection before it is made", "see that --server-key is its public key"};
}

}  // namespace fanmill::roles
