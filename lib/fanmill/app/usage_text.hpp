#pragma once
// --help and --version.

#include <string>

#include <fanmill/app/program_settings.hpp>

namespace fanmill::app {

// Usage, options by section, examples and exit status: at most 100 columns and a screen of lines. Made from
// the option table.
[[nodiscard]] std::string help_text(Program program);

// `fanmill --help`: the programs.
[[nodiscard]] std::string overview_text();

// The text that --help or --version asks for.
[[nodiscard]] std::string answer(const ProgramSettings& settings);

// "fanmill 0.1.0", the same for all programs.
[[nodiscard]] std::string version_text();

}  // namespace fanmill::app
