/* A plugin in C: each item backwards. The answer is allocated for each task, and freed when the worker has
 * done with it.
 *
 *   cc -shared -fPIC -O2 -o reverse.so reverse.c     (in a checkout with -I ../../lib)
 *   fanmill run -k --plugin ./reverse.so ::: stressed drawer
 */
#include <stdlib.h>

#include <fanmill/plugin.h>

static int perform(void* state, const struct fanmill_task* task, struct fanmill_bytes* answer) {
  const char* from = task->payload.data;
  size_t size = task->payload.size;
  char* to = NULL;
  size_t i;
  (void)state;
  if (size == 0) return 0; /* an empty item, an empty answer */
  to = malloc(size);
  if (to == NULL) {
    static const char why[] = "out of memory";
    answer->data = why;
    answer->size = sizeof why - 1;
    return 1;
  }
  for (i = 0; i < size; ++i) to[i] = from[size - 1 - i];
  answer->data = to;
  answer->size = size;
  return 0;
}

static void release(void* state, struct fanmill_bytes bytes) {
  (void)state;
  free((void*)bytes.data);
}

const struct fanmill_plugin fanmill_plugin_v1 = {
    FANMILL_PLUGIN_VERSION, sizeof(struct fanmill_plugin), NULL, perform, release, NULL};
