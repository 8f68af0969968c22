#include <stdexcept>

#include <catch2/catch.hpp>

#include "ran.hpp"
#include <fanmill/base/error.hpp>
#include <fanmill/work/work.hpp>

using namespace fanmill;
using namespace fanmill::work;

namespace {
std::unique_ptr<Runner> function(std::string name, std::size_t slots = 1) {
  WorkSettings settings;
  settings.kind = WorkKind::function;
  settings.words = {std::move(name)};
  settings.slots = slots;
  return make_runner(settings);
}
}  // namespace

TEST_CASE("work: one argument with white space or shell characters is shell text") {
  for (const std::string text : {"gzip -k", "a|b", "a;b", "echo\t1", "$x", "a>b", "'a'", "\"a\"", "`a`",
                                 "*.sh", "~/bin/x", "(a)", "a&", "a\\b", "a\nb"}) {
    CAPTURE(text);
    CHECK(kind_of({text}) == WorkKind::shell);
  }
}

TEST_CASE("work: several words, or a plain one, are a command") {
  for (const std::string word : {"gzip", "./x-1.2_3", "/bin/echo", "{}", "{/.}", "a=b", "x%y", "a,b:c@d+e"}) {
    CAPTURE(word);
    CHECK(kind_of({word}) == WorkKind::command);
  }
  CHECK(kind_of({"echo", "a b", "$(x)"}) == WorkKind::command);
  CHECK(kind_of({}) == WorkKind::command);
}

TEST_CASE("work: what cannot be run is refused before anything starts") {
  WorkSettings settings;
  CHECK_THROWS_WITH(make_runner(settings), "COMMAND: there is nothing to run");
  settings.words = {""};
  CHECK_THROWS_AS(make_runner(settings), Error);
  settings.words = {"echo", "{0}"};
  CHECK_THROWS_WITH(make_runner(settings), Catch::Contains("no such column"));
  settings.words = {"echo", std::string("a\0b", 3)};
  CHECK_THROWS_WITH(make_runner(settings), Catch::Contains("NUL"));
  settings.kind = WorkKind::shell;
  settings.words = {"echo \"{}"};
  CHECK_THROWS_WITH(make_runner(settings), Catch::Contains("never closed"));
  settings.words = {"echo " + std::string(200'000, 'x')};
  CHECK_THROWS_WITH(make_runner(settings), Catch::Contains("bytes"));
  settings.kind = WorkKind::function;
  settings.words = {"ecoh"};
  CHECK_THROWS_WITH(make_runner(settings),
                    "--function: there is no function 'ecoh'; there are echo, fail, sha256, "
                    "sleep, wordcount");
}

TEST_CASE("work: the functions are named in order") {
  CHECK(function_names() == std::vector<std::string>{"echo", "fail", "sha256", "sleep", "wordcount"});
}

TEST_CASE("function echo: gives the payload back") {
  const auto runner = function("echo", 2);
  const std::string bytes("a\0\xff\n", 4);
  CHECK(run_one(*runner, bytes).output == bytes);
  CHECK(run_one(*runner, "").output.empty());
  CHECK(run_one(*runner, std::string(3'000'000, 'x')).output == std::string(3'000'000, 'x'));
}

TEST_CASE("function fail: fails, always, with text") {
  const Ran ran = run_one(*function("fail"), "x");
  CHECK(ran.outcome == Outcome::failed);
  CHECK(ran.cause == wire::Cause::error);
  CHECK_FALSE(ran.error.empty());
}

TEST_CASE("function sha256: the vectors of FIPS 180-2") {
  const auto runner = function("sha256");
  CHECK(run_one(*runner, "").output == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(run_one(*runner, "abc").output == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("function sleep: takes seconds, and nothing else") {
  const auto runner = function("sleep", 2);
  RunContext context;
  context.wants_detail = true;
  const Ran ran = run_one(*runner, "0.03", context);
  CHECK(ran.outcome == Outcome::ok);
  CHECK(ran.output.empty());
  CHECK(ran.took >= 30'000);
  CHECK(run_one(*runner, "0").outcome == Outcome::ok);
  for (const std::string odd : {"", "x", "1x", "-1", "nan", "inf", "1e400", "1000000000000"}) {
    CAPTURE(odd);
    CHECK_THAT(run_one(*runner, odd).error, Catch::Contains("not a number of seconds"));
  }
  runner->start(handout_of({"1000", "1000"}), Clock::now());
  runner->abandon();
}

TEST_CASE("function wordcount: counts a file's words as wc -w does") {
  const Folder folder;
  const auto runner = function("wordcount");
  std::string long_text;
  for (int i = 0; i < 50'000; ++i) long_text += "word" + std::to_string(i) + (i % 3 == 0 ? "\n" : " \t");
  const std::vector<std::pair<std::string, std::string>> contents{
      {"", "0"},
      {"one", "1"},
      {" one  two\n\nthree\v\ff\rour ", "5"},
      {"\xff \x01 a", "1"},
      {long_text, "50000"},
      {"a" + std::string(70'000, ' ') + "b", "2"},
  };
  for (const auto& [content, count] : contents) {
    folder.write("file", content);
    CHECK(run_one(*runner, "file").output == count);
    const std::string told_by_wc = output_of({"/bin/sh", "-c", "LC_ALL=C wc -w < file"});
    CHECK(std::stol(told_by_wc) == std::stol(count));
  }
  CHECK_THAT(run_one(*runner, "nowhere").error,
             Catch::Equals("cannot read 'nowhere': no such file or directory"));
  CHECK_THAT(run_one(*runner, folder.path()).error, Catch::Contains("is a directory"));
  CHECK_THAT(run_one(*runner, std::string("a\0b", 3)).error, Catch::Contains("NUL"));
}
