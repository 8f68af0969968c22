#pragma once
// What is said of strangers that are turned away: each at once, and then as often as people can read. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <fanmill/base/time.hpp>

namespace fanmill::core {

class Refusals {
 public:
  // A line for people, or nothing where one of its kind was said in the last ten seconds. `kind` is what of
  // the reason is the same from one to the next; empty: all of it. `address` may be empty. Past 64 addresses
  // that have come in that time, the others share one line.
  [[nodiscard]] std::optional<std::string> refused(const std::string& address, const std::string& reason,
                                                   Time now, const std::string& kind = {});
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  struct Said {
    Time at{};
    std::uint64_t unsaid = 0;
  };
  std::map<std::pair<std::string, std::string>, Said> said_;  // by address and reason
  std::uint64_t count_ = 0;
};

}  // namespace fanmill::core
