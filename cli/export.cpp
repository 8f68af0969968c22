#include <memory>

#include <cli/export.hpp>
#include <poll.h>

#include <fanmill/app/argument_parser.hpp>
#include <fanmill/app/usage_text.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/store/stored_run.hpp>
#include <fanmill/store/stream.hpp>

namespace fanmill::app {

namespace {

// Bytes that are put together for one write.
constexpr std::size_t portion = std::size_t{1} << 18;

void write_out(store::Store& stream) {
  stream.flush(Clock::now());
  while (stream.blocked_on() >= 0) {
    pollfd output{stream.blocked_on(), POLLOUT, 0};
    ::poll(&output, 1, -1);
    stream.flush(Clock::now());
  }
  store::SafeIds written;
  stream.take_safe(written);
}

}  // namespace

int run_export_program(Process& process) {
  process.become(Program::export_results);
  ProgramSettings settings = parse_command_line(Program::export_results, process.arguments);
  if (settings.request != Request::work) {
    print(process.closed, answer(settings));
    return 0;
  }
  require_output(process.closed, settings.results);
  const store::StoredRun run(settings.results_file.path);
  if (settings.results.tag && !run.has_items()) {
    throw usage_error("--tag", "items are not stored of what a function of fanmill run did", "leave it out");
  }
  settings.results.command = run.command();
  settings.results.pass_stderr = false;
  const std::unique_ptr<store::Store> stream = store::open_stream(settings.results);
  stream->begin(RunId{}, run.delimiter());
  run.read([&](const wire::ResultsHeader& header, const wire::ResultView& result) {
    stream->accept(header, result);
    if (stream->backlog() >= portion) write_out(*stream);
  });
  stream->finish(true);
  return 0;
}

}  // namespace fanmill::app
