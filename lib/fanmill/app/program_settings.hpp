#pragma once
// A command line, parsed: what the program was asked to do, in the types of the floors that do it.

#include <cstdint>
#include <string>

#include <fanmill/app/program.hpp>
#include <fanmill/input/input.hpp>
#include <fanmill/roles/observer.hpp>
#include <fanmill/roles/settings.hpp>
#include <fanmill/store/results_file.hpp>
#include <fanmill/store/stream.hpp>
#include <fanmill/work/work.hpp>

namespace fanmill::app {

// --help, --help-all and --version are answered and nothing else is looked at: the rest of the settings is
// then as it was.
enum class Request : std::uint8_t { work, help, help_all, version };

// How people are shown how far a run has come.
enum class ShowProgress : std::uint8_t { automatic, bar, plain, none };

// Holds the settings of every stage; a program uses those of the stages that it has.
struct ProgramSettings {
  Program program = Program::run;
  Request request = Request::work;
  bool quiet = false;
  ShowProgress progress = ShowProgress::automatic;
  bool json = false;              // status: for programs
  bool remote_only = false;       // run: no worker of its own
  bool supervise = false;         // worker: in a process of its own, started again when it dies
  bool hosts_all_stages = false;  // run, and a ventilator on inproc

  roles::VentilatorSettings ventilator;
  roles::WorkerSettings worker;
  roles::SinkSettings sink;
  roles::ObserverSettings observer;
  bool asks_one_run = false;  // status: that at observer.connect; otherwise all of this user's on this host
  input::Settings input;
  work::WorkSettings command;
  store::StreamSettings results;
  store::ResultsFileSettings results_file;  // --results, or what audit and export read; without a path: none
  std::string key_file;                     // --key; empty: none
  std::string server_key;                   // --server-key: a file, or the key itself
  std::string key_directory;                // keygen: DIR
  std::string key_name;                     // keygen: NAME
  std::string joblog_file;                  // --joblog; empty: none
  std::string summary_file;                 // --summary-json; empty: none
};

// For what all stages are told alike.
template <class Change>
void for_each_stage(ProgramSettings& settings, Change change) {
  change(static_cast<roles::CommonSettings&>(settings.ventilator));
  change(static_cast<roles::CommonSettings&>(settings.worker));
  change(static_cast<roles::CommonSettings&>(settings.sink));
  change(static_cast<roles::CommonSettings&>(settings.observer));
}

}  // namespace fanmill::app
