#pragma once
// What the options of the public classes have in common, checked and parsed for the roles behind them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/base/time.hpp>
#include <fanmill/keys.hpp>
#include <fanmill/roles/settings.hpp>

namespace fanmill::detail {

// Names an option in errors: "WorkerOptions" and "slots".
class StageOptions {
 public:
  explicit StageOptions(std::string_view name) : name_(name) {}

  // Throws usage_error("NAME::OPTION", reason, next) unless `right`.
  void require(bool right, std::string_view option, std::string_view reason,
               std::string_view next = {}) const;
  void require_retries(std::uint32_t retries, Duration delay) const;
  void require_window(std::size_t tasks, std::size_t bytes) const;
  void require_slots(std::string_view option, std::size_t slots, bool none_will_do = false) const;
  // What people call it; fits into a HELLO.
  void require_name(const std::string& name) const;
  // A time limit: none for zero, nor for a hundred years. Throws where it is negative.
  [[nodiscard]] Duration limit(std::string_view option, Duration given) const;

  // For other processes: tcp or ipc; beyond loopback not without keys, or `insecure`.
  [[nodiscard]] Endpoint endpoint(std::string_view option, const std::string& text, const Keys& keys,
                                  bool insecure) const;
  [[nodiscard]] std::vector<Endpoint> endpoints(std::string_view option,
                                                const std::vector<std::string>& texts, const Keys& keys,
                                                bool insecure) const;

  // Which keys a stage wants.
  enum class Wants : std::uint8_t { server = 1, allow = 2, both = 3 };
  // Reads the files. Throws as <fanmill/keys.hpp> says.
  void use(const Keys& keys, bool insecure, Wants wants, roles::CommonSettings& stage) const;

 private:
  std::string name_;
};

}  // namespace fanmill::detail
