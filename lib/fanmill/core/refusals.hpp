#pragma once
// What is said of strangers that are turned away: each at once, and then as often as people can read. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fanmill/base/time.hpp>

namespace fanmill::core {

class Refusals {
 public:
  // A line for people, or nothing where one of its kind was said in the last ten seconds. `kind` is what of
  // the reason is the same from one to the next; empty: all of it. `address` may be empty. Past 64 addresses
  // that have come in that time, the others share one line.
  [[nodiscard]] std::optional<std::string> refused(const std::string& address, const std::string& reason,
                                                   Time now, const std::string& kind = {});
  // The same of a connection that ended by itself before it was known who it was.
  [[nodiscard]] std::optional<std::string> ended(const std::string& address, Time now);
  // The lines that are due without anybody coming: of those held back, ten seconds after the last of their
  // kind was said; and all that are left, at the end.
  [[nodiscard]] std::vector<std::string> due(Time now);
  [[nodiscard]] Time next() const;
  [[nodiscard]] std::vector<std::string> rest();
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  using Key = std::pair<std::string, std::string>;  // address and kind
  struct Said {
    Time at{};
    std::uint64_t unsaid = 0;
    std::string line{};  // without their number
  };
  [[nodiscard]] std::optional<std::string> come(Key key, std::string line, Time now);
  static std::string say(Said& said, Time now);

  std::map<Key, Said> said_;
  std::uint64_t count_ = 0;
};

}  // namespace fanmill::core
