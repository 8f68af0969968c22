#include <iterator>
#include <limits>

#include <fmt/format.h>

#include <fanmill/store/joblog_line.hpp>
#include <fanmill/store/printable.hpp>

namespace fanmill::store {

namespace {

constexpr std::size_t everything = std::numeric_limits<std::size_t>::max() / 2;

std::string with_item(std::string_view command, ByteView item) {
  if (item.empty()) return std::string(command);
  constexpr std::string_view placeholder = "{}";
  if (command.find(placeholder) == std::string_view::npos) {
    return command.empty() ? std::string(item) : fmt::format("{} {}", command, item);
  }
  std::string text;
  for (std::size_t at = command.find(placeholder); at != std::string_view::npos;
       at = command.find(placeholder)) {
    text.append(command.substr(0, at)).append(item);
    command.remove_prefix(at + placeholder.size());
  }
  return text.append(command);
}

double seconds_of(std::uint64_t microseconds) {
  return static_cast<double>(microseconds) / 1e6;
}

}  // namespace

std::string_view joblog_header() {
  return "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";
}

void append_joblog_line(std::string& line, std::string_view command, const wire::ResultsHeader& header,
                        const wire::ResultView& result) {
  const wire::Detail detail = result.detail.value_or(wire::Detail{});
  const bool signalled = detail.cause == wire::Cause::signal;
  const bool has_status = result.outcome == Outcome::ok || detail.cause == wire::Cause::exit || signalled;
  const std::int64_t status =
      has_status ? (detail.cause == wire::Cause::exit ? std::int64_t{detail.code} : 0) : -1;
  fmt::format_to(std::back_inserter(line), "{}\t{}\t{:.3f}\t{:10.3f}\t0\t{}\t{}\t{}\t{}\n", result.id + 1,
                 printable(header.worker, everything), seconds_of(detail.started), seconds_of(detail.took),
                 result.output.size(), status, signalled ? detail.code : 0,
                 printable(with_item(command, detail.item), everything));
}

}  // namespace fanmill::store
