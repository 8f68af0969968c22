#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include <fanmill/core/accounts.hpp>

using namespace fanmill;
using namespace fanmill::core;
using Verdict = Accounts::Verdict;

namespace {

constexpr Outcome outcomes[] = {Outcome::ok, Outcome::failed, Outcome::dead};

// The same accounts the plain way: one entry per id.
class Model {
 public:
  Verdict on_result(TaskId id, Outcome outcome) {
    if (id > max_task_id || (count_ && id >= *count_)) return Verdict::rejected;
    return first_.emplace(id, outcome).second ? Verdict::accepted : Verdict::duplicate;
  }
  void on_end(std::uint64_t count) { count_ = count; }
  [[nodiscard]] bool all_there() const {
    if (!count_) return false;
    std::uint64_t there = 0;
    for (const auto& [id, outcome] : first_) there += id < *count_ ? 1 : 0;
    return there == *count_;
  }
  [[nodiscard]] std::vector<IdRange> finished(Outcome outcome) const {
    std::vector<IdRange> ranges;
    for (const auto& [id, first] : first_) {
      if (first == outcome) append_id(ranges, id);
    }
    return ranges;
  }
  [[nodiscard]] std::optional<Outcome> outcome_of(TaskId id) const {
    const auto found = first_.find(id);
    if (found == first_.end()) return std::nullopt;
    return found->second;
  }
  [[nodiscard]] const std::map<TaskId, Outcome>& first() const { return first_; }

 private:
  std::map<TaskId, Outcome> first_;
  std::optional<std::uint64_t> count_;
};

}  // namespace

TEST_CASE("accounts: the first outcome counts, later ones are duplicates whatever they say") {
  Accounts accounts;
  CHECK(accounts.on_result(7, Outcome::failed) == Verdict::accepted);
  CHECK(accounts.on_result(7, Outcome::failed) == Verdict::duplicate);
  CHECK(accounts.on_result(7, Outcome::ok) == Verdict::duplicate);
  CHECK(accounts.outcome_of(7) == Outcome::failed);
  CHECK(accounts.outcome_of(6) == std::nullopt);
  CHECK(accounts.outcome_of(8) == std::nullopt);
  CHECK(accounts.received() == 3);
  CHECK(accounts.accepted() == 1);
  CHECK(accounts.accepted(Outcome::failed) == 1);
  CHECK(accounts.accepted(Outcome::ok) == 0);
  CHECK(accounts.duplicates() == 2);
}

TEST_CASE("accounts: a run of neighbours that grows into what was finished before finds the duplicates") {
  Accounts accounts;
  CHECK(accounts.on_result(3, Outcome::ok) == Verdict::accepted);
  CHECK(accounts.on_result(4, Outcome::dead) == Verdict::accepted);
  for (const TaskId id : {0, 1, 2}) CHECK(accounts.on_result(id, Outcome::ok) == Verdict::accepted);
  CHECK(accounts.on_result(3, Outcome::ok) == Verdict::duplicate);
  CHECK(accounts.on_result(4, Outcome::ok) == Verdict::duplicate);
  CHECK(accounts.on_result(5, Outcome::ok) == Verdict::accepted);
  CHECK(accounts.finished(Outcome::ok) == std::vector<IdRange>{{0, 3}, {5, 5}});
  CHECK(accounts.finished(Outcome::dead) == std::vector<IdRange>{{4, 4}});
}

TEST_CASE("accounts: ids that the protocol does not carry are no tasks") {
  Accounts accounts;
  CHECK(accounts.on_result(max_task_id, Outcome::ok) == Verdict::accepted);
  CHECK(accounts.on_result(max_task_id, Outcome::ok) == Verdict::duplicate);
  CHECK(accounts.on_result(max_task_id + 1, Outcome::ok) == Verdict::rejected);
  CHECK(accounts.on_result(~TaskId{0}, Outcome::ok) == Verdict::rejected);
  CHECK(accounts.rejected() == 2);
}

TEST_CASE("accounts: complete when END has come and every id has its outcome, in either order") {
  Accounts end_last;
  for (const TaskId id : {2, 0, 1}) static_cast<void>(end_last.on_result(id, Outcome::ok));
  CHECK_FALSE(end_last.complete());
  end_last.on_end(3, false);
  CHECK(end_last.complete());

  Accounts end_first;
  end_first.on_end(2, false);
  CHECK_FALSE(end_first.complete());
  static_cast<void>(end_first.on_result(1, Outcome::ok));
  CHECK_FALSE(end_first.complete());
  static_cast<void>(end_first.on_result(0, Outcome::failed));
  CHECK(end_first.complete());
  CHECK(end_first.all_there());
}

