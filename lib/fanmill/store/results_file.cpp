#include <array>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <fanmill/store/cause_words.hpp>
#include <fanmill/store/claimed_file.hpp>
#include <fanmill/store/outcome_name.hpp>
#include <fanmill/store/results_file.hpp>
#include <fanmill/store/results_schema.hpp>
#include <fanmill/store/row_block.hpp>
#include <fanmill/store/sqlite_file.hpp>
#include <fanmill/store/stored_key.hpp>
#include <fanmill/store/stored_outcomes.hpp>
#include <fanmill/store/unwritten.hpp>
#include <fanmill/store/waiting_keys.hpp>
#include <fanmill/store/worker_names.hpp>

namespace fanmill::store {

namespace {

// What a row takes beside its output, about: for backlog() alone.
constexpr std::size_t row_bytes = 64;
// A block is worth its own row, and what a sink that is killed leaves without one is soon read.
constexpr std::uint64_t least_block = 1024;
constexpr int patience_at_start = 1000;  // ms
constexpr int patience = 10000;

constexpr const char* insert_plain =
    "INSERT INTO result (run, task, key, outcome, attempts, worker, output) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
    "?7)";
constexpr const char* insert_detailed =
    "INSERT INTO result (run, task, key, outcome, attempts, worker, output, exit, signal, error, slot, "
    "started, "
    "seconds, output_dropped, stderr_dropped, item, stderr) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double seconds_of(std::uint64_t microseconds) {
  return static_cast<double>(microseconds) / 1e6;
}

class ResultsFile : public DurableStore {
 public:
  explicit ResultsFile(const ResultsFileSettings& settings) : settings_(settings) {
    claim_.emplace(settings.path, settings.mode == ResultsMode::create ? ClaimedFile::Existing::refused
                                                                       : ClaimedFile::Existing::welcome);
    try {
      prepare();
    } catch (...) {
      remove_if_unused();
      throw;
    }
  }
  ResultsFile(const ResultsFile&) = delete;
  ResultsFile& operator=(const ResultsFile&) = delete;
  ~ResultsFile() override { remove_if_unused(); }

  void begin(RunId run, const std::string& delimiter) override;
  void accept(const wire::ResultsHeader& header, const wire::ResultView& result) override;
  void flush(Time now) override;
  void take_safe(SafeIds& safe) override { move_safe(safe_, safe); }
  [[nodiscard]] std::size_t backlog() const override { return backlog_; }
  [[nodiscard]] int blocked_on() const override { return -1; }
  [[nodiscard]] int watched() const override { return -1; }
  void finish(bool complete) override;
  [[nodiscard]] std::string left() const override { return left_; }

  [[nodiscard]] SafeIds stored() const override;
  void announce(TaskId first, std::span<const Key> keys, Announced& answer) override;
  void set_count(std::uint64_t tasks) override;

 private:
  // What is written with while a run lasts.
  struct Writer {
    explicit Writer(SqliteFile& file)
        : plain(file, insert_plain),
          detailed(file, insert_detailed),
          bind(file, "INSERT INTO bound (task, result, count) VALUES (?1, ?2, ?3)"),
          remove(file, "DELETE FROM result WHERE id = ?1"),
          block(file, "INSERT INTO block (first, run, count, tasks) VALUES (?1, ?2, ?3, ?4)"),
          block_keys(file, "INSERT INTO block_keys (first, keys) VALUES (?1, ?2)"),
          changes(file, "PRAGMA data_version"),
          workers(file) {}
    Statement plain;
    Statement detailed;
    Statement bind;
    Statement remove;
    Statement block;
    Statement block_keys;
    Statement changes;
    WorkerNames workers;
  };

  [[nodiscard]] TakeOver take_over() const {
    return settings_.mode == ResultsMode::retry_failed ? TakeOver::ok_only : TakeOver::all;
  }
  void prepare();
  void refuse_other_command() const;
  void remove_if_unused() noexcept;
  void insert_run(const std::string& name, const std::string& delimiter);
  void open_transaction();
  void insert(const wire::ResultsHeader& header, const wire::ResultView& result);
  void announce_one(TaskId id, const Key& key, Announced& answer);
  void bind(TaskId id, const KeyIndex::Found& found);
  void write_bound();
  void write_block();
  std::uint64_t count_changes();
  [[nodiscard]] std::optional<Outcome> outcome_here(TaskId id) const;
  template <class Action>
  void attempt(Action action);

