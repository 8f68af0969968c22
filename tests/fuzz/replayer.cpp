// Feeds a fuzz target without libFuzzer, with any compiler: each file of a corpus, and then mutations of
// those, drawn from a seed. It does not look at what they reach; libFuzzer does (scripts/fuzz).
//
//   fuzz_NAME CORPUS… [EXECUTIONS [SEED]]
//
// A crash names the seed and the execution, from which it comes again, and the input.

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <unistd.h>

#include "fuzz_target.hpp"

namespace {

using Generator = std::mt19937_64;

constexpr std::size_t longest = 8192;  // of what mutations grow to

// For the signal handler.
const std::string* volatile input_now = nullptr;
volatile std::uint64_t seed_now = 0;
volatile std::uint64_t execution_now = 0;

void say_where(int signal_number) {
  char line[128];
  const int size = std::snprintf(line, sizeof line, "\nended by signal %d in execution %llu of seed %llu\n",
                                 signal_number, static_cast<unsigned long long>(execution_now),
                                 static_cast<unsigned long long>(seed_now));
  static_cast<void>(!::write(STDERR_FILENO, line, static_cast<std::size_t>(size)));
  if (const std::string* const input = input_now) {
    static_cast<void>(!::write(STDERR_FILENO, "the input, in hexadecimal: ", 27));
    for (const char byte : *input) {
      constexpr std::string_view digits = "0123456789abcdef";
      const char pair[2] = {digits[static_cast<unsigned char>(byte) >> 4], digits[byte & 15]};
      static_cast<void>(!::write(STDERR_FILENO, pair, 2));
    }
    static_cast<void>(!::write(STDERR_FILENO, "\n", 1));
  }
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);
}

void feed(const std::string& input) {
  input_now = &input;
  // A copy of its own, so that a sanitizer sees the first byte that is read beyond it.
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::size_t below(Generator& generator, std::size_t limit) {
  return static_cast<std::size_t>(generator() % limit);
}

void mutate(std::string& input, const std::vector<std::string>& corpus, Generator& generator) {
  static constexpr char bytes[] = "\0\x01\x7f\x80\x90\x92\xc0\xc1\xc4\xc6\xcf\xdc\xdd\xff\"'{}%$`\n:/-";
  constexpr std::string_view telling(bytes, sizeof bytes - 1);
  const std::size_t at = below(generator, input.size() + 1);
  const std::size_t some = below(generator, 16) + 1;
  switch (below(generator, 7)) {
    case 0:
      if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(generator, 8)));
      break;
    case 1:
      if (at < input.size()) input[at] = telling[below(generator, telling.size())];
      break;
    case 2:
      input.insert(at, 1, telling[below(generator, telling.size())]);
      break;
    case 3:
      input.erase(at, some);
      break;
    case 4:
      input.resize(at);
      break;
    case 5:
      input.insert(at, input.substr(below(generator, input.size() + 1), some * 4));
      break;
    default: {  // the beginning of one and the end of another
      const std::string& other = corpus[below(generator, corpus.size())];
      input = input.substr(0, at) + other.substr(below(generator, other.size() + 1));
      break;
    }
  }
  if (input.size() > longest) input.resize(longest);
}

std::vector<std::string> read_corpus(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());  // the same order everywhere
  std::vector<std::string> corpus;
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  return corpus;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s CORPUS [EXECUTIONS [SEED]]\n", argv[0]);
    return 2;
  }
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(number, say_where);
  const std::uint64_t executions = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  seed_now = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
  const std::vector<std::string> corpus = read_corpus(argv[1]);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: no seed in %s\n", argv[0], argv[1]);
    return 2;
  }
  for (const std::string& input : corpus) {
    feed(input);
    execution_now = execution_now + 1;
  }
  Generator generator(seed_now);
  for (std::uint64_t i = 0; i < executions; ++i) {
    std::string input = corpus[below(generator, corpus.size())];
    for (std::size_t times = below(generator, 6) + 1; times > 0; --times) mutate(input, corpus, generator);
    feed(input);
    execution_now = execution_now + 1;
  }
  std::printf("%llu executions, seed %llu\n", static_cast<unsigned long long>(execution_now),
              static_cast<unsigned long long>(seed_now));
  return 0;
}
