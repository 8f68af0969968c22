#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <fanmill/app/command_text.hpp>
#include <fanmill/app/rules.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/wire/limits.hpp>
#include <fanmill/work/command_line.hpp>
#include <fanmill/work/quoted_word.hpp>

namespace fanmill::app {

namespace {

constexpr std::string_view separator = ":::";

// However it is written, and whether or not it is there.
std::filesystem::path canonical(const std::filesystem::path& file) {
  std::error_code unknown;
  return std::filesystem::weakly_canonical(std::filesystem::absolute(file, unknown), unknown);
}

class Rules {
 public:
  Rules(ProgramSettings& settings, std::span<const Option* const> given)
      : settings_(settings), given_(given) {}

  void apply(std::vector<std::string> words) {
    if (program() == Program::audit || program() == Program::export_results) {
      take_file(words);
      check_outputs();
      return;
    }
    if (program() == Program::keygen) {
      take_key(words);
      return;
    }
    if (program() == Program::status) {
      take_run(words);
      return;
    }
    check_keys();
    check_endpoints();
    settle_hosting();
    if (is_given("--retry-delay") && !is_given("--retries")) {
      throw usage_error("--retry-delay", "nothing is tried again", "give --retries N too");
    }
    check_progress();
    if (program() == Program::run || program() == Program::ventilator) {
      take_items(words);
      check_forms();
    }
    take_command(std::move(words));
    settle_sizes();
    settle_results();
    check_outputs();
    settle_details();
    check_files();
  }

 private:
  [[nodiscard]] Program program() const { return settings_.program; }

  [[nodiscard]] bool is_given(std::string_view name) const {
    return std::any_of(given_.begin(), given_.end(), [&](const Option* one) { return one->name == name; });
  }

  void check_keys() const {
    const auto needs = [&](std::string_view one, std::string_view other, std::string_view why) {
      if (is_given(one) && !is_given(other)) {
        throw usage_error(one, why, fmt::format("give {} too", other));
      }
    };
    needs("--server-key", "--key", "the ventilator's key is of no use without one's own");
    needs("--allow", "--key", "without a key of one's own nobody's is asked for");
    const bool connects =
        program() == Program::worker || program() == Program::sink || program() == Program::status;
    const bool binds = program() != Program::worker && program() != Program::status;
    if (connects) needs("--key", "--server-key", "it has to be known whose ventilator is at the other end");
    if (binds) needs("--key", "--allow", "it has to be known whose keys are let in");
    if (is_given("--key") && is_given("--insecure")) {
      throw usage_error("--insecure", "--key is given too, and keeps strangers out", "use one of them");
    }
    const auto& bound = settings_.ventilator.bind;
    const auto is_inproc = [](const Endpoint& one) { return one.scheme == Scheme::inproc; };
    if (is_given("--key") && !connects && std::all_of(bound.begin(), bound.end(), is_inproc)) {
      throw usage_error("--key", "nobody comes from elsewhere",
                        program() == Program::run ? "give --listen ENDPOINT too" : "bind tcp or ipc too");
    }
  }

  void check_endpoints() {
    // The same for all stages.
    const bool insecure = settings_.worker.insecure || is_given("--key");
    if (program() == Program::ventilator && !is_given("--bind")) {
      throw usage_error("--bind", "it is missing", "it takes tcp://HOST:PORT, ipc://PATH or inproc://NAME");
    }
    const std::string_view bind = program() == Program::run ? "--listen" : "--bind";
    for (const Endpoint& endpoint : settings_.ventilator.bind) {
      if (program() == Program::run) refuse_inproc(bind, endpoint);
      require_loopback(bind, endpoint, insecure);
    }
    for (const Endpoint& endpoint : settings_.sink.bind) {
      refuse_inproc(bind, endpoint);
      require_loopback(bind, endpoint, insecure);
    }
    if (program() == Program::worker) check_connect(settings_.worker.connect, insecure);
    if (program() == Program::sink) check_connect(settings_.sink.connect, insecure);
  }