  ResultsFileSettings settings_;
  std::optional<ClaimedFile> claim_;  // goes after the database
  std::optional<SqliteFile> file_;
  std::optional<Writer> writer_;
  std::uint64_t run_ = 0;  // its row; 0 before begin()
  StoredOutcomes stored_;
  WaitingKeys waiting_;
  // Neighbouring tasks that have neighbouring rows of the same outcome: bound, and not written yet.
  struct Bound {
    TaskId task = 0;
    std::uint64_t row = 0;
    std::uint64_t count = 0;
    Outcome outcome = Outcome::ok;
  };
  Bound bound_;
  RowBlock block_;             // of the rows that have none yet
  std::uint64_t changes_ = 0;  // by other programs, when that was last asked
  bool others_wrote_ = false;  // since stored_ was read
  bool in_transaction_ = false;
  SafeIds uncommitted_;
  SafeIds safe_;
  std::size_t backlog_ = 0;
  std::optional<Error> failure_;
  std::string left_;
};

void ResultsFile::prepare() {
  file_.emplace(settings_.path, SqliteFile::Access::write);
  file_->set_patience(patience_at_start);
  const bool has_tables = check_results_schema(*file_) == Contents::results;
  if (has_tables) refuse_other_command();
  // Measured with rows of 64-byte outputs: pages of 32 KiB take half the time of those of 4 KiB. A
  // checkpoint for each 8 MiB of log costs nothing that can be measured, and whoever opens the file after a
  // kill has to read the log and add it up: 1 ms for each MiB, while the run waits.
  file_->run("PRAGMA page_size = 32768; PRAGMA cache_size = -2048; PRAGMA wal_autocheckpoint = 250");
  if (file_->text("PRAGMA journal_mode = WAL") != "wal") {
    throw file_->error("its file system cannot hold a database that is read while it is written",
                       "use a directory on a local disk");
  }
  file_->run("PRAGMA synchronous = FULL");
  if (!has_tables) make_results_schema(*file_);
  // Says now that the disk is full or somebody else is writing, and not when the first results are there.
  file_->run("BEGIN IMMEDIATE; ROLLBACK");
  file_->set_patience(patience);
}

void ResultsFile::refuse_other_command() const {
  if (!settings_.command) return;
  const std::string before =
      file_->text("SELECT command FROM run WHERE command IS NOT NULL ORDER BY id DESC LIMIT 1");
  if (before.empty() || before == *settings_.command) return;
  throw file_->error(
      fmt::format("its results come from the command '{}', and not from '{}'", before, *settings_.command),
      "give that command, or another file");
}

void ResultsFile::remove_if_unused() noexcept {
  writer_.reset();
  file_.reset();
  if (run_ != 0 || !claim_ || !claim_->is_new()) return;
  for (const char* suffix : {"-wal", "-shm", ""}) ::unlink((settings_.path + suffix).c_str());
}

void ResultsFile::begin(RunId run, const std::string& delimiter) {
  if (!file_) {
    // Others may have had it since it was closed.
    claim_.emplace(settings_.path, ClaimedFile::Existing::welcome);
    prepare();
    stored_ = {};
  }
  flush(Time{});
  if (writer_ && (others_wrote_ || count_changes() != changes_)) stored_ = {};
  others_wrote_ = false;
  safe_ = {};  // of the run before: the ids of this one are other tasks
  const std::string name = fmt::format("{:016x}", static_cast<std::uint64_t>(run));
  const std::uint64_t last = file_->number("SELECT max(id) FROM run");
  const bool goes_on = last != 0 && file_->text("SELECT name FROM run ORDER BY id DESC LIMIT 1") == name;
  if (goes_on) {
    run_ = last;
    stored_ = {};  // what it has kept of this run is not an earlier one's
  } else {
    Statement same(*file_, "SELECT 1 FROM run WHERE name = ?1");
    same.bind(1, ByteView(name));
    if (same.step()) {
      throw file_->error("another run has begun in it since this one", "start the ventilator again");
    }
    insert_run(name, delimiter);
  }
  waiting_.clear();
  block_.clear();
  load_outcomes(*file_, goes_on ? run_ : 0, take_over(), stored_);
  if (!writer_) writer_.emplace(*file_);
  changes_ = count_changes();
}

void ResultsFile::insert_run(const std::string& name, const std::string& delimiter) {
  // What the last run had bound stays where it is, and what for is history.
  file_->run("BEGIN IMMEDIATE; DELETE FROM bound");
  Statement insert(*file_,
                   "INSERT INTO run (name, started, delimiter, command, host, version) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
  insert.bind(1, ByteView(name));
  insert.bind(2, seconds_since_1970());
  insert.bind(3, ByteView(delimiter));
  if (settings_.command) insert.bind(4, ByteView(*settings_.command));
  insert.bind(5, ByteView(settings_.host));
  insert.bind(6, ByteView(settings_.version));
  insert.run();
  run_ = file_->last_row();
  file_->run("COMMIT");
}

SafeIds ResultsFile::stored() const {
  return {stored_.of_run[0].ranges(), stored_.of_run[1].ranges(), stored_.of_run[2].ranges()};
}

// Once something has failed nothing is tried again: what is in the open transaction goes with the file.
template <class Action>
void ResultsFile::attempt(Action action) {
  assert(run_ != 0 && file_);
  if (failure_) return;
  try {
    open_transaction();
    action();
  } catch (const Error& error) {
    failure_ = error;
  }
}

void ResultsFile::open_transaction() {
  if (in_transaction_) return;
  file_->run("BEGIN IMMEDIATE");
  in_transaction_ = true;
}

void ResultsFile::accept(const wire::ResultsHeader& header, const wire::ResultView& result) {
  attempt([&] {
    insert(header, result);
    append_safe(uncommitted_, result.outcome, {result.id, result.id});
    backlog_ += row_bytes + result.output.size();
  });
}

void ResultsFile::insert(const wire::ResultsHeader& header, const wire::ResultView& result) {
  Statement& row = result.detail ? writer_->detailed : writer_->plain;
  const std::optional<Key> key = waiting_.take(result.id);
  StoredKey stored_key{};
  row.bind(1, run_);
  row.bind(2, result.id);
  if (key) {
    stored_key = to_stored(*key);
    row.bind_blob(3, {stored_key.data(), stored_key.size()});
  } else {
    row.bind_null(3);
  }
  row.bind(4, name_of(result.outcome));
  row.bind(5, std::uint64_t{result.attempt} + 1);
  if (const std::uint64_t worker = writer_->workers.id_of(header)) {
    row.bind(6, worker);
  } else {
    row.bind_null(6);
  }
  row.bind(7, result.output);
  if (result.detail) {
    const wire::Detail& detail = *result.detail;
    const auto bind_unless = [&row](int at, bool unknown, auto value) {
      if (unknown) {
        row.bind_null(at);
      } else {
        row.bind(at, value);
      }
    };
    const ByteView words = words_for(detail);
    bind_unless(8, detail.cause != wire::Cause::exit, std::uint64_t{detail.code});
    bind_unless(9, detail.cause != wire::Cause::signal, std::uint64_t{detail.code});
    bind_unless(10, words.empty(), words);
    bind_unless(11, detail.slot == 0, std::uint64_t{detail.slot});
    bind_unless(12, detail.started == 0, seconds_of(detail.started));
    bind_unless(13, detail.started == 0, seconds_of(detail.took));
    bind_unless(14, detail.stdout_dropped == 0, detail.stdout_dropped);
    bind_unless(15, detail.stderr_dropped == 0, detail.stderr_dropped);
    bind_unless(16, !detail.has_item(), detail.item);
    bind_unless(17, detail.stderr_text.empty(), detail.stderr_text);
  }
  row.run();
  const std::uint64_t made = file_->last_row();
  block_.add(made, key, result.id, result.outcome);
  if (settings_.mode != ResultsMode::create) {
    keep_outcome(made, key, result.outcome, take_over(), stored_);
  }
  if (!key) return;
  // After the new row, so that it does not get the old one's number.
  if (const auto old = stored_.earlier.take(*key, KeyIndex::Use::replace)) {
    writer_->remove.bind(1, old->row);
    writer_->remove.run();
  }
}

std::optional<Outcome> ResultsFile::outcome_here(TaskId id) const {
  for (const Outcome outcome : {Outcome::ok, Outcome::failed, Outcome::dead}) {
    const IdSet& ids = stored_.of_run[static_cast<std::size_t>(outcome)];
    if (!ids.empty() && ids.contains(id)) return outcome;
  }
  return std::nullopt;
}

void ResultsFile::announce(TaskId first, std::span<const Key> keys, Announced& answer) {
  assert(run_ != 0 && file_);
  constexpr std::size_t ahead = 16;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i + ahead < keys.size()) stored_.earlier.prepare(keys[i + ahead]);
    announce_one(first + i, keys[i], answer);
  }
}

