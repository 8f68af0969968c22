#include <sstream>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <fanmill/app/status_text.hpp>

namespace fanmill::app {

using Catch::Matchers::Contains;
using wire::WorkerStage;

namespace {

wire::Status some() {
  wire::Status status;
  status.run = {.run = RunId{0x3f0a5c8e9b1d2746},
                .host = "head",
                .pid = 4711,
                .address = "tcp://head:5555",
                .elapsed = 4'200'000,
                .added = 2000,
                .input_ended = true,
                .pending = 1476,
                .out = 12,
                .bytes = 14848,
                .window_tasks = 131072,
                .window_bytes = 33554432,
                .ok = 511,
                .failed = 1,
                .redelivered = 3,
                .rate = 121'000,
                .needed = 1};
  status.sink = {.present = true,
                 .has_store = true,
                 .name = "head:4712",
                 .host = "head",
                 .pid = 4712,
                 .epoch = Incarnation{0x91be02ac0e1f77d3},
                 .took = 1'200};
  status.worker_count = 1;
  status.workers = {{.name = "tiger:801",
                     .host = "tiger",
                     .pid = 801,
                     .stage = WorkerStage::working,
                     .slots = 4,
                     .held = 12,
                     .credit = 16,
                     .done = 377,
                     .rate = 90'100,
                     .busy = 994,
                     .seen = 11'000,
                     .trouble = ""},
                    {.name = "zebra:4242",
                     .host = "zebra",
                     .pid = 4242,
                     .stage = WorkerStage::gone,
                     .slots = 4,
                     .seen = 1'900'000,
                     .lost = 3,
                     .trouble = ""}};
  return status;
}

}  // namespace

TEST_CASE("status: a table for people") {
  CHECK(status_table(some()) ==
        "run 3f0a5c8e9b1d2746  head, pid 4711, tcp://head:5555  for 4.2 s\n"
        "  tasks    512 of 2000 tasks done, 1 failed, 121/s, 0:13 left\n"
        "           511 ok, 1 failed, 0 dead; 3 attempts lost\n"
        "  window   12 out and 1476 pending of 131072, 14.5 KiB of 32 MiB\n"
        "  sink     head:4712 on head, epoch 91be02ac0e1f77d3, 0 results not safe yet, commits take 1 ms\n"
        "  workers  1\n"
        "    NAME        HOST   SLOTS  HELD  DONE  RATE  BUSY   SEEN  LOST  STATE\n"
        "    tiger:801   tiger      4    12   377  90/s  99 %  11 ms     0  working\n"
        "    zebra:4242  zebra      4     -     0     -     -  1.9 s     3  gone\n");
}

TEST_CASE("status: why it waits is said at the end") {
  wire::Status status = some();
  status.sink = {};
  status.workers = {};
  status.worker_count = 0;
  CHECK_THAT(status_table(status),
             Contains("  sink     none\n  workers  0\n"
                      "  waits    there is no sink: fanmill-sink --connect tcp://head:5555\n"
                      "           there is no worker: fanmill-worker --connect tcp://head:5555 COMMAND\n"));
  status = some();
  status.workers[0].stage = WorkerStage::joining;
  status.workers[0].trouble = "cannot reach its lane tcp://head:5556";
  CHECK_THAT(status_table(status), Contains("worker tiger:801 cannot reach its lane tcp://head:5556\n"));
}

TEST_CASE("status: a terminal obeys nobody's name") {
  wire::Status status = some();
  status.run.host = "\x1b[2J";
  status.run.address = "ipc:///\x1b]0;x\x07";
  status.sink.name = "a\nb";
  status.workers[0].name = std::string(256, '\x9b');
  status.workers[0].trouble = "\x1b[31m";
  for (const char byte : status_table(status))
    CHECK((byte == '\n' || static_cast<unsigned char>(byte) >= 0x20));
  CHECK(status_table(status).find("\x9b") == std::string::npos);
}

TEST_CASE("status: of more workers than are shown the others are counted") {
  wire::Status status = some();
  status.worker_count = 5000;
  CHECK_THAT(status_table(status), Contains("    and 4999 more\n"));
}

TEST_CASE("status: an object for programs") {
  wire::Status first = some();
  first.workers[1].name = "\xff";
  const std::vector runs{first, wire::Status{}};
  const auto json = nlohmann::json::parse(status_json(runs));
  REQUIRE(json["runs"].size() == 2);
  const auto& run = json["runs"][0];
  CHECK(run["run"] == "3f0a5c8e9b1d2746");
  CHECK(run["pid"] == 4711);
  CHECK(run["endpoint"] == "tcp://head:5555");
  CHECK(run["seconds"] == 4.2);
  CHECK(run["tasks"]["total"] == 2000);
  CHECK(run["tasks"]["ok"] == 511);
  CHECK(run["rate"] == 121.0);
  CHECK(run["left_seconds"].get<double>() == Approx(1488.0 / 121));
  CHECK(run["window"]["tasks"] == 1488);
  CHECK(run["sink"]["commit_seconds"] == 0.0012);
  CHECK(run["workers"][0]["busy"] == 0.994);
  CHECK(run["workers"][0]["state"] == "working");
  CHECK(run["workers"][1]["state"] == "gone");
  CHECK(run["workers"][1]["name"] == "\xef\xbf\xbd");
  CHECK(run["waits"].empty());
  CHECK(json["runs"][1]["sink"].is_null());
  CHECK(json["runs"][1]["tasks"]["total"].is_null());
  CHECK(json["runs"][1]["left_seconds"].is_null());
  CHECK(json["runs"][1]["waits"][0]["code"] == "no_sink");
  CHECK(status_json({}) == "{\n  \"runs\": []\n}\n");
}

}  // namespace fanmill::app
