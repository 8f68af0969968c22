#include <fstream>

#include <sys/stat.h>

#include "scene.hpp"
#include <fanmill/transport/allow_list.hpp>
#include <fanmill/transport/key_file.hpp>
#include <fanmill/transport/key_text.hpp>

namespace fanmill::transport {

using Catch::Matchers::Contains;

namespace {

void write(const std::string& file, const std::string& text) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
}

unsigned mode_of(const std::string& file) {
  struct stat facts {};
  REQUIRE(::stat(file.c_str(), &facts) == 0);
  return facts.st_mode & 07777;
}

Notice into(std::vector<std::string>& told) {
  return [&told](Severity, std::string_view text) { told.emplace_back(text); };
}

}  // namespace

TEST_CASE("key files: made in a directory of their own, the secret for its owner alone, and read again") {
  const TempDirectory scratch;
  const std::string keys = scratch.path("keys");
  const mode_t before = ::umask(0);
  const PublicKey key = make_key_files(keys, "ann");
  ::umask(before);
  CHECK(mode_of(keys) == 0700);
  CHECK(mode_of(keys + "/ann.key_secret") == 0600);
  CHECK(read_secret_key("--key", keys + "/ann.key_secret")->public_key() == key);
  CHECK(read_public_key("--server-key", keys + "/ann.key") == key);
}

TEST_CASE("key files: nothing is written over, and a half pair is not left") {
  const TempDirectory scratch;
  const std::string keys = scratch.path("keys");
  const PublicKey key = make_key_files(keys, "ann");
  CHECK_THAT(error_of([&] { make_key_files(keys, "ann"); }), Contains("it is there already"));
  CHECK(read_public_key("--server-key", keys + "/ann.key") == key);

  write(keys + "/bob.key", "precious");
  CHECK_THAT(error_of([&] { make_key_files(keys, "bob"); }), Contains("bob.key': it is there already"));
  CHECK_FALSE(std::filesystem::exists(keys + "/bob.key_secret"));
  CHECK_THAT(error_of([&] { make_key_files(scratch.path("no/where"), "ann"); }),
             Contains("no such file or directory"));
}

TEST_CASE("key files: a secret that others may read is refused with what to do") {
  const TempDirectory scratch;
  const std::string file = scratch.path("keys/ann.key_secret");
  make_key_files(scratch.path("keys"), "ann");
  for (const mode_t mode : {0640, 0604, 0620, 0602, 0666}) {
    REQUIRE(::chmod(file.c_str(), mode) == 0);
    CAPTURE(mode);
    CHECK_THAT(error_of([&] { static_cast<void>(read_secret_key("--key", file)); }),
               Contains("chmod 600 '" + file + "'"));
  }
  REQUIRE(::chmod(file.c_str(), 0400) == 0);
  CHECK(read_secret_key("--key", file) != nullptr);
}

TEST_CASE("key files: the one taken for the other is refused, and so is what is none") {
  const TempDirectory scratch;
  make_key_files(scratch.path("keys"), "ann");
  const auto secret_error = [&](const std::string& file) {
    return error_of([&] { static_cast<void>(read_secret_key("--key", file)); });
  };
  const std::string open = scratch.path("keys/ann.key");  // others may read it: that is not what is wrong
  CHECK_THAT(secret_error(open), Contains(".key_secret"));
  CHECK_THAT(error_of([&] { static_cast<void>(read_public_key("--server-key", open + "_secret")); }),
             Contains("a secret key is in it"));
  CHECK_THAT(secret_error(scratch.path("keys")), Contains("is a directory; name a file in it"));
  CHECK_THAT(secret_error(scratch.path("none")), Contains("no such file or directory; fanmill keygen"));
  CHECK_THAT(secret_error("/dev/zero"), Contains("it is not a regular file"));
  REQUIRE(::mkfifo(scratch.path("fifo").c_str(), 0600) == 0);
  CHECK_THAT(secret_error(scratch.path("fifo")), Contains("it is not a regular file"));
  CHECK_THAT(error_of([&] { static_cast<void>(public_key_of("--server-key", scratch.path("none"))); }),
             Contains("neither a key, which has 40 characters, nor a file that is there"));
}

