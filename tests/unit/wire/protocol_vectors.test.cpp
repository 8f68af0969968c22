// docs/protocol-vectors/ is what other languages are written by: it has to be what this one does.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "described.hpp"
#include "flaw_text.hpp"

using namespace fanmill;
using namespace fanmill::wire;
using test::Json;
using test::understand;

namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  REQUIRE(file);
  return text.str();
}

// By file name, which is the message's.
std::map<std::string, Json> all_vectors() {
  std::map<std::string, Json> vectors;
  for (const auto& entry : std::filesystem::directory_iterator(FANMILL_VECTORS)) {
    if (entry.path().extension() != ".json") continue;
    vectors[entry.path().stem().string()] = Json::parse(text_of(entry.path()));
  }
  return vectors;
}

std::string bytes_of(const std::string& hex) {
  REQUIRE(hex.size() % 2 == 0);
  std::string bytes;
  for (std::size_t at = 0; at < hex.size(); at += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16));
  }
  return bytes;
}

// What we make of a vector's frame, or frames.
Decoded<test::Understood> understand_all(const Json& vector) {
  std::vector<std::string> frames;
  for (const Json& hex : vector.value("more", Json::array())) frames.push_back(bytes_of(hex));
  const std::vector<ByteView> more(frames.begin(), frames.end());
  return understand(bytes_of(vector["hex"]), more);
}

std::string hex_of(ByteView bytes) {
  std::ostringstream hex;
  for (const char byte : bytes) {
    const int value = static_cast<unsigned char>(byte);
    hex << std::hex << (value >> 4) << (value & 15);
  }
  return hex.str();
}

// A frame that says its type and nothing else tells a type that is known from one that is not.
bool is_known(int type) {
  std::string frame = "\x92\x01";
  if (type >= 0x80) frame += '\xcc';
  frame += static_cast<char>(type);
  const auto understood = understand(frame);
  return understood || understood.flaw() != Flaw::unknown_type;
}

}  // namespace

TEST_CASE("protocol vectors: each message that is known has a file, and each file's message is known") {
  std::vector<int> known;
  for (int type = 0; type <= 0xff; ++type) {
    if (is_known(type)) known.push_back(type);
  }
  std::vector<int> written;
  for (const auto& [name, file] : all_vectors()) {
    INFO(name);
    written.push_back(file["type"].get<int>());
    CHECK_FALSE(file["vectors"].empty());
    CHECK_FALSE(file["malformed"].empty());
  }
  std::sort(written.begin(), written.end());
  CHECK(written == known);
}

TEST_CASE("protocol vectors: docs/protocol.md lists each message by its number and name") {
  const std::string document = text_of(FANMILL_PROTOCOL);
  for (const auto& [name, file] : all_vectors()) {
    const std::string message = file["message"];
    std::string lower = message;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    CHECK(lower == name);
    const std::string row = "| " + std::to_string(file["type"].get<int>()) + " | " + message + " | ";
    INFO(row);
    CHECK(document.find(row) != std::string::npos);
  }
}

TEST_CASE("protocol vectors: a frame means what is written beside it, and is what we write for that") {
  for (const auto& [name, file] : all_vectors()) {
    for (const Json& vector : file["vectors"]) {
      INFO(name << ": " << vector["name"].get<std::string>());
      const std::string hex = vector["hex"];
      const auto understood = understand_all(vector);
      if (!understood) FAIL(name_of(understood.flaw()));
      CHECK(understood->fields.dump() == vector["fields"].dump());
      CHECK((hex_of(understood->written) == hex) == vector.value("canonical", true));
    }
  }
}

TEST_CASE("protocol vectors: what is not canonical means the same as a frame that is") {
  for (const auto& [name, file] : all_vectors()) {
    for (const Json& vector : file["vectors"]) {
      if (vector.value("canonical", true)) continue;
      INFO(name << ": " << vector["name"].get<std::string>());
      const auto understood = understand_all(vector);
      REQUIRE(understood);
      CHECK(std::any_of(file["vectors"].begin(), file["vectors"].end(), [&](const Json& other) {
        return other["hex"].get<std::string>() == hex_of(understood->written);
      }));
    }
  }
}

TEST_CASE("protocol vectors: a malformed frame is refused for the reason that is written beside it") {
  for (const auto& [name, file] : all_vectors()) {
    for (const Json& vector : file["malformed"]) {
      INFO(name << ": " << vector["name"].get<std::string>());
      const auto understood = understand_all(vector);
      CHECK_FALSE(understood);
      if (!understood) CHECK(name_of(understood.flaw()) == vector["flaw"].get<std::string>());
    }
  }
}
