// A service: requests come on several threads, and each of those waits for its own answer while the pipeline
// works on all of them. Here a request is a text, and the answer the number of its words.

#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fanmill/fanmill.hpp>

namespace {

class WordCounter {
 public:
  // Called from any thread; waits for the answer. What the handler throws is thrown here.
  std::string count(const std::string& text) {
    std::future<std::string> answer;
    {
      // The result may be there before submit() has returned, so the callback waits for this mutex; submit()
      // must not wait for the callback, then: try_submit() does not.
      const std::lock_guard lock(mutex_);
      const auto id = pipeline_.try_submit(text);
      if (!id) throw std::runtime_error("too many requests");
      answer = waiting_[*id].get_future();
    }
    return answer.get();
  }

 private:
  static std::string words_of(std::string_view text) {
    if (text.empty()) throw std::invalid_argument("there is nothing to count");
    std::istringstream stream{std::string(text)};
    int words = 0;
    for (std::string word; stream >> word;) ++words;
    return std::to_string(words);
  }

  void answer(const fanmill::Result& result) {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(result.id);
    if (result.outcome == fanmill::Outcome::ok) {
      found->second.set_value(std::string(result.output));
    } else {
      found->second.set_exception(std::make_exception_ptr(std::runtime_error(std::string(result.reason))));
    }
    waiting_.erase(found);
  }

  std::mutex mutex_;
  std::map<std::uint64_t, std::promise<std::string>> waiting_;
  // The last member: it ends before what its callback uses.
  fanmill::Pipeline pipeline_{words_of, [this](const fanmill::Result& result) { answer(result); }};
};

}  // namespace

int main() {
  WordCounter service;
  std::vector<std::future<int>> clients;
  for (int client = 0; client < 4; ++client) {
    clients.push_back(std::async(std::launch::async, [&service, client] {
      int wrong = 0;
      std::string text;
      for (int words = 1; words <= 100; ++words) {
        text += " word" + std::to_string(client);
        if (service.count(text) != std::to_string(words)) ++wrong;
      }
      return wrong;
    }));
  }
  int wrong = 0;
  for (auto& client : clients) wrong += client.get();
  try {
    service.count("");
    ++wrong;
  } catch (const std::runtime_error& error) {
    std::cout << "refused: " << error.what() << '\n';
  }
  std::cout << "400 requests, " << wrong << " wrong answers\n";
  return wrong == 0 ? 0 : 1;
}
