#pragma once
// A store that hands each result to a function of the process that it is in: what that has taken is safe.

#include <functional>
#include <utility>

#include <fanmill/store/store.hpp>
#include <fanmill/store/unwritten.hpp>

namespace fanmill::store {

class Delivery final : public Store {
 public:
  // Called on the sink's thread, with views that end with the call. What it throws ends the sink.
  using Receive = std::function<void(const wire::ResultsHeader& header, const wire::ResultView& result)>;

  explicit Delivery(Receive receive) : receive_(std::move(receive)) {}

  void begin(RunId, const std::string&) override {}
  void accept(const wire::ResultsHeader& header, const wire::ResultView& result) override {
    receive_(header, result);
    std::vector<IdRange>& ids = result.outcome == Outcome::ok       ? safe_.ok
                                : result.outcome == Outcome::failed ? safe_.failed
                                                                    : safe_.dead;
    if (!ids.empty() && ids.back().last + 1 == result.id) {
      ids.back().last = result.id;
    } else {
      ids.push_back({result.id, result.id});
    }
  }
  void flush(Time) override {}
  void take_safe(SafeIds& safe) override { move_safe(safe_, safe); }
  [[nodiscard]] std::size_t backlog() const override { return 0; }
  [[nodiscard]] int blocked_on() const override { return -1; }
  [[nodiscard]] int watched() const override { return -1; }
  void finish(bool) override {}

 private:
  Receive receive_;
  SafeIds safe_;
};

}  // namespace fanmill::store
