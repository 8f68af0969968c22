// The baseline: the three-stage pipeline PUSH → PULL/PUSH → PULL as a careful user writes it by hand with
// zmq_msg_t. Workers echo; no ids, no acknowledgements, no batches; what is lost stays lost.
//
//   raw_pipeline [--transport inproc|ipc|tcp] [--mode throughput|latency] [--workers N] [--count N] [--size
//   B]
//                [--hwm N] [--batch]
//   raw_pipeline --lines [--acknowledge] [--transport inproc|ipc|tcp] [--workers N]
//
// throughput: from the first message sent to the last one received, as messages a second. latency: one
// message at a time, sent and received by one thread, as a median and a 99th percentile. Prints one line of
// JSON. --lines: a pipeline of programs, fed and read as fanmill's are: lines of stdin in, lines on stdout
// out; for bench/one_at_a_time. --acknowledge: the last stage tells the first one of each line that it has
// written, which is the least that a pipeline needs that is to know what was lost. --hwm 0 leaves libzmq's
// default of 1000 on every socket; a small window (8) is what an expert tunes it to. --batch: as many
// payloads in a message as make 128 KiB, each behind its length; a worker copies each of them into the
// message with its results, and the last stage looks at each. That is the least that is to be done for a
// task, and what the processors can do of it.
//
// inproc has its stages on threads of one process; ipc and tcp have them in processes of their own, forked
// before anything of ZeroMQ is touched.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

namespace {

using Nanoseconds = std::int64_t;

Nanoseconds now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "raw_pipeline: %s: %s\n", what, zmq_strerror(zmq_errno()));
  std::_Exit(3);
}

void check(int result, const char* what) {
  if (result < 0) fail(what);
}

struct Settings {
  std::string transport = "inproc";
  std::string mode = "throughput";
  bool lines = false;
  bool acknowledge = false;
  bool batch = false;
  unsigned workers = 2;
  std::uint64_t count = 1'000'000;
  std::size_t size = 64;
  int hwm = 0;
};

// What the stages tell each other beside the messages: memory that forked processes share.
struct Shared {
  std::atomic<unsigned> workers_seen{0};
  std::atomic<Nanoseconds> started{0};
  std::atomic<bool> finished{false};
};

// Where the bound sockets are. ipc in a fresh directory; tcp on ports of the system's choice, found by
// the stage that binds, so ventilator and sink bind before the workers are told.
struct Places {
  std::string tasks;
  std::string results;
  std::string acknowledgements;
};

