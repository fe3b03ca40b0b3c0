/* main.c: the program rnnlua-kernel, which Jupyter starts: Lua with the library, answering over sockets what the prompt
 * answers in a terminal. What it answers stands in stdlib/rnn/jupyter. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "../host/host.h"
#include "../pool.h"
#include "rnn.h"
#include "service.h"

static const char usage[] =
    "usage: rnnlua-kernel install [--user | --sys-prefix | --prefix DIR]\n"
    "       rnnlua-kernel FILE\n"
    "install tells Jupyter of this kernel: for you alone (--user, as when nothing is said), in the Python environment that\n"
    "is active, or below DIR, as in /usr/local. FILE is what Jupyter writes when it starts the kernel.\n"
    "RNNLUA_DOUBLE=1 and RNNLUA_THREADS=N mean what --double and --threads mean to rnnlua.\n";

/* ---- standard input: lines from the notebook ---- */

static bool may_ask;
static struct {
  char *text;
  size_t size, used;
} line;

static ssize_t read_line(void *cookie, char *buffer, size_t size) {
  (void)cookie;
  if (!line.text) {
    errno = ENOTSUP;
    if (!may_ask) return -1;
    line.text = service_input("", lrnn_interrupt_pending);
    errno = EINTR;
    if (!line.text) return -1;
    line.used = 0;
    line.size = strlen(line.text);
    line.text[line.size++] = '\n'; /* over the NUL */
  }
  if (size > line.size - line.used) size = line.size - line.used;
  memcpy(buffer, line.text + line.used, size);
  line.used += size;
  if (line.used == line.size) {
    free(line.text);
    line.text = NULL;
  }
  return (ssize_t)size;
}

/* io.stdin reads lines that a person types in the notebook. */
static void open_input(lua_State *L) {
  FILE *file = fopencookie(NULL, "r", (cookie_io_functions_t){.read = read_line});
  if (!file) luaL_error(L, "not enough memory");
  lua_getglobal(L, "io");
  lua_getfield(L, -1, "stdin");
  luaL_Stream *stream = luaL_checkudata(L, -1, LUA_FILEHANDLE);
  stream->f = file;
  lua_pop(L, 2);
}

/* ---- what Lua calls ---- */

/* receive() -> type, content; nothing when the kernel shall end */
static int receive(lua_State *L) {
  char type[64];
  zmq_msg_t content;
  if (!service_next(type, &content)) return 0;
  lua_pushstring(L, type);
  lua_pushlstring(L, zmq_msg_data(&content), zmq_msg_size(&content));
  zmq_msg_close(&content);
  return 2;
}

/* waiting() -> boolean: is there another request already? */
static int waiting(lua_State *L) {
  lua_pushboolean(L, service_more());
  return 1;
}

/* begin(): the first request that is not answered is being answered now */
static int begin(lua_State *L) {
  (void)L;
  service_begin();
  return 0;
}

/* publish(type, content [, metadata]), JSON, to all who listen */
static int publish(lua_State *L) {
  size_t size;
  const char *content = luaL_checklstring(L, 2, &size);
  service_publish(luaL_checkstring(L, 1), luaL_optstring(L, 3, NULL), content, size);
  return 0;
}

/* reply(type, content) to who asked */
static int reply(lua_State *L) {
  size_t size;
  const char *content = luaL_checklstring(L, 2, &size);
  service_reply(luaL_checkstring(L, 1), content, size);
  return 0;
}

/* done(): the request is answered */
static int done(lua_State *L) {
  (void)L;
  service_idle();
  return 0;
}

/* info() -> content of kernel_info_reply */
static int info(lua_State *L) {
  lua_pushstring(L, service_info);
  return 1;
}

/* may_ask(boolean): whether who sent the request has somebody to type lines */
static int set_may_ask(lua_State *L) {
  may_ask = lua_toboolean(L, 1);
  free(line.text); /* what an earlier request left */
  line.text = NULL;
  return 0;
}

