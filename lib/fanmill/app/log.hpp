#pragma once
// What a program says on stderr: lines "PROGRAM: text", each written at once.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <fanmill/base/notice.hpp>
#include <fanmill/roles/report.hpp>

namespace spdlog {
class logger;
}

namespace fanmill::app {

// May be used from any thread.
class Log {
 public:
  enum class Level : std::uint8_t { everything, warnings };  // warnings: --quiet

  Log(std::string_view program, Level level);
  ~Log();

  void info(std::string_view text) const;
  void warning(std::string_view text) const;

  // The last that a program says: the digest of failures and the closing line. Returns the exit status.
  [[nodiscard]] int report(const roles::RunReport& ended) const;

  // For a role; may outlive the log.
  [[nodiscard]] Notice notice() const;

 private:
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace fanmill::app
