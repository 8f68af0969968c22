#include <atomic>
#include <filesystem>
#include <future>
#include <map>

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "../main/gate.hpp"
#include <fanmill/fanmill.hpp>
#include <fanmill/transport/ipc_path.hpp>
#include <fanmill/transport/key_file.hpp>
#include <fanmill/transport/random.hpp>

using namespace fanmill;
using namespace std::chrono_literals;
using test::Gate;

namespace {

std::string ipc() {
  return "ipc://" + transport::runtime_directory() + "/stages-" + transport::random_name(8);
}

// Free a moment ago.
std::string tcp() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  ::close(fd);
  return "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

// Pairs of keys in a folder that is gone at the end.
class KeyFolder {
 public:
  KeyFolder() : path_(std::filesystem::temp_directory_path() / ("fanmill-" + transport::random_name(8))) {}
  ~KeyFolder() { std::filesystem::remove_all(path_); }
  KeyFolder(const KeyFolder&) = delete;
  KeyFolder& operator=(const KeyFolder&) = delete;
  std::string make(const std::string& name) {
    transport::make_key_files(path_.string(), name);
    return (path_ / (name + ".key_secret")).string();
  }
  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] std::string public_of(const std::string& name) const {
    return (path_ / (name + ".key")).string();
  }

 private:
  std::filesystem::path path_;
};

void check_three_stages(const std::string& at, const Keys& head = {}, const Keys& hand = {},
                        const Keys& end = {}) {
  std::map<std::uint64_t, long> squares;
  int failures = 0;
  auto worker = std::async(std::launch::async, [&] {
    Worker one(
        [](int number) {
          if (number == 13) throw std::runtime_error("unlucky");
          return long{number} * number;
        },
        {.connect = at, .slots = 2, .keys = hand, .name = "hand"});
    one.run();
    CHECK(one.returned() == 999);
    CHECK(one.thrown() == 1);
  });
  auto sink = std::async(std::launch::async, [&] {
    Sink one(
        [&](const Result& result) {
          CHECK(result.worker == "hand");
          if (result.ok()) {
            squares[result.id] = result.as<long>();
          } else {
            CHECK(result.reason == "unlucky");
            ++failures;
          }
        },
        {.connect = at, .keys = end});
    return one.run();
  });
  Ventilator ventilator({.bind = {at}, .keys = head, .window_tasks = 100});
  for (int number = 0; number < 1000; ++number) {
    REQUIRE(ventilator.submit(number) == static_cast<std::uint64_t>(number));
  }
  const Counts sent = ventilator.close();
  CHECK(sent.submitted == 1000);
  CHECK(sent.ok == 999);
  CHECK(sent.failed == 1);
  const Counts got = sink.get();
  CHECK(got.submitted == 1000);
  CHECK(got.ok == 999);
  CHECK(got.unfinished() == 0);
  worker.get();
  REQUIRE(squares.size() == 999);
  CHECK(squares.at(999) == 998'001);
  CHECK(failures == 1);
  CHECK_THROWS_AS(ventilator.submit(1), Error);
}

}  // namespace

TEST_CASE("stages: a ventilator, a worker and a sink by themselves, over ipc and over tcp") {
  check_three_stages(ipc());
  check_three_stages(tcp());
}

TEST_CASE("stages: with keys, and a stranger is refused") {
  KeyFolder folder;
  const std::string head = folder.make("head");
  const std::string hand = folder.make("hand");
  const std::string end = folder.make("end");
  const std::string server = folder.public_of("head");
  const std::string at = tcp();
  check_three_stages(at, {.key = head, .allow = folder.path()}, {.key = hand, .server_key = server},
                     {.key = end, .server_key = server, .allow = folder.path()});

  KeyFolder elsewhere;
  const std::string other = tcp();
  const Ventilator ventilator({.bind = {other}, .keys = {.key = head, .allow = folder.path()}});
  Worker stranger([](std::string_view payload) { return payload; },
                  {.connect = other, .keys = {.key = elsewhere.make("stranger"), .server_key = server}});
  CHECK_THROWS_WITH(stranger.run(), Catch::Contains("it does not let in this key"));
  Worker bare([](std::string_view payload) { return payload; }, {.connect = other});
  CHECK_THROWS_WITH(bare.run(), Catch::Contains("none without a key"));
}

