#include <catch2/catch.hpp>

#include <fanmill/work/answers.hpp>

using namespace fanmill;
using namespace fanmill::work;

namespace {

std::vector<std::string> all_of(Answers& answers) {
  std::vector<std::string> found;
  while (const auto place = answers.next()) found.emplace_back(answers.text(*place));
  return found;
}

}  // namespace

TEST_CASE("answers: what is framed comes out again, however the stream is cut") {
  const std::vector<std::string> items{"", "a", "some more", "", "x"};
  for (const Framing framing : {Framing::line, Framing::null, Framing::length}) {
    std::string stream;
    for (const std::string& item : items) append_framed(stream, framing, item);
    for (std::size_t cut = 1; cut <= stream.size(); ++cut) {
      Answers answers(framing, 100);
      std::vector<std::string> found;
      for (std::size_t at = 0; at < stream.size(); at += cut) {
        answers.append(std::string_view(stream).substr(at, cut));
        for (std::string& one : all_of(answers)) found.push_back(std::move(one));
        if (at % 2 == 0) answers.forget();
      }
      CHECK(found == items);
      CHECK_FALSE(answers.has_more());
    }
  }
}

TEST_CASE("answers: a limit is a limit, whole or not") {
  for (const Framing framing : {Framing::line, Framing::null, Framing::length}) {
    std::string stream;
    append_framed(stream, framing, "1234");
    append_framed(stream, framing, "12345");
    Answers answers(framing, 4);
    answers.append(stream);
    CHECK(all_of(answers) == std::vector<std::string>{"1234"});
    CHECK(answers.too_long());
    answers.clear();
    CHECK_FALSE(answers.too_long());
    CHECK_FALSE(answers.has_more());
  }
  Answers line(Framing::line, 4);
  line.append("12345");
  CHECK_FALSE(line.next());
  CHECK(line.too_long());
}

TEST_CASE("answers: the beginning of one is more, and none") {
  Answers answers(Framing::length, 10);
  answers.append(std::string_view("\0\0\0", 3));
  CHECK_FALSE(answers.next());
  CHECK(answers.has_more());
  CHECK_FALSE(answers.too_long());
}

TEST_CASE("answers: a framing has a name") {
  for (const Framing framing : {Framing::line, Framing::null, Framing::length}) {
    CHECK(framing_of(name_of(framing)) == framing);
  }
  CHECK_FALSE(framing_of("lines"));
  CHECK_FALSE(framing_of(""));
}
