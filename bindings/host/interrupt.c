/* interrupt.c: Ctrl-C. The signal handler asks the core to stop its computation and sets a hook that stops Lua code;
 * the one that comes first raises "interrupted!", and the other finds nothing pending and is silent. While a signal is
 * pending, which lasts when some C function neither polls nor returns, SIGINT has the meaning that it had before
 * lrnn_call: a second Ctrl-C ends a script and is ignored at the prompt.
 *
 * Training holds SIGINT, and when it can save itself also the signals that would end the program: the first one is
 * noted only, for the loop to look at, and a second one is as if nothing were held: it ends a script at once, and at the
 * prompt raises "interrupted!". Writing to a pipe that nobody reads goes on failing until the loop has seen it.
 *
 * At the prompt, the first SIGINT in an entry that trains (one that has called backward) stops nothing: at the next
 * safe place (living.c) a prompt opens inside the loop, which says whether the loop goes on. A second SIGINT before
 * that place is reached interrupts as ever.
 *
 * "interrupted!" can be caught, once: when another signal comes before lrnn_call has ended, coroutine.c lets no function
 * catch an error any more.
 *
 * A hook belongs to one coroutine, so coroutine.c tells which one runs. */
#include "interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "host.h"

static lua_State *volatile running;         /* the coroutine to stop */
static lua_State *volatile base;            /* the one that called lrnn_call */
static const lrnn_interrupt *volatile core; /* NULL before rnn.core is there */
static volatile sig_atomic_t pending;       /* a signal that nobody has turned into an error yet */
static volatile sig_atomic_t received;      /* the signal since the last lrnn_call began, or 0 */
static volatile sig_atomic_t insisting;     /* and it was not the first */
static int interrupted;                     /* the signal that the last failure came from, or 0 */
static bool prompt; /* there is one, and it is running */
static volatile sig_atomic_t visiting; /* a signal that shall open a prompt in the loop */
static volatile uint64_t trained;      /* calls of backward when lrnn_call began */
typedef enum hold { HOLD_NOTHING, HOLD_STOP, HOLD_SAVE } hold; /* SIGINT; all below as well */
static hold holding;
#define STOPPED (-1)
static volatile sig_atomic_t held; /* the signal that came while holding, STOPPED by the prompt in the loop, or 0 */
static bool seen;                  /* the loop knows of it */
static bool inside;                /* a prompt in the loop is open: SIGINT is its own */
static pthread_t main_thread;
static struct sigaction outside; /* of SIGINT, before lrnn_call */

static struct {
  int number;
  const char *name;
  struct sigaction outside; /* before holding */
} ending[] = {{.number = SIGTERM, .name = "SIGTERM"}, {.number = SIGHUP, .name = "SIGHUP"},
              {.number = SIGUSR1, .name = "SIGUSR1"}, {.number = SIGUSR2, .name = "SIGUSR2"},
              {.number = SIGXCPU, .name = "SIGXCPU"}, {.number = SIGPIPE, .name = "SIGPIPE"}};
#define ENDING ((int)(sizeof ending / sizeof *ending))

static void on_signal(int number);
static void set_hold(hold how);

static void catch_signal(int number, struct sigaction *before) {
  struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: a waiting io.read shall return */
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGINT);
  for (int i = 0; i < ENDING; i++) sigaddset(&action.sa_mask, ending[i].number);
  sigaction(number, &action, before);
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
  catch_signal(SIGINT, NULL);
  if (!was) return;
  push_position(L);
  lua_pushliteral(L, "interrupted!");
  lua_concat(L, 2);
  lua_error(L);
}

/* A prompt in the loop, if this is a place for it. When it ends with stop, training that holds signals gets one, and
 * all else is interrupted. */
