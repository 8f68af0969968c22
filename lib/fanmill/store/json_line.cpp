#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include <fanmill/store/base64.hpp>
#include <fanmill/store/cause_words.hpp>
#include <fanmill/store/json_line.hpp>
#include <fanmill/store/outcome_name.hpp>
#include <fanmill/store/utf8.hpp>

namespace fanmill::store {

// Written straight into the output: a tree of nlohmann's for each line costs several times as much. Its
// parser judges this in the tests.
namespace {

// RFC 8259, section 7: what may not stand in a string as it is.
bool needs_escape(char byte) {
  return static_cast<unsigned char>(byte) < 0x20 || byte == '"' || byte == '\\';
}

void put_escaped(std::string& line, char byte) {
  switch (byte) {
    case '"':
      line += "\\\"";
      return;
    case '\\':
      line += "\\\\";
      return;
    case '\n':
      line += "\\n";
      return;
    case '\t':
      line += "\\t";
      return;
    case '\r':
      line += "\\r";
      return;
    default:
      fmt::format_to(std::back_inserter(line), "\\u{:04x}", static_cast<unsigned char>(byte));
  }
}

void put_string(std::string& line, std::string_view text) {
  line += '"';
  std::size_t from = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!needs_escape(text[at])) continue;
    line.append(text, from, at - from);
    put_escaped(line, text[at]);
    from = at + 1;
  }
  line.append(text, from);
  line += '"';
}

// Members after the first, each with the comma before it. Keys are ours and need no escape.
void put_number(std::string& line, std::string_view key, std::uint64_t number) {
  fmt::format_to(std::back_inserter(line), ",\"{}\":{}", key, number);
}

void put_seconds(std::string& line, std::string_view key, std::uint64_t microseconds) {
  fmt::format_to(std::back_inserter(line), ",\"{}\":{}.{:06}", key, microseconds / 1000000,
                 microseconds % 1000000);
}

void put_bytes(std::string& line, std::string_view key, ByteView bytes) {
  const bool text = is_utf8(bytes);
  line.append(",\"").append(key).append(text ? "\":" : "_base64\":");
  if (text) {
    put_string(line, bytes);
  } else {
    put_string(line, base64(bytes));
  }
}

void put_cause(std::string& line, const wire::Detail& detail) {
  if (detail.cause == wire::Cause::exit) put_number(line, "exit", detail.code);
  if (detail.cause == wire::Cause::signal) put_number(line, "signal", detail.code);
  const ByteView words = words_for(detail);
  if (!words.empty()) put_bytes(line, "error", words);
}

}  // namespace

void append_json_line(std::string& line, const wire::ResultsHeader& header, const wire::ResultView& result) {
  fmt::format_to(std::back_inserter(line), "{{\"id\":{},\"outcome\":\"{}\",\"attempts\":{}", result.id,
                 name_of(result.outcome), std::uint64_t{result.attempt} + 1);
  if (result.detail) put_cause(line, *result.detail);
  put_bytes(line, "worker", header.worker);
  if (!header.key_name.empty()) put_bytes(line, "key_name", header.key_name);
  if (result.detail) {
    const wire::Detail& detail = *result.detail;
    if (detail.slot > 0) put_number(line, "slot", detail.slot);
    if (detail.started > 0) put_seconds(line, "started", detail.started);
    if (detail.started > 0) put_seconds(line, "seconds", detail.took);
    if (detail.has_item()) put_bytes(line, "item", detail.item);
  }
  put_bytes(line, "output", result.output);
  if (result.detail) {
    const wire::Detail& detail = *result.detail;
    if (!detail.stderr_text.empty()) put_bytes(line, "stderr", detail.stderr_text);
    if (detail.stdout_dropped > 0) put_number(line, "output_dropped", detail.stdout_dropped);
    if (detail.stderr_dropped > 0) put_number(line, "stderr_dropped", detail.stderr_dropped);
  }
  line += "}\n";
}

}  // namespace fanmill::store
