#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <fanmill/transport/key_text.hpp>

namespace fanmill::transport {

namespace {

constexpr std::string_view blanks = " \t";

std::string_view trimmed(std::string_view text) {
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// The value of NAME = "VALUE".
std::optional<std::string_view> value_of(std::string_view name, std::string_view line) {
  if (!line.starts_with(name)) return std::nullopt;
  line = trimmed(line.substr(name.size()));
  if (!line.starts_with('=')) return std::nullopt;
  line = trimmed(line.substr(1));
  if (line.size() < 2 || line.front() != '"' || line.back() != '"') return std::nullopt;
  return line.substr(1, line.size() - 2);
}

class Lines {
 public:
  // False with the reason in the result's flaw.
  bool take(std::string_view line) {
    const bool indented = line.find_first_of(blanks) == 0;
    line = trimmed(line);
    if (line.empty() || line.front() == '#') return true;
    if (!indented) {
      section_ = line;
      return section_ == "curve" || section_ == "metadata" || wrong("'curve' is the one section there is");
    }
    if (section_ == "metadata") return true;
    if (section_ != "curve") return wrong("it stands before 'curve'");
    if (const auto text = value_of("public-key", line)) {
      if (result.public_key) return wrong("a second public-key");
      result.public_key = PublicKey::of_text(*text);
      return result.public_key || wrong("public-key is not a key");
    }
    if (const auto text = value_of("secret-key", line)) {
      if (result.pair) return wrong("a second secret-key");
      result.pair = KeyPair::of_secret(*text);
      return result.pair || wrong("secret-key is not a key");
    }
    return wrong("neither public-key = \"…\" nor secret-key = \"…\"");
  }

  DecodedKey result;

 private:
  bool wrong(std::string_view why) {
    result.flaw = why;
    return false;
  }
  std::string_view section_;
};

}  // namespace

std::string public_key_text(const PublicKey& key) {
  return fmt::format(
      "# Fanmill: a public CURVE key, for all who are to know its owner.\ncurve\n"
      "    public-key = \"{}\"\n",
      key.text());
}

std::string secret_key_text(const KeyPair& pair) {
  return fmt::format(
      "# Fanmill: a SECRET CURVE key, for its owner alone.\ncurve\n"
      "    public-key = \"{}\"\n    secret-key = \"{}\"\n",
      pair.public_key().text(), pair.secret());
}

DecodedKey decode_key_text(ByteView text) {
  const auto flawed = [](std::string why) {
    DecodedKey result;
    result.flaw = std::move(why);
    return result;
  };
  if (text.size() > max_key_text) return flawed(fmt::format("it has more than {} bytes", max_key_text));
  Lines lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    if (!lines.take(text.substr(0, end))) {
      return flawed(fmt::format("line {}: {}", number, lines.result.flaw));
    }
    text.remove_prefix(end == ByteView::npos ? text.size() : end + 1);
  }
  const DecodedKey& result = lines.result;
  if (!result.public_key) return flawed("there is no public-key in it");
  if (result.pair && result.pair->public_key() != *result.public_key) {
    return flawed("its secret-key is not that of its public-key");
  }
  return lines.result;
}

}  // namespace fanmill::transport
