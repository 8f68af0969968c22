#include <catch2/catch.hpp>

#include <fanmill/processors.hpp>

TEST_CASE("processors: there is at least one") {
  CHECK(fanmill::usable_processors() >= 1);
}
