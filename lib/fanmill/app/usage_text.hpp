#pragma once
// --help, --help-all and --version; and what the man pages say in the same words.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fanmill/app/option_table.hpp>
#include <fanmill/app/program_settings.hpp>

namespace fanmill::app {

enum class HelpOf : std::uint8_t { common, all };

// What is said of a program beside its options. Lines of text, ready to be printed.
struct Frame {
  std::string_view usage;
  std::string_view about;
  std::string_view examples;
  std::string_view exit_status;
};
[[nodiscard]] const Frame& frame_of(Program program);

// The frame's `about`, with the options that are for hosting alone named.
[[nodiscard]] std::string about_text(Program program);

// Sections in the order in which they are shown.
inline constexpr std::array headings{
    std::pair{Section::connection, "CONNECTION"},
    std::pair{Section::work, "WORK"},
    std::pair{Section::stay, "HOW LONG IT STAYS"},
    std::pair{Section::input, "INPUT"},
    std::pair{Section::output, "OUTPUT"},
    std::pair{Section::delivery, "DELIVERY"},
    std::pair{Section::other, "OTHER"},
};

// Those of one section, without what a ventilator takes for hosting alone.
[[nodiscard]] std::vector<const Option*> options_of(Program program, Section section);

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
