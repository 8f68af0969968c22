#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

#include <fanmill/core/refusals.hpp>

namespace fanmill::core {

namespace {
constexpr Duration pause = std::chrono::seconds(10);
constexpr std::size_t most_addresses = 64;
}  // namespace

namespace {

std::string from(const std::string& address) {
  return address.empty() ? "" : " from " + address;
}

}  // namespace

std::optional<std::string> Refusals::refused(const std::string& address, const std::string& reason, Time now,
                                             const std::string& kind) {
  return come({address, kind.empty() ? reason : kind}, "refused a connection" + from(address) + ": " + reason,
              now);
}

std::optional<std::string> Refusals::ended(const std::string& address, Time now) {
  return come({address, "ended"},
              "a connection" + from(address) + " ended during the handshake: it had no key, or went away",
              now);
}

std::optional<std::string> Refusals::come(Key key, std::string line, Time now) {
  ++count_;
  if (said_.size() >= most_addresses && said_.count(key) == 0) {
    for (auto one = said_.begin(); one != said_.end();) {
      one = now - one->second.at >= pause && one->second.unsaid == 0 ? said_.erase(one) : std::next(one);
    }
    if (said_.size() >= most_addresses) {
      key = {"many addresses", ""};
      line = "refused a connection from many addresses";
    }
  }
  const auto [entry, is_new] = said_.try_emplace(key);
  Said& said = entry->second;
  ++said.unsaid;
  said.line = std::move(line);
  if (!is_new && now - said.at < pause) return std::nullopt;
  return say(said, now);
}

std::string Refusals::say(Said& said, Time now) {
  std::string line = said.line;
  if (said.unsaid > 1) line += " (" + std::to_string(said.unsaid) + " of them since this was last said)";
  said.at = now;
  said.unsaid = 0;
  return line;
}

std::vector<std::string> Refusals::due(Time now) {
  std::vector<std::string> lines;
  for (auto& [key, said] : said_) {
    if (said.unsaid > 0 && now >= said.at + pause) lines.push_back(say(said, now));
  }
  return lines;
}

std::vector<std::string> Refusals::rest() {
  std::vector<std::string> lines;
  for (auto& [key, said] : said_) {
    if (said.unsaid > 0) lines.push_back(say(said, said.at));
  }
  return lines;
}

Time Refusals::next() const {
  Time next = never;
  for (const auto& [key, said] : said_) {
    if (said.unsaid > 0) next = std::min(next, said.at + pause);
  }
  return next;
}

}  // namespace fanmill::core
