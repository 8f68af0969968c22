#pragma once
// What an outcome is called, in files and JSON.

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include <fanmill/base/ids.hpp>

namespace fanmill::store {

inline constexpr std::array<std::string_view, 3> outcome_names{"ok", "failed", "dead"};

[[nodiscard]] inline std::string_view name_of(Outcome outcome) {
  return outcome_names[static_cast<std::size_t>(outcome)];
}

[[nodiscard]] inline std::optional<Outcome> outcome_named(std::string_view name) {
  for (const Outcome outcome : {Outcome::ok, Outcome::failed, Outcome::dead}) {
    if (name_of(outcome) == name) return outcome;
  }
  return std::nullopt;
}

}  // namespace fanmill::store
