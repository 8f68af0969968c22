// A plugin but for what its definitions change.

#include <fanmill/plugin.h>

#ifndef NAME
#define NAME fanmill_plugin_v1
#endif
#ifndef VERSION
#define VERSION FANMILL_PLUGIN_VERSION
#endif
#ifndef SIZE
#define SIZE sizeof(fanmill_plugin)
#endif
#ifndef PERFORM
#define PERFORM perform
#endif

extern "C" int nobody_defines_this(void*, const fanmill_task*, fanmill_bytes*);
extern "C" FANMILL_PLUGIN_EXPORT const fanmill_plugin NAME;

[[maybe_unused]] static int perform(void*, const fanmill_task*, fanmill_bytes*) {
  return 0;
}

const fanmill_plugin NAME = {VERSION, SIZE, nullptr, PERFORM, nullptr, nullptr};
