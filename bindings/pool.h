/* pool.h: the memory of the program's Lua state, and who hears when a userdata dies. */
#ifndef RNNLUA_POOL_H
#define RNNLUA_POOL_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#define LRNN_POOL "rnn.pool" /* the field of the registry that has it, a light userdata; nil in another program's state */

typedef struct lrnn_pool lrnn_pool;
struct lrnn_pool {
  size_t watched; /* a size of blocks of userdata; of one that is freed from then on: */
  /* Lua has just let go of block, made while its size was watched. False: its memory is not needed any longer; true: it
     goes back by keep later. No Lua function may be called. */
  bool (*died)(lrnn_pool *pool, void *block);
  void (*keep)(lrnn_pool *pool, void *block);
  void *last;     /* the block of the last new userdata */
  void *listener; /* whose died it is */
};

/* A new state with a pool of its own; NULL without memory. */
lua_State *lrnn_pool_state(void);

#endif
