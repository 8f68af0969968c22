#include <string>

#include <catch2/catch.hpp>

#include <fanmill/app/jobs.hpp>
#include <fanmill/base/error.hpp>

namespace fanmill::app {

TEST_CASE("jobs: a number is taken as it is") {
  CHECK(parse_jobs("-j", "1", 8) == 1);
  CHECK(parse_jobs("-j", "65536", 8) == 65536);
}

TEST_CASE("jobs: percent, plus and minus are of the processors, and never less than one") {
  CHECK(parse_jobs("-j", "100%", 8) == 8);
  CHECK(parse_jobs("-j", "50%", 7) == 3);
  CHECK(parse_jobs("-j", "1%", 8) == 1);
  CHECK(parse_jobs("-j", "200%", 8) == 16);
  CHECK(parse_jobs("-j", "+2", 8) == 10);
  CHECK(parse_jobs("-j", "-2", 8) == 6);
  CHECK(parse_jobs("-j", "-0", 8) == 8);
  CHECK(parse_jobs("-j", "-8", 8) == 1);
  CHECK(parse_jobs("-j", "-99999999999999999999999", 8) == 1);
}

TEST_CASE("jobs: what is no such number is refused") {
  for (const char* const text : {"",
                                 "two",
                                 "-",
                                 "+",
                                 "%",
                                 "2.5",
                                 "2 ",
                                 " 2",
                                 "0x2",
                                 "--2",
                                 "+-2",
                                 "-2%",
                                 "2%%",
                                 "0",
                                 "0%",
                                 "65537",
                                 "+65536",
                                 "99999999999999999999999",
                                 "+99999999999999999999999",
                                 "99999999999999999999999%",
                                 "18446744073709551615%"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_jobs("-j", text, 8), Error);
  }
}

}  // namespace fanmill::app
