#pragma once
// An SQLite database and the statements prepared on it. The only place, with its source, that includes
// sqlite3.h.
//
// Used by one thread at a time. What SQLite cannot do is an Error{unavailable} in plain words:
// "cannot write results to 'x.db': no space left on device".

#include <cstdint>
#include <memory>
#include <string>

#include <fanmill/base/error.hpp>
#include <fanmill/base/ids.hpp>

struct sqlite3;
struct sqlite3_stmt;

namespace fanmill::store {

class SqliteFile;

// Values are bound from 1 and read from 0, as SQLite counts them. The SqliteFile must outlive it.
class Statement {
 public:
  Statement(const SqliteFile& file, const char* sql);

  // Bytes are a TEXT where they are UTF-8 without NUL, so that people can compare them with a literal, and a
  // BLOB otherwise. They are not copied: they have to last until the statement has been run.
  void bind(int at, std::uint64_t number);
  void bind(int at, double number);
  void bind(int at, ByteView bytes);
  void bind_blob(int at, ByteView bytes);
  void bind_null(int at);

  // True where there is a row, false at the end, where the statement can be run again. Throws.
  bool step();
  // Runs a statement without rows. Throws.
  void run();
  // Gives up the rows that are left.
  void reset();

  [[nodiscard]] bool is_null(int at) const;
  // Negative numbers, which we never store, come out as very large ones.
  [[nodiscard]] std::uint64_t number(int at) const;
  [[nodiscard]] double real(int at) const;
  // Of text and blobs alike. The view lasts until the next step() or reset().
  [[nodiscard]] ByteView bytes(int at) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  const SqliteFile* file_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class SqliteFile {
 public:
  enum class Access : std::uint8_t { read, write };
  // `write` makes the file if it is missing.
  SqliteFile(const std::string& path, Access access);

  // Runs one or more statements and drops their rows. Throws.
  void run(const char* sql);
  // Likewise, but false where another program's lock is in the way.
  [[nodiscard]] bool run_unless_locked(const char* sql);
  // Why the last thing failed.
  [[nodiscard]] bool lacked_room() const;
  // The number in the first row's first column. Throws.
  [[nodiscard]] std::uint64_t number(const char* sql) const;
  // Likewise a text.
  [[nodiscard]] std::string text(const char* sql) const;
  [[nodiscard]] std::uint64_t last_row() const;
  [[nodiscard]] const std::string& path() const { return path_; }
  // Whether bytes of its last page are missing: SQLite takes them for zeros and says nothing.
  [[nodiscard]] bool is_cut_short() const;
  // How long to wait for somebody else's lock before it is an error.
  void set_patience(int milliseconds);

  // What a result code of SQLite's means, the last operation having failed with it.
  [[nodiscard]] Error error(int code) const;
  // "cannot write results to 'x.db': REASON; NEXT".
  [[nodiscard]] Error error(std::string_view reason, std::string_view next = {}) const;

 private:
  friend class Statement;
  struct Close {
    void operator()(sqlite3* database) const noexcept;
  };
  std::string path_;
  std::string title_;   // the path as it was given, in quotes
  std::string action_;  // for errors
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace fanmill::store
