#include <algorithm>

#include <fmt/format.h>
#include <string.h>

#include <fanmill/base/quantity.hpp>
#include <fanmill/store/digest.hpp>
#include <fanmill/store/printable.hpp>

namespace fanmill::store {

namespace {

constexpr std::size_t most_told = 5;
constexpr std::size_t most_causes = 16;
constexpr std::size_t most_of_item = 60;
constexpr std::size_t most_of_reason = 300;
constexpr std::size_t most_of_name = 80;
constexpr std::size_t most_of_stderr = 200;

std::string reason_or(ByteView reason, std::string_view otherwise) {
  return reason.empty() ? std::string(otherwise) : printable(reason, most_of_reason);
}

std::string words_for(const wire::ResultView& result) {
  const wire::Detail detail = result.detail.value_or(wire::Detail{});
  switch (detail.cause) {
    case wire::Cause::exit:
      return fmt::format("exit status {}", detail.code);
    case wire::Cause::signal:
      // A real-time signal has no name.
      if (const char* name = ::sigabbrev_np(static_cast<int>(detail.code))) {
        return fmt::format("killed by SIG{}", name);
      }
      return fmt::format("killed by signal {}", detail.code);
    case wire::Cause::timeout:
      return reason_or(detail.error, "timed out");
    case wire::Cause::lost:
      return reason_or(detail.error, "the workers that ran it died");
    case wire::Cause::error:
    case wire::Cause::none:
      break;
  }
  return reason_or(detail.error, "no reason given");
}

// The last line or two, without the newline that ends them.
std::vector<std::string> tail_of(ByteView text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  std::vector<std::string> lines;
  std::size_t room = most_of_stderr;
  while (!text.empty() && lines.size() < 2 && room > 0) {
    const std::size_t newline = text.rfind('\n');
    ByteView line = newline == ByteView::npos ? text : text.substr(newline + 1);
    text = newline == ByteView::npos ? ByteView{} : text.substr(0, newline);
    lines.insert(lines.begin(), printable(line, room));
    room -= std::min(room, line.size());
  }
  return lines;
}

}  // namespace

void Digest::add(const wire::ResultsHeader& header, const wire::ResultView& result) {
  if (result.detail) {
    cut_stdout_.add(result.id, result.detail->stdout_dropped);
    cut_stderr_.add(result.id, result.detail->stderr_dropped);
  }
  if (result.outcome == Outcome::ok) return;
  const std::string words = words_for(result);
  const auto known =
      std::find_if(causes_.begin(), causes_.end(), [&](const Cause& cause) { return cause.words == words; });
  // A reason in words is the same for every task that it stopped: once is enough. An exit status says little
  // without the item and the stderr, so a few examples are better.
  const bool says_all = result.detail && !result.detail->error.empty();
  if (told_ < most_told && !(says_all && known != causes_.end())) {
    tell(header, result, words);
    if (known == causes_.end()) causes_.push_back({words, 0});
  } else if (known != causes_.end()) {
    ++known->untold;
  } else if (causes_.size() < most_causes) {
    causes_.push_back({words, 1});
  } else {
    ++others_;
  }
}

void Digest::tell(const wire::ResultsHeader& header, const wire::ResultView& result,
                  const std::string& cause) {
  std::string line = fmt::format("task {}", result.id + 1);
  if (result.detail && !result.detail->item.empty()) {
    line += fmt::format(" '{}'", printable(result.detail->item, most_of_item));
  }
  if (!header.worker.empty()) line += fmt::format(" on {}", printable(header.worker, most_of_name));
  examples_.push_back(line + ": " + cause);
  ++told_;
  if (!result.detail) return;
  for (const std::string& text : tail_of(result.detail->stderr_text)) examples_.push_back("    " + text);
}

void Digest::Cut::add(TaskId id, std::uint64_t dropped) {
  if (dropped == 0) return;
  if (tasks++ == 0) first = id;
  bytes += dropped;
}

std::string Digest::Cut::whose(std::string_view stream) const {
  if (tasks == 1) return fmt::format("the {} of task {}", stream, first + 1);
  return fmt::format("the {} of {} tasks (the first was task {})", stream, tasks, first + 1);
}

std::vector<std::string> Digest::losses() const {
  std::vector<std::string> lines;
  if (cut_stdout_.tasks > 0) {
    lines.push_back(fmt::format("{} was longer than --max-output: its end is lost, {} in all",
                                cut_stdout_.whose("stdout"), format_size(cut_stdout_.bytes)));
  }
  if (cut_stderr_.tasks > 0) {
    lines.push_back(fmt::format("{} was longer than what is kept of it: its beginning is lost, {} in all",
                                cut_stderr_.whose("stderr"), format_size(cut_stderr_.bytes)));
  }
  return lines;
}

std::vector<std::string> Digest::lines(std::string_view shown_by) const {
  std::vector<std::string> lines = examples_;
  for (const Cause& cause : causes_) {
    if (cause.untold == 0) continue;
    lines.push_back(causes_.size() == 1 ? fmt::format("and {} more with the same cause", cause.untold)
                                        : fmt::format("and {} more: {}", cause.untold, cause.words));
  }
  if (others_ > 0) lines.push_back(fmt::format("and {} more with other causes", others_));
  if (lines.size() > examples_.size()) {
    lines.push_back(fmt::format("{} shows each of them with its stderr", shown_by));
  }
  return lines;
}

}  // namespace fanmill::store