  void check_connect(const Endpoint& endpoint, bool insecure) const {
    if (!is_given("--connect")) {
      throw usage_error("--connect", "it is missing",
                        "it takes the ventilator's tcp://HOST:PORT or ipc://PATH");
    }
    check_address("--connect", endpoint);
    require_loopback("--connect", endpoint, insecure);
  }

  static void check_address(std::string_view option, const Endpoint& endpoint) {
    refuse_inproc(option, endpoint);
    if (endpoint.is_wildcard() || (endpoint.scheme == Scheme::tcp && endpoint.port == 0)) {
      throw usage_error(option, fmt::format("'{}' is for listening", endpoint.text()),
                        "it takes one host and one port, as tcp://HOST:PORT");
    }
  }

  // Within one process there is nobody else to meet.
  static void refuse_inproc(std::string_view option, const Endpoint& endpoint) {
    if (endpoint.scheme != Scheme::inproc) return;
    throw usage_error(option, fmt::format("'{}' reaches nobody outside this process", endpoint.text()),
                      "it takes tcp://HOST:PORT or ipc://PATH");
  }

  // What is shown and what is not to be said.
  void check_progress() const {
    const bool shown = settings_.progress == ShowProgress::bar || settings_.progress == ShowProgress::plain;
    if (shown && settings_.quiet) {
      throw usage_error("--progress", "--quiet is given too, and says nothing of the kind",
                        "use one of them");
    }
    if (settings_.progress == ShowProgress::bar && is_given("--ungroup")) {
      throw usage_error("--progress", "with --ungroup commands write where the bar would be",
                        "give --progress plain");
    }
  }

  void settle_hosting() {
    const auto& bound = settings_.ventilator.bind;
    const auto is_inproc = [](const Endpoint& one) { return one.scheme == Scheme::inproc; };
    settings_.hosts_all_stages =
        program() == Program::run || std::any_of(bound.begin(), bound.end(), is_inproc);
    if (program() == Program::ventilator && !settings_.hosts_all_stages) {
      for (const Option* option : given_) {
        if (option->taken_by.ventilator) continue;
        throw usage_error(option->name, "it belongs to workers and sinks",
                          "a ventilator takes it with --bind inproc://NAME, where it hosts all stages");
      }
    }
    if (program() == Program::run && bound.empty()) {
      for (const std::string_view name : {"--remote-only", "--min-workers", "--lane-ports", "--advertise"}) {
        if (is_given(name))
          throw usage_error(name, "it is for workers elsewhere", "give --listen ENDPOINT too");
      }
    }
  }

  // Moves what follows ":::" out of `words`.
  void take_items(std::vector<std::string>& words) {
    const auto at = std::find(words.begin(), words.end(), separator);
    if (at == words.end()) return;
    if (std::find(at + 1, words.end(), separator) != words.end()) {
      throw usage_error("':::'", "it is there twice", "one list of items is all that can be given");
    }
    if (is_given("--arg-file")) {
      throw usage_error("':::'", "items are given, and --arg-file too", "use one of them");
    }
    settings_.input.items_given = true;
    settings_.input.items.assign(at + 1, words.end());
    words.erase(at, words.end());
  }

  // What an item is in a file is said once.
  void check_forms() const {
    std::string_view form;
    for (const std::string_view name : {"--lines-per-task", "--block", "--msgpack", "--length-prefixed"}) {
      if (!is_given(name)) continue;
      if (!form.empty()) throw usage_error(name, fmt::format("{} is given too", form), "use one of them");
      form = name;
    }
    if (!form.empty() && settings_.input.items_given) {
      throw usage_error(form, "it is for files, and items are given with :::", "use one of them");
    }
    if (is_given("--null") && (form == "--msgpack" || form == "--length-prefixed")) {
      throw usage_error("--null", fmt::format("with {} nothing ends an item", form), "use one of them");
    }
    if (form == "--block" && settings_.input.block > settings_.ventilator.max_message) {
      throw usage_error(form, "more than a message may hold",
                        "raise --max-message, here and at workers and sink");
    }
  }

