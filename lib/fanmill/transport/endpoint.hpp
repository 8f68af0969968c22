#pragma once
// An address, parsed once: tcp://HOST:PORT, ipc://PATH, inproc://NAME.
//
// On the wire a host may be empty, "tcp://:5561": the host by which you reached the ventilator
// (docs/protocol.md, Joining). Nothing here opens a socket or looks up a name.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fanmill {

// What sockaddr_un has room for (unix(7)), without the NUL at its end.
inline constexpr std::size_t max_ipc_path = 107;

enum class Scheme : std::uint8_t { inproc, ipc, tcp };

struct Endpoint {
  Scheme scheme = Scheme::inproc;
  std::string host;        // tcp: a name, an IPv4 or IPv6 address without brackets, "*" for all of IPv4's; or
                           // empty, see above
  std::uint16_t port = 0;  // tcp: 0 asks for any free one (written "*" or 0; for binding)
  std::string path;        // ipc: the path; inproc: the name

  [[nodiscard]] std::string text() const;  // as people and libzmq write it
  [[nodiscard]] bool is_loopback() const;  // inproc, ipc, 127.0.0.0/8, ::1, localhost
  [[nodiscard]] bool is_wildcard() const;  // tcp on all interfaces: *, 0.0.0.0, ::
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// Throws usage_error("OPTION", …) that names the text, what is wrong with it and the three forms. An ipc path
// longer than max_ipc_path, or with a NUL, is refused with the limit; a relative one is made absolute (a
// program may change its directory).
[[nodiscard]] Endpoint parse_endpoint(std::string_view option, std::string_view text);

// The same for what a peer sent, to connect to: false, and `endpoint` untouched, where parse_endpoint would
// throw, and for what means nothing to another process: a wildcard, port 0, a relative path. An empty host is
// allowed here.
[[nodiscard]] bool decode_endpoint(std::string_view text, Endpoint& endpoint);

// What a ventilator or sink tells others about an address that it has bound: a wildcard or loopback host is
// passed on empty. `advertised`, a host, takes its place if it is not empty.
[[nodiscard]] Endpoint to_pass_on(Endpoint bound, std::string_view advertised);

// The other way: fills in an empty host with the one by which this process reached the ventilator; over ipc
// and inproc that is this host, 127.0.0.1.
[[nodiscard]] Endpoint resolve(Endpoint told, const Endpoint& reached);

// The rule of the first day: without keys, tcp is for loopback. Throws usage_error naming --insecure unless
// the endpoint is on loopback or `insecure` was said. (A --key is as good.)
void require_loopback(std::string_view option, const Endpoint& endpoint, bool insecure);

}  // namespace fanmill
