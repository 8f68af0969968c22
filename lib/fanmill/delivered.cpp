#include <string>

#include <fanmill/base/error.hpp>
#include <fanmill/delivered.hpp>
#include <fanmill/store/cause_words.hpp>

namespace fanmill {

void Result::require_ok() const {
  if (ok()) return;
  throw Error(
      ErrorCode::unavailable, "read", "the output of task " + std::to_string(id),
      std::string(outcome == Outcome::dead ? "it is dead: " : "it has failed: ") + std::string(reason));
}

namespace detail {

namespace {
std::string reason_for(const wire::Detail& detail) {
  switch (detail.cause) {
    case wire::Cause::exit:
      return "exit status " + std::to_string(detail.code);
    case wire::Cause::signal:
      return "signal " + std::to_string(detail.code);
    default:
      return std::string(store::words_for(detail));
  }
}
}  // namespace

void deliver(const wire::ResultsHeader& header, const wire::ResultView& result, const OnResult& on_result) {
  Result delivered;
  delivered.id = result.id;
  delivered.outcome = result.outcome;
  delivered.output = result.output;
  delivered.attempts = result.attempt + 1;
  delivered.worker = header.worker;
  if (result.outcome == Outcome::ok || !result.detail) return on_result(delivered);
  const std::string reason = reason_for(*result.detail);
  delivered.reason = reason;
  on_result(delivered);
}

void count(Counts& counts, Outcome outcome) {
  ++(outcome == Outcome::ok ? counts.ok : outcome == Outcome::failed ? counts.failed : counts.dead);
}

}  // namespace detail

}  // namespace fanmill
