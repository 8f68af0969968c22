#include <cctype>
#include <cstring>

#include <fmt/format.h>

#include <fanmill/base/error.hpp>

namespace fanmill {

namespace {
std::string with_next(std::string text, std::string_view next) {
  if (!next.empty()) text.append("; ").append(next);
  return text;
}
}  // namespace

Error::Error(ErrorCode code, std::string_view action, std::string_view subject, std::string_view reason,
             std::string_view next)
    : code_(code) {
  std::string text;
  if (!action.empty()) text.append("cannot ").append(action);
  if (!subject.empty()) text.append(text.empty() ? "" : " ").append(subject);
  if (!reason.empty()) text.append(text.empty() ? "" : ": ").append(reason);
  text_ = with_next(std::move(text), next);
}

Error usage_error(std::string_view subject, std::string_view reason, std::string_view next) {
  return {ErrorCode::usage, "", subject, reason, next};
}

std::string reason_of(int error_number) {
  char buffer[256];
  std::string text = strerror_r(error_number, buffer, sizeof buffer);
  // Only the first letter, and only of an ordinary word: "RPC" would stay.
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1]))) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

}  // namespace fanmill
