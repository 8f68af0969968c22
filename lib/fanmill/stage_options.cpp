#include <chrono>

#include <fanmill/base/error.hpp>
#include <fanmill/stage_options.hpp>
#include <fanmill/transport/key_file.hpp>
#include <fanmill/wire/limits.hpp>

namespace fanmill::detail {

namespace {
// Attempts are counted from 0 on the wire, and workers that die cost some too.
constexpr std::uint32_t most_retries = 100'000;
constexpr Duration a_hundred_years = std::chrono::hours(24 * 36525);
}  // namespace

void StageOptions::require(bool right, std::string_view option, std::string_view reason,
                           std::string_view next) const {
  if (!right) throw usage_error(name_ + "::" + std::string(option), reason, next);
}

void StageOptions::require_retries(std::uint32_t retries, Duration delay) const {
  require(retries <= most_retries, "retries", std::to_string(retries) + " are too many",
          "the most is " + std::to_string(most_retries));
  require(delay >= Duration::zero(), "retry_delay", "it is negative");
  require(delay <= a_hundred_years, "retry_delay", "it is too long", "the longest is a hundred years");
}

void StageOptions::require_window(std::size_t tasks, std::size_t bytes) const {
  require(tasks > 0, "window_tasks", "nothing would run with 0", "it takes 1 or more");
  require(bytes > 0, "window_bytes", "nothing would run with 0", "it takes 1 or more");
}

void StageOptions::require_slots(std::string_view option, std::size_t slots, bool none_will_do) const {
  const std::string most = std::to_string(wire::max_slots);
  require(slots <= wire::max_slots, option, std::to_string(slots) + " are too many", "the most is " + most);
  require(slots > 0 || none_will_do, option, "nothing would run with 0", "it takes 1 to " + most);
}

void StageOptions::require_name(const std::string& name) const {
  require(name.size() <= wire::max_name, "name", "it has " + std::to_string(name.size()) + " bytes",
          "the most is " + std::to_string(wire::max_name));
}

Duration StageOptions::limit(std::string_view option, Duration given) const {
  require(given >= Duration::zero(), option, "it is negative", "zero is for no limit");
  return given == Duration::zero() || given >= a_hundred_years ? Duration::max() : given;
}

Endpoint StageOptions::endpoint(std::string_view option, const std::string& text, const Keys& keys,
                                bool insecure) const {
  const std::string name = name_ + "::" + std::string(option);
  Endpoint endpoint = parse_endpoint(name, text);
  require(endpoint.scheme != Scheme::inproc, option, "'" + text + "' reaches nobody outside this process",
          "it takes tcp://HOST:PORT or ipc://PATH; fanmill::Pipeline has all stages in one process");
  require_loopback(name, endpoint, insecure || !keys.key.empty());
  return endpoint;
}

std::vector<Endpoint> StageOptions::endpoints(std::string_view option, const std::vector<std::string>& texts,
                                              const Keys& keys, bool insecure) const {
  std::vector<Endpoint> endpoints;
  for (const std::string& text : texts) endpoints.push_back(endpoint(option, text, keys, insecure));
  return endpoints;
}

void StageOptions::use(const Keys& keys, bool insecure, Wants wants, roles::CommonSettings& stage) const {
  stage.insecure = insecure;
  const auto wanted = [&](Wants one) {
    return (static_cast<unsigned>(wants) & static_cast<unsigned>(one)) != 0;
  };
  const bool has_key = !keys.key.empty();
  require(has_key || keys.server_key.empty(), "keys.server_key", "it is of no use without one's own key",
          "give keys.key too");
  require(has_key || keys.allow.empty(), "keys.allow", "without a key of one's own nobody's is asked for",
          "give keys.key too");
  if (!has_key) return;
  require(!insecure, "insecure", "there are keys, and they keep strangers out", "use one of them");
  require(keys.server_key.empty() != wanted(Wants::server), "keys.server_key",
          wanted(Wants::server) ? "it is missing: whose ventilator is at the other end?"
                                : "nothing is connected to here");
  require(keys.allow.empty() != wanted(Wants::allow), "keys.allow",
          wanted(Wants::allow) ? "it is missing: whose keys are to be let in?" : "nobody connects to here");
  stage.key = transport::read_secret_key(name_ + "::keys.key", keys.key);
  if (wanted(Wants::server)) {
    stage.server_key = transport::public_key_of(name_ + "::keys.server_key", keys.server_key);
  }
  stage.allow = keys.allow;
}

}  // namespace fanmill::detail
