#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include <catch2/catch.hpp>
#include <elf.h>
#include <sys/stat.h>

#include "ran.hpp"
#include <fanmill/base/error.hpp>
#include <fanmill/work/work.hpp>

using namespace fanmill;
using namespace fanmill::work;
using Catch::Contains;

namespace {

std::string in_build(const std::string& name) {
  return std::string(FANMILL_TEST_PLUGINS "/") + name + ".so";
}

std::unique_ptr<Runner> plugin(const std::string& file, std::size_t slots = 1) {
  WorkSettings settings;
  settings.kind = WorkKind::plugin;
  settings.words = {file};
  settings.slots = slots;
  settings.max_output = 50'000;
  return make_runner(settings);
}

std::string refusal(const std::string& file) {
  try {
    static_cast<void>(plugin(file));
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::unavailable);
    return error.what();
  }
  return "";
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// For what is started while it lives.
class Told {
 public:
  explicit Told(const char* what) { ::setenv("TEST_PLUGIN", what, 1); }
  ~Told() { ::unsetenv("TEST_PLUGIN"); }
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;
};

}  // namespace

TEST_CASE("plugin: each task comes back once, made by its slot's own thread and state") {
  for (const std::size_t slots : {1, 4}) {
    const auto runner = plugin(in_build("obedient"), slots);
    std::vector<std::string> items;
    for (int i = 0; i < 20'000; ++i) items.push_back("item " + std::to_string(i));
    const auto results = run_all(*runner, items);
    REQUIRE(results.size() == items.size());
    std::set<TaskId> seen;
    for (const Ran& ran : results) {
      REQUIRE(seen.insert(ran.id).second);
      REQUIRE(ran.output == "<" + items[ran.id] + ">");
    }
  }
}

TEST_CASE("plugin: a call that fails is a task that has failed, with what the plugin says") {
  const auto runner = plugin(in_build("obedient"));
  const auto failure = [&](const std::string& item) {
    const Ran ran = run_one(*runner, item);
    CHECK(ran.outcome == Outcome::failed);
    CHECK(ran.cause == wire::Cause::error);
    return ran.error;
  };
  CHECK(failure("fail") == "told to fail");
  CHECK(failure("fail in silence") == "the plugin says that it failed, and not why");
  CHECK(failure("fail at length") == std::string(4096, 'x'));
  CHECK(failure("throw") == "thrown at task 0");
  CHECK(failure("throw an int") == "the function threw something that is not an exception");
  CHECK(failure("null") == "the plugin gave 5 bytes at a null pointer");
  CHECK(failure("large") == "the plugin's answer has 100000 bytes, more than --max-output");
  CHECK(run_one(*runner, "nothing").output.empty());
  CHECK(run_one(*runner, "which").output == "0 0");
  // Of those before it: what said nothing at all left nothing.
  CHECK(run_one(*runner, "released").output == "4");
}

TEST_CASE("plugin: what its init says keeps the worker from starting") {
  {
    const Told told("fail");
    CHECK(refusal(in_build("obedient")) ==
          "cannot start the plugin '" + in_build("obedient") + "': the table is not there");
  }
  {
    const Told told("throw");
    CHECK_THAT(refusal(in_build("obedient")), Contains("it threw a C++ exception: no luck"));
  }
  const Told told("fail in silence");
  CHECK_THAT(refusal(in_build("obedient")), Contains("and not why"));
}

TEST_CASE("plugin: what is none, or not one of ours, is refused in plain words") {
  CHECK_THAT(refusal(in_build("no_plugin")), Contains("it has no fanmill_plugin_v1"));
  CHECK_THAT(refusal(in_build("version_2")), Contains("of version 2, and this Fanmill takes version 1"));
  CHECK_THAT(refusal(in_build("says_version_7")), Contains("says version 7, and not 1"));
  CHECK_THAT(refusal(in_build("too_short")), Contains("says that it has 16 bytes"));
  CHECK_THAT(refusal(in_build("too_long")), Contains("build it with this Fanmill's"));
  CHECK_THAT(refusal(in_build("no_perform")), Contains("has no perform"));
  CHECK_THAT(refusal(in_build("missing_symbol")), Contains("undefined symbol: nobody_defines_this"));

  const Folder folder;
  folder.write("text.so", "just a text that is long enough to be looked at\n");
  folder.write("empty.so", "");
  ::mkdir("folder.so", 0700);
  ::mkfifo("fifo.so", 0600);
  std::string elf = content_of(in_build("obedient"));
  folder.write("cut off.so", elf.substr(0, 1000));
  folder.write("cut off early.so", elf.substr(0, 100));
  elf[offsetof(Elf64_Ehdr, e_machine)] ^= 1;
  folder.write("other machine.so", elf);
  CHECK(refusal("not_there.so") == "cannot load the plugin 'not_there.so': no such file or directory");
  CHECK_THAT(refusal("text.so"), Contains("it is not a shared library"));
  CHECK_THAT(refusal("empty.so"), Contains("it is not a shared library"));
  CHECK_THAT(refusal("folder.so"), Contains("it is a directory"));
  CHECK_THAT(refusal("fifo.so"), Contains("it is not a file"));
  CHECK_THAT(refusal("cut off.so"), Contains("it is cut off"));
  CHECK_THAT(refusal("cut off early.so"), Contains("it is cut off"));
  CHECK_THAT(refusal("other machine.so"), Contains("for another kind of machine"));
}

TEST_CASE("plugin: a name without a slash is a file here, and nothing is searched for it") {
  CHECK_THAT(refusal("libc.so.6"), Contains("no such file"));
  const Folder folder;
  folder.write("by name.so", content_of(in_build("obedient")));
  CHECK(run_one(*plugin("by name.so"), "a").output == "<a>");
}
