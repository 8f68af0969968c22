#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <fanmill/app/option_table.hpp>
#include <fanmill/app/usage_text.hpp>

namespace fanmill::app {

namespace {

constexpr std::string_view exit_of_a_run =
    "  0 every task ok  1 some not  2 wrong command line  3 cannot complete  4 refused  128+N signal N\n";

constexpr Frame run_frame{
    .usage = "fanmill run [OPTION]... [--] COMMAND [ARG]... [::: ITEM]...",
    .about =
        "Runs COMMAND for each line of stdin or each ITEM, several at a time; results go to stdout.\n"
        "Several words run without a shell, one text with spaces or shell characters with sh -c. {} is the\n"
        "item (appended if nowhere), {.} {/} {//} {/.} parts of its path, {#} its number, {%} the slot;\n"
        "{1} {2} and so on its columns.\n",
    .examples =
        "  find . -name '*.log' | fanmill run -j4 gzip -k {}\n"
        "  fanmill run -k 'wc -l < {}' ::: one.txt two.txt\n",
    .exit_status = exit_of_a_run,
};

constexpr Frame ventilator_frame{
    .usage = "fanmill-ventilator --bind ENDPOINT... [OPTION]... [::: ITEM]...",
    .about =
        "Gives each line of stdin or each ITEM as a task to the workers that connect to ENDPOINT.\n"
        "With --bind inproc://NAME it hosts all stages: then a COMMAND stands before the items, and\n"
        "{hosting} are taken too.\n",
    .examples =
        "  seq 1000 | fanmill-ventilator --bind ipc:///tmp/mill\n"
        "  fanmill-ventilator --bind tcp://127.0.0.1:5560 --min-workers 4 -a items.txt\n"
        "  seq 10 | fanmill-ventilator --bind inproc://mill -j4 -- factor {}\n",
    .exit_status = exit_of_a_run,
};

constexpr Frame worker_frame{
    .usage = "fanmill-worker --connect ENDPOINT [OPTION]... [--] COMMAND [ARG]...",
    .about =
        "Runs COMMAND for each task that the ventilator gives it, and sends the results to the sink.\n"
        "Several words run without a shell, one text with spaces or shell characters with sh -c. {} is the\n"
        "item (appended if nowhere), {.} {/} {//} {/.} parts of its path, {#} its number, {%} the slot;\n"
        "{1} {2} and so on its columns.\n",
    .examples =
        "  fanmill-worker --connect ipc:///tmp/mill -j4 gzip -k {}\n"
        "  fanmill-worker --connect tcp://127.0.0.1:5560 --function sha256\n",
    .exit_status =
        "  0 whatever its tasks did, once told to stop   2 wrong command line\n"
        "  3 cannot start or go on   4 refused by the ventilator   128+N ended by signal N\n",
};

constexpr Frame sink_frame{
    .usage = "fanmill-sink --connect ENDPOINT [--bind ENDPOINT]... [OPTION]...",
    .about =
        "Collects the workers' results of one run, each task's once, and writes them. Without --bind it\n"
        "listens where --connect leads: on any free port, or at an ipc path of its own.\n",
    .examples =
        "  fanmill-sink --connect ipc:///tmp/mill -k > results\n"
        "  fanmill-sink --connect tcp://127.0.0.1:5560 --format jsonl -o results.jsonl\n",
    .exit_status = exit_of_a_run,
};

constexpr Frame status_frame{
    .usage = "fanmill status [ENDPOINT] [OPTION]...",
    .about =
        "Tells how the run of the ventilator at ENDPOINT is going: its tasks, each worker, the sink, and "
        "why\n"
        "it waits, if it does. Without ENDPOINT: all runs of this user on this host, however they listen.\n",
    .examples =
        "  fanmill status\n"
        "  fanmill status tcp://127.0.0.1:5560 --json\n"
        "  watch fanmill status\n",
    .exit_status =
        "  0 it is told   2 wrong command line   3 nobody answers   4 refused: keys, or another version\n",
};

constexpr Frame audit_frame{
    .usage = "fanmill audit FILE.db",
    .about =
        "Checks what FILE.db, written with --results, says of its last run: that the run is complete, that\n"
        "each task has one outcome, and that tasks = ok + failed + dead. Prints the statement, and what "
        "does\n"
        "not hold. A run may go on in the file meanwhile.\n",
    .examples = "  fanmill audit results.db && fanmill export results.db > results\n",
    .exit_status = "  0 it holds   1 it does not hold   2 wrong command line   3 FILE.db cannot be read\n",
};

constexpr Frame export_frame{
    .usage = "fanmill export FILE.db [OPTION]...",
    .about =
        "Writes the results of the last run in FILE.db, which was written with --results, in the order of\n"
        "its input. --format takes joblog too: the columns of GNU parallel's --joblog.\n",
    .examples =
        "  fanmill export results.db > results\n"
        "  fanmill export results.db --format jsonl -o results.jsonl\n",
    .exit_status = "  0 done   2 wrong command line   3 FILE.db cannot be read, or the output not written\n",
};

constexpr Frame keygen_frame{
    .usage = "fanmill keygen DIR NAME",
    .about =
        "Makes a pair of keys: DIR/NAME.key_secret, for the program that is to be NAME and nobody else, and\n"
        "DIR/NAME.key, for those who are to know it. Prints the public key. Writes over nothing.\n",
    .examples = "  fanmill keygen ~/keys head && fanmill keygen ~/keys sink && fanmill keygen ~/keys tiger\n",
    .exit_status = "  0 done   2 wrong command line   3 the files cannot be made\n",
};

std::string option_line(const Option& option) {
  std::string names = option.letter == 0 ? "    " : fmt::format("-{}, ", option.letter);
  names.append(option.name);
  if (!option.is_flag()) names.append(" ").append(option.argument);
  return fmt::format("  {:<27}{}\n", names, option.help);
}

// "-j, --shell, … and -o": the options that a ventilator takes where it hosts all stages.
std::string hosting_names() {
  std::string names;
  for (const Option& option : option_table()) {
    if (!option.taken_by.hosting) continue;
    const std::size_t line = names.size() - (names.rfind('\n') + 1);  // npos + 1 is 0
    if (!names.empty()) names.append(line + option.name.size() < 85 ? " " : "\n");
    names.append(option.name);
  }
  return names;
}

}  // namespace

const Frame& frame_of(Program program) {
  switch (program) {
    case Program::run:
      return run_frame;
    case Program::ventilator:
      return ventilator_frame;
    case Program::worker:
      return worker_frame;
    case Program::status:
      return status_frame;
    case Program::audit:
      return audit_frame;
    case Program::export_results:
      return export_frame;
    case Program::keygen:
      return keygen_frame;
    case Program::sink:
      break;
  }
  return sink_frame;
}

std::string about_text(Program program) {
  std::string about(frame_of(program).about);
  constexpr std::string_view mark = "{hosting}";
  if (const std::size_t at = about.find(mark); at != std::string::npos) {
    about.replace(at, mark.size(), hosting_names());
  }
  return about;
}

std::vector<const Option*> options_of(Program program, Section section) {
  std::vector<const Option*> options;
  for (const Option& option : option_table()) {
    const bool hosting_only = program == Program::ventilator && !option.taken_by.ventilator;
    if (option.section == section && option.is_known_to(program) && !hosting_only) options.push_back(&option);
  }
  return options;
}

std::string help_text(Program program, HelpOf options) {
  const Frame& frame = frame_of(program);
  std::string text = fmt::format("Usage: {}\n{}", frame.usage, about_text(program));
  for (const auto& [section, heading] : headings) {
    std::string lines;
    for (const Option* const option : options_of(program, section)) {
      if (!option->rare || options == HelpOf::all) lines += option_line(*option);
    }
    if (!lines.empty()) text.append(heading).append("\n").append(lines);
  }
  return text.append("EXAMPLES\n").append(frame.examples).append("EXIT STATUS\n").append(frame.exit_status);
}

std::string overview_text() {
  return "Usage: fanmill PROGRAM [OPTION]...\n"
         "A task pipeline that loses nothing: a ventilator gives tasks to workers, a sink collects results.\n"
         "PROGRAMS\n"
         "  run         the whole pipeline in one process\n"
         "  ventilator  where tasks come from; the same as fanmill-ventilator\n"
         "  worker      what is done with a task; the same as fanmill-worker\n"
         "  sink        where results go; the same as fanmill-sink\n"
         "  status      how a run is going, and why it waits\n"
         "  audit       whether what a sink has stored adds up\n"
         "  export      what a sink has stored, as a stream of results\n"
         "  keygen      a pair of keys, for runs that keep strangers out\n"
         "OPTIONS\n"
         "  -h, --help     print this text, as fanmill help does; fanmill PROGRAM --help prints the "
         "program's\n"
         "  -V, --version  print the version\n"
         "EXAMPLES\n"
         "  seq 10 | fanmill run -j3 --shell 'echo \"Worker {%} processed: {}\"'\n"
         "  fanmill run --help\n";
}

std::string answer(const ProgramSettings& settings) {
  if (settings.request == Request::version) return version_text();
  return help_text(settings.program, settings.request == Request::help_all ? HelpOf::all : HelpOf::common);
}

std::string version_text() {
  return "fanmill " FANMILL_VERSION "\n";
}

}  // namespace fanmill::app
