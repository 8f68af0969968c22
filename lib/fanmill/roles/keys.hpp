#pragma once
// The keys of a role, put on its sockets; and what is said where they do not fit.

#include <memory>
#include <string>

#include <fanmill/base/error.hpp>
#include <fanmill/roles/settings.hpp>
#include <fanmill/transport/gatekeeper.hpp>
#include <fanmill/transport/monitor.hpp>
#include <fanmill/transport/socket.hpp>

namespace fanmill::roles {

// For the sockets that a role binds; null where it has no key. To be made after the context and before them.
[[nodiscard]] std::unique_ptr<transport::Gatekeeper> open_gate(transport::Context& context,
                                                               const CommonSettings& settings);

// For a socket that connects, to whom this key belongs. What goes to `to` in this process has none.
void use_key(transport::SocketSettings& socket, const CommonSettings& settings, const Endpoint& to,
             const std::optional<transport::PublicKey>& server);

// Throws Error{refused} for what a Monitor has seen of a connection to `who` ("the ventilator") at `where`
// that cannot get better by trying again; returns otherwise.
void throw_if_refused(transport::Monitor::What what, const CommonSettings& settings, const std::string& who,
                      const std::string& where);

// Before connecting and again where that has failed, and once a connection is made: without keys, over ipc,
// only this user's or root's socket will do (Error{unavailable}). A key says more than a user's number.
void require_own_socket(const CommonSettings& settings, const Endpoint& where);
void require_own_peer(const CommonSettings& settings, const Endpoint& where,
                      const transport::Monitor::Event& event);

// Of a connection that was cut off again and again.
[[nodiscard]] Error cut_off_error(const Endpoint& where);
[[nodiscard]] std::string cut_off_words(const Endpoint& where);

}  // namespace fanmill::roles
