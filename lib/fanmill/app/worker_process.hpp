#pragma once
// Both ends of a worker process under a supervisor: how it is started, and how it finds out that it was.

#include <memory>
#include <string>

#include <fanmill/app/program_settings.hpp>
#include <fanmill/app/run_main.hpp>
#include <fanmill/roles/supervisor.hpp>
#include <fanmill/transport/endpoint.hpp>
#include <fanmill/work/board.hpp>

namespace fanmill::app {

// What runs there, for people: "the plugin './x.so'", "the worker".
[[nodiscard]] std::string name_of_work(const work::WorkSettings& command);

// This program once more, with the arguments that it has: fanmill-worker --supervise.
[[nodiscard]] roles::SupervisorSettings same_again(const Process& process, const ProgramSettings& settings);

// A worker for a run that this process hosts, at one of its endpoints. Throws Error{unavailable} where there
// is no program for it.
[[nodiscard]] roles::SupervisorSettings worker_for(const ProgramSettings& settings, const Endpoint& endpoint);

// The board of this process's supervisor; null where it has none. To be called once, before there are
// threads: takes it from stdin, which is /dev/null then, and its announcement from the environment.
[[nodiscard]] std::shared_ptr<work::Board> board_of_supervisor();

}  // namespace fanmill::app
