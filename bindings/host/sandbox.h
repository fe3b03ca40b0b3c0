/* sandbox.h: rnnlua --sandbox runs a script that may be a stranger's. A parent keeps the terminal, the clock and the size
 * of the folder; a child runs the script behind four walls:
 *
 *   1 files    Landlock: what may be read and written (walls.c)
 *   2 calls    seccomp: which calls the kernel answers; no network, no programs, no new machine code (walls.c)
 *   3 limits   memory, processor time, size of files (walls.c), time and the folder (sandbox.c)
 *   4 Lua      what a script finds in its globals (closed.c)
 *
 * The first three hold against any code; the fourth makes mistakes readable and attacks longer. */
#ifndef RNNLUA_SANDBOX_H
#define RNNLUA_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include <lua.h>

typedef struct lrnn_sandbox {
  bool on, best_effort;
  const char *script;
  const char **reads; /* folders and files */
  int read_count;
  const char *write; /* NULL: a fresh folder */
  long long seconds; /* 0: an hour */
  long long memory;  /* bytes; 0: 2 GiB */
} lrnn_sandbox;

enum { LRNN_SANDBOX_REFUSED = 3, LRNN_SANDBOX_STOPPED = 124 }; /* exit codes of its own */

/* What a script may add to its folder: bytes and files; the bytes that stay free on its disk, but for half of what was; and
 * the bytes that it may print. */
#define LRNN_SANDBOX_DISK (4ull << 30)
#define LRNN_SANDBOX_FILES 20000
#define LRNN_SANDBOX_LEFT (1ull << 30)
#define LRNN_SANDBOX_OUTPUT (1ull << 30)

/* ---- sandbox.c ---- */

/* "10m" or "2G" -> seconds or bytes; -1 for anything else. */
long long lrnn_sandbox_time(const char *text);
long long lrnn_sandbox_size(const char *text);

/* In the child, behind its walls: -1. In the parent, when the child has ended: the program's exit code. */
int lrnn_sandbox_start(lrnn_sandbox *box);

/* Is this process such a child? */
bool lrnn_sandboxed(void);

/* ---- filter.c ---- */

/* What a stranger's program may send to a terminal: text in UTF-8, \n \r \t, colours (SGR) and erase-line. Everything
 * else is dropped: with it a terminal can be made to type, to forget and to lie. State between two pieces: */
enum { LRNN_FILTER_HELD = 64 };
typedef struct lrnn_filter {
  unsigned char held[LRNN_FILTER_HELD]; /* of an escape sequence or a character that has not ended */
  int count;
  bool coloured; /* colours have passed */
} lrnn_filter;

/* Writes to out, which has room for size + sizeof held bytes, what of the bytes may pass; returns how many. */
size_t lrnn_filter_pass(lrnn_filter *f, const char *bytes, size_t size, char *out);

/* ---- walls.c ---- */

/* Libraries that a script may need are opened, since nothing can be afterwards. */
void lrnn_walls_libraries(void);

/* Puts up walls 1 to 3 around this process and all that it starts. false when one is missing, which message then
 * names; with best_effort the others stand all the same. */
bool lrnn_walls_up(const lrnn_sandbox *box, char *message, size_t room);

#ifdef RNNLUA_SANDBOX_TEST
/* raw(call, ...): any call of the kernel (tests/sandbox/raw.c). */
void lrnn_raw_open(lua_State *L);
#endif

/* Does the wall of that number stand, in a child? */
bool lrnn_walls_stands(int number);

/* ---- closed.c ---- */

/* After the state is made: the environment of the script's chunks, which lrnn_set_environment gives them. */
void lrnn_close_environment(lua_State *L);

#endif
