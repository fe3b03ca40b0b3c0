/* child.c: other processes of this program, for rnnlua sweep. A child writes into a file, has no input, is no rank of what
 * mpirun has started, and is in a group of its own, so that Ctrl-C reaches it only by way of the parent. When the parent
 * dies, however it does, the children are told to save and end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>

#include "host.h"

#define NOT_STARTED 127 /* the exit code of a child that could not become the program, as of a shell's */

/* A field of the table at index 1, or NULL. Strings stay alive with the table. */
static const char *text_field(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  const char *text = lua_tostring(L, -1);
  lua_pop(L, 1);
  return text;
}

/* What the child does before it is another program. Nothing here allocates. */
static void become(char *const *words, int log, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(NOT_STARTED); /* which died in between */
  int nothing = open("/dev/null", O_RDONLY);
  if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
    _exit(NOT_STARTED);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execv(words[0], words);
  _exit(NOT_STARTED);
}

/* start { program, argument, ..., log = path, trial = text } -> number of the process | nil, message */
static int start(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  const char *path = text_field(L, "log"), *trial = text_field(L, "trial");
  int count = (int)luaL_len(L, 1);
  if (!path || !trial || count < 1) return luaL_error(L, "start: expected a program, log and trial");
  char **words = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *words, 0);
  for (int i = 0; i < count; i++) {
    lua_rawgeti(L, 1, i + 1);
    words[i] = (char *)(uintptr_t)luaL_checkstring(L, -1);
    lua_pop(L, 1);
  }
  words[count] = NULL;
  int log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (log < 0) return luaL_fileresult(L, 0, path);
  fflush(NULL);
  setenv("RNNLUA_TRIAL", trial, 1);
  setenv("RNNLUA_MPI", "off", 1);
  pid_t parent = getpid(), child = fork();
  if (child == 0) become(words, log, parent);
  int error = errno;
  unsetenv("RNNLUA_TRIAL");
  close(log);
  errno = error;
  if (child < 0) return luaL_fileresult(L, 0, "fork");
  lua_pushinteger(L, child);
  return 1;
}

/* wait(seconds) -> number of a process that has ended, its exit code, the signal that ended it, the bytes that it took at
 * most | nothing: time is up, or a signal has come. Reaps only children that start has begun: there are no others. */
static int wait_for_child(lua_State *L) {
  double seconds = luaL_checknumber(L, 1);
  for (;;) {
    int status;
    struct rusage used;
    pid_t child = wait4(-1, &status, WNOHANG, &used);
    if (child > 0) {
      lua_pushinteger(L, child);
      if (WIFEXITED(status)) lua_pushinteger(L, WEXITSTATUS(status));
      else lua_pushnil(L);
      if (WIFSIGNALED(status)) lua_pushinteger(L, WTERMSIG(status));
      else lua_pushnil(L);
      lua_pushinteger(L, (lua_Integer)used.ru_maxrss * 1024);
      return 4;
    }
    if (seconds <= 0) return 0;
    double piece = seconds < 0.02 ? seconds : 0.02;
    struct timespec pause = {0, (long)(piece * 1e9)};
    if (nanosleep(&pause, NULL) != 0) return 0;
    seconds -= piece;
  }
}

/* stop(process [, at once]): asks it to save and end, or ends it. */
static int stop(lua_State *L) {
  pid_t child = (pid_t)luaL_checkinteger(L, 1);
  if (child > 1) kill(child, lua_toboolean(L, 2) ? SIGKILL : SIGTERM);
  return 0;
}

/* read(pipe) -> what has come, nil at its end. Lua's own would wait for a line, however long it gets. */
static int read_piece(lua_State *L) {
  luaL_Stream *pipe = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  char bytes[1 << 16];
  ssize_t n;
  do n = read(fileno(pipe->f), bytes, sizeof bytes);
  while (n < 0 && errno == EINTR);
  if (n <= 0) return 0;
  lua_pushlstring(L, bytes, (size_t)n);
  return 1;
}

int lrnn_open_child(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"start", start}, {"wait", wait_for_child}, {"stop", stop}, {"read", read_piece}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
