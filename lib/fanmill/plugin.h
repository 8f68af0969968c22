#ifndef FANMILL_PLUGIN_H
#define FANMILL_PLUGIN_H
/*
 * What a worker loads with --plugin FILE.so: a shared library that does something with each task. C99 and
 * C++, and no other header of Fanmill's: docs/plugins.md has a first plugin and how it is built.
 *
 * The library defines one object, fanmill_plugin_v1. The number in its name is the version of this interface:
 * a Fanmill that has another one does not find it, and says so. Whatever may be added within version 1 will
 * stand at the end of the structures: a plugin goes on working with a later Fanmill without being built anew,
 * and an earlier one tells by `size` that it knows less, and refuses it.
 *
 * THREADS. A worker with -j N has N slots and a thread for each. All calls for one slot come one after the
 * other, on that slot's thread, from init to finish; calls for different slots come at the same time. So a
 * plugin needs no locks for what hangs on `state`, and has to guard or avoid what it keeps anywhere else.
 *
 * OWNERSHIP. What the worker passes in belongs to the worker and is valid until the call returns. What the
 * plugin hands out in a fanmill_bytes belongs to the plugin, and must stay as it is until the worker calls
 * release with it, or, where release is null, until the next call for the same slot.
 *
 * TROUBLE. A call that returns something other than 0 has failed, and its bytes are the text that people are
 * told, without a newline; none is needed. C++ exceptions do not belong here: one that gets out of perform
 * makes the task fail, if it gets as far as the worker at all. A crash, and exit(), ends the worker's process
 * and costs the tasks in its hands an attempt. What is written to stdout is not a result.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FANMILL_PLUGIN_VERSION 1

#if defined(__GNUC__)
#define FANMILL_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define FANMILL_PLUGIN_EXPORT
#endif

/* Any bytes, no NUL after them. `data` may be null where `size` is 0, and only there. */
struct fanmill_bytes {
  const void* data;
  size_t size;
};

struct fanmill_task {
  struct fanmill_bytes payload;
  uint64_t id;      /* its number in the run, from 0 */
  uint32_t attempt; /* how often it was handed out before, from 0: a task may run more than once */
  uint32_t slot;    /* who runs it, from 1 to N */
};

struct fanmill_plugin {
  uint32_t version; /* FANMILL_PLUGIN_VERSION */
  uint32_t size;    /* sizeof(struct fanmill_plugin) */

  /* Called once for each slot, before the worker joins a run: the place for what takes long. What it puts
   * into *state (null before) is passed to the other calls. May be null. If it fails, the worker ends with 3
   * and `error`; finish is not called for that slot. */
  int (*init)(uint32_t slot, void** state, struct fanmill_bytes* error);

  /* Called for each task. 0: `answer` (empty before) is the task's result. Otherwise the task has failed. */
  int (*perform)(void* state, const struct fanmill_task* task, struct fanmill_bytes* answer);

  /* The worker has done with bytes from init or perform: called once for each call that left any. May be
   * null. */
  void (*release)(void* state, struct fanmill_bytes bytes);

  /* Called once for each slot whose init has not failed, when the worker ends in order. May be null. */
  void (*finish)(void* state);
};

/* To be defined by the plugin:
 *
 *   const struct fanmill_plugin fanmill_plugin_v1 = {
 *     FANMILL_PLUGIN_VERSION, sizeof(struct fanmill_plugin), init, perform, release, finish};
 */
extern FANMILL_PLUGIN_EXPORT const struct fanmill_plugin fanmill_plugin_v1;

#ifdef __cplusplus
}
#endif

#endif /* FANMILL_PLUGIN_H */
