#include <string>

#include <catch2/catch.hpp>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "places.hpp"
#include "results.hpp"
#include <fanmill/store/stream.hpp>
#include <fanmill/wire/results_reader.hpp>

namespace fanmill::store {

namespace {

const Time now{};

std::unique_ptr<Store> raw_to(const std::string& path) {
  auto store = open_stream({.file = path, .pass_stderr = false});
  store->begin(RunId{1}, "\n");
  return store;
}

bool polls(int fd, short what) {
  pollfd entry{fd, what, 0};
  return ::poll(&entry, 1, 0) == 1;
}

// Fills a store's reader until it says that it is blocked; returns how many results it took.
TaskId fill(Store& store, const std::string& output) {
  TaskId id = 0;
  while (store.blocked_on() == -1) {
    store.accept(of_commands, ok(id++, output));
    store.flush(now);
    REQUIRE(id < 100000);
  }
  return id;
}

std::uint64_t count_of(const Ranges& ranges) {
  std::uint64_t count = 0;
  for (const IdRange& range : ranges) count += range.count();
  return count;
}

}  // namespace

TEST_CASE("raw: with --tag the item and a tab stand before each line") {
  Pipe pipe;
  const auto store = open_stream({.tag = true, .file = pipe.path(), .pass_stderr = false});
  store->begin(RunId{1}, "\n");
  wire::ResultView result = ok(0, "one\n\nlast");
  result.detail.emplace().item = "x";
  store->accept(of_commands, result);
  result = ok(1, "");
  result.detail.emplace().item = "y";
  store->accept(of_commands, result);
  result = ok(2, "record");
  result.detail.emplace().item = "z";
  store->accept(of_functions, result);
  store->flush(now);
  CHECK(pipe.read() == "x\tone\nx\t\nx\tlastz\trecord\n");
}

TEST_CASE("raw: neighbours are written as they would be one by one, and become safe") {
  for (const std::size_t size : {std::size_t{3}, std::size_t{5000}, std::size_t{20000}}) {
    Pipe pipe;
    const auto store = raw_to(pipe.path());
    const std::string output(size, 'o');
    const std::vector<wire::ResultView> results{ok(4, output), ok(5, ""), ok(6, output)};
    store->accept_neighbours(of_functions, results);
    store->accept_neighbours(of_commands, std::vector{ok(7, "last")});
    store->flush(now);
    CHECK(pipe.read() == output + "\n\n" + output + "\nlast");
    CHECK(taken(*store).ok == Ranges{{4, 7}});
  }
}

TEST_CASE("raw: a block is written as it lies where that is what is to be written") {
  for (const std::size_t size : {std::size_t{3}, std::size_t{20000}}) {
    Pipe pipe;
    const auto store = raw_to(pipe.path());
    const std::string output(size, 'o');
    const std::vector<wire::ResultView> results{ok(4, output), ok(5, ""), ok(6, output)};
    const auto offer = [&](const wire::ResultsHeader& header, ByteView between) {
      wire::ResultsWriter writer;
      writer.begin(header, between);
      for (const wire::ResultView& result : results) writer.add(result);
      const Bytes frame = writer.take();
      wire::ResultsReader reader;
      REQUIRE(reader.open(frame, {}, "\n"));
      const auto block = reader.next_block();
      REQUIRE(block);
      if (!store->takes_block(*block)) return false;
      store->accept_block(header, *block);
      return true;
    };
    CHECK_FALSE(offer(of_functions, ""));
    CHECK_FALSE(offer(of_functions, ";"));
    CHECK_FALSE(offer(of_commands, "\n"));
    CHECK(offer(of_functions, "\n"));
    CHECK(offer(of_functions, "\n"));
    CHECK(offer(of_commands, ""));
    // A large one is written behind what waits; what that was is the end of the one before.
    CHECK(store->backlog() < 30);
    store->flush(now);
    const std::string once = output + "\n\n" + output;
    CHECK(pipe.read() == once + "\n" + once + "\n" + output + output);
    CHECK(count_of(taken(*store).ok) == 9);
  }
}

TEST_CASE("raw: with tags, in order or as another format no block is taken") {
  wire::ResultsWriter writer;
  writer.begin(of_functions, "\n");
  for (TaskId id = 0; id < 3; ++id) writer.add(ok(id, "x"));
  const Bytes frame = writer.take();
  wire::ResultsReader reader;
  REQUIRE(reader.open(frame, {}, "\n"));
  const auto block = reader.next_block();
  REQUIRE(block);
  Pipe pipe;
  for (StreamSettings settings : {StreamSettings{.tag = true}, StreamSettings{.keep_order = true},
                                  StreamSettings{.format = Format::jsonl}, StreamSettings{}}) {
    const bool is_raw = settings.format == Format::raw && !settings.tag && !settings.keep_order;
    settings.file = pipe.path();
    settings.pass_stderr = false;
    const auto store = open_stream(settings);
    store->begin(RunId{1}, "\n");
    CHECK(store->takes_block(*block) == is_raw);
  }
}

TEST_CASE("raw: a large output comes after what was before it, and goes on where the reader stopped") {
  Pipe pipe(32 << 10);
  const auto store = raw_to(pipe.path());
  const std::string large(std::size_t{50} << 10, 'L');  // more than the pipe holds
  store->accept(of_functions, ok(0, "first"));
  store->accept(of_functions, ok(1, large));
  store->flush(now);
  CHECK(taken(*store).ok == Ranges{{0, 0}});
  std::string read = pipe.read();
  store->flush(now);
  read += pipe.read();
  CHECK(taken(*store).ok == Ranges{{1, 1}});
  store->accept(of_functions, ok(2, large));
  CHECK(store->backlog() < large.size());  // with nothing before it, as much as goes is written at once
  read += pipe.read();
  store->flush(now);
  read += pipe.read();
  CHECK(read == "first\n" + large + "\n" + large + "\n");
  CHECK(taken(*store).ok == Ranges{{2, 2}});
}

TEST_CASE("length: each output behind its size, whatever the outcome") {
  Pipe pipe;
  const auto store = open_stream({.format = Format::length, .file = pipe.path(), .pass_stderr = false});
  store->begin(RunId{1}, "\n");
  store->accept(of_functions, ok(0, std::string(300, 'x')));
  store->accept(of_functions, failed(1, wire::Cause::error, 0));
  store->accept(of_commands, ok(2, "\n"));
  store->flush(now);
  CHECK(pipe.read() ==
        std::string("\0\0\x01\x2c", 4) + std::string(300, 'x') + std::string(7, '\0') + "\x01\n");
}

TEST_CASE("raw: a command's output is as it was, a record is followed by the delimiter") {
  Pipe pipe;
  const auto store = open_stream({.file = pipe.path(), .pass_stderr = false});
  store->begin(RunId{1}, std::string(1, '\0'));
  store->accept(of_commands, ok(0, "no newline"));
  store->accept(of_functions, ok(1, "record\n"));
  store->accept(of_functions, ok(2, ""));
  store->accept(of_commands, ok(3, ""));
  store->flush(now);
  CHECK(pipe.read() == std::string("no newlinerecord\n\0\0", 19));
}

TEST_CASE("raw: a failed command's output is written, a failed record is not") {
  Pipe pipe;
  const auto store = raw_to(pipe.path());
  store->accept(of_commands, failed(0, wire::Cause::exit, 1, "half"));
  store->accept(of_functions, failed(1, wire::Cause::error, 0));
  store->accept(of_functions, dead(2));
  store->flush(now);
  CHECK(pipe.read() == "half");
  const SafeIds safe = taken(*store);
  CHECK(safe.ok.empty());
  CHECK(safe.failed == Ranges{{0, 1}});
  CHECK(safe.dead == Ranges{{2, 2}});
}

TEST_CASE("jsonl: each result is a line, failed records too") {
  Pipe pipe;
  const auto store = open_stream({.format = Format::jsonl, .file = pipe.path(), .pass_stderr = false});
  store->begin(RunId{1}, "\n");
  store->accept(of_functions, ok(0, "a\n"));
  store->accept(of_functions, dead(1));
  store->flush(now);
  const std::string text = pipe.read();
  CHECK_THAT(text, Catch::Matchers::StartsWith("{\"id\":0,"));
  CHECK_THAT(text, Catch::Matchers::Contains("\n{\"id\":1,\"outcome\":\"dead\""));
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
}

TEST_CASE(
    "stream: nothing is safe before flush, everything written is safe after, and each id is said once") {
  Pipe pipe;
  const auto store = raw_to(pipe.path());
  store->accept(of_commands, ok(5, "five"));
  store->accept(of_commands, ok(6, "six"));
  store->accept(of_commands, ok(2, "two"));
  CHECK(taken(*store).empty());
  CHECK(store->backlog() == 10);
  store->flush(now);
  CHECK(taken(*store).ok == Ranges{{5, 6}, {2, 2}});
  CHECK(taken(*store).empty());
  CHECK(store->backlog() == 0);
  CHECK(store->blocked_on() == -1);
}

TEST_CASE("stream: a full pipe blocks nothing, and what is not in it is not safe") {
  Pipe pipe(4096);
  const auto store = raw_to(pipe.path());
  const std::string output(1000, 'x');
  const TaskId count = fill(*store, output);
  CHECK_FALSE(polls(store->blocked_on(), POLLOUT));
  CHECK(store->backlog() > 0);
  const std::uint64_t before = count_of(taken(*store).ok);
  CHECK(before * output.size() <= 4096);
  CHECK(before < count);

  // Reading makes it writable, and the rest gets through.
  std::string all;
  std::uint64_t safe = before;
  while (store->blocked_on() != -1) {
    all += pipe.read();
    REQUIRE(polls(store->blocked_on(), POLLOUT));
    store->flush(now);
    safe += count_of(taken(*store).ok);
    REQUIRE(safe * output.size() <= all.size() + 4096);
  }
  all += pipe.read();
  CHECK(all == std::string(count * output.size(), 'x'));
  CHECK(safe == count);
}

TEST_CASE("stream: one result larger than the pipe is written piece by piece") {
  Pipe pipe(4096);
  const auto store = raw_to(pipe.path());
  std::string output;
  for (int number = 0; output.size() < 300000; ++number) output += std::to_string(number) + ",";
  store->accept(of_commands, ok(0, output));
  std::string all;
  while (all.size() < output.size()) {
    store->flush(now);
    REQUIRE((all.size() + 4096 >= output.size() || taken(*store).empty()));
    const std::string piece = pipe.read(3000);
    REQUIRE_FALSE(piece.empty());
    all += piece;
  }
  CHECK(all == output);
}

TEST_CASE("stream: the description that is shared with others keeps its flags") {
  const Pipe pipe;
  const auto store = raw_to(pipe.path());
  store->accept(of_commands, ok(0, "x"));
  store->flush(now);
  CHECK((::fcntl(pipe.fd(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("stream: a pipe that cannot be opened again is written when there is room, and blocks nothing") {
  Pipe pipe(65536);
  REQUIRE(::fchmod(pipe.fd(), 0) == 0);
  // Root may open everything, so this store is opened by somebody else.
  const uid_t self = ::geteuid();
  if (self == 0) REQUIRE(::seteuid(65534) == 0);
  const auto store = raw_to(pipe.path());
  REQUIRE(::seteuid(self) == 0);

  const TaskId count = fill(*store, std::string(1000, 'x'));
  CHECK(store->blocked_on() == pipe.fd());
  std::string all;
  while (store->blocked_on() != -1) {
    all += pipe.read();
    store->flush(now);
  }
  all += pipe.read();
  CHECK(all == std::string(count * 1000, 'x'));
}

TEST_CASE("stream: a socket whose reader is slow blocks nothing, and one that is closed is a closed pipe") {
  std::signal(SIGPIPE, SIG_DFL);  // a socket needs no help from the program
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  Descriptor reader(ends[0]);
  const Descriptor writer(ends[1]);
  const auto store = raw_to("/dev/fd/" + std::to_string(writer.fd()));
  fill(*store, std::string(10000, 'x'));
  CHECK(store->blocked_on() == writer.fd());
  CHECK(store->watched() == writer.fd());
  CHECK((::fcntl(writer.fd(), F_GETFL) & O_NONBLOCK) == 0);
  reader.reset();
  CHECK_THROWS_AS(store->flush(now), PipeClosed);
}

TEST_CASE("stream: a terminal that is stopped blocks nothing") {
  const Descriptor master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(master);
  REQUIRE(::grantpt(master.fd()) == 0);
  REQUIRE(::unlockpt(master.fd()) == 0);
  const Descriptor terminal(::open(::ptsname(master.fd()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(terminal);
  const auto store = raw_to("/dev/fd/" + std::to_string(terminal.fd()));
  fill(*store, std::string(1000, 'x'));
  CHECK(store->watched() == -1);
}

TEST_CASE("stream: a reader that has gone is seen while nothing is written, and is a closed pipe") {
  Pipe pipe;
  const auto store = raw_to(pipe.path());
  CHECK_FALSE(polls(store->watched(), 0));
  pipe.close_read_end();
  CHECK(polls(store->watched(), 0));
  store->flush(now);
  store->accept(of_commands, ok(0, "x"));
  CHECK_THROWS_AS(store->flush(now), PipeClosed);
  CHECK(taken(*store).empty());
}

TEST_CASE("stream: a full disk is an error in words, and nothing of it is safe") {
  const auto store = raw_to("/dev/full");
  store->accept(of_commands, ok(0, "x"));
  CHECK(error_of([&] { store->flush(now); }) ==
        "cannot write results to '/dev/full': no space left on device");
  CHECK(taken(*store).empty());
  CHECK(store->watched() == -1);
}

TEST_CASE("stream: a file that may not grow any more keeps what fits, and the rest is an error") {
  const TempDirectory directory;
  std::signal(SIGXFSZ, SIG_IGN);
  const auto store = raw_to(directory.path("out"));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  store->accept(of_commands, ok(0, std::string(600, 'a')));
  store->accept(of_commands, ok(1, std::string(600, 'b')));
  rlimit small = before;
  small.rlim_cur = 1000;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string text = error_of([&] { store->flush(now); });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(text == "cannot write results to '" + directory.path("out") +
                    "': file too large; what there is stays in '" + directory.path("out.partial") + "'");
  CHECK(directory.read("out.partial").size() == 1000);
}

TEST_CASE("stream: without a file it is our stdout, named so in errors") {
  const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  std::string text;
  {
    const InPlaceOf guard(STDOUT_FILENO, full.fd());
    const auto store = open_stream({.pass_stderr = false});
    store->accept(of_commands, ok(0, "x"));
    text = error_of([&] { store->flush(now); });
  }
  CHECK(text == "cannot write results to standard output: no space left on device");
}

TEST_CASE("stream: /dev/stdout is our stdout as it is, a file that others write to included") {
  const TempDirectory directory;
  directory.write("log", "before\n");
  const Descriptor log(::open(directory.path("log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  for (const char* name : {"/dev/stdout", "-", ""}) {
    const InPlaceOf guard(STDOUT_FILENO, log.fd());
    const auto store = raw_to(name);
    store->accept(of_commands, ok(0, "x\n"));
    store->finish(true);
  }
  CHECK(directory.read("log") == "before\nx\nx\nx\n");
}

TEST_CASE("stream: a descriptor that is not open is said at once") {
  CHECK(error_of([] { (void)raw_to("/dev/fd/999"); }) ==
        "cannot write results to '/dev/fd/999': bad file descriptor");
}

TEST_CASE("stream: stderr goes to our stderr byte for byte, with its own safety") {
  Pipe out;
  Pipe errors(4096);
  const InPlaceOf guard(STDERR_FILENO, errors.fd());
  const auto store = open_stream({.file = out.path()});
  store->begin(RunId{1}, "\n");
  store->accept(of_commands, with_stderr(0, "out", "warning, no newline"));
  store->flush(now);
  CHECK(out.read() == "out");
  CHECK(errors.read() == "warning, no newline");
  CHECK(taken(*store).ok == Ranges{{0, 0}});

  // More than our stderr takes: the output is there, but the result is not yet safe.
  store->accept(of_commands, with_stderr(1, "out", std::string(10000, 'e')));
  store->flush(now);
  CHECK(out.read() == "out");
  CHECK(taken(*store).empty());
  REQUIRE(store->blocked_on() != -1);
  std::string all;
  while (store->blocked_on() != -1) {
    all += errors.read();
    store->flush(now);
  }
  all += errors.read();
  CHECK(all == std::string(10000, 'e'));
  CHECK(taken(*store).ok == Ranges{{1, 1}});
}

TEST_CASE("stream: a stderr that nobody reads stops nothing") {
  Pipe out;
  Pipe errors;
  const InPlaceOf guard(STDERR_FILENO, errors.fd());
  const auto store = open_stream({.file = out.path()});
  store->begin(RunId{1}, "\n");
  errors.close_read_end();
  for (TaskId id = 0; id < 2; ++id) {
    store->accept(of_commands, with_stderr(id, "out", "warning"));
    store->flush(now);
  }
  CHECK(out.read() == "outout");
  CHECK(taken(*store).ok == Ranges{{0, 1}});
}

TEST_CASE("stream: pass_stderr off keeps our stderr quiet") {
  Pipe out;
  Pipe errors;
  const InPlaceOf guard(STDERR_FILENO, errors.fd());
  const auto store = raw_to(out.path());
  store->accept(of_commands, with_stderr(0, "out", "warning"));
  store->flush(now);
  CHECK(errors.read().empty());
  CHECK(out.read() == "out");
}

}  // namespace fanmill::store