TEST_CASE("allow list: the public keys of a directory, and a change at once") {
  const TempDirectory scratch;
  const std::string directory = scratch.path("keys");
  const PublicKey ann = make_key_files(directory, "ann");
  std::vector<std::string> told;
  AllowList list("--allow", directory, into(told));
  CHECK(list.name_of(ann) == "ann");
  const PublicKey bob = KeyPair::make()->public_key();
  CHECK_FALSE(list.name_of(bob).has_value());

  write(directory + "/bob.key", public_key_text(bob));
  CHECK(list.name_of(bob) == "bob");
  CHECK(list.name_of(ann) == "ann");

  // Another key of the same size in the same file, as soon after as can be.
  const PublicKey carl = KeyPair::make()->public_key();
  write(directory + "/bob.key", public_key_text(carl));
  CHECK_FALSE(list.name_of(bob).has_value());
  CHECK(list.name_of(carl) == "bob");

  std::filesystem::remove(directory + "/ann.key");
  CHECK_FALSE(list.name_of(ann).has_value());
  CHECK(told.empty());
}

TEST_CASE("allow list: what cannot be read later lets nobody in, and is said once") {
  const TempDirectory scratch;
  const std::string directory = scratch.path("keys");
  const PublicKey ann = make_key_files(directory, "ann");
  std::vector<std::string> told;
  AllowList list("--allow", directory, into(told));

  write(directory + "/bob.key", "nonsense");
  CHECK(list.name_of(ann) == "ann");
  CHECK(list.name_of(ann) == "ann");
  REQUIRE(told.size() == 1);
  CHECK_THAT(told.front(), Contains("not all keys are let in any more: ") && Contains("bob.key"));

  write(directory + "/carl.key", "nonsense too");
  CHECK(list.name_of(ann) == "ann");
  REQUIRE(told.size() == 2);
  CHECK_THAT(told.back(), Contains("carl.key"));

  std::filesystem::rename(directory, directory + "-gone");
  CHECK_FALSE(list.name_of(ann).has_value());
  CHECK_FALSE(list.name_of(ann).has_value());
  REQUIRE(told.size() == 3);
  CHECK_THAT(told.back(), Contains("nobody is let in any more: ") && Contains("no such file"));
  std::filesystem::rename(directory + "-gone", directory);
  CHECK(list.name_of(ann) == "ann");
}

TEST_CASE("allow list: a directory or a file that everybody may write to later lets nobody in until mended") {
  const TempDirectory scratch;
  const std::string directory = scratch.path("keys");
  const PublicKey ann = make_key_files(directory, "ann");
  const PublicKey bob = make_key_files(directory, "bob");
  std::vector<std::string> told;
  AllowList list("--allow", directory, into(told));
  CHECK(list.name_of(ann) == "ann");

  REQUIRE(::chmod(directory.c_str(), 0777) == 0);
  CHECK_FALSE(list.name_of(ann).has_value());
  CHECK_FALSE(list.name_of(bob).has_value());
  REQUIRE(told.size() == 1);
  CHECK_THAT(told.back(), Contains("nobody is let in any more: ") && Contains("chmod o-w"));
  REQUIRE(::chmod(directory.c_str(), 0770) == 0);
  CHECK(list.name_of(ann) == "ann");

  REQUIRE(::chmod((directory + "/ann.key").c_str(), 0666) == 0);
  CHECK_FALSE(list.name_of(ann).has_value());
  CHECK(list.name_of(bob) == "bob");
  REQUIRE(told.size() == 2);
  CHECK_THAT(told.back(), Contains("ann.key") && Contains("chmod o-w"));
  REQUIRE(::chmod((directory + "/ann.key").c_str(), 0664) == 0);
  CHECK(list.name_of(ann) == "ann");
  CHECK(told.size() == 2);
}

TEST_CASE("allow list: a directory that is none, or everybody's, or has a file that is no key, is refused") {
  const TempDirectory scratch;
  const std::string directory = scratch.path("keys");
  const auto refusal = [&] { return error_of([&] { AllowList("--allow", directory, {}); }); };
  CHECK_THAT(refusal(), Contains("no such file or directory"));
  make_key_files(directory, "ann");
  CHECK(refusal().empty());
  write(directory + "/README", "not a key, and not called one");
  CHECK(refusal().empty());
  REQUIRE(::chmod(directory.c_str(), 0777) == 0);
  CHECK_THAT(refusal(), Contains("chmod o-w"));
  REQUIRE(::chmod(directory.c_str(), 0700) == 0);
  write(directory + "/bob.key", "nonsense");
  CHECK_THAT(refusal(), Contains("cannot read the key of --allow, '" + directory + "/bob.key': "));
  std::filesystem::remove(directory + "/bob.key");
  std::filesystem::create_symlink("nowhere", directory + "/bob.key");
  CHECK_THAT(refusal(), Contains("bob.key': it is a link to what is not there"));
  std::filesystem::remove(directory + "/bob.key");
  REQUIRE(::chmod((directory + "/ann.key").c_str(), 0646) == 0);
  CHECK_THAT(refusal(), Contains("chmod o-w '" + directory + "/ann.key'"));
}

}  // namespace fanmill::transport
