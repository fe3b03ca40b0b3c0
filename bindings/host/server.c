/* server.c: pages for a browser on this machine, for rnnlua watch, by libmicrohttpd, which is opened at its first use. It
 * listens on 127.0.0.1 alone and knows GET alone; what it answers is a Lua function's business. Everything happens inside
 * server:serve, in the thread that calls it. A stream is an answer that goes on: server-sent events. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <lauxlib.h>

#include "host.h"

#ifdef RNNLUA_MICROHTTPD
#include <microhttpd.h>

#define CLASS "rnn.Server"
#define BACKLOG ((size_t)16 << 20) /* bytes that wait for a reader who does not read: more, and it is dropped */

static struct {
  struct MHD_Daemon *(*start_daemon)(unsigned, uint16_t, MHD_AcceptPolicyCallback, void *, MHD_AccessHandlerCallback,
                                     void *, ...);
  void (*stop_daemon)(struct MHD_Daemon *);
  enum MHD_Result (*run_wait)(struct MHD_Daemon *, int32_t);
  const union MHD_DaemonInfo *(*get_daemon_info)(struct MHD_Daemon *, enum MHD_DaemonInfoType, ...);
  struct MHD_Response *(*from_buffer)(size_t, void *, enum MHD_ResponseMemoryMode);
  struct MHD_Response *(*from_callback)(uint64_t, size_t, MHD_ContentReaderCallback, void *,
                                        MHD_ContentReaderFreeCallback);
  enum MHD_Result (*add_header)(struct MHD_Response *, const char *, const char *);
  enum MHD_Result (*queue)(struct MHD_Connection *, unsigned, struct MHD_Response *);
  void (*destroy)(struct MHD_Response *);
  const char *(*lookup)(struct MHD_Connection *, enum MHD_ValueKind, const char *);
  void (*suspend)(struct MHD_Connection *);
  void (*resume)(struct MHD_Connection *);
} mhd;

static const struct {
  const char *name;
  void *slot;
} symbols[] = {{"MHD_start_daemon", &mhd.start_daemon}, {"MHD_stop_daemon", &mhd.stop_daemon},
               {"MHD_run_wait", &mhd.run_wait}, {"MHD_get_daemon_info", &mhd.get_daemon_info},
               {"MHD_create_response_from_buffer", &mhd.from_buffer},
               {"MHD_create_response_from_callback", &mhd.from_callback}, {"MHD_add_response_header", &mhd.add_header},
               {"MHD_queue_response", &mhd.queue}, {"MHD_destroy_response", &mhd.destroy},
               {"MHD_lookup_connection_value", &mhd.lookup}, {"MHD_suspend_connection", &mhd.suspend},
               {"MHD_resume_connection", &mhd.resume}};

static const char *open_library(void) {
  static bool ready;
  if (ready) return NULL;
  void *library = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);
  if (!library) return "needs libmicrohttpd.so.12 (Debian package libmicrohttpd12), which cannot be opened";
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    void *found = dlsym(library, symbols[i].name);
    if (!found) return "needs libmicrohttpd of version 0.9.75 or later";
    memcpy(symbols[i].slot, &found, sizeof found);
  }
  ready = true;
  return NULL;
}

typedef struct stream {
  struct stream *next;
  struct server *server;
  struct MHD_Connection *connection;
  lua_Integer id;
  char *bytes; /* that wait */
  size_t size, sent;
  bool suspended, dropped;
} stream;

typedef struct server {
  struct MHD_Daemon *daemon;
  lua_State *L; /* inside serve, with the handler at index 2 and an error, if there is one, at the top */
  bool failed;
  stream *streams;
} server;

/* ---- streams ---- */

static ssize_t read_stream(void *cls, uint64_t position, char *out, size_t room) {
  (void)position;
  stream *s = cls;
  if (s->dropped) return MHD_CONTENT_READER_END_OF_STREAM;
  if (s->sent == s->size) {
    s->suspended = true;
    mhd.suspend(s->connection);
    return 0;
  }
  size_t count = s->size - s->sent < room ? s->size - s->sent : room;
  memcpy(out, s->bytes + s->sent, count);
  s->sent += count;
  if (s->sent == s->size) s->sent = s->size = 0;
  return (ssize_t)count;
}

static void free_stream(void *cls) {
  stream *s = cls;
  for (stream **at = &s->server->streams; *at; at = &(*at)->next) {
    if (*at != s) continue;
    *at = s->next;
    break;
  }
  free(s->bytes);
  free(s);
}

static void wake(stream *s) {
  if (s->suspended) mhd.resume(s->connection);
  s->suspended = false;
}

static bool append(stream *s, const char *bytes, size_t size) {
  memmove(s->bytes, s->bytes + s->sent, s->size - s->sent);
  s->size -= s->sent;
  s->sent = 0;
  char *more = s->size + size <= BACKLOG ? realloc(s->bytes, s->size + size + 1) : NULL;
  if (!more) {
    s->dropped = true;
    return false;
  }
  s->bytes = more;
  memcpy(more + s->size, bytes, size);
  s->size += size;
  return true;
}

/* ---- answers ---- */

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *type,
                             struct MHD_Response *response) {
  static const char *const headers[][2] = {
      {"Cache-Control", "no-store"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                                  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}};
  if (!response) return MHD_NO;
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
    mhd.add_header(response, headers[i][0], headers[i][1]);
  mhd.add_header(response, "Content-Type", type);
  enum MHD_Result result = mhd.queue(connection, status, response);
  mhd.destroy(response);
  return result;
}

static enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned status, const char *text) {
  return reply(connection, status, "text/plain; charset=utf-8",
               mhd.from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY));
}

static enum MHD_Result begin_stream(server *s, struct MHD_Connection *connection, lua_Integer id, const char *bytes,
                                    size_t size) {
  stream *new = calloc(1, sizeof *new);
  if (!new) return MHD_NO;
  *new = (stream){.next = s->streams, .server = s, .connection = connection, .id = id};
  s->streams = new;
  append(new, bytes, size);
  struct MHD_Response *response = mhd.from_callback(MHD_SIZE_UNKNOWN, 1 << 16, read_stream, new, free_stream);
  if (!response) free_stream(new);
  return reply(connection, 200, "text/event-stream", response);
}

/* handler(path, host, name) -> status, type, bytes [, number of a stream] */
static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **seen) {
  (void)version;
  (void)upload;
  (void)upload_size;
  static char mark;
  server *s = cls;
  lua_State *L = s->L;
  if (strcmp(method, "GET") != 0) return reply_text(connection, 405, "only GET\n");
  if (!*seen) { /* the headers are there, and only now may there be an answer */
    *seen = &mark;
    return MHD_YES;
  }
  if (!L || s->failed) return MHD_NO;
  lua_pushvalue(L, 2);
  lua_pushstring(L, url);
  lua_pushstring(L, mhd.lookup(connection, MHD_HEADER_KIND, "Host"));
  lua_pushstring(L, mhd.lookup(connection, MHD_GET_ARGUMENT_KIND, "run"));
  if (lua_pcall(L, 3, 4, 0) != LUA_OK) {
    s->failed = true; /* serve raises it */
    return MHD_NO;
  }
  size_t size;
  const char *type = lua_tostring(L, -3), *bytes = lua_tolstring(L, -2, &size);
  enum MHD_Result result = MHD_NO;
  if (type && bytes && !lua_isnil(L, -1)) result = begin_stream(s, connection, lua_tointeger(L, -1), bytes, size);
  else if (type && bytes)
    result = reply(connection, (unsigned)lua_tointeger(L, -4), type,
                   mhd.from_buffer(size, (void *)(uintptr_t)bytes, MHD_RESPMEM_MUST_COPY));
  lua_pop(L, 4);
  return result;
}

/* ---- for Lua ---- */

static int close_server(lua_State *L) {
  server *s = luaL_checkudata(L, 1, CLASS);
  if (!s->daemon) return 0;
  for (stream *each = s->streams; each; each = each->next) {
    each->dropped = true;
    wake(each);
  }
  mhd.stop_daemon(s->daemon);
  s->daemon = NULL;
  return 0;
}

/* open(port) -> server, port | nil, message. Port 0: one that is free. */
static int open_server(lua_State *L) {
  lua_Integer port = luaL_checkinteger(L, 1);
  const char *missing = open_library();
  if (missing) {
    lua_pushnil(L);
    lua_pushstring(L, missing);
    return 2;
  }
  server *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (server){0};
  luaL_setmetatable(L, CLASS);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  s->daemon = mhd.start_daemon(MHD_ALLOW_SUSPEND_RESUME, (uint16_t)port, NULL, NULL, answer, s,
                               MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT, 64u, MHD_OPTION_CONNECTION_TIMEOUT, 60u,
                               MHD_OPTION_END);
  if (!s->daemon) {
    lua_pushnil(L);
    lua_pushfstring(L, "cannot listen on port %d of 127.0.0.1: is somebody else there?", (int)port);
    return 2;
  }
  const union MHD_DaemonInfo *info = mhd.get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
  lua_pushinteger(L, info ? info->port : port);
  return 2;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* server:serve(handler, seconds): answers for so long. */
static int serve(lua_State *L) {
  server *s = luaL_checkudata(L, 1, CLASS);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  double left = luaL_checknumber(L, 3), end = now() + left;
  if (!s->daemon) return luaL_error(L, "serve: the server is closed");
  luaL_checkstack(L, 32, NULL);
  s->L = L;
  while (left >= 0 && !s->failed && !lrnn_interrupt_held()) {
    mhd.run_wait(s->daemon, (int32_t)(left < 0.1 ? left * 1000 : 100));
    left = end - now();
  }
  s->L = NULL;
  if (s->failed) {
    s->failed = false;
    return lua_error(L);
  }
  return 0;
}

/* server:send(number of a stream, bytes) -> is it still there? */
static int send_bytes(lua_State *L) {
  server *s = luaL_checkudata(L, 1, CLASS);
  lua_Integer id = luaL_checkinteger(L, 2);
  size_t size;
  const char *bytes = luaL_checklstring(L, 3, &size);
  bool there = false;
  for (stream *each = s->streams; each && !there; each = each->next) {
    if (each->id != id) continue;
    there = !each->dropped && append(each, bytes, size);
    wake(each);
  }
  lua_pushboolean(L, there);
  return 1;
}

int lrnn_open_server(lua_State *L) {
  static const luaL_Reg functions[] = {{"open", open_server}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"serve", serve}, {"send", send_bytes}, {"close", close_server}, {NULL, NULL}};
  luaL_newmetatable(L, CLASS);
  lua_pushcfunction(L, close_server);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  luaL_newlib(L, functions);
  return 1;
}

#else

static int open_server(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "this rnnlua was built without libmicrohttpd (Debian package libmicrohttpd-dev)");
  return 2;
}

int lrnn_open_server(lua_State *L) {
  static const luaL_Reg functions[] = {{"open", open_server}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}

#endif
