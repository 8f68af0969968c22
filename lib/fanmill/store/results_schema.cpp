#include <fmt/format.h>

#include <fanmill/store/results_schema.hpp>

namespace fanmill::store {

namespace {

// `output` and what may be long stand last: SQLite reads a row from its front and no further than it must.
// There is no index but the implied ones: keys are random, and an index on them would cost more than all the
// rest.
constexpr const char* schema = R"sql(
CREATE TABLE run (
  id INTEGER PRIMARY KEY,      -- 1, 2, …: the last one is the largest
  name TEXT NOT NULL,          -- as in FANMILL_RUN: 16 hexadecimal digits
  tasks INTEGER,               -- how many; NULL until the whole input was read
  started REAL NOT NULL,       -- seconds since 1970
  ended REAL,                  -- NULL while it runs, or if it was cut off
  complete INTEGER NOT NULL DEFAULT 0,  -- 1: every task has its outcome
  delimiter NOT NULL,          -- what stood between the items
  command TEXT,                -- what the workers were told to run, where the sink knows it
  host TEXT NOT NULL,          -- the sink's
  version TEXT NOT NULL        -- the sink's
);
CREATE TABLE worker (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,          -- host:pid or --name
  records INTEGER NOT NULL,    -- 1: each of its outputs is a record, without a delimiter of its own
  key_name TEXT NOT NULL,      -- the file in --allow of the key that it had, without .key; empty without keys
  UNIQUE (name, records, key_name)
);
CREATE TABLE result (
  id INTEGER PRIMARY KEY,      -- in the order of arrival
  run INTEGER NOT NULL,        -- the run that made it
  task INTEGER NOT NULL,       -- its number in that run, from 0
  key BLOB,                    -- 16 bytes: the hash of its item
  outcome TEXT NOT NULL,       -- ok, failed, dead
  attempts INTEGER NOT NULL,   -- how often it was tried
  worker INTEGER,
  exit INTEGER,                -- exit status of a command that failed with one
  signal INTEGER,              -- number of the signal that ended it
  error TEXT,                  -- what else went wrong
  slot INTEGER,
  started REAL,                -- seconds since 1970
  seconds REAL,                -- how long it ran
  output_dropped INTEGER,      -- bytes beyond --max-output
  stderr_dropped INTEGER,      -- bytes before those kept
  item,                        -- these three: TEXT where it is UTF-8 without NUL, BLOB otherwise
  stderr,
  output NOT NULL
);
CREATE TABLE bound (           -- tasks of the last run whose outcome an earlier run had stored
  task INTEGER PRIMARY KEY,    -- the first of `count` neighbours, whose outcomes are
  result INTEGER NOT NULL,     -- as many neighbours, from this one
  count INTEGER NOT NULL
);
CREATE TABLE block (           -- what a sink that resumes reads of `count` neighbouring results, all of one run
  first INTEGER PRIMARY KEY,   -- the id of the first of them
  run INTEGER NOT NULL,
  count INTEGER NOT NULL,
  tasks BLOB NOT NULL          -- runs of tasks, each two numbers of 8 bytes, the least significant first: the first
);                             -- task, with the outcome in the two highest bits (0 ok, 1 failed, 2 dead); how many
CREATE TABLE block_keys (      -- apart, since they are long, and a sink that goes on with its run needs none of them
  first INTEGER PRIMARY KEY,   -- the block's
  keys BLOB NOT NULL           -- of its results, 16 bytes each
);
CREATE TRIGGER block_deleted AFTER DELETE ON block BEGIN
  DELETE FROM block_keys WHERE first = OLD.first;
END;
CREATE TRIGGER result_deleted AFTER DELETE ON result BEGIN
  DELETE FROM block WHERE first = (SELECT max(first) FROM block WHERE first <= OLD.id);
END;
CREATE TRIGGER result_changed AFTER UPDATE OF id, run, task, key, outcome ON result BEGIN
  DELETE FROM block WHERE first = (SELECT max(first) FROM block WHERE first <= OLD.id);
END;
CREATE VIEW last_outcome AS    -- which result each task of the last run has
  SELECT task, id AS result FROM result WHERE run = (SELECT max(id) FROM run)
  UNION ALL SELECT b.task + r.id - b.result, r.id
  FROM bound AS b JOIN result AS r ON r.id BETWEEN b.result AND b.result + b.count - 1;
CREATE VIEW last_run AS        -- the outcomes of the last run, in the order of its input
  SELECT o.task, r.outcome, r.attempts, r.exit, r.signal, r.error, w.name AS worker, w.key_name, r.slot, r.started,
         r.seconds, r.output_dropped, r.stderr_dropped, r.item, r.stderr, r.output, r.id AS result
  FROM last_outcome AS o JOIN result AS r ON r.id = o.result LEFT JOIN worker AS w ON w.id = r.worker
  ORDER BY o.task;
)sql";

}  // namespace

Contents check_results_schema(const SqliteFile& file) {
  const std::uint64_t tables = file.number("SELECT count(*) FROM sqlite_schema");
  const std::uint64_t application = file.number("PRAGMA application_id");
  if (tables == 0 && application == 0) return Contents::none;
  if (application != results_application) {
    throw file.error("it is an SQLite database, but not one of Fanmill's");
  }
  const std::uint64_t format = file.number("PRAGMA user_version");
  if (format != results_format) {
    throw file.error(
        fmt::format("it is of format {}, and this program's is format {}", format, results_format),
        "use the version of Fanmill that made it");
  }
  const std::uint64_t ours = file.number(
      "SELECT count(*) FROM sqlite_schema WHERE (type, name) IN (VALUES ('table', 'run'), ('table', "
      "'worker'), "
      "('table', 'result'), ('table', 'bound'), ('table', 'block'), ('table', 'block_keys'), "
      "('view', 'last_outcome'), ('view', 'last_run'))");
  if (ours != 8) throw file.error("it is damaged: a table is missing");
  if (file.is_cut_short()) throw file.error("it is damaged: its end is missing");
  return Contents::results;
}

void make_results_schema(SqliteFile& file) {
  file.run("BEGIN IMMEDIATE");
  file.run(schema);
  file.run(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT", results_application,
                       results_format)
               .c_str());
}

}  // namespace fanmill::store
