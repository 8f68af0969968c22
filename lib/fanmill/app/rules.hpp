#pragma once
// What has to hold between options, and what follows from them together.

#include <span>
#include <string>
#include <vector>

#include <fanmill/app/option_table.hpp>
#include <fanmill/app/program_settings.hpp>

namespace fanmill::app {

// Completes settings in which each option by itself is in place. `given` are the options that were there,
// `words` the command, its
// ":::" and items included. Throws usage_error.
void apply_rules(ProgramSettings& settings, std::span<const Option* const> given,
                 std::vector<std::string> words);

}  // namespace fanmill::app
