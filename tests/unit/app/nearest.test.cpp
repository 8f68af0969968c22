#include <array>

#include <catch2/catch.hpp>

#include <fanmill/app/nearest.hpp>

namespace fanmill::app {

namespace {
constexpr std::array<std::string_view, 4> known{"--help", "--jobs", "--keep-order", "--null"};
}

TEST_CASE("nearest: one letter more, less, other or swapped is forgiven") {
  CHECK(nearest("--joobs", known) == "--jobs");
  CHECK(nearest("--job", known) == "--jobs");
  CHECK(nearest("--jabs", known) == "--jobs");
  CHECK(nearest("--jbos", known) == "--jobs");
}

TEST_CASE("nearest: the beginning of a word is enough") {
  CHECK(nearest("--keep", known) == "--keep-order");
}

TEST_CASE("nearest: what is like nothing gets no suggestion") {
  CHECK(nearest("--threads", known).empty());
  CHECK(nearest("--", known).empty());
  CHECK(nearest("", known).empty());
}

}  // namespace fanmill::app
