#pragma once
// What the tests of the input read with.

#include <span>
#include <string>
#include <vector>

#include <fanmill/base/error.hpp>
#include <fanmill/input/input.hpp>

namespace fanmill::input {

// Keeps copies of the items.
struct Collected : Receiver {
  std::vector<std::string> items;
  void item(ByteView payload) override { items.emplace_back(payload); }
  void neighbours(std::span<const ByteView> payloads, const Bytes&) override {
    for (const ByteView payload : payloads) item(payload);
  }
};

// Everything, for inputs that wait for nobody.
inline std::vector<std::string> read_all(Input& input) {
  Collected collected;
  while (input.read(collected)) {
  }
  return collected.items;
}

// The text of the Error that `action` throws, or "" where it throws none.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code() == ErrorCode::unavailable ? error.what() : "another code";
  }
  return "";
}

}  // namespace fanmill::input
