#include <string>

#include <catch2/catch.hpp>

#include "places.hpp"
#include "results.hpp"
#include <fanmill/store/job_log.hpp>
#include <fanmill/store/stream.hpp>

namespace fanmill::store {

namespace {

std::unique_ptr<Store> logged(const TempDirectory& directory, const std::string& log) {
  auto results = open_stream({.keep_order = true, .file = directory.path("out"), .pass_stderr = false});
  auto store = with_job_log(std::move(results), log, "cat {}");
  store->begin(RunId{1}, "\n");
  return store;
}

}  // namespace

TEST_CASE("job log: a line for each outcome as it comes, beside the results in their order") {
  const TempDirectory directory;
  directory.write("log", "an old one\n");
  const auto store = logged(directory, directory.path("log"));
  store->accept(of_commands, ok(1, "one"));
  store->accept(of_commands, failed(0, wire::Cause::signal, 9, "zero"));
  store->flush(Time{});
  CHECK(directory.read("log") ==
        "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"
        "2\thost:1\t0.000\t     0.000\t0\t3\t0\t0\tcat {}\n"
        "1\thost:1\t0.000\t     0.000\t0\t4\t0\t9\tcat {}\n");
  const SafeIds safe = taken(*store);
  CHECK(safe.ok == Ranges{{1, 1}});
  CHECK(safe.failed == Ranges{{0, 0}});
  store->finish(true);
  CHECK(directory.read("out") == "zeroone");
}

TEST_CASE("job log: one that cannot be written is an error, and nothing is safe") {
  const TempDirectory directory;
  CHECK(error_of([&] { logged(directory, directory.path("no/log")); }) ==
        "cannot write the job log '" + directory.path("no/log") + "': no such file or directory");
  const auto store = logged(directory, "/dev/full");
  store->accept(of_commands, ok(0, "zero"));
  CHECK(error_of([&] { store->flush(Time{}); }) ==
        "cannot write the job log '/dev/full': no space left on device");
  CHECK(taken(*store).empty());
}

}  // namespace fanmill::store
