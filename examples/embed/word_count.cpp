// The most frequent words of files: each file is counted by itself, on all processors, and the counts are
// added up.
//
//   word_count FILE…

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <fanmill/fanmill.hpp>

using Counts = std::map<std::string, std::size_t>;

Counts words_of(const std::string& name) {
  std::ifstream file(name);
  if (!file) throw std::runtime_error("cannot read " + name);
  Counts counts;
  for (std::string word; file >> word;) {
    std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
    ++counts[word];
  }
  return counts;
}

int main(int argc, char** argv) {
  const std::vector<std::string> names(argv + 1, argv + argc);

  Counts all;
  int unread = 0;
  for (const auto& counted : fanmill::try_map(names, words_of)) {
    if (counted.ok()) {
      for (const auto& [word, count] : counted.value()) all[word] += count;
    } else {
      std::cerr << counted.failure().reason << '\n';
      ++unread;
    }
  }

  std::vector<std::pair<std::string, std::size_t>> most(all.begin(), all.end());
  std::stable_sort(most.begin(), most.end(),
                   [](auto& one, auto& other) { return one.second > other.second; });
  if (most.size() > 10) most.resize(10);
  for (const auto& [word, count] : most) std::cout << count << ' ' << word << '\n';
  return unread == 0 ? 0 : 1;
}
