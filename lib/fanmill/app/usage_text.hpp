#pragma once
// --help, --help-all and --version.

#include <cstdint>
#include <string>

#include <fanmill/app/program_settings.hpp>

namespace fanmill::app {

enum class HelpOf : std::uint8_t { common, all };

// Usage, options by section, examples and exit status: at most 100 columns, and of the common options a
// screen of lines. Made from the option table.
[[nodiscard]] std::string help_text(Program program, HelpOf options);

// `fanmill --help`: the programs.
[[nodiscard]] std::string overview_text();

// The text that --help, --help-all or --version asks for.
[[nodiscard]] std::string answer(const ProgramSettings& settings);

// "fanmill 0.1.0", the same for all programs.
[[nodiscard]] std::string version_text();

}  // namespace fanmill::app