TEST_CASE("stages: workers join a pipeline that listens, with keys, over tcp and ipc at once") {
  KeyFolder folder;
  const Keys head{.key = folder.make("head"), .allow = folder.path()};
  const Keys hand{.key = folder.make("hand"), .server_key = folder.public_of("head")};
  const std::vector<std::string> doors = {tcp(), ipc()};
  Gate both;
  std::atomic<int> here{0};
  std::map<std::string, int> by;
  Pipeline pipeline([](int number) { return number; },
                    [&](const Result& result) { ++by[std::string(result.worker)]; },
                    {.workers = 0, .listen = doors, .keys = head});
  std::vector<std::future<void>> workers;
  for (const std::string& door : doors) {
    workers.push_back(std::async(std::launch::async, [&, door] {
      Worker worker(
          [&](int number) {
            if (++here == 2) both.open();
            both.pass();
            return number;
          },
          {.connect = door, .slots = 1, .keys = hand, .name = door});
      worker.run();
    }));
  }
  for (int number = 0; number < 10; ++number) pipeline.submit(number);
  CHECK(pipeline.close().ok == 10);
  for (auto& worker : workers) worker.get();
  CHECK(by.size() == 2);
}

TEST_CASE("stages: a worker that is stopped from another thread gives back what it has not begun") {
  Gate running;
  Gate go_on;
  const std::string at = ipc();
  std::map<std::string, int> by;
  Pipeline pipeline([](std::string_view) { return "x"; },
                    [&](const Result& result) { ++by[std::string(result.worker)]; },
                    {.workers = 0, .listen = {at}});
  Worker leaving(
      [&](std::string_view) {
        running.open();
        go_on.pass();
        return "done";
      },
      {.connect = at, .slots = 1, .name = "leaving"});
  auto left = std::async(std::launch::async, [&] { leaving.run(); });
  for (int i = 0; i < 20; ++i) pipeline.submit("");
  REQUIRE(running.pass());
  leaving.stop();
  go_on.open();
  left.get();
  Worker staying([](std::string_view) { return "done"; }, {.connect = at, .slots = 1, .name = "staying"});
  auto stayed = std::async(std::launch::async, [&] { staying.run(); });
  CHECK(pipeline.close().ok == 20);
  stayed.get();
  CHECK(by["leaving"] + by["staying"] == 20);
  CHECK(leaving.returned() == static_cast<std::uint64_t>(by["leaving"]));
}

TEST_CASE("stages: stopped twice a worker requests its stop tokens, and does not wait for what is out") {
  Gate running;
  const std::string at = ipc();
  Pipeline pipeline([](std::string_view) { return ""; }, [](const Result&) {},
                    {.workers = 0, .listen = {at}});
  Worker worker(
      [&](std::string_view, const Task& task) {
        Gate stopped;
        const std::stop_callback on_stop(task.stop, [&] { stopped.open(); });
        running.open();
        CHECK(stopped.pass());
        return "";
      },
      {.connect = at, .slots = 1});
  auto left = std::async(std::launch::async, [&] { worker.run(); });
  pipeline.submit("");
  REQUIRE(running.pass());
  worker.stop();
  worker.stop();
  left.get();
  pipeline.cancel();
  CHECK(pipeline.close().unfinished() == 1);
}

TEST_CASE("stages: what ends a run early is told to all") {
  const std::string at = ipc();
  auto sink = std::async(std::launch::async, [&] {
    Sink one([](const Result&) { throw std::runtime_error("enough"); }, {.connect = at});
    CHECK_THROWS_WITH(one.run(), "enough");
  });
  auto worker = std::async(std::launch::async, [&] {
    Worker one([](std::string_view payload) { return payload; }, {.connect = at, .slots = 1});
    try {
      one.run();
    } catch (const Error&) {
    }
  });
  Ventilator ventilator({.bind = {at}});
  ventilator.submit("x");
  CHECK_THROWS_AS(ventilator.close(), Error);
  CHECK_THROWS_AS(ventilator.submit("x"), Error);
  sink.get();
  worker.get();

  Ventilator lonely({.bind = {ipc()}, .wait_timeout = 20ms});
  lonely.submit("x");
  CHECK_THROWS_AS(lonely.close(), Error);
  Ventilator cancelled({.bind = {ipc()}});
  cancelled.submit("x");
  cancelled.cancel();
  CHECK(cancelled.close().unfinished() == 1);
  const Ventilator destroyed({.bind = {ipc()}});
  const std::string taken = ipc();
  const transport::IpcPath path(taken.substr(6));
  Ventilator late({.bind = {taken}});
  CHECK_THROWS_WITH(late.close(), Catch::Contains(taken.substr(6)));
}

