#pragma once
// The one way to say that something cannot start or cannot go on.
//
// An Error is thrown where the trouble is seen and caught once, in a program's main. What a peer, the network
// or a clock can do at any time is not an Error: that is a value which the caller has to look at.

#include <exception>
#include <string>
#include <string_view>

namespace fanmill {

// Why, in the terms of the programs' exit status (docs/command-line.md): the value is the exit code.
enum class ErrorCode : int {
  usage = 2,        // the command line, or an argument of the library, is wrong
  unavailable = 3,  // cannot start or complete: bind, input, output, no peer
  refused = 4,      // the other side said no
};

class Error : public std::exception {
 public:
  // Reads as "cannot ACTION SUBJECT: REASON; NEXT". `next`, what to do about it, may be empty.
  Error(ErrorCode code, std::string_view action, std::string_view subject, std::string_view reason,
        std::string_view next = {});

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  ErrorCode code_;
  std::string text_;
};

// A wrong command line: reads as "SUBJECT: REASON; NEXT", for example "--jobs: 'two' is not a number; …".
[[nodiscard]] Error usage_error(std::string_view subject, std::string_view reason,
                                std::string_view next = {});

// The text of an errno value, in lower case and without the number: "address already in use".
[[nodiscard]] std::string reason_of(int error_number);

}  // namespace fanmill
