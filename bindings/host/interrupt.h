/* interrupt.h: how the program stops a computation in the core. The registry, where scripts do not reach, has a userdata
 * with one of these under this key. */
#ifndef RNNLUA_INTERRUPT_H
#define RNNLUA_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

#define LRNN_INTERRUPT "rnn.interrupt"

typedef struct lrnn_interrupt {
  void (*interrupt)(void *arg); /* the running computation shall stop; called by a signal handler */
  bool (*clear)(void *arg);     /* forgets it; true when it was still pending, that is: no computation had seen it */
  uint64_t (*trained)(void *arg); /* calls of backward so far */
  void *arg;
} lrnn_interrupt;

#endif
