#include <filesystem>
#include <string>

#include <catch2/catch.hpp>

#include <fanmill/base/error.hpp>
#include <fanmill/transport/endpoint.hpp>

namespace fanmill {

namespace {

std::string wrong_with(const std::string& text) {
  try {
    static_cast<void>(parse_endpoint("--bind", text));
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::usage);
    return error.what();
  }
  return "";
}

Endpoint parsed(const std::string& text) {
  return parse_endpoint("--bind", text);
}

std::string passed_on(const std::string& text, const std::string& advertised = "") {
  return to_pass_on(parsed(text), advertised).text();
}

}  // namespace

TEST_CASE("endpoint: tcp is a host and a port") {
  const Endpoint endpoint = parsed("tcp://head-1.example_net.org:5561");
  CHECK(endpoint.scheme == Scheme::tcp);
  CHECK(endpoint.host == "head-1.example_net.org");
  CHECK(endpoint.port == 5561);
  CHECK(endpoint.path.empty());
}

TEST_CASE("endpoint: an IPv6 address stands in brackets and is kept without") {
  CHECK(parsed("tcp://[::1]:5561").host == "::1");
  CHECK(parsed("tcp://[::1]:5561").text() == "tcp://[::1]:5561");
  CHECK(parsed("tcp://[fe80::1%eth0]:5561").host == "fe80::1%eth0");
}

TEST_CASE("endpoint: any free port is written * or 0") {
  CHECK(parsed("tcp://127.0.0.1:*").port == 0);
  CHECK(parsed("tcp://127.0.0.1:0").port == 0);
  CHECK(parsed("tcp://127.0.0.1:0").text() == "tcp://127.0.0.1:*");
  CHECK(parsed("tcp://*:5561").host == "*");
}

TEST_CASE("endpoint: every form is written as it was read") {
  for (const char* text : {"tcp://head:1", "tcp://10.1.2.3:65535", "tcp://[fd00::2]:5561", "tcp://*:*",
                           "ipc:///run/fanmill/a b", "inproc://x"}) {
    CHECK(parsed(text).text() == text);
  }
}

TEST_CASE("endpoint: a relative ipc path is made absolute") {
  CHECK(parsed("ipc://a").path == (std::filesystem::current_path() / "a").string());
}

TEST_CASE("endpoint: an ipc path may have 107 bytes and not 108") {
  const std::string longest = "/" + std::string(106, 'x');
  CHECK(parsed("ipc://" + longest).path == longest);
  const std::string error = wrong_with("ipc://" + longest + "x");
  CHECK_THAT(error, Catch::Contains("108 bytes") && Catch::Contains("limit is 107"));
}

TEST_CASE("endpoint: what is wrong is said with the option, the text and the three forms") {
  CHECK(wrong_with("tcp://head") ==
        "--bind: 'tcp://head': the port is missing; it takes tcp://HOST:PORT, ipc://PATH or inproc://NAME");
  CHECK_THAT(wrong_with("head:5561"), Catch::Contains("not an endpoint"));
  CHECK_THAT(wrong_with(""), Catch::Contains("not an endpoint"));
  CHECK_THAT(wrong_with("udp://head:5561"), Catch::Contains("not an endpoint"));
  CHECK_THAT(wrong_with("tcp://:5561"), Catch::Contains("host is missing"));
  CHECK_THAT(wrong_with("tcp://[::1]"), Catch::Contains("port is missing"));
  CHECK_THAT(wrong_with("tcp://::1:5561"), Catch::Contains("in brackets"));
  CHECK_THAT(wrong_with("tcp://[head]:5561"), Catch::Contains("not an IPv6 address"));
  CHECK_THAT(wrong_with("tcp://[fe80::1%e]th0]:5561"), Catch::Contains("not an IPv6 address"));
  CHECK_THAT(wrong_with("ipc://"), Catch::Contains("path is missing"));
  CHECK_THAT(wrong_with("ipc://@name"),
             Catch::Contains("open to every user") && Catch::Contains("ipc://./@name"));
  CHECK_THAT(wrong_with("inproc://"), Catch::Contains("name is missing"));
  CHECK_THAT(wrong_with(std::string("ipc:///a\0b", 10)), Catch::Contains("NUL"));
}

TEST_CASE("endpoint: a port is a number from 0 to 65535 and nothing else") {
  for (const char* port : {"65536", "-1", "+1", "1x", "x", "", " 1", "1.5", "99999999999999999999"}) {
    CHECK_THAT(wrong_with(std::string("tcp://head:") + port), Catch::Contains("0 to 65535"));
  }
  CHECK(parsed("tcp://head:65535").port == 65535);
}

TEST_CASE("endpoint: a host is a name or an address") {
  for (const char* host :
       {"a b", "a/b", "a;b", "-a", ".a", "1.2.3", "256.1.1.1", "1234", "**", "a*", "h\xC3\xA4", "a\n"}) {
    CHECK_THAT(wrong_with(std::string("tcp://") + host + ":1"), Catch::Contains("is not a host"));
  }
}

