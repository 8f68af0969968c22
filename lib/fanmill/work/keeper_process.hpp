#pragma once
// What a keeper's process does: see Keeper.

#include <sys/types.h>

#include <fanmill/work/keeper.hpp>

namespace fanmill::work {

// Never returns. `socket` is its end of the worker's; `parent` is the worker. To be called in a process that
// was just forked, with all signals blocked: it allocates no memory, which another thread may have been doing
// when it was forked, and closes whatever it has inherited, so that nobody's connection outlives its owner.
[[noreturn]] void keep_commands(int socket, pid_t parent, const KeeperSettings& settings);

}  // namespace fanmill::work