  void take_command(std::vector<std::string> words) {
    const bool works = (program() == Program::worker || settings_.hosts_all_stages) && !settings_.remote_only;
    if (!works) {
      refuse_work(words);
      return;
    }
    std::string_view replaced;
    for (const std::string_view name : {"--shell", "--function", "--plugin"}) {
      if (!is_given(name)) continue;
      if (!replaced.empty())
        throw usage_error(name, fmt::format("{} is given too", replaced), "use one of them");
      replaced = name;
    }
    if (!replaced.empty() && !words.empty()) {
      throw usage_error(replaced, fmt::format("it is in place of a COMMAND, and '{}' is one", words.front()));
    }
    if (replaced.empty() && (words.empty() || words.front().empty())) {
      throw usage_error("there is no COMMAND", "what is to be done with the items?",
                        "give one, or --shell TEXT, --function NAME or --plugin FILE.so");
    }
    if (replaced.empty()) {
      settings_.command.kind = work::kind_of(words);
      settings_.command.words = std::move(words);
    }
    check_command();
    check_dry_run();
    check_coprocess();
    check_limits();
    check_processes();
  }

  // What is only shown must not pass for done.
  void check_dry_run() const {
    if (!settings_.command.dry_run) return;
    if (!runs_commands()) {
      throw usage_error("--dry-run", fmt::format("{} runs no command that could be shown", name_of_kind()));
    }
    if (is_given("--results")) {
      throw usage_error("--dry-run", "--results is given too, and would have the tasks for done",
                        "use one of them");
    }
    if (is_given("--listen") || settings_.ventilator.bind.size() > 1) {
      throw usage_error("--dry-run", "workers elsewhere would run their tasks", "show it without them");
    }
  }

  void check_coprocess() const {
    if (!is_given("--coprocess")) {
      if (!is_given("--framing")) return;
      throw usage_error("--framing", "it is for a co-process, and there is none", "give --coprocess too");
    }
    const std::pair<std::string_view, std::string_view> others[] = {
        {"--stdin", "a co-process reads its items from stdin anyway"},
        {"--function", "a function is no command that could be kept"},
        {"--plugin", "a plugin is no command, and kept anyway"},
        {"--ungroup", "what a co-process writes to stdout is answers"},
        {"--dry-run", "a co-process is one command for all items, and there is none of each to show"}};
    for (const auto& [name, why] : others) {
      if (is_given(name))
        throw usage_error(name, fmt::format("{}, and --coprocess is given too", why), "use one of them");
    }
  }

  // With or without a shell.
  [[nodiscard]] bool runs_commands() const {
    return settings_.command.kind == work::WorkKind::command ||
           settings_.command.kind == work::WorkKind::shell;
  }
  [[nodiscard]] std::string_view name_of_kind() const {
    return settings_.command.kind == work::WorkKind::plugin ? "--plugin" : "--function";
  }

  void check_limits() const {
    for (const std::string_view name : {"--stdin", "--workdir", "--kill-after", "--memory", "--processes"}) {
      if (is_given(name) && !runs_commands()) {
        throw usage_error(name, fmt::format("it is for commands, and {} runs none", name_of_kind()),
                          "leave it out");
      }
    }
    // A function cannot be ended, but by ending its process: and that one has the run.
    if (is_given("--timeout") && settings_.hosts_all_stages &&
        settings_.command.kind == work::WorkKind::function) {
      throw usage_error("--timeout", "a function in the process of its run cannot be ended",
                        "a fanmill-worker --supervise can have it");
    }
    if (is_given("--processes") && ::geteuid() == 0) {
      throw usage_error("--processes", "the system holds root's processes to no such limit",
                        "run it as another user, or in a cgroup with a limit (docs/security.md)");
    }
    if (is_given("--kill-after") && !is_given("--timeout") && !is_given("--coprocess")) {
      throw usage_error("--kill-after", "it counts from the timeout, and there is none",
                        "give --timeout T too");
    }
  }

