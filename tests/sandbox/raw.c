/* raw.c: raw(call, ...) of the program rnnlua_walls, for attempts that a script alone cannot make: any call of the kernel,
 * as machine code that has got in would make it. Arguments are integers, or strings, whose address is passed.
 * raw("address", s) is the address of a string. raw returns what the call returns and the name of the error. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <sys/syscall.h>

#include <lauxlib.h>

#include "sandbox.h"

#define CALL(name) {#name, SYS_##name}
static const struct {
  const char *name;
  long number;
} calls[] = {CALL(openat), CALL(ftruncate), CALL(fchmod), CALL(fchmodat), CALL(utimensat), CALL(setxattr), CALL(truncate), CALL(read), CALL(clone), CALL(kill), CALL(tgkill),
             CALL(getppid), CALL(ptrace), CALL(process_vm_readv), CALL(socket), CALL(connect), CALL(sendto), CALL(bind), CALL(memfd_create),
             CALL(execve), CALL(execveat), CALL(mprotect), CALL(mmap), CALL(unshare), CALL(prlimit64), CALL(ioctl), CALL(linkat), CALL(symlinkat), CALL(mknodat),
             CALL(fcntl), CALL(getpid), CALL(dup), CALL(chdir), CALL(close), CALL(setsid),
             {"io_uring_setup", 425}, {"openat2", 437}, {"pidfd_open", 434}, {"pidfd_send_signal", 424}, CALL(mkdirat)};

static int raw(lua_State *L) {
  long number = lua_isinteger(L, 1) ? (long)lua_tointeger(L, 1) : -1, a[6] = {0};
  const char *name = luaL_checkstring(L, 1);
  if (strcmp(name, "address") == 0) {
    lua_pushinteger(L, (lua_Integer)(intptr_t)luaL_checkstring(L, 2));
    return 1;
  }
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    if (strcmp(calls[i].name, name) == 0) number = calls[i].number;
  if (number < 0) return luaL_error(L, "raw: no call '%s'", name);
  for (int i = 0; i < 6 && i + 2 <= lua_gettop(L); i++)
    a[i] = lua_type(L, i + 2) == LUA_TSTRING ? (long)(intptr_t)lua_tostring(L, i + 2) : (long)luaL_checkinteger(L, i + 2);
  errno = 0;
  lua_pushinteger(L, syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]));
  lua_pushstring(L, strerrorname_np(errno));
  return 2;
}

void lrnn_raw_open(lua_State *L) { lua_register(L, "raw", raw); }
