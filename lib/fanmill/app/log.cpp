#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <fanmill/app/log.hpp>

namespace fanmill::app {

Log::Log(std::string_view program, Level level)
    : logger_(std::make_shared<spdlog::logger>(std::string(program),
                                               std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  logger_->set_pattern("%n: %v");
  logger_->set_level(level == Level::warnings ? spdlog::level::warn : spdlog::level::info);
  logger_->flush_on(spdlog::level::info);
}

Log::~Log() = default;

void Log::info(std::string_view text) const {
  logger_->info(text);
}

void Log::warning(std::string_view text) const {
  logger_->warn(text);
}

int Log::report(const roles::RunReport& ended) const {
  for (const std::string& line : ended.digest) info(line);
  for (const std::string& line : ended.losses) warning(line);
  if (!ended.closing_line.empty()) info(ended.closing_line);
  return ended.exit_code;
}

Notice Log::notice() const {
  return [logger = logger_](Severity severity, std::string_view text) {
    logger->log(severity == Severity::warning ? spdlog::level::warn : spdlog::level::info, text);
  };
}

}  // namespace fanmill::app
