#include <cassert>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <new>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <sqlite3.h>

#include <fanmill/store/sqlite_file.hpp>
#include <fanmill/store/utf8.hpp>

namespace fanmill::store {

namespace {

bool is_text(ByteView bytes) {
  return (bytes.empty() || std::memchr(bytes.data(), '\0', bytes.size()) == nullptr) && is_utf8(bytes);
}

// `system` is the errno of the operation that failed, or 0.
std::string reason_for(int code, int system, const char* message) {
  switch (code & 0xFF) {
    case SQLITE_FULL:
      return reason_of(system != 0 ? system : ENOSPC);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return system != 0 ? reason_of(system) : std::string("disk I/O error (the kernel's log may say more)");
    case SQLITE_READONLY:
      return "it may not be written";
    case SQLITE_NOTADB:
      return "it is not an SQLite database";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "it is locked by another program";
    case SQLITE_PROTOCOL:
      return "its file system has no locks that work";
    case SQLITE_NOMEM:
      return "there is not the memory for what it says that it holds: it is damaged, or memory is short";
    case SQLITE_TOOBIG:
      return "a result is larger than SQLite can hold";
    case SQLITE_CORRUPT:
      return fmt::format("it is damaged: {}", message);
    default:
      return message;
  }
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Statement::Statement(const SqliteFile& file, const char* sql) : file_(&file) {
  sqlite3_stmt* made = nullptr;
  const int code =
      sqlite3_prepare_v3(file.database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
  statement_.reset(made);
  if (code != SQLITE_OK) throw file.error(code);
}

void Statement::bind(int at, std::uint64_t number) {
  [[maybe_unused]] const int code =
      sqlite3_bind_int64(statement_.get(), at, static_cast<std::int64_t>(number));
  assert(code == SQLITE_OK);
}

void Statement::bind(int at, double number) {
  [[maybe_unused]] const int code = sqlite3_bind_double(statement_.get(), at, number);
  assert(code == SQLITE_OK);
}

void Statement::bind(int at, ByteView bytes) {
  if (!is_text(bytes)) {
    bind_blob(at, bytes);
    return;
  }
  // A null pointer would be NULL.
  const char* const begin = bytes.empty() ? "" : bytes.data();
  const int code = sqlite3_bind_text64(statement_.get(), at, begin, bytes.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) throw file_->error(code);
}

void Statement::bind_blob(int at, ByteView bytes) {
  const char* const begin = bytes.empty() ? "" : bytes.data();
  const int code = sqlite3_bind_blob64(statement_.get(), at, begin, bytes.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) throw file_->error(code);
}

void Statement::bind_null(int at) {
  [[maybe_unused]] const int code = sqlite3_bind_null(statement_.get(), at);
  assert(code == SQLITE_OK);
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_.get());
    return false;
  }
  const Error error = file_->error(code);
  sqlite3_reset(statement_.get());
  throw error;
}

void Statement::run() {
  [[maybe_unused]] const bool row = step();
  assert(!row);
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
}

bool Statement::is_null(int at) const {
  return sqlite3_column_type(statement_.get(), at) == SQLITE_NULL;
}

std::uint64_t Statement::number(int at) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement_.get(), at));
}

double Statement::real(int at) const {
  return sqlite3_column_double(statement_.get(), at);
}

ByteView Statement::bytes(int at) const {
  const void* const begin = sqlite3_column_blob(statement_.get(), at);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), at));
  return {static_cast<const char*>(begin), begin == nullptr ? 0 : size};
}

void SqliteFile::Close::operator()(sqlite3* database) const noexcept {
  sqlite3_close_v2(database);
}

SqliteFile::SqliteFile(const std::string& path, Access access)
    : path_(path),
      title_("'" + path + "'"),
      action_(access == Access::write ? "write results to" : "read results from") {
  // A path that looks like one of SQLite's special names or URIs is a file all the same.
  const std::string file = path.starts_with('/') ? path : "./" + path;
  const int flags =
      access == Access::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  // It would wait for somebody to write to a named pipe.
  std::error_code unknown;
  const auto kind = std::filesystem::status(file, unknown);
  if (std::filesystem::exists(kind) && !std::filesystem::is_regular_file(kind)) {
    throw error("it is not a plain file");
  }
  sqlite3* opened = nullptr;
  const int code =
      sqlite3_open_v2(file.c_str(), &opened, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  if (opened == nullptr) throw std::bad_alloc();
  database_.reset(opened);
  if (code != SQLITE_OK) throw error(code);
  set_patience(1000);
  // The file may come from anybody: what its schema says is not to be run, and its pages are not believed.
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  run("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
}

void SqliteFile::run(const char* sql) {
  const int code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) throw error(code);
}

bool SqliteFile::run_unless_locked(const char* sql) {
  const int code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY) throw error(code);
  return code == SQLITE_OK;
}

bool SqliteFile::lacked_room() const {
  return (sqlite3_errcode(database_.get()) & 0xFF) == SQLITE_FULL ||
         sqlite3_system_errno(database_.get()) == ENOSPC;
}

std::uint64_t SqliteFile::number(const char* sql) const {
  Statement statement(*this, sql);
  return statement.step() ? statement.number(0) : 0;
}

std::string SqliteFile::text(const char* sql) const {
  Statement statement(*this, sql);
  return statement.step() ? std::string(statement.bytes(0)) : std::string();
}

std::uint64_t SqliteFile::last_row() const {
  return static_cast<std::uint64_t>(sqlite3_last_insert_rowid(database_.get()));
}

bool SqliteFile::is_cut_short() const {
  const std::uint64_t whole = number("PRAGMA page_count") * number("PRAGMA page_size");
  std::error_code none;
  // With a log beside it, what is missing may be in that.
  const std::uintmax_t log = std::filesystem::file_size(path_ + "-wal", none);
  if (!none && log > 0) return false;
  const std::uintmax_t size = std::filesystem::file_size(path_, none);
  return !none && size < whole;
}

void SqliteFile::set_patience(int milliseconds) {
  sqlite3_busy_timeout(database_.get(), milliseconds);
}

Error SqliteFile::error(int code) const {
  return error(reason_for(code, sqlite3_system_errno(database_.get()), sqlite3_errmsg(database_.get())));
}

Error SqliteFile::error(std::string_view reason, std::string_view next) const {
  return {ErrorCode::unavailable, action_, title_, reason, next};
}

}  // namespace fanmill::store
