#include <unistd.h>

#include <fanmill/roles/identity.hpp>
#include <fanmill/wire/limits.hpp>

namespace fanmill::roles {

wire::Hello introduce(wire::Role role, const Endpoint& ventilator) {
  char host[wire::max_name + 1] = "localhost";
  gethostname(host, sizeof host - 1);
  host[sizeof host - 1] = '\0';
  wire::Hello hello;
  hello.role = role;
  hello.reached = ventilator.text();
  hello.host = host;
  hello.pid = static_cast<std::uint64_t>(getpid());
  return hello;
}

}  // namespace fanmill::roles
