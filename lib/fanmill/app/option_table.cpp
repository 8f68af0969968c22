#include <array>

#include <fanmill/app/jobs.hpp>
#include <fanmill/app/option_table.hpp>
#include <fanmill/app/option_values.hpp>
#include <fanmill/base/quantity.hpp>
#include <fanmill/processors.hpp>

namespace fanmill::app {

namespace {

using Text = std::string_view;

// Attempts are counted from 0 on the wire, and workers that die cost some too.
constexpr std::uint64_t most_retries = 100'000;

constexpr std::size_t most_bytes = std::size_t{1}
                                   << 30;  // of one payload or output: a frame stays below 32 bits

constexpr std::size_t most_memory = std::size_t{1} << 50;

constexpr TakenBy all{.run = true, .ventilator = true, .worker = true, .sink = true};
constexpr TakenBy connected{.run = true, .ventilator = true, .worker = true, .sink = true, .status = true};
constexpr TakenBy everybody{.run = true,
                            .ventilator = true,
                            .worker = true,
                            .sink = true,
                            .status = true,
                            .audit = true,
                            .export_results = true,
                            .keygen = true};
constexpr TakenBy ventilators{.run = true, .ventilator = true};
constexpr TakenBy workers{.run = true, .worker = true, .hosting = true};
constexpr TakenBy sinks{.run = true, .sink = true, .hosting = true};
constexpr TakenBy sinks_and_export{.run = true, .sink = true, .hosting = true, .export_results = true};

void set_bind(ProgramSettings& settings, Text option, Text value) {
  const Endpoint endpoint = parse_endpoint(option, value);
  (settings.program == Program::sink ? settings.sink.bind : settings.ventilator.bind).push_back(endpoint);
}

void set_connect(ProgramSettings& settings, Text option, Text value) {
  (settings.program == Program::sink ? settings.sink.connect : settings.worker.connect) =
      parse_endpoint(option, value);
}

const std::array table{
    Option{.name = "--bind",
           .argument = "ENDPOINT",
           .help = "listen at tcp://HOST:PORT or ipc://PATH; may be repeated",
           .section = Section::connection,
           .taken_by = {.ventilator = true, .sink = true},
           .set = set_bind},
    Option{.name = "--connect",
           .argument = "ENDPOINT",
           .help = "the ventilator: tcp://HOST:PORT or ipc://PATH",
           .section = Section::connection,
           .taken_by = {.worker = true, .sink = true},
           .set = set_connect},
    Option{.name = "--name",
           .argument = "NAME",
           .help = "what results call this worker (default: HOST:PID)",
           .section = Section::connection,
           .taken_by = {.worker = true},
           .set = [](ProgramSettings& s, Text o, Text v) { s.worker.name = parse_name(o, v); }},
    Option{
        .name = "--idle-timeout",
        .argument = "T",
        .help = "leave after T (2s, 5m) without a task",
        .section = Section::stay,
        .taken_by = {.worker = true},
        .set = [](ProgramSettings& s, Text o, Text v) { s.worker.tenure.idle_timeout = parse_wait(o, v); }},
    Option{.name = "--lifetime",
           .argument = "T",
           .help = "leave after T, when what has begun is finished",
           .section = Section::stay,
           .taken_by = {.worker = true},
           .rare = true,
           .set = [](ProgramSettings& s, Text o, Text v) { s.worker.tenure.lifetime = parse_wait(o, v); }},
    Option{.name = "--max-tasks",
           .argument = "N",
           .help = "leave when N tasks are done",
           .section = Section::stay,
           .taken_by = {.worker = true},
           .set = [](ProgramSettings& s, Text o,
                     Text v) { s.worker.tenure.max_tasks = parse_count(o, v, 1, std::uint64_t{1} << 53); }},
    Option{.name = "--keep",
           .help = "when the run ends, wait for the next ventilator at ENDPOINT",
           .section = Section::stay,
           .taken_by = {.worker = true},
           .set = [](ProgramSettings& s, Text, Text) { s.worker.keep = true; }},
    Option{.name = "--supervise",
           .help = "work in a process of its own, and in another one if it dies",
           .section = Section::stay,
           .taken_by = {.worker = true},
           .set = [](ProgramSettings& s, Text, Text) { s.supervise = true; }},

    Option{.letter = 'j',
           .name = "--jobs",
           .argument = "N",
           .help = "tasks at a time: N, or N%, +N, -N of the processors (default 100%)",
           .section = Section::work,
           .taken_by = workers,
           .set = [](ProgramSettings& s, Text o,
                     Text v) { s.command.slots = parse_jobs(o, v, usable_processors()); }},
    Option{.name = "--shell",
           .argument = "TEXT",
           .help = "in place of a COMMAND: run TEXT with sh -c",
           .section = Section::work,
           .taken_by = workers,
           .set =
               [](ProgramSettings& s, Text o, Text v) {
                 s.command.kind = work::WorkKind::shell;
                 s.command.words = {parse_text(o, v, "the text of a shell command")};
               }},
    Option{.name = "--function",
           .argument = "NAME",
           .help = "in place of a COMMAND: echo, fail, sha256, sleep or wordcount",
           .section = Section::work,
           .taken_by = workers,
           .set =
               [](ProgramSettings& s, Text o, Text v) {
                 s.command.kind = work::WorkKind::function;
                 s.command.words = {parse_function(o, v)};
               }},
    Option{.name = "--plugin",
           .argument = "FILE.so",
           .help = "in place of a COMMAND: a shared library (docs/plugins.md)",
           .section = Section::work,
           .taken_by = workers,
           .set =
               [](ProgramSettings& s, Text o, Text v) {
                 s.command.kind = work::WorkKind::plugin;
                 s.command.words = {parse_text(o, v, "a file")};
               }},
    Option{.name = "--dry-run",
           .help = "run nothing: a task's result is the command, as sh takes it",
           .section = Section::work,
           .taken_by = {.run = true, .hosting = true},
           .set = [](ProgramSettings& s, Text, Text) { s.command.dry_run = true; }},
    Option{.name = "--max-output",
           .argument = "SIZE",
           .help = "keep so much of a task's stdout, count the rest (default 64M)",
           .section = Section::work,
           .taken_by = workers,
           .rare = true,
           .set = [](ProgramSettings& s, Text o,
                     Text v) { s.command.max_output = parse_size_up_to(o, v, most_bytes); }},

    Option{.name = "--stdin",
           .help = "items go to the command's stdin, not to its arguments",
           .section = Section::work,
           .taken_by = workers,
           .set = [](ProgramSettings& s, Text, Text) { s.command.item = work::ItemGoes::to_stdin; }},
    Option{.name = "--coprocess",
           .help = "start COMMAND once per slot: it reads items and answers each",
           .section = Section::work,
           .taken_by = workers,
           .set = [](ProgramSettings& s, Text, Text) { s.command.item = work::ItemGoes::to_coprocess; }},
    Option{.name = "--framing",
           .argument = "FRAMING",
           .help = "of items and answers of a co-process: line (default), null, length",
           .section = Section::work,
           .taken_by = workers,
           .rare = true,
           .set = [](ProgramSettings& s, Text o, Text v) { s.command.framing = parse_framing(o, v); }},
    Option{.name = "--workdir",
           .argument = "DIR",
           .help = "run commands in DIR (default: here)",
           .section = Section::work,
           .taken_by = workers,
           .rare = true,
           .set = [](ProgramSettings& s, Text o,
                     Text v) { s.command.folder = parse_text(o, v, "a directory"); }},
    Option{.name = "--timeout",
           .argument = "T",
           .help = "a task that runs for T has failed; a command is ended, SIGTERM first",
           .section = Section::work,
           .taken_by = workers,
           .set = [](ProgramSettings& s, Text o, Text v) { s.command.timeout = parse_wait(o, v); }},
    Option{.name = "--kill-after",
           .argument = "T",
           .help = "with --timeout: SIGKILL to what is left after T more (default 5s)",
           .section = Section::work,
           .taken_by = workers,
           .rare = true,
           .set = [](ProgramSettings& s, Text o, Text v) { s.command.kill_after = parse_duration(o, v); }},
    Option{.name = "--memory",
           .argument = "SIZE",
           .help = "most memory of each process of a command (default: no limit)",
           .section = Section::work,
           .taken_by = workers,
           .rare = true,
           .set = [](ProgramSettings& s, Text o,
                     Text v) { s.command.limits.memory = parse_size_up_to(o, v, most_memory); }},
    Option{.name = "--processes",
           .argument = "N",
           .help = "a command starts nothing more while its user has N processes",
           .section = Section::work,
           .taken_by = workers,
           .rare = true,
           .set = [](ProgramSettings& s, Text o,
                     Text v) { s.command.limits.processes = parse_count(o, v, 1, 1'000'000); }},

    Option{.letter = 'a',
           .name = "--arg-file",
           .argument = "FILE",
           .help = "items from FILE in place of stdin (- is stdin); may be repeated",
           .section = Section::input,
           .taken_by = ventilators,
           .set = [](ProgramSettings& s, Text o,
                     Text v) { s.input.files.push_back(parse_text(o, v, "a file")); }},
    Option{.letter = '0',
           .name = "--null",
           .help = "items end with NUL, not with a newline",
           .section = Section::input,
           .taken_by = ventilators,
           .set = [](ProgramSettings& s, Text, Text) { s.input.delimiter = '\0'; }},
    Option{.name = "--lines-per-task",
           .argument = "N",
           .help = "N lines are an item, the newlines between them kept",
           .section = Section::input,
           .taken_by = ventilators,
           .set = [](ProgramSettings& s, Text o,
                     Text v) { s.input.lines_per_task = parse_count(o, v, 1, 1'000'000'000); }},
    Option{.name = "--block",
           .argument = "SIZE",
           .help = "as many whole lines as fit into SIZE are an item",
           .section = Section::input,
           .taken_by = ventilators,
           .set =
               [](ProgramSettings& s, Text o, Text v) {
                 s.input.form = input::Form::blocks;
                 s.input.block = parse_size_up_to(o, v, most_bytes);
               }},
    Option{.name = "--msgpack",
           .help = "each msgpack value is an item",
           .section = Section::input,
           .taken_by = ventilators,
           .rare = true,
           .set = [](ProgramSettings& s, Text, Text) { s.input.form = input::Form::msgpack; }},
    Option{.name = "--length-prefixed",
           .help = "each item comes after its length, 32 bits, big-endian",
           .section = Section::input,
           .taken_by = ventilators,
           .rare = true,
           .set = [](ProgramSettings& s, Text, Text) { s.input.form = input::Form::length_prefixed; }},
    Option{.name = "--colsep",
           .argument = "SEP",
           .help = "items have columns with SEP between them: {1} {2} and so on",
           .section = Section::input,
           .taken_by = ventilators,
           .set = [](ProgramSettings& s, Text o, Text v) { s.ventilator.separator = parse_separator(o, v); }},

    Option{.letter = 'k',
           .name = "--keep-order",
           .help = "results in the order of the items",
           .section = Section::output,
           .taken_by = sinks,
           .set = [](ProgramSettings& s, Text, Text) { s.results.keep_order = true; }},
    Option{.letter = 'o',
           .name = "--output",
           .argument = "FILE",
           .help = "results to FILE, complete or not at all (default: stdout)",
           .section = Section::output,
           .taken_by = sinks_and_export,
           .set = [](ProgramSettings& s, Text o,
                     Text v) { s.results.file = v == "-" ? std::string() : parse_text(o, v, "a file"); }},
    Option{.name = "--format",
           .argument = "FORMAT",
           .help = "raw: outputs as they are (default); or jsonl, msgpack, length",
           .section = Section::output,
           .taken_by = sinks_and_export,
           .set =
               [](ProgramSettings& s, Text o, Text v) {
                 s.results.format =
                     s.program == Program::export_results ? parse_export_format(o, v) : parse_format(o, v);
               }},
    Option{.name = "--tag",
           .help = "the item and a tab before each line of output",
           .section = Section::output,
           .taken_by = sinks_and_export,
           .set = [](ProgramSettings& s, Text, Text) { s.results.tag = true; }},
    Option{.name = "--ungroup",
           .help = "commands write to our stdout and stderr themselves, at once, mixed",
           .section = Section::output,
           .taken_by = {.run = true, .hosting = true},
           .rare = true,
           .set = [](ProgramSettings& s, Text, Text) { s.command.output = work::OutputGoes::through; }},
    Option{.name = "--joblog",
           .argument = "FILE",
           .help = "a line for each task to FILE, in GNU parallel's nine columns",
           .section = Section::output,
           .taken_by = sinks,
           .set = [](ProgramSettings& s, Text o, Text v) { s.joblog_file = parse_text(o, v, "a file"); }},
    Option{
        .name = "--results",
        .argument = "FILE.db",
        .help = "results to an SQLite file, safe at once; nothing to stdout then",
        .section = Section::output,
        .taken_by = sinks,
        .set = [](ProgramSettings& s, Text o, Text v) { s.results_file.path = parse_text(o, v, "a file"); }},
    Option{
        .name = "--resume",
        .help = "go on with FILE.db: skip what is in it",
        .section = Section::output,
        .taken_by = sinks,
        .set =
            [](ProgramSettings& s, Text, Text) {
              if (s.results_file.mode == store::ResultsMode::create) {
                s.results_file.mode = store::ResultsMode::resume;
              }
            }},
    Option{.name = "--retry-failed",
           .help = "likewise, but run again what failed or is dead",
           .section = Section::output,
           .taken_by = sinks,
           .set = [](ProgramSettings& s, Text,
                     Text) { s.results_file.mode = store::ResultsMode::retry_failed; }},
    Option{.name = "--summary-json",
           .argument = "FILE",
           .help = "all counters to FILE at the end, as a JSON object",
           .section = Section::output,
           .taken_by = sinks,
           .rare = true,
           .set = [](ProgramSettings& s, Text o, Text v) { s.summary_file = parse_text(o, v, "a file"); }},

    Option{
        .name = "--listen",
        .argument = "ENDPOINT",
        .help = "take workers from tcp://HOST:PORT or ipc://PATH too; may be repeated",
        .section = Section::delivery,
        .taken_by = {.run = true},
        .set = [](ProgramSettings& s, Text o, Text v) { s.ventilator.bind.push_back(parse_endpoint(o, v)); }},
    Option{.name = "--remote-only",
           .help = "no worker of our own; no COMMAND either",
           .section = Section::delivery,
           .taken_by = {.run = true},
           .set = [](ProgramSettings& s, Text, Text) { s.remote_only = true; }},
    Option{
        .name = "--min-workers",
        .argument = "N",
        .help = "do not start before N workers are there (default 1)",
        .section = Section::delivery,
        .taken_by = ventilators,
        .rare = true,
        .set =
            [](ProgramSettings& s, Text o, Text v) {
              s.ventilator.min_workers = static_cast<std::uint32_t>(parse_count(o, v, 1, 100'000));
            }},
    Option{
        .name = "--retries",
        .argument = "N",
        .help = "run a task that failed up to N times more (default 0)",
        .section = Section::delivery,
        .taken_by = ventilators,
        .set =
            [](ProgramSettings& s, Text o, Text v) {
              s.ventilator.retries = static_cast<std::uint32_t>(parse_count(o, v, 0, most_retries));
            }},
    Option{
        .name = "--retry-delay",
        .argument = "T",
        .help = "wait T before the first of them, and longer before each further one",
        .section = Section::delivery,
        .taken_by = ventilators,
        .rare = true,
        .set = [](ProgramSettings& s, Text o, Text v) { s.ventilator.retry_delay = parse_duration(o, v); }},
    Option{.name = "--halt",
           .argument = "now|soon,fail=N",
           .help = "end the run with 3 after N failures: kill, or finish, what runs",
           .section = Section::delivery,
           .taken_by = ventilators,
           .set = [](ProgramSettings& s, Text o, Text v) { s.ventilator.halt = parse_halt(o, v); }},
    Option{
        .name = "--wait-timeout",
        .argument = "T",
        .help = "end with 3 after T without a peer (default: wait on; status: 2s)",
        .section = Section::delivery,
        .taken_by = connected,
        .set =
            [](ProgramSettings& s, Text o, Text v) {
              const Duration wait = parse_wait(o, v);
              for_each_stage(s, [&](roles::CommonSettings& stage) { stage.wait_timeout = wait; });
            }},
    Option{.name = "--lane-ports",
           .argument = "LOW-HIGH",
           .help = "tcp ports for the workers' lanes (default: those after ENDPOINT's)",
           .section = Section::delivery,
           .taken_by = ventilators,
           .rare = true,
           .set = [](ProgramSettings& s, Text o, Text v) { s.ventilator.lane_ports = parse_ports(o, v); }},
    Option{
        .name = "--advertise",
        .argument = "HOST",
        .help = "the host that others are told (default: the one they reached)",
        .section = Section::delivery,
        .taken_by = {.run = true, .ventilator = true, .sink = true},
        .rare = true,
        .set =
            [](ProgramSettings& s, Text o, Text v) {
              const std::string host = parse_host(o, v);
              for_each_stage(s, [&](roles::CommonSettings& stage) { stage.advertise = host; });
            }},
    Option{.name = "--key",
           .argument = "FILE",
           .help = "our secret key (fanmill keygen): all is encrypted, strangers kept out",
           .section = Section::delivery,
           .taken_by = connected,
           .set = [](ProgramSettings& s, Text o, Text v) { s.key_file = parse_text(o, v, "a file"); }},
    Option{.name = "--server-key",
           .argument = "FILE|TEXT",
           .help = "with --key: the ventilator's public key",
           .section = Section::delivery,
           .taken_by = {.worker = true, .sink = true, .status = true},
           .set = [](ProgramSettings& s, Text o,
                     Text v) { s.server_key = parse_text(o, v, "a file or a key"); }},
    Option{
        .name = "--allow",
        .argument = "DIR",
        .help = "with --key: the public keys of those who are let in",
        .section = Section::delivery,
        .taken_by = {.run = true, .ventilator = true, .sink = true},
        .set =
            [](ProgramSettings& s, Text o, Text v) {
              const std::string directory = parse_text(o, v, "a directory");
              for_each_stage(s, [&](roles::CommonSettings& stage) { stage.allow = directory; });
            }},
    Option{
        .name = "--insecure",
        .help = "allow tcp beyond this host: no keys, no secrecy, anybody may join",
        .section = Section::delivery,
        .taken_by = connected,
        .set = [](ProgramSettings& s, Text,
                  Text) { for_each_stage(s, [](roles::CommonSettings& stage) { stage.insecure = true; }); }},
    Option{
        .name = "--max-message",
        .argument = "SIZE",
        .help = "most bytes of one item or output (default 64M)",
        .section = Section::delivery,
        .taken_by = all,
        .rare = true,
        .set =
            [](ProgramSettings& s, Text o, Text v) {
              const std::size_t size = parse_size_up_to(o, v, most_bytes);
              for_each_stage(s, [&](roles::CommonSettings& stage) { stage.max_message = size; });
            }},
    Option{.name = "--window",
           .argument = "TASKS",
           .help = "most tasks read and unfinished (default 131072)",
           .section = Section::delivery,
           .taken_by = ventilators,
           .rare = true,
           .set = [](ProgramSettings& s, Text o,
                     Text v) { s.ventilator.window_tasks = parse_count(o, v, 1, 100'000'000); }},
    Option{.name = "--prefetch",
           .argument = "N|auto",
           .help = "tasks a worker holds beyond those that run (default auto: by time)",
           .section = Section::delivery,
           .taken_by = ventilators,
           .rare = true,
           .set = [](ProgramSettings& s, Text o, Text v) { s.ventilator.prefetch = parse_prefetch(o, v); }},

    Option{.name = "--progress",
           .argument = "FORM",
           .help = "on stderr: auto (default: a bar on a terminal), bar, plain, none",
           .section = Section::other,
           .taken_by = {.run = true, .ventilator = true, .sink = true},
           .rare = true,
           .set = [](ProgramSettings& s, Text o, Text v) { s.progress = parse_progress(o, v); }},
    Option{.name = "--json",
           .help = "print a JSON object, for programs",
           .section = Section::other,
           .taken_by = {.status = true},
           .set = [](ProgramSettings& s, Text, Text) { s.json = true; }},
    Option{.letter = 'q',
           .name = "--quiet",
           .help = "say nothing but warnings and errors",
           .section = Section::other,
           .taken_by = all,
           .set = [](ProgramSettings& s, Text, Text) { s.quiet = true; }},
    Option{.letter = 'h',
           .name = "--help",
           .help = "print what is used most",
           .section = Section::other,
           .taken_by = everybody,
           .set = [](ProgramSettings& s, Text, Text) { s.request = Request::help; }},
    Option{.name = "--help-all",
           .help = "print all options",
           .section = Section::other,
           .taken_by = everybody,
           .set = [](ProgramSettings& s, Text, Text) { s.request = Request::help_all; }},
    Option{.letter = 'V',
           .name = "--version",
           .help = "print the version",
           .section = Section::other,
           .taken_by = everybody,
           .set = [](ProgramSettings& s, Text, Text) { s.request = Request::version; }},
};

}  // namespace

bool Option::is_known_to(Program program) const {
  switch (program) {
    case Program::run:
      return taken_by.run;
    case Program::ventilator:
      return taken_by.ventilator || taken_by.hosting;
    case Program::worker:
      return taken_by.worker;
    case Program::status:
      return taken_by.status;
    case Program::audit:
      return taken_by.audit;
    case Program::export_results:
      return taken_by.export_results;
    case Program::keygen:
      return taken_by.keygen;
    case Program::sink:
      break;
  }
  return taken_by.sink;
}

std::span<const Option> option_table() {
  return table;
}

}  // namespace fanmill::app
