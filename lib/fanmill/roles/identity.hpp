#pragma once
// Who this process is, for people: what stands in its HELLO.

#include <fanmill/transport/endpoint.hpp>
#include <fanmill/wire/control.hpp>

namespace fanmill::roles {

// A HELLO with role, host, pid and the endpoint by which the ventilator is reached.
[[nodiscard]] wire::Hello introduce(wire::Role role, const Endpoint& ventilator);

}  // namespace fanmill::roles
