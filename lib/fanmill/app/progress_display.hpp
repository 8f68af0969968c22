#pragma once
// --progress: shows people on stderr how far a run has come.

#include <cstdint>
#include <memory>

#include <fanmill/app/log.hpp>
#include <fanmill/app/program_settings.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/core/progress.hpp>
#include <fanmill/store/screen.hpp>

namespace fanmill::app {

// What --progress comes to here: `bar` only where stderr is a terminal that can be drawn on. `automatic` is a
// bar there, if nothing speaks against it, and else nothing.
[[nodiscard]] ShowProgress progress_for(const ProgramSettings& settings);

// The terminal that a bar is drawn on; null where there is none.
[[nodiscard]] std::shared_ptr<store::Screen> screen_for(ShowProgress progress);

class ProgressDisplay {
 public:
  // Draws on `screen`, if there is one; else says lines by `log`, if they are wanted. Both outlive it.
  ProgressDisplay(ShowProgress progress, store::Screen* screen, const Log& log)
      : progress_(progress), screen_(screen), log_(log) {}
  ~ProgressDisplay() { end(); }
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  // Has a role tell it how far it is.
  void watch(roles::CommonSettings& role);
  // Leaves the terminal as it was.
  void end();

 private:
  void show(const core::Progress& progress);
  void say(const core::Progress& progress);

  ShowProgress progress_;
  store::Screen* screen_;
  const Log& log_;
  Time due_ = never;  // the next line
};

}  // namespace fanmill::app