TEST_CASE("accounts: a run of no tasks is complete with its END") {
  Accounts accounts;
  CHECK_FALSE(accounts.complete());
  accounts.on_end(0, false);
  CHECK(accounts.complete());
  CHECK(accounts.all_there());
}

TEST_CASE("accounts: END may be said again, and after END larger ids are no tasks") {
  Accounts accounts;
  static_cast<void>(accounts.on_result(0, Outcome::ok));
  accounts.on_end(2, false);
  accounts.on_end(2, false);
  CHECK(accounts.on_result(2, Outcome::ok) == Verdict::rejected);
  CHECK_FALSE(accounts.complete());
  CHECK(accounts.on_result(1, Outcome::ok) == Verdict::accepted);
  CHECK(accounts.complete());
}

TEST_CASE("accounts: what END turns out to exclude does not stand for a task that is missing") {
  Accounts accounts;
  for (const TaskId id : {0, 1, 7, 8, 9}) static_cast<void>(accounts.on_result(id, Outcome::ok));
  accounts.on_end(5, false);
  CHECK_FALSE(accounts.complete());
  for (const TaskId id : {2, 3}) static_cast<void>(accounts.on_result(id, Outcome::ok));
  CHECK_FALSE(accounts.complete());
  static_cast<void>(accounts.on_result(4, Outcome::ok));
  CHECK(accounts.complete());
}

TEST_CASE("accounts: a stopped run is complete at once, though not all is there") {
  Accounts accounts;
  static_cast<void>(accounts.on_result(0, Outcome::ok));
  accounts.on_end(10, false);
  CHECK_FALSE(accounts.complete());
  accounts.on_end(10, true);
  CHECK(accounts.complete());
  CHECK_FALSE(accounts.all_there());
  accounts.on_end(10, false);
  CHECK(accounts.complete());
}

TEST_CASE("accounts: agree with a plain map, for any order of results") {
  const auto seed = GENERATE(range(1U, 61U));
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto below = [&](std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random);
  };
  Accounts accounts;
  Model model;
  std::uint64_t received = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t rejected = 0;
  const std::uint64_t ids = 1 + below(400);
  const std::uint64_t one_in = 1 + below(60);  // how often a run of neighbours breaks off
  TaskId id = 0;
  Outcome outcome = Outcome::ok;
  for (int i = 0; i < 1500; ++i) {
    id = below(one_in) == 0 ? below(ids) : id + 1;
    if (below(10) == 0) outcome = outcomes[below(3)];
    const Verdict expected = model.on_result(id, outcome);
    REQUIRE(accounts.on_result(id, outcome) == expected);
    ++received;
    duplicates += expected == Verdict::duplicate ? 1 : 0;
    rejected += expected == Verdict::rejected ? 1 : 0;
    if (below(400) == 0) {
      const std::uint64_t count = below(ids + 50);
      accounts.on_end(count, false);
      model.on_end(count);
    }
    REQUIRE(accounts.complete() == model.all_there());
    const TaskId asked = below(ids + 10);
    REQUIRE(accounts.outcome_of(asked) == model.outcome_of(asked));
  }
  std::uint64_t accepted = 0;
  for (const Outcome one : outcomes) {
    CHECK(accounts.finished(one) == model.finished(one));
    std::uint64_t of_one = 0;
    for (const IdRange& range : model.finished(one)) of_one += range.count();
    CHECK(accounts.accepted(one) == of_one);
    accepted += of_one;
  }
  CHECK(accounts.accepted() == accepted);
  CHECK(accounts.duplicates() == duplicates);
  CHECK(accounts.rejected() == rejected);
  CHECK(accounts.received() == received);
  CHECK(accounts.received() == accepted + duplicates + rejected);
}

TEST_CASE("accounts: neighbours count together, up to the first that has an outcome or is no task") {
  Accounts accounts;
  CHECK(accounts.on_results({0, 9}, Outcome::ok) == 10);
  CHECK(accounts.on_results({9, 12}, Outcome::ok) == 0);  // the first one has its outcome
  REQUIRE(accounts.on_result(15, Outcome::failed) == Verdict::accepted);
  CHECK(accounts.on_results({10, 20}, Outcome::ok) == 5);
  CHECK(accounts.outcome_of(14) == Outcome::ok);
  CHECK(accounts.outcome_of(15) == Outcome::failed);
  CHECK_FALSE(accounts.outcome_of(16));
  accounts.on_end(18, false);
  CHECK(accounts.on_results({16, 30}, Outcome::ok) == 2);
  CHECK(accounts.on_results({18, 30}, Outcome::ok) == 0);
  CHECK(accounts.received() == 18);
  CHECK(accounts.accepted(Outcome::ok) == 17);
  CHECK(accounts.duplicates() == 0);
  CHECK(accounts.all_there());
}
