#include "planted.hpp"

#include <array>
#include <cstddef>

namespace fanmill::simulation {

const char* name_of(Bug bug) {
  static constexpr std::array names = {"none",
                                       "acknowledged before the commit",
                                       "said to be safe although the write failed",
                                       "a stored row bound twice",
                                       "a failure stored without asking",
                                       "no de-duplication",
                                       "neighbours taken twice",
                                       "another lane's tasks accepted",
                                       "another run's results accepted",
                                       "another run's ACK accepted",
                                       "another attempt's failure accepted",
                                       "credit not returned",
                                       "credit ignored",
                                       "window ignored",
                                       "the end before the data",
                                       "the end one task early",
                                       "marker ignored",
                                       "HELD claims what is lost",
                                       "a leaver's unstarted tasks kept",
                                       "a leaver dismissed with work",
                                       "a lost lane's tasks forgotten",
                                       "a suspect in company",
                                       "suspects together taken for alone",
                                       "dead after two deaths",
                                       "a failure taken for a death",
                                       "a retry forgotten",
                                       "a new sink not shown to workers",
                                       "a new sink not asked",
                                       "a kept failure lost with its sink",
                                       "back again, acknowledged unsafe",
                                       "the last run's outcomes count",
                                       "recalled tasks not taken back",
                                       "given back and run all the same"};
  static_assert(names.size() == static_cast<std::size_t>(Bug::count_));
  return names[static_cast<std::size_t>(bug)];
}

}  // namespace fanmill::simulation
