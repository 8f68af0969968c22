#include <catch2/catch.hpp>

#include <fanmill/work/capture.hpp>

using namespace fanmill;
using namespace fanmill::work;

TEST_CASE("capture: the first bytes are kept and the rest is counted") {
  Capture capture(Capture::Keep::first, 5);
  capture.append("abc");
  CHECK(capture.kept() == "abc");
  CHECK(capture.dropped() == 0);
  capture.append("defg");
  capture.append("hi");
  CHECK(capture.kept() == "abcde");
  CHECK(capture.dropped() == 4);
}

TEST_CASE("capture: the last bytes are kept, whatever the pieces they come in") {
  std::string all;
  for (int i = 0; i < 500; ++i) all += static_cast<char>('a' + i % 26);
  for (const std::size_t piece : {1, 3, 7, 10, 11, 64, 500}) {
    CAPTURE(piece);
    Capture capture(Capture::Keep::last, 10);
    for (std::size_t at = 0; at < all.size(); at += piece) {
      capture.append(ByteView(all).substr(at, piece));
      const std::string_view so_far = std::string_view(all).substr(0, at + piece);
      REQUIRE(capture.kept() == so_far.substr(so_far.size() - std::min<std::size_t>(so_far.size(), 10)));
    }
    CHECK(capture.dropped() == 490);
  }
}

TEST_CASE("capture: a limit of nothing keeps nothing") {
  for (const auto keep : {Capture::Keep::first, Capture::Keep::last}) {
    Capture capture(keep, 0);
    capture.append("abc");
    CHECK(capture.kept().empty());
    CHECK(capture.dropped() == 3);
    capture.clear();
    CHECK(capture.dropped() == 0);
  }
}