TEST_CASE("endpoint: loopback is known in all its forms") {
  for (const char* text :
       {"tcp://127.0.0.1:1", "tcp://127.9.9.9:1", "tcp://[::1]:1", "tcp://[0:0:0:0:0:0:0:1]:1",
        "tcp://localhost:1", "tcp://LocalHost:1", "tcp://[::ffff:127.0.0.1]:1", "ipc:///x", "inproc://x"}) {
    CHECK(parsed(text).is_loopback());
  }
  for (const char* text :
       {"tcp://*:1", "tcp://0.0.0.0:1", "tcp://[::]:1", "tcp://10.0.0.1:1", "tcp://128.0.0.1:1",
        "tcp://localhost.example.org:1", "tcp://127.example.org:1", "tcp://[::ffff:10.0.0.1]:1"}) {
    CHECK_FALSE(parsed(text).is_loopback());
  }
}

TEST_CASE("endpoint: a wildcard is known in all its forms") {
  for (const char* text : {"tcp://*:1", "tcp://0.0.0.0:1", "tcp://[::]:1", "tcp://[0:0::0]:1"}) {
    CHECK(parsed(text).is_wildcard());
  }
  for (const char* text : {"tcp://head:1", "tcp://127.0.0.1:1", "tcp://[::1]:1", "ipc:///x", "inproc://*"}) {
    CHECK_FALSE(parsed(text).is_wildcard());
  }
}

TEST_CASE("endpoint: of what a peer sends, only what can be connected to is believed") {
  Endpoint endpoint = parsed("inproc://before");
  for (const char* text :
       {"tcp://*:1", "tcp://0.0.0.0:1", "tcp://[::]:1", "tcp://head:0", "tcp://head:*", "tcp://:0",
        "ipc://relative", "ipc://", "", "x", "tcp://", "tcp://a b:1", "inproc://"}) {
    CHECK_FALSE(decode_endpoint(text, endpoint));
  }
  CHECK_FALSE(decode_endpoint("ipc:///" + std::string(107, 'x'), endpoint));
  const std::string nul(1, '\0');
  for (const std::string& host :
       {"127.0.0.1" + nul, "[::1" + nul + "]", "[::1%lo" + nul + "]", "head" + nul}) {
    CHECK_FALSE(decode_endpoint("tcp://" + host + ":1", endpoint));
  }
  CHECK(endpoint == parsed("inproc://before"));

  CHECK(decode_endpoint("ipc:///a", endpoint));
  CHECK(endpoint == parsed("ipc:///a"));
  CHECK(decode_endpoint("tcp://:5561", endpoint));
  CHECK(endpoint.host.empty());
  CHECK(endpoint.port == 5561);
  CHECK(endpoint.text() == "tcp://:5561");
  CHECK(endpoint.path.empty());
}

TEST_CASE("endpoint: a wildcard or loopback host is passed on empty, another as it is") {
  CHECK(passed_on("tcp://*:5561") == "tcp://:5561");
  CHECK(passed_on("tcp://[::]:5561") == "tcp://:5561");
  CHECK(passed_on("tcp://127.0.0.1:5561") == "tcp://:5561");
  CHECK(passed_on("tcp://10.1.2.3:5561") == "tcp://10.1.2.3:5561");
  CHECK(passed_on("ipc:///x") == "ipc:///x");
  CHECK(passed_on("inproc://x") == "inproc://x");
}

TEST_CASE("endpoint: an advertised host takes the place of the bound one") {
  CHECK(passed_on("tcp://*:5561", "head") == "tcp://head:5561");
  CHECK(passed_on("tcp://10.1.2.3:5561", "fd00::1") == "tcp://[fd00::1]:5561");
  CHECK(passed_on("ipc:///x", "head") == "ipc:///x");
}

TEST_CASE("endpoint: an empty host is the one by which the ventilator was reached") {
  Endpoint told;
  REQUIRE(decode_endpoint("tcp://:5561", told));
  CHECK(resolve(told, parsed("tcp://head:5555")).text() == "tcp://head:5561");
  CHECK(resolve(told, parsed("ipc:///x")).text() == "tcp://127.0.0.1:5561");
  CHECK(resolve(told, parsed("inproc://x")).text() == "tcp://127.0.0.1:5561");
  CHECK(resolve(parsed("tcp://other:1"), parsed("tcp://head:5555")).text() == "tcp://other:1");
  CHECK(resolve(parsed("ipc:///y"), parsed("tcp://head:5555")).text() == "ipc:///y");
}

TEST_CASE("endpoint: tcp beyond loopback needs --insecure") {
  CHECK_NOTHROW(require_loopback("--bind", parsed("tcp://127.0.0.1:1"), false));
  CHECK_NOTHROW(require_loopback("--bind", parsed("ipc:///x"), false));
  CHECK_NOTHROW(require_loopback("--bind", parsed("tcp://*:1"), true));
  for (const char* text : {"tcp://*:1", "tcp://0.0.0.0:1", "tcp://10.0.0.1:1", "tcp://head:1"}) {
    CHECK_THROWS_WITH(require_loopback("--bind", parsed(text), false), Catch::StartsWith("--bind: ") &&
                                                                           Catch::Contains(text) &&
                                                                           Catch::Contains("--insecure"));
  }
}

}  // namespace fanmill
