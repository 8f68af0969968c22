#include <map>
#include <string>

#include <catch2/catch.hpp>
#include <msgpack.hpp>

#include "results.hpp"
#include <fanmill/store/msgpack_map.hpp>

namespace fanmill::store {

namespace {

// Judged by msgpack-c, which knows nothing of ours.
std::map<std::string, msgpack::object> map_of(const wire::ResultView& result,
                                              msgpack::object_handle& handle) {
  std::string bytes;
  append_msgpack_map(bytes, of_commands, result);
  std::size_t end = 0;
  handle = msgpack::unpack(bytes.data(), bytes.size(), end);
  REQUIRE(end == bytes.size());
  return handle.get().as<std::map<std::string, msgpack::object>>();
}

}  // namespace

TEST_CASE("msgpack map: of a result without detail there is what is known") {
  msgpack::object_handle handle;
  const auto map = map_of(ok(70'000, "out\n"), handle);
  CHECK(map.size() == 5);
  CHECK(map.at("id").as<std::uint64_t>() == 70'000);
  CHECK(map.at("outcome").as<std::string>() == "ok");
  CHECK(map.at("attempts").as<int>() == 1);
  CHECK(map.at("worker").as<std::string>() == "host:1");
  CHECK(map.at("output").type == msgpack::type::BIN);
  CHECK(map.at("output").as<std::string>() == "out\n");
}

TEST_CASE("msgpack map: all that a detail says, bytes as they are") {
  wire::ResultView result = failed(3, wire::Cause::exit, 5, ByteView("\xff\0half", 6));
  result.attempt = 2;
  result.detail->stderr_text = "no luck";
  result.detail->slot = 4;
  result.detail->started = 1700000000123456;
  result.detail->took = 1500000;
  result.detail->item =
      "gr\xf6\xdf"
      "er";
  result.detail->stdout_dropped = 10;
  result.detail->stderr_dropped = 20;
  msgpack::object_handle handle;
  const auto map = map_of(result, handle);
  CHECK(map.size() == 13);
  CHECK(map.at("exit").as<int>() == 5);
  CHECK(map.at("attempts").as<int>() == 3);
  CHECK(map.at("slot").as<int>() == 4);
  CHECK(map.at("started").as<double>() == Approx(1700000000.123456).epsilon(1e-12));
  CHECK(map.at("seconds").as<double>() == 1.5);
  CHECK(map.at("item").as<std::string>() ==
        "gr\xf6\xdf"
        "er");
  CHECK(map.at("output").as<std::string>() == std::string("\xff\0half", 6));
  CHECK(map.at("stderr").as<std::string>() == "no luck");
  CHECK(map.at("output_dropped").as<int>() == 10);
  CHECK(map.at("stderr_dropped").as<int>() == 20);
  CHECK(map.at("outcome").as<std::string>() == "failed");
}

TEST_CASE("msgpack map: how it went wrong stands under the key that fits") {
  msgpack::object_handle handle;
  CHECK(map_of(failed(0, wire::Cause::signal, 9), handle).at("signal").as<int>() == 9);
  const auto map = map_of(failed(0, wire::Cause::timeout, 0), handle);
  CHECK(map.at("error").as<std::string>() == "timed out");
  CHECK(map.count("exit") == 0);
}

}  // namespace fanmill::store