TEST_CASE("stages: a sink is stopped from another thread") {
  const std::string at = ipc();
  Sink sink([](const Result&) {}, {.connect = at});
  auto stopped = std::async(std::launch::async, [&] { return sink.run(); });
  sink.stop();
  CHECK(stopped.get().submitted == 0);
}

TEST_CASE("stages: options that cannot be are refused in words") {
  using Catch::StartsWith;
  const auto echo = [](std::string_view payload) { return payload; };
  const std::string at = ipc();
  CHECK_THROWS_WITH(Worker(echo, {}), StartsWith("WorkerOptions::connect: "));
  CHECK_THROWS_WITH(Worker(echo, {.connect = "inproc://x"}), StartsWith("WorkerOptions::connect: "));
  CHECK_THROWS_WITH(Worker(echo, {.connect = "tcp://192.0.2.1:5555"}),
                    StartsWith("WorkerOptions::connect: "));
  CHECK_THROWS_WITH(Worker(echo, {.connect = at, .slots = 0}), StartsWith("WorkerOptions::slots: "));
  CHECK_THROWS_WITH(Worker(echo, {.connect = at, .name = std::string(257, 'n')}),
                    StartsWith("WorkerOptions::name: "));
  CHECK_THROWS_WITH(Worker(echo, {.connect = at, .timeout = -1s}), StartsWith("WorkerOptions::timeout: "));
  CHECK_THROWS_WITH(Worker(echo, {.connect = at, .keys = {.server_key = "x"}}),
                    StartsWith("WorkerOptions::keys.server_key: "));
  CHECK_THROWS_WITH(Worker(echo, {.connect = at, .keys = {.key = "x"}}),
                    StartsWith("WorkerOptions::keys.server_key: it is missing"));
  CHECK_THROWS_WITH(Worker(echo, {.connect = at, .keys = {.key = "/nonexistent", .server_key = "x"}}),
                    Catch::Contains("WorkerOptions::keys.key") && Catch::Contains("/nonexistent"));
  CHECK_THROWS_WITH(Worker(echo, {.connect = at, .keys = {.key = "x", .server_key = "x"}, .insecure = true}),
                    StartsWith("WorkerOptions::insecure: "));
  CHECK_THROWS_WITH(Ventilator(VentilatorOptions()), StartsWith("VentilatorOptions::bind: "));
  CHECK_THROWS_WITH(Ventilator({.bind = {at}, .retries = 100'001}),
                    StartsWith("VentilatorOptions::retries: "));
  CHECK_THROWS_WITH(Ventilator({.bind = {at}, .window_tasks = 0}),
                    StartsWith("VentilatorOptions::window_tasks: "));
  CHECK_THROWS_WITH(Ventilator({.bind = {at}, .keys = {.key = "x"}}),
                    StartsWith("VentilatorOptions::keys.allow: it is missing"));
  CHECK_THROWS_WITH(Sink(nullptr, {.connect = at}), StartsWith("SinkOptions::on_result: "));
  CHECK_THROWS_WITH(Sink([](const Result&) {}, {}), StartsWith("SinkOptions::connect: "));
  CHECK_THROWS_WITH(Sink([](const Result&) {}, {.connect = at, .bind = {"mill"}}),
                    StartsWith("SinkOptions::bind: "));
  CHECK_THROWS_WITH(Pipeline(echo, [](const Result&) {}, {.keys = {.key = "x", .allow = "x"}}),
                    StartsWith("PipelineOptions::keys: "));
}
