#include <array>
#include <bit>
#include <string_view>

#include <fanmill/store/cause_words.hpp>
#include <fanmill/store/msgpack_map.hpp>
#include <fanmill/store/outcome_name.hpp>
#include <fanmill/wire/writer.hpp>

namespace fanmill::store {

namespace {

// Members one after the other, behind a place for their number.
class Map {
 public:
  explicit Map(std::string& bytes) : bytes_(bytes), at_(bytes.size()) { bytes_.push_back('\0'); }
  // A map of up to 15, which ours is, has its number in one byte.
  ~Map() { bytes_[at_] = static_cast<char>(0x80 | count_); }
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;

  void number(std::string_view key, std::uint64_t value) {
    begin(key);
    put([value](char* at) { return wire::put_number(at, value); });
  }
  void text(std::string_view key, ByteView value) {
    begin(key);
    put_text(value);
  }
  void bytes(std::string_view key, ByteView value) {
    begin(key);
    put([size = value.size()](char* at) { return wire::put_bin_header(at, size); });
    bytes_.append(value);
  }
  void seconds(std::string_view key, std::uint64_t microseconds) {
    begin(key);
    const auto bits = std::bit_cast<std::uint64_t>(static_cast<double>(microseconds) / 1e6);
    constexpr unsigned char float_64 = 0xcb;
    put([bits](char* at) { return wire::put_marked<std::uint64_t>(at, float_64, bits); });
  }

 private:
  void begin(std::string_view key) {
    ++count_;
    put_text(key);
  }
  void put_text(ByteView value) {
    put([size = value.size()](char* at) { return wire::put_str_header(at, size); });
    bytes_.append(value);
  }
  template <class Header>
  void put(Header header) {
    std::array<char, wire::max_header> room;
    bytes_.append(room.data(), header(room.data()));
  }

  std::string& bytes_;
  std::size_t at_;
  unsigned count_ = 0;
};

}  // namespace

void append_msgpack_map(std::string& bytes, const wire::ResultsHeader& header,
                        const wire::ResultView& result) {
  const wire::Detail detail = result.detail.value_or(wire::Detail{});
  Map map(bytes);
  map.number("id", result.id);
  map.text("outcome", name_of(result.outcome));
  map.number("attempts", std::uint64_t{result.attempt} + 1);
  if (detail.cause == wire::Cause::exit) map.number("exit", detail.code);
  if (detail.cause == wire::Cause::signal) map.number("signal", detail.code);
  if (const ByteView words = words_for(detail); !words.empty()) map.text("error", words);
  map.text("worker", header.worker);
  if (!header.key_name.empty()) map.text("key_name", header.key_name);
  if (detail.slot > 0) map.number("slot", detail.slot);
  if (detail.started > 0) map.seconds("started", detail.started);
  if (detail.started > 0) map.seconds("seconds", detail.took);
  if (detail.has_item()) map.bytes("item", detail.item);
  map.bytes("output", result.output);
  if (!detail.stderr_text.empty()) map.bytes("stderr", detail.stderr_text);
  if (detail.stdout_dropped > 0) map.number("output_dropped", detail.stdout_dropped);
  if (detail.stderr_dropped > 0) map.number("stderr_dropped", detail.stderr_dropped);
}

}  // namespace fanmill::store
