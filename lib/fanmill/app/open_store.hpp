#pragma once
// Where a run's results go, as the command line says it.

#include <memory>

#include <fanmill/app/program_settings.hpp>
#include <fanmill/app/standard_streams.hpp>
#include <fanmill/store/store.hpp>

namespace fanmill::app {

// Opens the file of --results, or else the stream of results. Throws usage_error and Error{unavailable}.
[[nodiscard]] std::unique_ptr<store::Store> open_store(const ClosedStreams& closed,
                                                       const ProgramSettings& settings);

}  // namespace fanmill::app
