#pragma once
// Manual pages, made from the option table as --help is.

#include <string>

#include <fanmill/app/program.hpp>

namespace fanmill::app {

// The page of section 1 for a program, as roff: "fanmill-run.1".
[[nodiscard]] std::string manual_page(Program program);

}  // namespace fanmill::app
