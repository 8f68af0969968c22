#pragma once
// What a program says on stderr: lines "PROGRAM: text", each written at once.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <fanmill/base/notice.hpp>
#include <fanmill/roles/report.hpp>

namespace fanmill::store {
class Screen;
}
namespace spdlog {
class logger;
}

namespace fanmill::app {

// May be used from any thread.
class Log {
 public:
  enum class Level : std::uint8_t { everything, warnings };  // warnings: --quiet

  // `screen`: the terminal that stderr is, where a line of progress makes room for what is said.
  Log(std::string_view program, Level level, std::shared_ptr<store::Screen> screen = nullptr);
  ~Log();

  void info(std::string_view text) const;
  void warning(std::string_view text) const;

  // The last that a program says: the digest of failures and the closing line. Returns the exit status.
  [[nodiscard]] int report(const roles::RunReport& ended) const;

  // For a role; may outlive the log. Of more than a thousand lines in ten seconds the rest is counted, and
  // the next line that is said comes with their number.
  [[nodiscard]] Notice notice() const;

 private:
  struct Told;

  void say(Severity severity, std::string_view text) const;

  std::shared_ptr<store::Screen> screen_;
  std::shared_ptr<spdlog::logger> logger_;
  std::shared_ptr<Told> told_;  // by notices
};

}  // namespace fanmill::app
