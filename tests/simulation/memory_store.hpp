#pragma once
// A results file in memory: what has been committed is on the Disk and outlives the sink, what has not goes
// with the store. The Disk has the two constraints that the real tables have.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/store/durable_store.hpp>

namespace fanmill::simulation {

struct Disk {
  struct Row {
    RunId run{};
    TaskId task = 0;
    std::optional<Key> key;
    Outcome outcome = Outcome::ok;
  };
  std::map<std::uint64_t, Row> rows;
  std::uint64_t last_row = 0;
  std::vector<RunId> runs;
  std::map<TaskId, std::uint64_t> bound;                // of the last run: task → row
  std::map<RunId, std::map<TaskId, Outcome>> outcomes;  // the bound ones too
  bool write_fails = false;                             // the next one

  [[nodiscard]] std::optional<Outcome> outcome_of(RunId run, TaskId task) const;
};

class MemoryStore : public store::DurableStore {
 public:
  // `by_halves`: one flush may leave something to the next, as that of a pipe does.
  MemoryStore(Disk& disk, bool retry_failed, bool by_halves)
      : disk_(disk), retry_failed_(retry_failed), by_halves_(by_halves) {}

  void begin(RunId run, const std::string& delimiter) override;
  void accept(const wire::ResultsHeader& header, const wire::ResultView& result) override;
  void flush(Time now) override;
  void take_safe(store::SafeIds& safe) override;
  [[nodiscard]] std::size_t backlog() const override { return staged_.size(); }
  [[nodiscard]] int blocked_on() const override { return -1; }
  [[nodiscard]] int watched() const override { return -1; }
  void finish(bool) override { flush_all(); }
  [[nodiscard]] store::SafeIds stored() const override;
  void announce(TaskId first, std::span<const Key> keys, store::Announced& answer) override;
  void set_count(std::uint64_t) override {}

 private:
  struct Staged {
    TaskId task = 0;
    Outcome outcome = Outcome::ok;
    std::optional<Key> key;
    std::uint64_t row = 0;       // 0: a new one
    std::uint64_t replaces = 0;  // 0: none
    bool known = false;          // is there already, and is only to be said
  };
  [[nodiscard]] std::optional<std::uint64_t> take(const Key& key, bool bind);
  void commit(const Staged& one);
  void commit_first(std::size_t count);
  void flush_all();

  Disk& disk_;
  bool retry_failed_;
  bool by_halves_;
  std::uint64_t flushes_ = 0;
  RunId run_{};
  // Of earlier runs and with no task of this one: rows by key, the oldest first.
  std::map<Key, std::deque<std::uint64_t>> earlier_;
  std::map<TaskId, Key> waiting_;
  std::vector<Staged> staged_;
  store::SafeIds safe_;
};

}  // namespace fanmill::simulation
