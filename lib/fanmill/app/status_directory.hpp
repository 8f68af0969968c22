#pragma once
// Where `fanmill status` finds this user's runs.

#include <string>

#include <fanmill/app/log.hpp>

namespace fanmill::app {

// The user's runtime directory; empty, and said once, where there can be none: a run does without.
[[nodiscard]] std::string status_directory(const Log& log);

}  // namespace fanmill::app
