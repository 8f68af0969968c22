#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include <fanmill/app/completion.hpp>
#include <fanmill/app/option_table.hpp>
#include <fanmill/app/program.hpp>
#include <fanmill/work/work.hpp>

namespace fanmill::app {

namespace {

// Programs and options are put in where it says @PROGRAMS@, @CASES@, @FUNCTIONS@. Words are COMP_WORDS, so
// that bash alone is needed.
constexpr std::string_view script = R"(# bash completion for Fanmill: made from the table of options.
_fanmill() {
  local current=${COMP_WORDS[COMP_CWORD]} previous= program=${COMP_WORDS[0]##*/} first=1 options valued at
  COMPREPLY=()
  if [[ $program == fanmill ]]; then
    if ((COMP_CWORD == 1)); then
      COMPREPLY=($(compgen -W "@PROGRAMS@ help --help --version" -- "$current"))
      return
    fi
    program=fanmill-${COMP_WORDS[1]} first=2
  fi
  case $program in
@CASES@    *) return ;;
  esac
  # Where the COMMAND begins, if it has begun.
  for ((at = first; at < COMP_CWORD; at++)); do
    case ${COMP_WORDS[at]} in
      --) ((at++)) && break ;;
      -*) [[ " $valued " == *" ${COMP_WORDS[at]} "* ]] && ((at++)) ;;
      *) break ;;
    esac
  done
  if ((at > COMP_CWORD)); then
    previous=${COMP_WORDS[COMP_CWORD - 1]}
  elif ((at < COMP_CWORD)) || [[ $current != -* ]]; then
    case $program in
      fanmill-run | fanmill-worker)
        if ((at < COMP_CWORD)); then
          declare -F _command_offset >/dev/null && _command_offset "$at"
        else
          COMPREPLY=($(compgen -c -- "$current"))
        fi
        ;;
      fanmill-audit | fanmill-export | fanmill-keygen) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    esac
    return
  fi
  case $previous in
    "") COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
    --function) COMPREPLY=($(compgen -W "@FUNCTIONS@" -- "$current")) ;;
    --progress) COMPREPLY=($(compgen -W "auto bar plain none" -- "$current")) ;;
    --format) COMPREPLY=($(compgen -W "@FORMATS@" -- "$current")) ;;
@FILES@) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
@FOLDERS@) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
  esac
}
complete -F _fanmill fanmill fanmill-ventilator fanmill-worker fanmill-sink
)";

// "-j --jobs" of the options that `wanted` is true of, with something between them.
template <typename Wanted>
std::string names(std::string_view between, Wanted wanted) {
  std::string text;
  for (const Option& option : option_table()) {
    if (!wanted(option)) continue;
    if (option.letter != 0) text += fmt::format("{}-{}", text.empty() ? "" : between, option.letter);
    text += fmt::format("{}{}", text.empty() ? "" : between, option.name);
  }
  return text;
}

// The word after "fanmill ".
std::string subcommand_of(Program program) {
  return std::string(command_name(program).substr(std::string_view("fanmill ").size()));
}

void put(std::string& text, std::string_view mark, std::string_view value) {
  text.replace(text.find(mark), mark.size(), value);
}

}  // namespace

std::string bash_completion() {
  std::string text(script);
  std::string all;
  std::string cases;
  for (const Program program : all_programs) {
    const std::string name = subcommand_of(program);
    all += (all.empty() ? "" : " ") + name;
    cases += fmt::format("    fanmill-{})\n      options=\"{}\"\n      valued=\"{}\"\n      ;;\n", name,
                         names(" ", [&](const Option& o) { return o.is_known_to(program); }),
                         names(" ", [&](const Option& o) { return o.is_known_to(program) && !o.is_flag(); }));
  }
  put(text, "@PROGRAMS@", all);
  put(text, "@CASES@", cases);
  put(text, "@FUNCTIONS@", fmt::format("{}", fmt::join(work::function_names(), " ")));
  put(text, "@FORMATS@", "raw jsonl msgpack length");
  put(text, "@FILES@", "    " + names(" | ", [](const Option& o) { return o.argument.starts_with("FILE"); }));
  put(text, "@FOLDERS@", "    " + names(" | ", [](const Option& o) { return o.argument == "DIR"; }));
  return text;
}

}  // namespace fanmill::app