static void visit(lua_State *L, lua_Debug *ar) {
  if (visiting && !lrnn_living_place(L, ar)) return;
  lua_sethook(L, NULL, 0, 0);
  if (!visiting) return; /* it was another coroutine's */
  visiting = 0;
  struct {
    lua_State *running, *base;
    sig_atomic_t received;
    bool inside;
    uint64_t trained;
    struct sigaction outside;
  } before = {running, base, received, inside, trained, outside};
  inside = true;
  signal(SIGINT, SIG_IGN);
  bool go_on = lrnn_living_open(L);
  running = before.running;
  base = before.base;
  received = before.received;
  inside = before.inside;
  trained = before.trained;
  outside = before.outside;
  catch_signal(SIGINT, NULL);
  if (go_on || held) return;
  if (holding) {
    held = STOPPED;
    return;
  }
  received = SIGINT;
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
  if (prompt && number == SIGINT && !visiting && !pending && core && core->trained(core->arg) != trained &&
      lrnn_living_there()) {
    visiting = 1;
    lua_sethook(base, visit, LUA_MASKLINE, 0);
    if (running != base) lua_sethook(running, visit, LUA_MASKLINE, 0);
    return;
  }
  visiting = 0;
  if (held && number == SIGPIPE) return; /* what is written while it saves */
  bool again = received && holding == HOLD_STOP; /* it has ended one training already */
  if (holding && !held && !(number == SIGINT && (inside || again))) {
    held = number;
    if (holding == HOLD_STOP) received = number;
    if (inside) raise(SIGINT); /* ends what waits or computes at the prompt */
    if (prompt) return;        /* where a signal ends nothing */
    sigaction(SIGINT, &outside, NULL);
    for (int i = 0; i < ENDING && holding == HOLD_SAVE; i++)
      if (ending[i].number != SIGPIPE) sigaction(ending[i].number, &ending[i].outside, NULL);
    return;
  }
  sigaction(SIGINT, &outside, NULL);
  pending = 1;
  insisting = received != 0;
  received = number;
  if (core) core->interrupt(core->arg);
  set_hook(base);
  if (running != base) set_hook(running);
}

lua_State *lrnn_interrupt_enter(lua_State *co) {
  lua_State *outer = running;
  running = co;
  if (visiting) lua_sethook(co, visit, LUA_MASKLINE, 0);
  return outer;
}

void lrnn_interrupt_leave(lua_State *outer) {
  running = outer;
  if (pending && outer) set_hook(outer); /* it came when the inner one was about to yield or end */
  if (visiting && outer) lua_sethook(outer, visit, LUA_MASKLINE, 0);
}

void lrnn_interrupt_prompt(bool on) { prompt = on; }

bool lrnn_interrupt_held(void) { return held != 0; }

bool lrnn_interrupt_pending(void) { return pending; }

bool lrnn_interrupt_insists(void) { return insisting; }

void lrnn_interrupt_off(void) {
  set_hold(HOLD_NOTHING);
  sigaction(SIGINT, &outside, NULL);
}

void lrnn_interrupt_core(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, LRNN_INTERRUPT);
  core = lua_touserdata(L, -1);
  if (core && pending) core->interrupt(core->arg); /* it came while the core was being opened */
  lua_pop(L, 1);
}

/* Of a script that uses a name of the library before it has asked for it: what the prompt has by itself. Pushes. */
static const char *with_hint(lua_State *L, const char *message) {
  static const char *const names[] = {"rnn", "nn", "optim", "data"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *lacking = lua_pushfstring(L, "attempt to index a nil value (global '%s')", names[i]);
    if (strstr(message, lacking))
      return lua_pushfstring(L, "%s; a script begins with local rnn = require \"rnn\"%s%s%s%s", message, i ? " local " : "",
                             i ? names[i] : "", i ? " = rnn." : "", i ? names[i] : "");
  }
  return message;
}

/* The message handler: text for error objects, and the traceback. */
static int explain(lua_State *L) {
  const char *message = lua_tostring(L, 1);
  if (!message) {
    if (luaL_getmetafield(L, 1, "__signal") != LUA_TNIL) interrupted = (int)lua_tointeger(L, -1);
    if (luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING) return 1; /* it says what it wants */
    message = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
  }
  size_t length = strlen(message), ours = strlen("interrupted!");
  bool is_ours = length >= ours && strcmp(message + length - ours, "interrupted!") == 0;
  interrupted = is_ours || insisting ? received : 0;
  luaL_traceback(L, L, with_hint(L, message), 1);
  return 1;
}

