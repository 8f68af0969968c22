#pragma once
// A store that hands results to a function of the process that it is in: what that has taken is safe.

#include <functional>
#include <span>
#include <utility>

#include <fanmill/store/store.hpp>
#include <fanmill/store/unwritten.hpp>

namespace fanmill::store {

class Delivery final : public Store {
 public:
  // Called on the sink's thread, with views that end with the call: one result, or several that are ok, each
  // of the task after the one before. What it throws ends the sink.
  using Receive =
      std::function<void(const wire::ResultsHeader& header, std::span<const wire::ResultView> results)>;

  // `known`: as known() below, for whoever knows what there is; any thread's.
  explicit Delivery(Receive receive, std::function<TaskId()> known = nullptr)
      : receive_(std::move(receive)), known_(std::move(known)) {}

  void begin(RunId, const std::string&) override {}
  void accept(const wire::ResultsHeader& header, const wire::ResultView& result) override {
    accept_neighbours(header, {&result, 1});
  }
  void accept_neighbours(const wire::ResultsHeader& header,
                         std::span<const wire::ResultView> results) override {
    receive_(header, results);
    const Outcome outcome = results.front().outcome;
    std::vector<IdRange>& ids = outcome == Outcome::ok       ? safe_.ok
                                : outcome == Outcome::failed ? safe_.failed
                                                             : safe_.dead;
    append_neighbours(ids, {results.front().id, results.back().id});
  }
  [[nodiscard]] TaskId known() const override { return known_ ? known_() : Store::known(); }
  void flush(Time) override {}
  void take_safe(SafeIds& safe) override { move_safe(safe_, safe); }
  [[nodiscard]] std::size_t backlog() const override { return 0; }
  [[nodiscard]] int blocked_on() const override { return -1; }
  [[nodiscard]] int watched() const override { return -1; }
  void finish(bool) override {}

 private:
  Receive receive_;
  std::function<TaskId()> known_;
  SafeIds safe_;
};

}  // namespace fanmill::store
