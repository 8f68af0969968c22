#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <strings.h>

#include <fanmill/base/error.hpp>
#include <fanmill/transport/endpoint.hpp>

namespace fanmill {

namespace {

constexpr std::string_view forms = "it takes tcp://HOST:PORT, ipc://PATH or inproc://NAME";

// What a peer says may have a NUL in it, and inet_pton(3) would see what is before that alone.
template <typename Address>
std::optional<Address> numeric(int family, const std::string& host) {
  Address address{};
  if (host.find('\0') != std::string::npos || inet_pton(family, host.c_str(), &address) != 1) {
    return std::nullopt;
  }
  return address;
}

std::optional<in_addr> ipv4(const std::string& host) {
  return numeric<in_addr>(AF_INET, host);
}

bool has_only_letters_of_names(std::string_view text) {
  return text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
         std::string_view::npos;
}

// With a zone or without: "fe80::1%eth0".
std::optional<in6_addr> ipv6(const std::string& host) {
  const auto percent = host.find('%');
  if (percent != std::string::npos &&
      !has_only_letters_of_names(std::string_view(host).substr(percent + 1))) {
    return std::nullopt;
  }
  return numeric<in6_addr>(AF_INET6, host.substr(0, percent));
}

// An interface's name is one too; libzmq takes them for binding.
bool is_name(std::string_view host) {
  const bool only_numbers = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return has_only_letters_of_names(host) && !only_numbers && host.front() != '-' && host.front() != '.' &&
         host.size() <= 253;
}

// The readers return what is wrong with the text, or nothing.
std::string read_tcp(std::string_view text, Endpoint& endpoint) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || text.ends_with(']')) return "the port is missing";
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);

  if (host.starts_with('[') && host.ends_with(']')) {
    endpoint.host = host.substr(1, host.size() - 2);
    if (!ipv6(endpoint.host)) return "what is in brackets is not an IPv6 address";
  } else {
    endpoint.host = host;
    if (ipv6(endpoint.host)) return "an IPv6 address goes in brackets";
    if (!host.empty() && host != "*" && !ipv4(endpoint.host) && !is_name(host)) {
      return fmt::format("'{}' is not a host", host);
    }
  }

  if (port == "*") return {};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (port.empty() || error != std::errc{} || end != port.data() + port.size()) {
    return "the port is not a number from 0 to 65535";
  }
  return {};
}

std::string read_path(std::string_view text, Endpoint& endpoint) {
  endpoint.path = text;
  if (text.empty()) return endpoint.scheme == Scheme::ipc ? "the path is missing" : "the name is missing";
  if (text.find('\0') != std::string_view::npos) return "it has a NUL in it";
  // libzmq would bind an abstract socket, which has no owner and lets every user of the machine in.
  if (endpoint.scheme == Scheme::ipc && text.front() == '@') {
    return fmt::format("an abstract socket is open to every user; a file of that name is ipc://./{}", text);
  }
  return {};
}

std::string read(std::string_view text, Endpoint& endpoint) {
  if (text.starts_with("tcp://")) {
    endpoint.scheme = Scheme::tcp;
    return read_tcp(text.substr(6), endpoint);
  }
  if (text.starts_with("ipc://")) {
    endpoint.scheme = Scheme::ipc;
    return read_path(text.substr(6), endpoint);
  }
  if (text.starts_with("inproc://")) {
    endpoint.scheme = Scheme::inproc;
    return read_path(text.substr(9), endpoint);
  }
  return "it is not an endpoint";
}

}  // namespace

std::string Endpoint::text() const {
  switch (scheme) {
    case Scheme::inproc:
      return "inproc://" + path;
    case Scheme::ipc:
      return "ipc://" + path;
    case Scheme::tcp:
      break;
  }
  const bool bracketed = host.find(':') != std::string::npos;
  return fmt::format("tcp://{}{}{}:{}", bracketed ? "[" : "", host, bracketed ? "]" : "",
                     port == 0 ? "*" : std::to_string(port));
}

bool Endpoint::is_loopback() const {
  if (scheme != Scheme::tcp) return true;
  if (const auto address = ipv4(host)) return ntohl(address->s_addr) >> 24 == 127;
  if (const auto address = ipv6(host)) {
    return IN6_IS_ADDR_LOOPBACK(&*address) ||
           (IN6_IS_ADDR_V4MAPPED(&*address) && address->s6_addr[12] == 127);
  }
  return strcasecmp(host.c_str(), "localhost") == 0;
}

bool Endpoint::is_wildcard() const {
  if (scheme != Scheme::tcp) return false;
  if (const auto address = ipv4(host)) return address->s_addr == INADDR_ANY;
  if (const auto address = ipv6(host)) return IN6_IS_ADDR_UNSPECIFIED(&*address);
  return host == "*";
}

Endpoint parse_endpoint(std::string_view option, std::string_view text) {
  Endpoint endpoint;
  std::string wrong = read(text, endpoint);
  if (wrong.empty() && endpoint.scheme == Scheme::tcp && endpoint.host.empty()) wrong = "the host is missing";
  if (wrong.empty() && endpoint.scheme == Scheme::ipc) {
    std::error_code error;
    const auto absolute = std::filesystem::absolute(endpoint.path, error);
    if (error) {
      wrong = "there is no working directory to start from";
    } else {
      endpoint.path = absolute.string();
    }
    if (endpoint.path.size() > max_ipc_path) {
      wrong = fmt::format("its path has {} bytes and the system's limit is {}", endpoint.path.size(),
                          max_ipc_path);
    }
  }
  // What comes after a NUL could not be read in a message either.
  const auto readable = text.substr(0, text.find('\0'));
  if (!wrong.empty()) throw usage_error(option, fmt::format("'{}': {}", readable, wrong), forms);
  return endpoint;
}

bool decode_endpoint(std::string_view text, Endpoint& endpoint) {
  Endpoint read_endpoint;
  if (!read(text, read_endpoint).empty()) return false;
  switch (read_endpoint.scheme) {
    case Scheme::inproc:
      break;
    case Scheme::ipc:
      if (!read_endpoint.path.starts_with('/') || read_endpoint.path.size() > max_ipc_path) return false;
      break;
    case Scheme::tcp:
      if (read_endpoint.is_wildcard() || read_endpoint.port == 0) return false;
      break;
  }
  endpoint = std::move(read_endpoint);
  return true;
}

Endpoint to_pass_on(Endpoint bound, std::string_view advertised) {
  if (bound.scheme != Scheme::tcp) return bound;
  if (!advertised.empty()) {
    bound.host = advertised;
  } else if (bound.is_wildcard() || bound.is_loopback()) {
    bound.host.clear();
  }
  return bound;
}

Endpoint resolve(Endpoint told, const Endpoint& reached) {
  if (told.scheme != Scheme::tcp || !told.host.empty()) return told;
  told.host = reached.scheme == Scheme::tcp ? reached.host : "127.0.0.1";
  return told;
}

void require_loopback(std::string_view option, const Endpoint& endpoint, bool insecure) {
  if (insecure || endpoint.is_loopback()) return;
  throw usage_error(
      option, fmt::format("{} is not on loopback, and nothing here keeps strangers out", endpoint.text()),
      "give --key FILE (fanmill keygen makes one), or say --insecure if the network is trusted");
}

}  // namespace fanmill
