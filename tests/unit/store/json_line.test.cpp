#include <string>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "results.hpp"
#include <fanmill/store/json_line.hpp>

namespace fanmill::store {

namespace {

std::string line_of(const wire::ResultView& result, const wire::ResultsHeader& header = of_commands) {
  std::string line;
  append_json_line(line, header, result);
  return line;
}

}  // namespace

TEST_CASE("json line: of a result without detail there is what is known") {
  CHECK(line_of(ok(7, "out\n")) ==
        R"({"id":7,"outcome":"ok","attempts":1,"worker":"host:1","output":"out\n"})"
        "\n");
}

TEST_CASE("json line: all that a detail says, in a fixed order") {
  wire::ResultView result = failed(3, wire::Cause::exit, 5, "half");
  result.attempt = 2;
  result.detail->stderr_text = "no \"luck\"";
  result.detail->slot = 4;
  result.detail->started = 1700000000123456;
  result.detail->took = 1500000;
  result.detail->item = "größer";
  result.detail->stdout_dropped = 10;
  result.detail->stderr_dropped = 20;
  CHECK(line_of(result) ==
        R"({"id":3,"outcome":"failed","attempts":3,"exit":5,"worker":"host:1","slot":4,)"
        R"("started":1700000000.123456,"seconds":1.500000,"item":"größer","output":"half",)"
        R"("stderr":"no \"luck\"","output_dropped":10,"stderr_dropped":20})"
        "\n");
}

TEST_CASE("json line: how it went wrong stands under the key that fits") {
  const auto parsed = [](const wire::ResultView& result) { return nlohmann::json::parse(line_of(result)); };
  CHECK(parsed(failed(0, wire::Cause::signal, 9)).at("signal") == 9);
  CHECK_FALSE(parsed(failed(0, wire::Cause::signal, 9)).contains("exit"));
  CHECK(parsed(failed(0, wire::Cause::timeout, 0)).at("error") == "timed out");
  wire::ResultView error = failed(0, wire::Cause::error, 0);
  error.detail->error = "cannot run 'foo'";
  CHECK(parsed(error).at("error") == "cannot run 'foo'");
  CHECK(parsed(dead(0)).at("outcome") == "dead");
  CHECK(parsed(dead(0)).contains("error"));
}

TEST_CASE("json line: bytes that are not text come as base64, under a key that says so") {
  wire::ResultView result = with_stderr(0, "\xff\xfe", "\x80");
  result.detail->item = "\xC3";
  wire::ResultsHeader header = of_commands;
  header.worker = "\xff";
  const auto object = nlohmann::json::parse(line_of(result, header));
  CHECK(object.at("output_base64") == "//4=");
  CHECK(object.at("stderr_base64") == "gA==");
  CHECK(object.at("item_base64") == "ww==");
  CHECK(object.at("worker_base64") == "/w==");
  CHECK_FALSE(object.contains("output"));
  CHECK_FALSE(object.contains("item"));
}

TEST_CASE("json line: every byte that text may have comes back, and none of them breaks the line") {
  std::string text = "größer \U0001F33E ";
  for (char byte = 0x00; byte < 0x7F; ++byte) text += byte;
  text += '\x7F';
  const std::string line = line_of(with_stderr(0, text, text));
  CHECK(line.find('\n') == line.size() - 1);
  const auto object = nlohmann::json::parse(line);
  CHECK(object.at("output").get<std::string>() == text);
  CHECK(object.at("stderr").get<std::string>() == text);
  // One by one, too: at either end of a string nothing is lost.
  for (const char byte : {'\0', '\n', '\t', '\r', '\b', '\x1f', '"', '\\', '/'}) {
    CHECK(nlohmann::json::parse(line_of(ok(0, {&byte, 1}))).at("output").get<std::string>() ==
          ByteView(&byte, 1));
  }
}

}  // namespace fanmill::store