int lrnn_call(lua_State *L, int arguments, int results) {
  int function = lua_gettop(L) - arguments; /* its index, later that of the message handler */
  lua_pushcfunction(L, explain);
  lua_insert(L, function);
  main_thread = pthread_self();
  running = base = L;
  received = interrupted = insisting = 0;
  visiting = 0;
  hold outer = holding;
  trained = core ? core->trained(core->arg) : 0;
  catch_signal(SIGINT, &outside);
  int status = lua_pcall(L, arguments, results, function);
  set_hold(outer);
  sigaction(SIGINT, &outside, NULL);
  running = base;
  insisting = 0;
  if (lua_gethook(L) == stop || lua_gethook(L) == visit) lua_sethook(L, NULL, 0, 0);
  visiting = 0;
  take_pending();
  lua_remove(L, function);
  return status;
}

int lrnn_call_from_lua(lua_State *L) {
  int status = lrnn_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  lua_pushboolean(L, status == LUA_OK);
  lua_insert(L, 1);
  return lua_gettop(L);
}

int lrnn_interrupted_by(void) { return interrupted; }

/* ---- rnn.signals ---- */

/* A signal that came and that no loop has seen comes again when it is not held any more. */
static void set_hold(hold how) {
  if (how == holding) return;
  int again = how == HOLD_NOTHING && held > 0 && !seen ? held : 0;
  for (int i = 0; i < ENDING; i++) {
    if (how == HOLD_SAVE) {
      catch_signal(ending[i].number, &ending[i].outside);
      if (ending[i].outside.sa_handler == SIG_IGN) sigaction(ending[i].number, &ending[i].outside, NULL); /* nohup */
    } else if (holding == HOLD_SAVE) {
      sigaction(ending[i].number, &ending[i].outside, NULL);
    }
  }
  if (how == HOLD_NOTHING) {
    held = 0;
    catch_signal(SIGINT, NULL);
  }
  if (holding == HOLD_NOTHING) held = seen = 0;
  holding = how;
  if (again) raise(again);
}

static const char *const holds[] = {"nothing", "stop", "save", NULL};

/* hold("stop" or "save") -> how it was. A loop inside one that holds more does so, too. */
static int signals_hold(lua_State *L) {
  hold before = holding, how = (hold)luaL_checkoption(L, 1, NULL, holds);
  if (how > holding) set_hold(how);
  lua_pushstring(L, holds[before]);
  return 1;
}

/* release(before): as it was before hold. */
static int signals_release(lua_State *L) {
  set_hold((hold)luaL_checkoption(L, 1, NULL, holds));
  return 0;
}

/* held() -> the name of the signal that came while holding, "stop" after that word at a prompt in the loop, or nil */
static int signals_held(lua_State *L) {
  if (!held) return 0;
  seen = true;
  const char *name = held == STOPPED ? "stop" : "SIGINT";
  for (int i = 0; i < ENDING; i++)
    if (ending[i].number == held) name = ending[i].name;
  lua_pushstring(L, name);
  return 1;
}

static int message_of(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  return 1;
}

/* leave(message): raises an error that is the message alone and ends a script as the held signal would. At the prompt,
 * where an error ends nothing, all but SIGINT do what they have been waiting for. */
static int signals_leave(lua_State *L) {
  int number = held > 0 ? held : SIGINT;
  const char *message = luaL_checkstring(L, 1);
  if (number != SIGINT && prompt) {
    set_hold(HOLD_NOTHING);
    fprintf(stderr, "%s\n", message);
    fflush(NULL);
    raise(number);
  }
  insisting = received != 0;
  received = number;
  lua_newuserdatauv(L, 0, 0);
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, message_of, 1);
  lua_setfield(L, -2, "__tostring");
  lua_pushinteger(L, number);
  lua_setfield(L, -2, "__signal");
  lua_setmetatable(L, -2);
  return lua_error(L);
}

int lrnn_open_signals(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"hold", signals_hold}, {"release", signals_release}, {"held", signals_held}, {"leave", signals_leave}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