class Socket {
 public:
  Socket(void* context, int type, int hwm) : socket_(zmq_socket(context, type)) {
    if (!socket_) fail("zmq_socket");
    if (hwm > 0) {
      check(zmq_setsockopt(socket_, ZMQ_SNDHWM, &hwm, sizeof hwm), "ZMQ_SNDHWM");
      check(zmq_setsockopt(socket_, ZMQ_RCVHWM, &hwm, sizeof hwm), "ZMQ_RCVHWM");
    }
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { zmq_close(socket_); }

  void bind(const std::string& place) { check(zmq_bind(socket_, place.c_str()), place.c_str()); }
  void connect(const std::string& place) { check(zmq_connect(socket_, place.c_str()), place.c_str()); }

  // Both are false when the context has ended.
  bool send(zmq_msg_t& message) { return done(zmq_msg_send(&message, socket_, 0), "zmq_msg_send"); }
  bool receive(zmq_msg_t& message) { return done(zmq_msg_recv(&message, socket_, 0), "zmq_msg_recv"); }
  // False where there is none.
  bool receive_at_once(zmq_msg_t& message) { return zmq_msg_recv(&message, socket_, ZMQ_DONTWAIT) >= 0; }
  [[nodiscard]] void* handle() const { return socket_; }

 private:
  static bool done(int result, const char* what) {
    if (result >= 0) return true;
    if (zmq_errno() != ETERM) fail(what);
    return false;
  }
  void* socket_;
};

// A message of one byte asks a worker for its number; the answer has two. That is how the ventilator knows
// that all workers are connected: PUSH gives everything to the first one otherwise.
constexpr std::size_t probe_size = 1;
constexpr std::size_t answer_size = 2;

bool send_bytes(Socket& socket, const std::string& bytes) {
  zmq_msg_t message;
  check(zmq_msg_init_size(&message, bytes.size()), "zmq_msg_init_size");
  std::memcpy(zmq_msg_data(&message), bytes.data(), bytes.size());
  return socket.send(message);
}

// --- many payloads in a message

using Length = std::uint32_t;
constexpr std::size_t batch_bytes = std::size_t{128} << 10;

std::uint64_t most_in_batch(const Settings& settings) {
  return std::max<std::uint64_t>(1, batch_bytes / (settings.size + sizeof(Length)));
}

char* put(char* at, const char* payload, Length length) {
  std::memcpy(at, &length, sizeof length);
  std::memcpy(at + sizeof length, payload, length);
  return at + sizeof length + length;
}

bool send_batch(Socket& socket, const std::string& payload, std::uint64_t count) {
  zmq_msg_t message;
  check(zmq_msg_init_size(&message, count * (payload.size() + sizeof(Length))), "zmq_msg_init_size");
  char* at = static_cast<char*>(zmq_msg_data(&message));
  for (std::uint64_t i = 0; i < count; ++i) at = put(at, payload.data(), static_cast<Length>(payload.size()));
  return socket.send(message);
}

// Calls for_each(payload, length), and returns how many there were.
template <typename ForEach>
std::uint64_t read_batch(zmq_msg_t& message, ForEach for_each) {
  const char* at = static_cast<const char*>(zmq_msg_data(&message));
  const char* const end = at + zmq_msg_size(&message);
  std::uint64_t count = 0;
  while (at != end) {
    Length length = 0;
    std::memcpy(&length, at, sizeof length);
    for_each(at + sizeof length, length);
    at += sizeof length + length;
    ++count;
  }
  return count;
}

bool echo_batch(Socket& results, zmq_msg_t& tasks) {
  zmq_msg_t message;
  check(zmq_msg_init_size(&message, zmq_msg_size(&tasks)), "zmq_msg_init_size");
  char* to = static_cast<char*>(zmq_msg_data(&message));
  read_batch(tasks, [&to](const char* payload, Length length) { to = put(to, payload, length); });
  return results.send(message);
}

void work(void* context, const Settings& settings, const Places& places, unsigned number) {
  Socket tasks(context, ZMQ_PULL, settings.hwm);
  Socket results(context, ZMQ_PUSH, settings.hwm);
  results.connect(places.results);
  tasks.connect(places.tasks);
  zmq_msg_t message;
  zmq_msg_init(&message);
  while (tasks.receive(message)) {
    const bool going = zmq_msg_size(&message) == probe_size
                           ? send_bytes(results, {'w', static_cast<char>(number)})
                       : settings.batch ? echo_batch(results, message)
                                        : results.send(message);
    if (!going) break;
  }
  zmq_msg_close(&message);
}

void wait_for_workers(Socket& tasks, const Settings& settings, const Shared& shared) {
  while (shared.workers_seen < settings.workers) {
    if (!send_bytes(tasks, "?")) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void ventilate(void* context, const Settings& settings, const Places& places, Shared& shared) {
  Socket tasks(context, ZMQ_PUSH, settings.hwm);
  tasks.bind(places.tasks);
  wait_for_workers(tasks, settings, shared);
  const std::string payload(settings.size, 'x');
  shared.started = now();
  const std::uint64_t at_a_time = settings.batch ? most_in_batch(settings) : 1;
  for (std::uint64_t sent = 0; sent < settings.count; sent += at_a_time) {
    const bool going = settings.batch ? send_batch(tasks, payload, std::min(at_a_time, settings.count - sent))
                                      : send_bytes(tasks, payload);
    if (!going) return;
  }
  // A PULL whose peer closes loses what it had read and not yet queued, so the socket stays open to the end.
  while (!shared.finished) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

// Receives one result; answers to probes are counted and passed over.
bool receive_result(Socket& results, zmq_msg_t& message, std::vector<bool>& seen, Shared& shared) {
  while (results.receive(message)) {
    if (zmq_msg_size(&message) != answer_size) return true;
    const auto number = static_cast<unsigned char*>(zmq_msg_data(&message))[1];
    if (!seen[number]) {
      seen[number] = true;
      ++shared.workers_seen;
    }
  }
  return false;
}

void report(const Settings& settings, const std::string& figures) {
  std::printf(
      "{\"mode\": \"%s\", \"transport\": \"%s\", \"workers\": %u, \"count\": %ju, \"size\": %zu, "
      "\"hwm\": %d, %s}\n",
      settings.mode.c_str(), settings.transport.c_str(), settings.workers, std::uintmax_t{settings.count},
      settings.size, settings.hwm, figures.c_str());
  std::fflush(stdout);
}

void collect(void* context, const Settings& settings, const Places& places, Shared& shared) {
  Socket results(context, ZMQ_PULL, settings.hwm);
  results.bind(places.results);
  std::vector<bool> seen(256);
  zmq_msg_t message;
  zmq_msg_init(&message);
  std::uint64_t bytes = 0;
  for (std::uint64_t received = 0; received < settings.count;) {
    if (!receive_result(results, message, seen, shared)) fail("the results");
    received += settings.batch ? read_batch(message,
                                            [&bytes](const char* payload, Length length) {
                                              bytes += length - (payload[length - 1] == 'x' ? 0 : 1);
                                            })
                               : 1;
  }
  if (settings.batch && bytes != settings.count * settings.size) fail("the payloads");
  const double seconds = static_cast<double>(now() - shared.started) / 1e9;
  shared.finished = true;
  zmq_msg_close(&message);
  char figures[100];
  std::snprintf(figures, sizeof figures, "\"seconds\": %.6f, \"rate\": %.1f", seconds,
                static_cast<double>(settings.count) / seconds);
  report(settings, figures);
}

// The two ends of the pipeline on one thread.
void measure_latency(void* context, const Settings& settings, const Places& places, Shared& shared) {
  Socket results(context, ZMQ_PULL, settings.hwm);
  results.bind(places.results);
  Socket tasks(context, ZMQ_PUSH, settings.hwm);
  tasks.bind(places.tasks);
  std::vector<bool> seen(256);
  zmq_msg_t message;
  zmq_msg_init(&message);
  while (shared.workers_seen < settings.workers) {
    // The answer to each probe, or to an earlier one: with them all read, nothing is under way afterwards.
    if (!send_bytes(tasks, "?") || !results.receive(message)) fail("the workers");
    const auto number = static_cast<unsigned char*>(zmq_msg_data(&message))[1];
    if (!seen[number]) {
      seen[number] = true;
      ++shared.workers_seen;
    }
  }
  const std::string payload(settings.size, 'x');
  std::vector<Nanoseconds> took;
  constexpr std::uint64_t warm_up = 500;
  for (std::uint64_t sent = 0; sent < warm_up + settings.count; ++sent) {
    const auto from = now();
    if (!send_bytes(tasks, payload) || !results.receive(message)) fail("the results");
    if (sent >= warm_up) took.push_back(now() - from);
  }
  zmq_msg_close(&message);
  std::sort(took.begin(), took.end());
  char figures[100];
  std::snprintf(figures, sizeof figures, "\"median_us\": %.1f, \"p99_us\": %.1f",
                static_cast<double>(took[took.size() / 2]) / 1e3,
                static_cast<double>(took[took.size() * 99 / 100]) / 1e3);
  report(settings, figures);
}

// One line of stdin, one message; and one message, one line on stdout.
void ventilate_lines(void* context, const Settings& settings, const Places& places, Shared& shared) {
  Socket tasks(context, ZMQ_PUSH, settings.hwm);
  tasks.bind(places.tasks);
  wait_for_workers(tasks, settings, shared);
  char* line = nullptr;
  std::size_t room = 0;
  ssize_t length = 0;
  while ((length = getline(&line, &room, stdin)) > 0) {
    if (!send_bytes(tasks, std::string(line, static_cast<std::size_t>(length)))) break;
  }
  std::free(line);
}

// The same, with an ear for acknowledgements.
void ventilate_acknowledged_lines(void* context, const Settings& settings, const Places& places,
                                  Shared& shared) {
  Socket tasks(context, ZMQ_PUSH, settings.hwm);
  tasks.bind(places.tasks);
  Socket acknowledgements(context, ZMQ_PULL, settings.hwm);
  acknowledgements.bind(places.acknowledgements);
  wait_for_workers(tasks, settings, shared);
  std::string lines;
  std::uint64_t unacknowledged = 0;
  zmq_msg_t message;
  zmq_msg_init(&message);
  for (;;) {
    zmq_pollitem_t items[] = {{acknowledgements.handle(), 0, ZMQ_POLLIN, 0},
                              {nullptr, STDIN_FILENO, ZMQ_POLLIN, 0}};
    if (zmq_poll(items, 2, -1) < 0 && zmq_errno() != EINTR) break;
    if ((items[1].revents & (ZMQ_POLLIN | ZMQ_POLLERR)) != 0) {
      char block[4096];
      const ssize_t got = read(STDIN_FILENO, block, sizeof block);
      if (got <= 0) break;
      lines.append(block, static_cast<std::size_t>(got));
      std::size_t begin = 0;
      for (std::size_t end; (end = lines.find('\n', begin)) != std::string::npos; begin = end + 1) {
        if (!send_bytes(tasks, lines.substr(begin, end + 1 - begin))) return;
        ++unacknowledged;
      }
      lines.erase(0, begin);
    }
    if ((items[0].revents & ZMQ_POLLIN) != 0) {
      while (acknowledgements.receive_at_once(message)) --unacknowledged;
    }
  }
  zmq_msg_close(&message);
}

void collect_lines(void* context, const Settings& settings, const Places& places, Shared& shared) {
  Socket results(context, ZMQ_PULL, settings.hwm);
  results.bind(places.results);
  Socket acknowledgements(context, ZMQ_PUSH, settings.hwm);
  if (settings.acknowledge) acknowledgements.connect(places.acknowledgements);
  std::vector<bool> seen(256);
  zmq_msg_t message;
  zmq_msg_init(&message);
  while (receive_result(results, message, seen, shared)) {
    if (write(STDOUT_FILENO, zmq_msg_data(&message), zmq_msg_size(&message)) < 0) break;
    if (settings.acknowledge && !send_bytes(acknowledgements, "a")) break;
  }
  zmq_msg_close(&message);
}

// --- processes and threads

using Stage = std::function<void(void* context)>;

void on_threads(const Stage& main_stage, const std::vector<Stage>& others) {
  void* context = zmq_ctx_new();
  std::vector<std::thread> threads;
  threads.reserve(others.size());
  for (const auto& stage : others) threads.emplace_back([&stage, context] { stage(context); });
  main_stage(context);
  zmq_ctx_shutdown(context);
  for (auto& thread : threads) thread.join();
  zmq_ctx_term(context);
}

pid_t forked(const Stage& stage) {
  const pid_t child = fork();
  check(child, "fork");
  if (child == 0) {
    stage(zmq_ctx_new());
    // What is sent last is still in the I/O thread: the parent ends us when it has all it wants.
    while (true) pause();
  }
  return child;
}

void in_processes(const Stage& main_stage, const std::vector<Stage>& others) {
  std::vector<pid_t> children;
  children.reserve(others.size());
  for (const auto& stage : others) children.push_back(forked(stage));
  void* context = zmq_ctx_new();
  main_stage(context);
  for (const pid_t child : children) kill(child, SIGKILL);
  for (const pid_t child : children) waitpid(child, nullptr, 0);
  zmq_ctx_term(context);
}

std::uint16_t free_port(std::uint16_t from) {
  // By trial, in a process of its own, so that no ZeroMQ thread is there when the stages are forked.
  int result[2];
  check(pipe(result), "pipe");
  const pid_t child = fork();
  check(child, "fork");
  if (child == 0) {
    void* context = zmq_ctx_new();
    void* socket = zmq_socket(context, ZMQ_PULL);
    std::uint16_t port = from;
    while (zmq_bind(socket, ("tcp://127.0.0.1:" + std::to_string(port)).c_str()) != 0) ++port;
    if (write(result[1], &port, sizeof port) != sizeof port) fail("write");
    std::_Exit(0);
  }
  std::uint16_t port = 0;
  if (read(result[0], &port, sizeof port) != sizeof port) fail("read");
  close(result[0]);
  close(result[1]);
  waitpid(child, nullptr, 0);
  return port;
}

void run(const Settings& settings) {
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  auto& shared = *new (memory) Shared;

  Places places{.tasks = "inproc://tasks",
                .results = "inproc://results",
                .acknowledgements = "inproc://acknowledgements"};
  std::string directory;
  if (settings.transport == "ipc") {
    char name[] = "/tmp/raw_pipeline.XXXXXX";
    if (!mkdtemp(name)) fail("mkdtemp");
    directory = name;
    places = {.tasks = "ipc://" + directory + "/tasks",
              .results = "ipc://" + directory + "/results",
              .acknowledgements = "ipc://" + directory + "/acknowledgements"};
  } else if (settings.transport == "tcp") {
    const auto tasks = free_port(17000);
    const auto results = free_port(static_cast<std::uint16_t>(tasks + 1));
    const auto acknowledgements = free_port(static_cast<std::uint16_t>(results + 1));
    places = {.tasks = "tcp://127.0.0.1:" + std::to_string(tasks),
              .results = "tcp://127.0.0.1:" + std::to_string(results),
              .acknowledgements = "tcp://127.0.0.1:" + std::to_string(acknowledgements)};
  }

  Stage main_stage;
  std::vector<Stage> others;
  if (settings.mode == "latency") {
    main_stage = [&](void* context) { measure_latency(context, settings, places, shared); };
  } else if (settings.lines) {
    // The whole ends when the input has, and whoever wrote that has read what he wanted by then.
    const auto ventilate = settings.acknowledge ? ventilate_acknowledged_lines : ventilate_lines;
    main_stage = [&, ventilate](void* context) { ventilate(context, settings, places, shared); };
    others.emplace_back([&](void* context) { collect_lines(context, settings, places, shared); });
  } else {
    main_stage = [&](void* context) { collect(context, settings, places, shared); };
    others.emplace_back([&](void* context) { ventilate(context, settings, places, shared); });
  }
  for (unsigned number = 0; number < settings.workers; ++number) {
    others.emplace_back([&, number](void* context) { work(context, settings, places, number); });
  }

  if (settings.transport == "inproc") {
    on_threads(main_stage, others);
  } else {
    in_processes(main_stage, others);
  }
  if (!directory.empty()) {
    unlink((directory + "/tasks").c_str());
    unlink((directory + "/results").c_str());
    unlink((directory + "/acknowledgements").c_str());
    rmdir(directory.c_str());
  }
}

[[noreturn]] void usage() {
  std::fputs(
      "usage: raw_pipeline [--transport inproc|ipc|tcp] [--mode throughput|latency] [--workers N]\n"
      "                    [--count N] [--size BYTES, 16 or more] [--hwm N] [--batch]\n"
      "                    [--lines [--acknowledge]]\n",
      stderr);
  std::exit(2);
}

Settings parse(int argc, char** argv) {
  Settings settings;
  for (int at = 1; at < argc; ++at) {
    const std::string_view name = argv[at];
    if (name == "--lines" || name == "--batch" || name == "--acknowledge") {
      (name == "--lines" ? settings.lines : name == "--batch" ? settings.batch : settings.acknowledge) = true;
      continue;
    }
    if (++at == argc) usage();
    const std::string value = argv[at];
    const auto number = std::strtoull(value.c_str(), nullptr, 10);
    if (name == "--transport") {
      settings.transport = value;
    } else if (name == "--mode") {
      settings.mode = value;
    } else if (name == "--workers") {
      settings.workers = static_cast<unsigned>(number);
    } else if (name == "--count") {
      settings.count = number;
    } else if (name == "--size") {
      settings.size = number;
    } else if (name == "--hwm") {
      settings.hwm = static_cast<int>(number);
    } else {
      usage();
    }
  }
  const auto& transport = settings.transport;
  const bool known = transport == "inproc" || transport == "ipc" || transport == "tcp";
  const bool sound =
      settings.workers >= 1 && settings.workers < 256 && settings.count >= 1 && settings.size >= 16;
  // With a small window all stages would wait for each other.
  if (settings.acknowledge && (!settings.lines || settings.hwm > 0)) usage();
  if (!known || !sound || (settings.mode != "throughput" && settings.mode != "latency")) usage();
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  run(parse(argc, argv));
}
