#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cli/audit.hpp>
#include <cli/export.hpp>
#include <cli/keygen.hpp>
#include <cli/run_program.hpp>
#include <cli/show_status.hpp>
#include <fmt/format.h>
#include <sink/sink_program.hpp>
#include <ventilator/ventilator_program.hpp>
#include <worker/worker_program.hpp>

#include <fanmill/app/nearest.hpp>
#include <fanmill/app/usage_text.hpp>
#include <fanmill/base/error.hpp>

namespace fanmill::app {

namespace {

struct Subcommand {
  std::string_view name;
  int (*body)(Process&);
};

constexpr std::array subcommands{
    Subcommand{"run", run_run_program},       Subcommand{"ventilator", run_ventilator_program},
    Subcommand{"worker", run_worker_program}, Subcommand{"sink", run_sink_program},
    Subcommand{"status", run_status_program}, Subcommand{"audit", run_audit_program},
    Subcommand{"export", run_export_program}, Subcommand{"keygen", run_keygen_program},
};

constexpr std::string_view takes = "it takes run, ventilator, worker, sink, status, audit, export or keygen";

int run_front_door(Process& process) {
  if (process.arguments.empty()) {
    throw usage_error("no program is named", "", takes);
  }
  const std::string word = process.arguments.front();
  process.arguments.erase(process.arguments.begin());
  for (const Subcommand& subcommand : subcommands) {
    if (subcommand.name == word) return subcommand.body(process);
  }
  if (word == "help" && !process.arguments.empty()) {
    const std::string topic = std::exchange(process.arguments, {"--help"}).front();
    for (const Subcommand& subcommand : subcommands) {
      if (subcommand.name == topic) return subcommand.body(process);
    }
    throw usage_error(fmt::format("help '{}'", topic), "there is no such program", takes);
  }
  if (word == "--help" || word == "--help-all" || word == "-h" || word == "help") {
    print(process.closed, overview_text());
    return 0;
  }
  if (word == "--version" || word == "-V") {
    print(process.closed, version_text());
    return 0;
  }
  std::vector<std::string_view> known{"--help", "--help-all", "--version"};
  for (const Subcommand& subcommand : subcommands) known.push_back(subcommand.name);
  const std::string_view meant = nearest(word, known);
  throw usage_error(fmt::format("'{}'", word), "there is no such program",
                    meant.empty() ? std::string(takes) : fmt::format("did you mean {}?", meant));
}

}  // namespace

}  // namespace fanmill::app

int main(int argc, char** argv) {
  return fanmill::app::run_main(argc, argv, "fanmill", fanmill::app::run_front_door);
}
