#include <catch2/catch.hpp>

#include <fanmill/app/command_text.hpp>

namespace fanmill::app {

using work::WorkKind;

TEST_CASE("command text: as a person would type it") {
  CHECK(command_text({.kind = WorkKind::command, .words = {"gzip", "-k", "{}"}}) == "gzip -k {}");
  CHECK(command_text({.kind = WorkKind::command, .words = {"sed", "s/a b/'c'/", ""}}) ==
        "sed 's/a b/'\\''c'\\''/' ''");
  CHECK(command_text({.kind = WorkKind::shell, .words = {"gzip -k {} && echo {}"}}) ==
        "gzip -k {} && echo {}");
  CHECK(command_text({.kind = WorkKind::function, .words = {"echo"}}) == "--function echo");
  CHECK(command_text({.kind = WorkKind::plugin, .words = {"./a b.so"}}) == "--plugin './a b.so'");
  work::WorkSettings kept{.words = {"cat"}, .item = work::ItemGoes::to_coprocess};
  CHECK(command_text(kept) == "--coprocess cat");
  kept.framing = work::Framing::null;
  CHECK(command_text(kept) == "--coprocess --framing null cat");
}

TEST_CASE("command text: different commands have different texts") {
  CHECK(command_text({.kind = WorkKind::command, .words = {"a", "b c"}}) !=
        command_text({.kind = WorkKind::command, .words = {"a b", "c"}}));
  const work::WorkSettings columns{.kind = WorkKind::shell, .words = {"echo {1}"}};
  CHECK(command_text(columns, " ") == "--colsep ' ' echo {1}");
  CHECK(command_text(columns, "\t") != command_text(columns, ","));
}

}  // namespace fanmill::app
