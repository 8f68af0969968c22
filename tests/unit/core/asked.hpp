#pragma once
// What a machine has asked for, sorted by kind; and the one time that most tests live at.

#include <chrono>
#include <variant>
#include <vector>

#include <fanmill/base/time.hpp>
#include <fanmill/wire/control.hpp>

namespace fanmill::core::test {

inline constexpr Time start{std::chrono::hours(1)};

// The actions of one kind, in order.
template <class Wanted, class Action>
[[nodiscard]] std::vector<Wanted> asked(const std::vector<Action>& actions) {
  std::vector<Wanted> found;
  for (const Action& action : actions) {
    if (const auto* one = std::get_if<Wanted>(&action)) found.push_back(*one);
  }
  return found;
}

// The messages of one kind that are to be said, whoever hears them, in order.
template <class Message, class Action>
[[nodiscard]] std::vector<Message> said(const std::vector<Action>& actions) {
  std::vector<Message> found;
  for (const Action& action : actions) {
    std::visit(
        [&](const auto& one) {
          if constexpr (requires { one.message; }) {
            if (const auto* message = std::get_if<Message>(&one.message)) found.push_back(*message);
          }
        },
        action);
  }
  return found;
}

}  // namespace fanmill::core::test
