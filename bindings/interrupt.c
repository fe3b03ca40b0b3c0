/* interrupt.c: Ctrl-C. The signal handler asks the core to stop its computation and sets a hook that stops Lua code;
 * the one that comes first raises "interrupted!", and the other finds nothing pending and is silent. While a signal is
 * pending, which lasts when some C function neither polls nor returns, SIGINT has the meaning that it had before
 * lrnn_call: a second Ctrl-C ends a script and is ignored at the prompt.
 *
 * A hook belongs to one coroutine, so coroutine.c tells which one runs. */
#include "interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include <lauxlib.h>

#include "host.h"

static lua_State *volatile running;         /* the coroutine to stop */
static lua_State *volatile base;            /* the one that called lrnn_call */
static const lrnn_interrupt *volatile core; /* NULL before rnn.core is there */
static volatile sig_atomic_t pending;       /* a signal that nobody has turned into an error yet */
static volatile sig_atomic_t received;      /* a signal since the last lrnn_call began */
static int interrupted;                     /* the last failure was ours */
static pthread_t main_thread;
static struct sigaction outside; /* of SIGINT, before lrnn_call */

static void on_signal(int number);

static void catch_signal(struct sigaction *before) {
  struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: a waiting io.read shall return */
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, before);
}

/* Forgets the signal; true when it was still pending. */
static bool take_pending(void) {
  bool was = pending;
  pending = 0;
  if (core && !core->clear(core->arg)) was = false;
  return was;
}

/* Pushes "file:line: " of the innermost frame that is not the library's own. */
static void push_position(lua_State *L) {
  lua_Debug ar;
  for (int level = 0; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Sl", &ar);
    if (ar.currentline > 0 && strncmp(ar.source, "@[rnn]", 6) != 0) {
      lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
      return;
    }
  }
  lua_pushliteral(L, "");
}

static void stop(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  bool was = take_pending();
  catch_signal(NULL);
  if (!was) return;
  push_position(L);
  lua_pushliteral(L, "interrupted!");
  lua_concat(L, 2);
  lua_error(L);
}

static void set_hook(lua_State *L) {
  lua_sethook(L, stop, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

static void on_signal(int number) {
  if (!pthread_equal(pthread_self(), main_thread)) { /* a thread of some library: not its business */
    pthread_kill(main_thread, number);
    return;
  }
  sigaction(SIGINT, &outside, NULL);
  pending = received = 1;
  if (core) core->interrupt(core->arg);
  set_hook(base);
  if (running != base) set_hook(running);
}

lua_State *lrnn_interrupt_enter(lua_State *co) {
  lua_State *outer = running;
  running = co;
  return outer;
}

void lrnn_interrupt_leave(lua_State *outer) {
  running = outer;
  if (pending && outer) set_hook(outer); /* it came when the inner one was about to yield or end */
}

void lrnn_interrupt_core(lua_State *L, int index) {
  lua_getfield(L, index, "_interrupt");
  core = lua_touserdata(L, -1);
  if (core && pending) core->interrupt(core->arg); /* it came while the core was being opened */
  lua_pop(L, 1);
}

/* The message handler: text for error objects, and the traceback. */
static int explain(lua_State *L) {
  const char *message = lua_tostring(L, 1);
  if (!message) {
    if (luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING) return 1; /* it says what it wants */
    message = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
  }
  size_t length = strlen(message), ours = strlen("interrupted!");
  interrupted = received && length >= ours && strcmp(message + length - ours, "interrupted!") == 0;
  luaL_traceback(L, L, message, 1);
  return 1;
}

int lrnn_call(lua_State *L, int arguments, int results) {
  int function = lua_gettop(L) - arguments; /* its index, later that of the message handler */
  lua_pushcfunction(L, explain);
  lua_insert(L, function);
  main_thread = pthread_self();
  running = base = L;
  received = interrupted = 0;
  catch_signal(&outside);
  int status = lua_pcall(L, arguments, results, function);
  sigaction(SIGINT, &outside, NULL);
  running = base;
  if (lua_gethook(L) == stop) lua_sethook(L, NULL, 0, 0);
  take_pending();
  lua_remove(L, function);
  return status;
}

int lrnn_was_interrupted(void) { return interrupted; }
