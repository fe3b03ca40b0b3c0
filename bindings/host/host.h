/* host.h: the parts of the program rnnlua that main.c puts together. */
#ifndef RNNLUA_HOST_H
#define RNNLUA_HOST_H

#include <stdbool.h>

#include <lua.h>

/* ---- state.c ---- */

typedef struct lrnn_start {
  bool ignore_environment, use_double, seeded;
  lua_Integer threads, seed; /* 0 threads: not given */
  const char *blas;          /* NULL: not given */
} lrnn_start;

/* Opens Lua's libraries in L and makes ours ready. start lives as long as L. */
void lrnn_open_state(lua_State *L, const lrnn_start *start);

/* ---- textload.c ---- */

/* Replaces load, loadfile, dofile and the searcher for Lua files: text is loaded, bytecode is refused, because Lua
 * does not verify it and a crafted chunk can do anything. */
void lrnn_load_text_only(lua_State *L);

/* ---- record.c ---- */

/* Notes a Lua file that was loaded, as the module when there is one. */
void lrnn_note_script(lua_State *L, const char *path, const char *module);

/* Replaces io.open, io.lines and io.input by ones that note the file. */
void lrnn_note_files(lua_State *L);

/* ---- interrupt.c ---- */

/* Looks for the way to stop computations in rnn.core, which has been opened. */
void lrnn_interrupt_core(lua_State *L);

/* Calls as lua_pcall does, with SIGINT turned into the error "interrupted!" and with a traceback added to messages.
 * On failure the message, always a string, is on the stack. */
int lrnn_call(lua_State *L, int arguments, int results);

/* Lua: call(f, ...): true and the results, or false and the message with its traceback. */
int lrnn_call_from_lua(lua_State *L);

/* From now on, until false, the prompt runs. */
void lrnn_interrupt_prompt(bool on);

/* The signal that the last failure of lrnn_call came from, or 0. */
int lrnn_interrupted_by(void);

/* The loader of rnn.signals, by which training holds signals until its step has ended. */
int lrnn_open_signals(lua_State *L);

/* Has a signal come that is held? */
bool lrnn_interrupt_held(void);

/* Around a lua_resume of co: enter returns what leave is to be given. */
lua_State *lrnn_interrupt_enter(lua_State *co);
void lrnn_interrupt_leave(lua_State *outer);

/* Has a signal come that no code has stopped for yet? */
bool lrnn_interrupt_pending(void);

/* Has a second signal come since lrnn_call began? Then nothing may catch an error any more. */
bool lrnn_interrupt_insists(void);

/* Signals mean what they meant before lrnn_call: the program ends. */
void lrnn_interrupt_off(void);

/* ---- child.c ---- */

/* The loader of rnn.child, by which a sweep runs its trials. */
int lrnn_open_child(lua_State *L);

/* ---- server.c ---- */

/* The loader of rnn.server, by which rnnlua watch answers a browser. */
int lrnn_open_server(lua_State *L);

/* ---- living.c ---- */

/* Lua: visit_with(f): Ctrl-C in training opens f(thread), which returns whether training goes on. */
int lrnn_living_with(lua_State *L);

/* Is there such an f? */
bool lrnn_living_there(void);

/* In a hook: may the prompt open here? */
bool lrnn_living_place(lua_State *L, lua_Debug *ar);

/* In a hook: opens it; whether training goes on. */
bool lrnn_living_open(lua_State *L);

/* ---- coroutine.c ---- */

/* Replaces the functions of Lua that run coroutines, catch errors or end the program by ones that tell interrupt.c. */
void lrnn_watch_functions(lua_State *L);

/* ---- repeats.c ---- */

/* With --deterministic, pairs has an order, and what may spoil repetition is noted. rnn.repeats says it. */
void lrnn_repeat(lua_State *L);

/* Is --deterministic on? */
bool lrnn_repeats(void);

/* ---- closed.c ---- */

/* In the sandbox, gives the function on top of the stack, a script's chunk, the environment that scripts have there. */
void lrnn_set_environment(lua_State *L);

#endif
