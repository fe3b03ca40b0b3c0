/* embedded.h: the Lua part of the library, stdlib/, in the binary. */
#ifndef RNNLUA_EMBEDDED_H
#define RNNLUA_EMBEDDED_H

#include <stddef.h>

#include <lua.h>

/* One file of stdlib/: "rnn.nn.linear" is rnn/nn/linear.lua or rnn/nn/linear/init.lua. */
struct rnnlua_chunk {
  const char *name;
  const unsigned char *packed; /* by gzip */
  size_t packed_size, size;    /* bytes, and bytes of the source */
};

/* Made by CMake from stdlib/; ends with an entry whose name is NULL. */
extern const struct rnnlua_chunk rnnlua_stdlib[];

/* Puts a loader for every chunk into package.preload, so that require finds it. Nothing is compiled before its first
 * use. A folder named in RNNLUA_PATH (one that holds rnn/init.lua, as stdlib/ does) goes before the embedded files,
 * one by one; the registry's LUA_NOENV (option -E) switches that off. Chunk names are "@[rnn]/nn/linear.lua" either
 * way: errors are blamed on the first frame that is not one of ours. The module rnn.sources gives their text. */
void lrnn_stdlib_register(lua_State *L);

#endif
