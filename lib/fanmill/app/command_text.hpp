#pragma once
// What the workers run, as one line for people and for comparing one run's with another's.

#include <string>
#include <string_view>

#include <fanmill/work/work.hpp>

namespace fanmill::app {

// Words with spaces between them, quoted where a shell would want it; the text of --shell as it is;
// "--function NAME". Before it "--colsep SEP", where items have columns.
[[nodiscard]] std::string command_text(const work::WorkSettings& settings, std::string_view separator = {});

}  // namespace fanmill::app