void ResultsFile::announce_one(TaskId id, const Key& key, Announced& answer) {
  std::optional<Outcome> outcome = outcome_here(id);
  if (!outcome) {
    if (const auto found = stored_.earlier.take(key, KeyIndex::Use::bind)) {
      bind(id, *found);
      outcome = found->outcome;
    }
  }
  if (!outcome) {
    waiting_.add(id, key);
    append_neighbours(answer.fresh, {id, id});
    return;
  }
  append_safe(uncommitted_, *outcome, {id, id});
  if (!answer.bound.empty() && answer.bound.back().second == *outcome &&
      answer.bound.back().first.last + 1 == id) {
    answer.bound.back().first.last = id;
  } else {
    answer.bound.push_back({{id, id}, *outcome});
  }
}

void ResultsFile::bind(TaskId id, const KeyIndex::Found& found) {
  const bool follows = bound_.count > 0 && id == bound_.task + bound_.count &&
                       found.row == bound_.row + bound_.count && found.outcome == bound_.outcome;
  if (!follows) {
    write_bound();
    bound_ = {id, found.row, 0, found.outcome};
  }
  ++bound_.count;
}

void ResultsFile::write_bound() {
  if (bound_.count == 0) return;
  attempt([&] {
    writer_->bind.bind(1, bound_.task);
    writer_->bind.bind(2, bound_.row);
    writer_->bind.bind(3, bound_.count);
    writer_->bind.run();
  });
  bound_ = {};
}

