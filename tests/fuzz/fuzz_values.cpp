// The values of options, and endpoints from peers: a value, or an Error of usage, and nothing else.

#include <string>

#include "fuzz_target.hpp"
#include <fanmill/app/jobs.hpp>
#include <fanmill/app/option_values.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/base/quantity.hpp>
#include <fanmill/transport/endpoint.hpp>

using namespace fanmill;
using fanmill::fuzz::require;

namespace {

template <class Parse>
void parse(Parse value) {
  try {
    value();
  } catch (const Error& error) {
    require(error.code() == ErrorCode::usage, "what is wrong with a value is an error of usage");
  }
}

void endpoint_of_peer(std::string_view text) {
  Endpoint endpoint;
  if (!decode_endpoint(text, endpoint)) return;
  require(!endpoint.is_wildcard(), "no peer is sent to a wildcard");
  Endpoint again;
  require(decode_endpoint(endpoint.text(), again) && again == endpoint, "an endpoint comes back the same");
  const Endpoint reached = resolve(endpoint, parse_endpoint("--connect", "tcp://head:5555"));
  require(reached.scheme != Scheme::tcp || !reached.host.empty(), "a host is filled in");
  static_cast<void>(to_pass_on(endpoint, "head").text());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::Bytes(data, size).rest();
  endpoint_of_peer(text);
  parse([&] {
    const Endpoint endpoint = parse_endpoint("--bind", text);
    require(endpoint.scheme != Scheme::ipc || endpoint.path.size() <= max_ipc_path, "a path can be bound");
    require_loopback("--bind", endpoint, false);
    require(endpoint.is_loopback(), "without keys there is loopback alone");
  });
  parse([&] {
    const Duration duration = parse_duration("--timeout", text);
    require(duration >= Duration::zero() && Time::max() - Clock::now() > duration, "a deadline can be made");
    static_cast<void>(format_duration(duration));
  });
  parse([&] { static_cast<void>(format_size(parse_size("--max-message", text))); });
  parse([&] { require(parse_count("--window", text, 3, 300) - 3 <= 297, "a count is in its bounds"); });
  parse([&] {
    const std::size_t jobs = app::parse_jobs("--jobs", text, 8);
    require(jobs >= 1 && jobs <= wire::max_slots, "there are slots, and not too many");
  });
  parse([&] {
    const auto [low, high] = app::parse_ports("--lane-ports", text);
    require(low >= 1 && low <= high, "ports are a range");
  });
  parse([&] { require(!app::parse_host("--advertise", text).empty(), "a host has a name"); });
  parse([&] { static_cast<void>(app::parse_prefetch("--prefetch", text)); });
  parse([&] { require(app::parse_halt("--halt", text).failures >= 1, "one failure at least halts"); });
  parse([&] { static_cast<void>(app::parse_format("--format", text)); });
  parse([&] { static_cast<void>(app::parse_export_format("--format", text)); });
  parse([&] { static_cast<void>(app::parse_framing("--framing", text)); });
  parse([&] { require(app::parse_name("--name", text).size() <= wire::max_name, "a name can be sent"); });
  parse([&] { require(!app::parse_separator("--colsep", text).empty(), "a separator is something"); });
  parse([&] { require(app::parse_size_up_to("--block", text, 1 << 30) <= 1 << 30, "a size has a limit"); });
  parse([&] { static_cast<void>(app::parse_function("--function", text)); });
  return 0;
}
