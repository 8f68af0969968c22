#pragma once
// What the machines of this floor ask of the loops above them. Each machine has a list of the actions that it
// may ask for.

#include <string>

#include <fanmill/base/notice.hpp>
#include <fanmill/wire/control.hpp>

namespace fanmill::core {

// Say this to the ventilator (worker, sink).
struct Say {
  wire::Control message;
};

// Say this to people.
struct Tell {
  Severity severity = Severity::info;
  std::string text;
};

// The loop ends, with this exit status of docs/command-line.md. `why` is for people; empty where all is well.
struct Finish {
  int status = 0;
  std::string why;
  bool by_peer = false;  // the other side ended it, and its own message says more
};

}  // namespace fanmill::core
