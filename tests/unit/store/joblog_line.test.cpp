#include <catch2/catch.hpp>

#include "places.hpp"
#include "results.hpp"
#include <fanmill/store/joblog_line.hpp>
#include <fanmill/store/stream.hpp>

namespace fanmill::store {

namespace {

std::string line_of(const wire::ResultView& result, std::string_view command = "gzip -k {}") {
  std::string line;
  append_joblog_line(line, command, of_commands, result);
  return line;
}

wire::ResultView timed(wire::ResultView result) {
  result.detail->started = 1'700'000'000'123'456;
  result.detail->took = 2'500'000;
  result.detail->item = "holiday.jpg";
  return result;
}

}  // namespace

TEST_CASE("joblog: nine columns, as GNU parallel has them") {
  CHECK(joblog_header() == "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n");
  CHECK(line_of(timed(with_stderr(0, "12345", ""))) ==
        "1\thost:1\t1700000000.123\t     2.500\t0\t5\t0\t0\tgzip -k holiday.jpg\n");
  CHECK(line_of(timed(failed(6, wire::Cause::exit, 3))) ==
        "7\thost:1\t1700000000.123\t     2.500\t0\t0\t3\t0\tgzip -k holiday.jpg\n");
  CHECK(line_of(timed(failed(6, wire::Cause::signal, 9))) ==
        "7\thost:1\t1700000000.123\t     2.500\t0\t0\t0\t9\tgzip -k holiday.jpg\n");
  CHECK(line_of(timed(failed(6, wire::Cause::timeout, 0))) ==
        "7\thost:1\t1700000000.123\t     2.500\t0\t0\t-1\t0\tgzip -k holiday.jpg\n");
}

TEST_CASE("joblog: the item stands where the command has it, or after it, and all on one line") {
  wire::ResultView result = with_stderr(0, "", "");
  CHECK(line_of(result) == "1\thost:1\t0.000\t     0.000\t0\t0\t0\t0\tgzip -k {}\n");
  result.detail->item = "a b";
  CHECK_THAT(line_of(result, "cp {} {}.old"), Catch::Matchers::EndsWith("\tcp a b a b.old\n"));
  CHECK_THAT(line_of(result, "factor"), Catch::Matchers::EndsWith("\tfactor a b\n"));
  CHECK_THAT(line_of(result, ""), Catch::Matchers::EndsWith("\ta b\n"));
  result.detail->item = "a\n\tb\x1b";
  CHECK_THAT(line_of(result, "factor"), Catch::Matchers::EndsWith("\tfactor a\\n\\tb\\x1b\n"));
}

TEST_CASE("joblog: as a stream it begins with the names of the columns") {
  Pipe pipe;
  const auto store =
      open_stream({.format = Format::joblog, .file = pipe.path(), .command = "factor", .pass_stderr = false});
  store->begin(RunId{1}, "\n");
  store->accept(of_commands, ok(0, "x"));
  store->flush(Time{});
  CHECK(pipe.read() == std::string(joblog_header()) + line_of(ok(0, "x"), "factor"));
}

}  // namespace fanmill::store