static volatile sig_atomic_t woken;
static void wake(int number) { woken = number; }
static bool is_woken(void) { return woken != 0; }

/* ask(prompt) -> the line that was typed at the prompt in a loop, or nil after an interrupt */
static int ask(lua_State *L) {
  const char *prompt = luaL_checkstring(L, 1);
  struct sigaction before, action = {.sa_handler = wake}; /* no SA_RESTART: it ends the wait */
  sigemptyset(&action.sa_mask);
  woken = 0;
  sigaction(SIGINT, &action, &before);
  char *text = may_ask ? service_input(prompt, is_woken) : NULL;
  sigaction(SIGINT, &before, NULL);
  if (!text) return 0;
  lua_pushstring(L, text);
  free(text);
  return 1;
}

static const luaL_Reg host[] = {{"receive", receive}, {"waiting", waiting}, {"begin", begin}, {"publish", publish},
                                {"reply", reply},     {"done", done},         {"info", info},
                                {"may_ask", set_may_ask}, {"ask", ask},       {"call", lrnn_call_from_lua},
                                {"visit_with", lrnn_living_with}, {NULL, NULL}};

/* ---- life ---- */

/* Calls function of rnn.jupyter with arguments that are on the stack. */
static void call_kernel(lua_State *L, const char *function, int arguments) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "rnn.jupyter");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, function);
  lua_insert(L, -2 - arguments);
  lua_pop(L, 1);
  lua_call(L, arguments, 0);
}

static int run(lua_State *L) {
  static lrnn_start start;
  const char *precision = getenv("RNNLUA_DOUBLE");
  start.use_double = precision && strcmp(precision, "1") == 0;
  lrnn_open_state(L, &start);
  lua_gc(L, LUA_GCGEN, 0, 0);
  open_input(L);
  lrnn_interrupt_prompt(true);
  luaL_newlib(L, host);
  call_kernel(L, "run", 1);
  return 0;
}

static int install(lua_State *L) {
  char **argv = lua_touserdata(L, 1), program[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program);
  static const lrnn_start start;
  lrnn_open_state(L, &start);
  lua_pushlstring(L, program, length > 0 ? (size_t)length : 0);
  int count = 1;
  for (; argv[count - 1]; count++) lua_pushstring(L, argv[count - 1]);
  call_kernel(L, "install", count);
  return 0;
}

static int complain(lua_State *L, int status) {
  if (status == LUA_OK) return EXIT_SUCCESS;
  fprintf(stderr, "rnnlua-kernel: %s\n", lua_tostring(L, -1));
  return EXIT_FAILURE;
}

int main(int argc, char **argv) {
  bool installs = argc > 1 && strcmp(argv[1], "install") == 0;
  if (argc == 2 && strcmp(argv[1], "--version") == 0) return printf("rnnlua-kernel " RNN_VERSION "\n") < 0;
  if (argc == 2 && strcmp(argv[1], "--help") == 0) return fputs(usage, stdout) < 0;
  if (!installs && (argc != 2 || argv[1][0] == '-')) {
    fputs(usage, stderr);
    return EXIT_FAILURE;
  }
  signal(SIGINT, SIG_IGN); /* but while something is computed */
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  lua_State *L = lrnn_pool_state();
  if (!L) return EXIT_FAILURE;
  if (installs) {
    lua_pushcfunction(L, install);
    lua_pushlightuserdata(L, argv + 2);
    int code = complain(L, lua_pcall(L, 1, 0, 0));
    lua_close(L);
    return code;
  }
  int nothing = open("/dev/null", O_RDONLY); /* for programs that are started */
  if (nothing > STDIN_FILENO) {
    dup2(nothing, STDIN_FILENO);
    close(nothing);
  }
  if (!service_start(argv[1])) return EXIT_FAILURE;
  setvbuf(stdout, NULL, _IOLBF, 1 << 16);
  lua_pushcfunction(L, run);
  int code = complain(L, lua_pcall(L, 0, 0, 0));
  lua_close(L);
  service_stop();
  return code;
}
