#include <chrono>
#include <mutex>
#include <utility>

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <fanmill/app/log.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/core/line_limit.hpp>
#include <fanmill/store/printable.hpp>
#include <fanmill/store/screen.hpp>

namespace fanmill::app {

namespace {
// Of what roles tell in ten seconds: peers have a say in that.
constexpr std::uint64_t most_told = 1000;

void log_line(store::Screen* screen, spdlog::logger& logger, Severity severity, std::string_view text) {
  const auto level = severity == Severity::warning ? spdlog::level::warn : spdlog::level::info;
  if (!logger.should_log(level)) return;
  store::Screen::Text line(screen);
  // A path may have a newline in it, and what a peer says of itself whatever a terminal obeys.
  logger.log(level, store::printable(text, text.size()));
  line.wrote("\n");
}
}  // namespace

struct Log::Told {
  std::mutex mutex;
  core::LineLimit limit{most_told, std::chrono::seconds(10)};
};

Log::Log(std::string_view program, Level level, std::shared_ptr<store::Screen> screen)
    : screen_(std::move(screen)),
      logger_(std::make_shared<spdlog::logger>(std::string(program),
                                               std::make_shared<spdlog::sinks::stderr_sink_mt>())),
      told_(std::make_shared<Told>()) {
  logger_->set_pattern("%n: %v");
  logger_->set_level(level == Level::warnings ? spdlog::level::warn : spdlog::level::info);
  logger_->flush_on(spdlog::level::info);
}

Log::~Log() = default;

void Log::info(std::string_view text) const {
  say(Severity::info, text);
}

void Log::warning(std::string_view text) const {
  say(Severity::warning, text);
}

int Log::report(const roles::RunReport& ended) const {
  for (const std::string& line : ended.digest) info(line);
  for (const std::string& line : ended.losses) warning(line);
  if (!ended.closing_line.empty()) info(ended.closing_line);
  return ended.exit_code;
}

Notice Log::notice() const {
  return [screen = screen_, logger = logger_, told = told_](Severity severity, std::string_view text) {
    const auto level = severity == Severity::warning ? spdlog::level::warn : spdlog::level::info;
    if (!logger->should_log(level)) return;
    const std::lock_guard lock(told->mutex);
    const auto left_out = told->limit.admit(Clock::now());
    if (!left_out) return;
    if (*left_out > 0) {
      log_line(screen.get(), *logger, Severity::warning,
               std::to_string(*left_out) + " lines were left out: more than " + std::to_string(most_told) +
                   " in ten seconds");
    }
    log_line(screen.get(), *logger, severity, text);
  };
}

void Log::say(Severity severity, std::string_view text) const {
  log_line(screen_.get(), *logger_, severity, text);
}

}  // namespace fanmill::app
