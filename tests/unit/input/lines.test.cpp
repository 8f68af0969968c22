#include <array>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "collected.hpp"
#include <fanmill/base/descriptor.hpp>

namespace fanmill::input {

namespace {

using Items = std::vector<std::string>;

// A directory that goes with its test.
class TempDirectory {
 public:
  TempDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "fanmill-input-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return path_ / name; }
  [[nodiscard]] std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }

 private:
  std::filesystem::path path_;
};

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
  void write(const std::string& bytes) const {
    REQUIRE(::write(write_end.fd(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  Descriptor read_end;
  Descriptor write_end;
};

// Puts another descriptor in stdin's place for as long as it lives.
class StdinIs {
 public:
  explicit StdinIs(int fd) : saved_(::dup(STDIN_FILENO)) {
    if (fd >= 0) {
      REQUIRE(::dup2(fd, STDIN_FILENO) == STDIN_FILENO);
    } else {
      ::close(STDIN_FILENO);
    }
  }
  ~StdinIs() {
    if (saved_) {
      ::dup2(saved_.fd(), STDIN_FILENO);
    } else {
      ::close(STDIN_FILENO);
    }
  }
  StdinIs(const StdinIs&) = delete;
  StdinIs& operator=(const StdinIs&) = delete;

 private:
  Descriptor saved_;
};

bool readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

Items lines_of(const std::string& bytes, char delimiter = '\n') {
  const TempDirectory directory;
  return read_all(*open_input({.files = {directory.write("in", bytes)}, .delimiter = delimiter}));
}

}  // namespace

TEST_CASE("lines: an empty line is an item, and so is a last line without its delimiter") {
  CHECK(lines_of("").empty());
  CHECK(lines_of("\n") == Items{""});
  CHECK(lines_of("a\n\nb\n") == Items{"a", "", "b"});
  CHECK(lines_of("a\nb") == Items{"a", "b"});
}

TEST_CASE("lines: any byte may stand in one") {
  const std::string odd("\0\xff\r \t", 5);
  CHECK(lines_of(odd + "\n" + odd) == Items{odd, odd});
}

TEST_CASE("lines: with NUL between them, a newline is a byte as any other") {
  CHECK(lines_of(std::string("a\nb\0c\0", 6), '\0') == Items{"a\nb", "c"});
  CHECK(open_input({.files = {"/dev/null"}, .delimiter = '\0'})->delimiter() == std::string(1, '\0'));
  CHECK(open_input({.files = {"/dev/null"}})->delimiter() == "\n");
}

TEST_CASE("lines: lengths around the size of a block lose and add nothing") {
  std::string bytes;
  Items expected;
  constexpr std::size_t block = std::size_t{1} << 20;
  for (const std::size_t length :
       {block - 17, block - 16, block - 1, block, block + 1, std::size_t{1}, block / 2 - 1, block / 2,
        std::size_t{0}, 2 * block, block - 16385, block - 32768}) {
    expected.push_back(std::string(length, static_cast<char>('a' + expected.size())));
    bytes += expected.back() + "\n";
  }
  CHECK(lines_of(bytes) == expected);
}

TEST_CASE("lines: who shares their blocks has them for good, whatever is read later") {
  struct Kept : Receiver {
    void item(ByteView payload) override { views.push_back(copies.emplace_back(payload)); }
    void neighbours(std::span<const ByteView> payloads, const Bytes& block) override {
      if (blocks.empty() || blocks.back().data() != block.data()) blocks.push_back(block.share());
      views.insert(views.end(), payloads.begin(), payloads.end());
    }
    std::vector<Bytes> blocks;
    std::deque<std::string> copies;
    std::vector<ByteView> views;
  };
  std::mt19937 random(4);
  const auto below = [&random](std::size_t end) { return random() % end; };
  const TempDirectory directory;
  Items expected;
  std::vector<std::string> files;
  for (int file = 0; file < 4; ++file) {
    std::string bytes;
    // Short ones; long ones of about one length; and all kinds, after one another.
    for (int i = file == 1 ? 12 : 300; i > 0; --i) {
      const std::size_t length = file == 1                 ? 1'000'000 + below(100'000)
                                 : below(40) == 0          ? below(3'000'000)
                                 : file == 2 && i % 2 == 0 ? below(70'000)
                                                           : below(200);
      expected.push_back(std::string(length, static_cast<char>('a' + below(26))));
      bytes += expected.back() + "\n";
    }
    files.push_back(directory.write(std::to_string(file), bytes));
  }
  const auto input = open_input({.files = files});
  Kept kept;
  while (input->read(kept)) {
  }
  REQUIRE(kept.views.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) REQUIRE(kept.views[i] == expected[i]);
  // And not a block for each few of them.
  CHECK(kept.blocks.size() < 100);
}

TEST_CASE("lines: a block that was made for a long one is not kept for short ones beside it") {
  struct Kept : Receiver {
    void item(ByteView payload) override { copied += payload.size(); }
    void neighbours(std::span<const ByteView> payloads, const Bytes& block) override {
      for (const ByteView payload : payloads) {
        if (payload.size() < 1000) CHECK(block.room() <= std::size_t{2} << 20);
        shared += payload.size();
      }
    }
    std::size_t copied = 0;
    std::size_t shared = 0;
  };
  const TempDirectory directory;
  std::string bytes;
  constexpr std::size_t large = 20'000'000;
  for (int i = 0; i < 3; ++i) bytes += std::string(large, 'x') + "\nshort\n";
  const auto input = open_input({.files = {directory.write("in", bytes)}});
  Kept kept;
  while (input->read(kept)) {
  }
  CHECK(kept.shared >= 3 * large);
  CHECK(kept.shared + kept.copied == 3 * (large + 5));
}

TEST_CASE("lines: a hundred thousand short ones after and before a line of 10 MB") {
  Items expected;
  for (int number = 0; number < 100000; ++number) expected.push_back(std::to_string(number));
  expected.insert(expected.begin() + 50000, std::string(10000000, 'x'));
  std::string bytes;
  for (const std::string& line : expected) bytes += line + "\n";
  CHECK(lines_of(bytes) == expected);
}

TEST_CASE("lines: one over the limit is said before its end has come") {
  const Pipe pipe;
  const StdinIs guard(pipe.read_end.fd());
  const auto input = open_input({.max_item = 3});
  Collected collected;
  pipe.write("123\n1234");
  REQUIRE(input->read(collected));
  CHECK_THAT(error_of([&] { input->read(collected); }),
             Catch::Matchers::Contains("item 2 (from standard input)"));
  CHECK(collected.items == Items{"123"});
}

TEST_CASE("lines: one over the limit is named by its number") {
  const TempDirectory directory;
  const std::string file = directory.write("in", "a\n" + std::string(5000000, 'x'));
  const auto input = open_input({.files = {file}, .max_item = 1 << 20});
  const std::string text = error_of([&] { read_all(*input); });
  CHECK_THAT(text, Catch::Matchers::Contains("item 2 (from '" + file + "'): longer than 1 MiB"));
  CHECK_THAT(text, Catch::Matchers::Contains("--max-message"));

  // One that is whole within a block is found as well; the limit itself is allowed.
  CHECK(read_all(*open_input({.files = {directory.write("fits", "123\n12")}, .max_item = 3})).size() == 2);
  const auto small = open_input({.files = {directory.write("small", "123\n1234\n")}, .max_item = 3});
  CHECK_THAT(error_of([&] { read_all(*small); }), Catch::Matchers::Contains("item 2 "));
}

TEST_CASE("lines: files are read one after the other, and their ends do not run together") {
  const TempDirectory directory;
  const auto input =
      open_input({.files = {directory.write("with space", "a\nb"), directory.write("empty", ""),
                            directory.write("new\nline", "c\n")}});
  CHECK(input->wait_fd() == -1);
  CHECK(read_all(*input) == Items{"a", "b", "c"});
  CHECK(input->wait_fd() == -1);
  Collected nothing;
  CHECK_FALSE(input->read(nothing));
}

TEST_CASE("lines: what cannot be read in any of the files is said before the first is read") {
  const TempDirectory directory;
  const std::string good = directory.write("good", "a\n");
  const auto opening = [&](const std::string& second) {
    return error_of([&] { (void)open_input({.files = {good, second}}); });
  };
  CHECK(opening(directory.path("none")) ==
        "cannot read '" + directory.path("none") + "': no such file or directory");
  ::mkdir(directory.path("folder").c_str(), 0777);
  CHECK(opening(directory.path("folder")) ==
        "cannot read '" + directory.path("folder") + "': is a directory");

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  directory.path("socket").copy(address.sun_path, sizeof address.sun_path - 1);
  const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  CHECK_FALSE(opening(directory.path("socket")).empty());

  // Root may read everything, so this part is somebody else's.
  const std::string secret = directory.write("secret", "a\n");
  ::chmod(secret.c_str(), 0);
  std::filesystem::permissions(directory.path("."), std::filesystem::perms(0755));
  const uid_t self = ::geteuid();
  if (self == 0) REQUIRE(::seteuid(65534) == 0);
  const std::string text = opening(secret);
  REQUIRE(::seteuid(self) == 0);
  CHECK(text == "cannot read '" + secret + "': permission denied");
}

TEST_CASE("lines: a file that goes after the check is an error when its turn comes") {
  const TempDirectory directory;
  const std::string second = directory.write("second", "b\n");
  const auto input = open_input({.files = {directory.write("first", "a\n"), second}});
  std::filesystem::remove(second);
  Collected collected;
  const std::string text = error_of([&] {
    while (input->read(collected)) {
    }
  });
  CHECK(text == "cannot read '" + second + "': no such file or directory");
  CHECK(collected.items == Items{"a"});
}

TEST_CASE("stdin: a read without bytes returns at once, and the pipe's flags stay as they were") {
  const Pipe pipe;
  const StdinIs guard(pipe.read_end.fd());
  const auto input = open_input({});
  Collected collected;
  REQUIRE(input->read(collected));
  REQUIRE(input->wait_fd() == STDIN_FILENO);
  REQUIRE(input->read(collected));
  CHECK(collected.items.empty());
  CHECK_FALSE(readable(input->wait_fd()));
  CHECK((::fcntl(pipe.read_end.fd(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("stdin: complete lines come at once, the rest of a line when it does") {
  Pipe pipe;
  const StdinIs guard(pipe.read_end.fd());
  const auto input = open_input({});
  Collected collected;
  pipe.write("a\nb");
  REQUIRE(input->read(collected));
  REQUIRE(input->read(collected));
  CHECK(collected.items == Items{"a"});
  pipe.write("c\nd");
  REQUIRE(readable(input->wait_fd()));
  REQUIRE(input->read(collected));
  CHECK(collected.items == Items{"a", "bc"});
  pipe.write_end.reset();
  REQUIRE(input->read(collected));
  CHECK(collected.items == Items{"a", "bc", "d"});
  CHECK(input->wait_fd() == -1);
  CHECK_FALSE(input->read(collected));
}

TEST_CASE("stdin: '-' is one of several files, and stays open when it has been read") {
  const TempDirectory directory;
  Pipe pipe;
  const StdinIs guard(pipe.read_end.fd());
  pipe.write("from stdin\n");
  pipe.write_end.reset();
  const std::string file = directory.write("file", "from a file\n");
  CHECK(read_all(*open_input({.files = {file, "-", file}})) ==
        Items{"from a file", "from stdin", "from a file"});
  CHECK(::fcntl(STDIN_FILENO, F_GETFD) != -1);
}

TEST_CASE("stdin: closed or a directory is said at once") {
  {
    const StdinIs guard(-1);
    CHECK(error_of([] { (void)open_input({}); }) == "cannot read standard input: bad file descriptor");
  }
  const Descriptor folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const StdinIs guard(folder.fd());
  CHECK(error_of([] { (void)open_input({}); }) == "cannot read standard input: is a directory");
}

TEST_CASE("lines: a FIFO is opened without its writer, and waited for") {
  const TempDirectory directory;
  const std::string fifo = directory.path("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const auto input = open_input({.files = {fifo}});
  Collected collected;
  REQUIRE(input->read(collected));
  REQUIRE(input->read(collected));
  REQUIRE(input->wait_fd() >= 0);
  CHECK_FALSE(readable(input->wait_fd()));

  Descriptor writer(::open(fifo.c_str(), O_WRONLY | O_CLOEXEC));
  REQUIRE(::write(writer.fd(), "a\nb", 3) == 3);
  REQUIRE(readable(input->wait_fd()));
  REQUIRE(input->read(collected));
  CHECK(collected.items == Items{"a"});
  writer.reset();
  REQUIRE(readable(input->wait_fd()));
  while (input->read(collected)) {
  }
  CHECK(collected.items == Items{"a", "b"});
}

}  // namespace fanmill::input