  // Who has a process for its work, and what does not go with that.
  void check_processes() const {
    if (settings_.supervise && settings_.key_file == "-") {
      throw usage_error("--key", "from stdin, it can be read once, and --supervise starts workers again",
                        "give a file");
    }
    if (settings_.command.kind == work::WorkKind::plugin && settings_.hosts_all_stages && is_given("--key")) {
      throw usage_error("--plugin", "its worker is a process of its own, which has no key",
                        "use --remote-only, and start it as fanmill-worker --plugin with a key");
    }
  }

  // What cannot be run is said here, and not by a worker that has joined.
  void check_command() const {
    const work::WorkSettings& command = settings_.command;
    if (!runs_commands()) return;
    const work::CommandLine line = command.kind == work::WorkKind::shell
                                       ? work::CommandLine::of_shell_text(command.words.front(), command.item)
                                       : work::CommandLine::of_words(command.words, command.item);
    // A worker is told by its ventilator whether items have columns.
    if (line.column() && settings_.hosts_all_stages && !is_given("--colsep")) {
      throw usage_error(work::spelling_of(*line.column()), "columns need --colsep SEP",
                        "{} is the whole item, and a pattern's repetition can be written as {2,2}");
    }
  }

  void refuse_work(const std::vector<std::string>& words) const {
    const std::string_view why =
        settings_.remote_only ? "with --remote-only nothing runs here" : "a COMMAND is for workers";
    for (const Option* option : given_) {
      if (settings_.remote_only && option->section == Section::work) {
        throw usage_error(option->name, why, "give it to the workers");
      }
    }
    if (words.empty()) return;
    if (program() == Program::sink) {
      throw usage_error(fmt::format("'{}'", words.front()), "a sink takes nothing but options");
    }
    throw usage_error(fmt::format("'{}'", words.front()), why, "give it to the workers");
  }

  void settle_sizes() {
    const std::size_t most = settings_.worker.max_message;  // the same for all stages
    if (is_given("--max-output") && settings_.command.max_output > most) {
      throw usage_error("--max-output", "more than a message may hold",
                        "raise --max-message, here and at the sink");
    }
    settings_.command.max_output = std::min(settings_.command.max_output, most);
    settings_.input.max_item = most;
  }

  void settle_results() {
    store::ResultsFileSettings& file = settings_.results_file;
    if (file.path.empty()) {
      for (const std::string_view name : {"--resume", "--retry-failed"}) {
        if (is_given(name)) {
          throw usage_error(name, "there is no file to go on with", "give --results FILE.db too");
        }
      }
      return;
    }
    for (const std::string_view name : {"--output", "--format", "--keep-order", "--tag", "--joblog"}) {
      if (is_given(name)) {
        throw usage_error(name, "with --results everything goes to FILE.db",
                          "fanmill export writes it out afterwards");
      }
    }
    settings_.sink.shown_by =
        fmt::format("fanmill export {} --format jsonl", work::quoted_word(file.path, "%+,-./:=@_"));
    // A row has an output and an item at most, and SQLite takes 1,000,000,000 bytes.
    constexpr std::size_t most = std::size_t{400} << 20;
    if (settings_.sink.max_message > most) {
      throw usage_error("--max-message", "more than --results can hold", "the most is 400M with it");
    }
    if (settings_.hosts_all_stages && !settings_.remote_only) {
      file.command = command_text(settings_.command, settings_.ventilator.separator);
    }
  }

  void check_outputs() const {
    if (is_given("--tag") && settings_.results.format != store::Format::raw) {
      throw usage_error("--tag", "it is for raw output, and --format is given too", "use one of them");
    }
    if (!is_given("--ungroup")) return;
    if (settings_.remote_only || !runs_commands()) {
      throw usage_error("--ungroup", "it is for commands that run here, and there are none", "leave it out");
    }
    for (const std::string_view name :
         {"--keep-order", "--output", "--format", "--tag", "--results", "--max-output"}) {
      if (is_given(name)) {
        throw usage_error("--ungroup",
                          fmt::format("nothing is kept of what commands write, and {} is given too", name),
                          "use one of them");
      }
    }
  }

