#include <chrono>
#include <cstddef>

#include <fanmill/core/refusals.hpp>

namespace fanmill::core {

namespace {
constexpr Duration pause = std::chrono::seconds(10);
constexpr std::size_t most_addresses = 64;
}  // namespace

std::optional<std::string> Refusals::refused(const std::string& address, const std::string& reason, Time now,
                                             const std::string& kind) {
  ++count_;
  std::pair<std::string, std::string> key(address, kind.empty() ? reason : kind);
  if (said_.size() >= most_addresses && said_.count(key) == 0) {
    for (auto one = said_.begin(); one != said_.end();) {
      one = now - one->second.at >= pause && one->second.unsaid == 0 ? said_.erase(one) : std::next(one);
    }
    if (said_.size() >= most_addresses) key = {"many addresses", ""};
  }
  const auto [entry, is_new] = said_.try_emplace(key);
  Said& said = entry->second;
  ++said.unsaid;
  if (!is_new && now - said.at < pause) return std::nullopt;
  std::string line = "refused a connection";
  if (!key.first.empty()) line += " from " + key.first;
  if (!key.second.empty()) line += ": " + reason;
  if (said.unsaid > 1) line += " (" + std::to_string(said.unsaid) + " of them since this was last said)";
  said = {now, 0};
  return line;
}

}  // namespace fanmill::core
