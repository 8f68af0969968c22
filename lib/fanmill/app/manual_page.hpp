#pragma once
// Manual pages, made from the option table as --help is.

#include <string>

#include <fanmill/app/program.hpp>

namespace fanmill::app {

// The page of section 1 for a program, as roff: "fanmill-run.1".
[[nodiscard]] std::string manual_page(Program program);

// "fanmill.1": the programs, and where each is explained.
[[nodiscard]] std::string overview_page();

}  // namespace fanmill::app
