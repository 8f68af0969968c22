#include <chrono>
#include <cstdlib>
#include <string_view>

#include <unistd.h>

#include <fanmill/app/progress_display.hpp>
#include <fanmill/app/progress_text.hpp>
#include <fanmill/app/standard_streams.hpp>

namespace fanmill::app {

namespace {

// The first line comes sooner: it tells that there will be lines.
constexpr auto first_line_after = std::chrono::seconds(1);
constexpr auto between_lines = std::chrono::seconds(10);
constexpr auto between_bars = std::chrono::milliseconds(100);

bool can_be_drawn_on(int fd) {
  const char* term = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe): nothing here sets variables
  return isatty(fd) == 1 && term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

}  // namespace

ShowProgress progress_for(const ProgramSettings& settings) {
  const bool drawable = can_be_drawn_on(STDERR_FILENO);
  switch (settings.progress) {
    case ShowProgress::bar:
      return drawable ? ShowProgress::bar : ShowProgress::plain;
    case ShowProgress::automatic: {
      // A sink shares its terminal with a ventilator, which knows more; commands of --ungroup write to it
      // unseen. Items that somebody types appear where the bar would be.
      const bool quiet = settings.quiet || settings.program == Program::sink ||
                         settings.command.output == work::OutputGoes::through;
      return drawable && !quiet && !is_typed(settings.input) ? ShowProgress::bar : ShowProgress::none;
    }
    case ShowProgress::plain:
    case ShowProgress::none:
      break;
  }
  return settings.progress;
}

std::shared_ptr<store::Screen> screen_for(ShowProgress progress) {
  return progress == ShowProgress::bar ? std::make_shared<store::Screen>(STDERR_FILENO) : nullptr;
}

void ProgressDisplay::watch(roles::CommonSettings& role) {
  if (progress_ == ShowProgress::none) return;
  role.watch = [this](const core::Progress& progress) { show(progress); };
  role.watch_period = between_bars;
}

void ProgressDisplay::end() {
  if (screen_ != nullptr) screen_->take_away();
}

void ProgressDisplay::show(const core::Progress& progress) {
  if (screen_ != nullptr) {
    screen_->show(progress_bar(progress, screen_->columns()));
  } else {
    say(progress);
  }
}

void ProgressDisplay::say(const core::Progress& progress) {
  const Time now = Clock::now();
  if (due_ == never) due_ = now + first_line_after;
  if (now < due_) return;
  due_ = now + between_lines;
  log_.info(progress_sentence(progress));
}

}  // namespace fanmill::app