// Goes up with each change by another program.
std::uint64_t ResultsFile::count_changes() {
  static_cast<void>(writer_->changes.step());
  const std::uint64_t number = writer_->changes.number(0);
  writer_->changes.reset();
  return number;
}

void ResultsFile::write_block() {
  if (block_.count() < least_block) return;
  attempt([&] {
    const std::uint64_t before = std::exchange(changes_, count_changes());
    const bool is_ours_alone = changes_ == before;
    others_wrote_ = others_wrote_ || !is_ours_alone;
    // What another program has changed in rows that have no block yet, no trigger tells.
    if (is_ours_alone) {
      const std::string tasks = block_.tasks();
      writer_->block.bind(1, block_.first());
      writer_->block.bind(2, run_);
      writer_->block.bind(3, block_.count());
      writer_->block.bind_blob(4, tasks);
      writer_->block.run();
      writer_->block_keys.bind(1, block_.first());
      writer_->block_keys.bind_blob(2, block_.keys());
      writer_->block_keys.run();
    }
    block_.clear();
  });
}

void ResultsFile::set_count(std::uint64_t tasks) {
  attempt([&] {
    Statement update(*file_, "UPDATE run SET tasks = ?1 WHERE id = ?2");
    update.bind(1, tasks);
    update.bind(2, run_);
    update.run();
  });
}

void ResultsFile::flush(Time) {
  write_bound();
  write_block();
  if (failure_) throw Error(*failure_);
  if (in_transaction_) {
    try {
      file_->run("COMMIT");
    } catch (const Error& error) {
      failure_ = error;
      throw;
    }
    in_transaction_ = false;
  }
  move_safe(uncommitted_, safe_);
  backlog_ = 0;
}

void ResultsFile::finish(bool complete) {
  assert(file_);
  attempt([&] {
    Statement update(*file_, "UPDATE run SET ended = ?1, complete = ?2 WHERE id = ?3");
    update.bind(1, seconds_since_1970());
    update.bind(2, std::uint64_t{complete});
    update.bind(3, run_);
    update.run();
  });
  flush(Time{});
  writer_.reset();
  // Without its log the file is complete in itself, and can be read where nothing can be written. Somebody
  // who reads it just now keeps the log open; SQLite copes with it later.
  file_->set_patience(0);
  try {
    if (file_->run_unless_locked("PRAGMA wal_checkpoint(TRUNCATE)")) {
      static_cast<void>(file_->run_unless_locked("PRAGMA journal_mode = DELETE"));
    }
  } catch (const Error& error) {
    if (!file_->lacked_room()) throw;
    // All is safe: whoever opens the file finds it in the log.
    left_ = "the results file needs the log beside it: " + std::string(error.what());
  }
  file_.reset();
  claim_.reset();
}

}  // namespace

std::unique_ptr<DurableStore> open_results_file(const ResultsFileSettings& settings) {
  return std::make_unique<ResultsFile>(settings);
}

}  // namespace fanmill::store
