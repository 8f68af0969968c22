#pragma once
// A run as the sink plays it before a results file: announce the tasks, take over what is bound, store the
// rest.

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "results.hpp"
#include <fanmill/store/results_file.hpp>
#include <fanmill/store/sqlite_file.hpp>

namespace fanmill::store {

// Stands for the hash of an item.
inline Key key_of(const std::string& item) {
  const auto mixed = [](std::uint64_t number) {
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9;
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB;
    return number ^ (number >> 31);
  };
  const std::uint64_t hash = std::hash<std::string>{}(item);
  return {mixed(hash), mixed(hash + 1)};
}

inline std::vector<Key> keys_of(const std::vector<std::string>& items) {
  std::vector<Key> keys;
  for (const std::string& item : items) keys.push_back(key_of(item));
  return keys;
}

// The answer of a query's first row and column; numbers as text.
inline std::string ask(const std::string& path, const char* sql) {
  return SqliteFile(path, SqliteFile::Access::read).text(sql);
}
inline void change(const std::string& path, const char* sql) {
  SqliteFile(path, SqliteFile::Access::write).run(sql);
}

class PlayedRun {
 public:
  PlayedRun(const std::string& path, ResultsMode mode, RunId run)
      : store_(open_results_file({.path = path, .mode = mode})) {
    store_->begin(run, "\n");
  }

  // Announces the items and stores an outcome for each of the first `most` that are fresh: an item that is in
  // `bad` fails.
  void play(const std::vector<std::string>& items, std::size_t most = 1000,
            const std::vector<std::string>& bad = {}) {
    const std::vector<Key> keys = keys_of(items);
    store_->announce(0, keys, answer_);
    for (const IdRange& range : answer_.fresh) {
      for (TaskId id = range.first; id <= range.last && ran_.size() < most; ++id) {
        const std::string& item = items[id];
        const bool fails = std::find(bad.begin(), bad.end(), item) != bad.end();
        output_ = "out of " + item;
        wire::ResultView result =
            fails ? failed(id, wire::Cause::exit, 1, output_) : with_stderr(id, output_, "");
        result.detail->item = item;
        store_->accept(of_commands, result);
        ran_.push_back(item);
      }
    }
    store_->flush(Time{});
  }
  void finish(std::uint64_t tasks, bool complete = true) {
    store_->set_count(tasks);
    store_->finish(complete);
  }

  [[nodiscard]] const std::vector<std::string>& ran() const { return ran_; }
  [[nodiscard]] const Announced& answer() const { return answer_; }
  [[nodiscard]] DurableStore& store() const { return *store_; }

 private:
  std::unique_ptr<DurableStore> store_;
  Announced answer_;
  std::vector<std::string> ran_;
  std::string output_;
};

// A whole run; returns the items that were run.
inline std::vector<std::string> played(const std::string& path, ResultsMode mode, std::uint64_t run,
                                       const std::vector<std::string>& items,
                                       const std::vector<std::string>& bad = {}) {
  PlayedRun playing(path, mode, RunId{run});
  playing.play(items, 1000, bad);
  playing.finish(items.size());
  return playing.ran();
}

// The items of the last run in its order, with a ! after each that is not ok: "a b! c".
inline std::string last_run(const std::string& path) {
  return ask(path,
             "SELECT group_concat(item || CASE outcome WHEN 'ok' THEN '' ELSE '!' END, ' ') "
             "FROM (SELECT item, outcome FROM last_run ORDER BY task)");
}

}  // namespace fanmill::store