  void settle_details() {
    // What a process costs hides the price of its item and its times; what a function costs does not. A sink
    // of its own cannot know which of them it will see.
    const bool functions = settings_.hosts_all_stages && !runs_commands();
    const bool stored = !settings_.results_file.path.empty() && (settings_.remote_only || !functions);
    const bool described = settings_.results.format == store::Format::jsonl ||
                           settings_.results.format == store::Format::msgpack ||
                           !settings_.joblog_file.empty();
    settings_.sink.wants_detail = stored || described;
    settings_.sink.wants_item = stored || described || settings_.results.tag;
  }

  // They are written over what is there, so they must not be a file that is read or written besides.
  void check_files() const {
    const auto refuse = [](std::string_view option, const std::string& own, std::string_view other,
                           const std::string& file) {
      std::error_code unknown;
      if (own.empty() || file.empty() || std::filesystem::is_character_file(file, unknown)) return;
      if (canonical(file) != canonical(own)) return;
      throw usage_error(option, fmt::format("'{}' is the file of {} too", file, other),
                        "give it one of its own");
    };
    const std::pair<std::string_view, const std::string&> written[] = {
        {"--summary-json", settings_.summary_file}, {"--joblog", settings_.joblog_file}};
    for (const auto& [option, own] : written) {
      refuse(option, own, "--results", settings_.results_file.path);
      refuse(option, own, "--output", settings_.results.file);
      for (const std::string& file : settings_.input.files) refuse(option, own, "--arg-file", file);
    }
    refuse("--summary-json", settings_.summary_file, "--joblog", settings_.joblog_file);
  }

  // ENDPOINT, the only word, or none.
  void take_run(std::vector<std::string> words) {
    if (words.size() > 1) throw usage_error(fmt::format("'{}'", words[1]), "one ENDPOINT is all it takes");
    settings_.asks_one_run = !words.empty();
    if (words.empty()) {
      for (const std::string_view name : {"--key", "--server-key", "--insecure"}) {
        if (is_given(name)) {
          throw usage_error(name, "the runs on this host are asked without",
                            "give an ENDPOINT, or leave it out");
        }
      }
      return;
    }
    settings_.observer.connect = parse_endpoint("ENDPOINT", words.front());
    check_keys();
    check_address("ENDPOINT", settings_.observer.connect);
    require_loopback("ENDPOINT", settings_.observer.connect,
                     settings_.observer.insecure || is_given("--key"));
  }

  // DIR and NAME, the only words.
  void take_key(std::vector<std::string> words) {
    if (words.size() != 2 || words[0].empty() || words[1].empty()) {
      throw usage_error(
          "a DIR and a NAME",
          words.size() == 2 ? "one of them is empty" : fmt::format("{} words are there", words.size()),
          "as in: fanmill keygen ~/keys tiger");
    }
    constexpr std::string_view letters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-";
    const std::string& name = words[1];
    if (name.find_first_not_of(letters) != std::string::npos || name.front() == '.' || name.front() == '-' ||
        name.size() > wire::max_name - 32) {
      throw usage_error(fmt::format("'{}'", name), "it is no name for a key",
                        "it takes letters, digits and . _ @ + -, and begins with none of . and -");
    }
    settings_.key_directory = std::move(words[0]);
    settings_.key_name = std::move(words[1]);
  }

  // FILE.db, the only word.
  void take_file(std::vector<std::string> words) {
    if (words.empty() || words.front().empty()) {
      throw usage_error("there is no FILE.db", "which results?", "give the file of --results");
    }
    if (words.size() > 1) throw usage_error(fmt::format("'{}'", words[1]), "one FILE.db is all it takes");
    settings_.results_file.path = words.front();
    if (!settings_.results.file.empty() && canonical(settings_.results.file) == canonical(words.front())) {
      throw usage_error("--output", fmt::format("'{}' is the FILE.db that is read", settings_.results.file),
                        "give it one of its own");
    }
  }

  ProgramSettings& settings_;
  std::span<const Option* const> given_;
};

}  // namespace

void apply_rules(ProgramSettings& settings, std::span<const Option* const> given,
                 std::vector<std::string> words) {
  Rules(settings, given).apply(std::move(words));
}

}  // namespace fanmill::app
