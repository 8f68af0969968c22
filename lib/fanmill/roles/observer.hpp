#pragma once
// Asks a ventilator how its run is going. Joins nothing and changes nothing there.

#include <fanmill/roles/settings.hpp>
#include <fanmill/transport/context.hpp>
#include <fanmill/wire/status.hpp>

namespace fanmill::roles {

struct ObserverSettings : CommonSettings {
  Endpoint connect;  // the ventilator's, or its status socket's
};

// Asks until there is an answer, for `wait_timeout`; where that is not set, for two seconds, and not at all
// where nobody listens. Throws Error{unavailable} where none comes, and Error{refused} where keys or versions
// do not fit.
[[nodiscard]] wire::Status ask_for_status(transport::Context& context, const ObserverSettings& settings);

}  // namespace fanmill::roles
