#pragma once
// Every option of the programs, declared once: the parser, --help and the rules are made from this
// table.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <fanmill/app/program_settings.hpp>

namespace fanmill::app {

// The headings of --help, in its order.
enum class Section : std::uint8_t { connection, work, stay, input, output, delivery, other };

// Which of the programs take an option.
struct TakenBy {
  bool run = false;
  bool ventilator = false;
  bool worker = false;
  bool sink = false;
  bool hosting = false;  // the ventilator too, where all stages share its process
  bool status = false;
  bool audit = false;
  bool export_results = false;
  bool keygen = false;
};

struct Option {
  char letter = 0;              // "-j", or 0
  std::string_view name;        // "--jobs"
  std::string_view argument{};  // "N", as --help shows it; empty: a flag
  std::string_view help;
  Section section = Section::other;
  TakenBy taken_by;
  bool rare = false;  // only --help-all has it
  // Parses the value and puts it where it belongs. `option` is the name, for errors; the value of a flag is
  // empty. Called for each occurrence, in their order: the last one wins, or all are kept.
  void (*set)(ProgramSettings& settings, std::string_view option, std::string_view value) = nullptr;

  [[nodiscard]] bool is_flag() const { return argument.empty(); }
  // Whether the program's parser knows it; a ventilator's knows those for hosting as well.
  [[nodiscard]] bool is_known_to(Program program) const;
};

[[nodiscard]] std::span<const Option> option_table();

}  // namespace fanmill::app
