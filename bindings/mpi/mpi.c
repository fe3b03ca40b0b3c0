/* mpi.c: a module for Lua that moves bytes between the processes that mpirun has started, the ranks. It is built once for
 * each MPI and opened by stdlib/rnn/ranks.lua; the program knows nothing of it. MPI adds nothing up: sums are made in an
 * order of our own, so that they are the same for any number of ranks. */
#include <mpi.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

#define SILENCE 60        /* seconds after which the ranks that have not come are named */
#define AGAIN 75          /* EX_TEMPFAIL: stopped by a signal, to be started again */
#define APART 1e-3        /* seconds that are waited without sleep where each rank has a processor of its own */
#define LONGEST 500e-6    /* seconds of a sleep */
#define HEAD 504          /* bytes of a message that go out at once */
#define FAILED 9          /* a message: the first rank has failed, too */
#define LAST (1 << 14)    /* bytes of what a silent rank had to say that are shown when it fails */

static int rank, size;
static char host[MPI_MAX_PROCESSOR_NAME];
static char (*hosts)[MPI_MAX_PROCESSOR_NAME];
static int kept_errors = -1, real_errors = -1; /* file descriptors: what a silent rank writes, where it would go */
static double waited; /* seconds in exchanges */
static double apart;  /* seconds that are waited without sleep */
static MPI_Comm world;
static MPI_Request *requests, *sums; /* 2 * size: of messages that are waited for at once, and of sums under way */
static pid_t process;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the end ---- */

static void show_errors(void) {
  static char text[LAST];
  off_t end = kept_errors < 0 ? 0 : lseek(kept_errors, 0, SEEK_END);
  off_t from = end > LAST - 1 ? end - (LAST - 1) : 0;
  ssize_t length = end > 0 ? pread(kept_errors, text, LAST - 1, from) : 0;
  dprintf(real_errors < 0 ? 2 : real_errors, "rank %d of %d (%s): %.*s%s", rank, size, host,
          length > 0 ? (int)length : 0, text, length > 0 ? "" : "it ended with an error\n");
}

/* A rank that fails ends all: the others would wait for it. Where the script fails in the same way in every rank, the
 * first one has said so, and tells the others, which do not repeat it. */
static void at_exit(int status, void *arg) {
  int done;
  (void)arg;
  if (getpid() != process || MPI_Finalized(&done) != MPI_SUCCESS || done) return;
  if (status == 0 || status == AGAIN) {
    MPI_Finalize();
    return;
  }
  if (rank > 0) {
    int failed = 0;
    for (double until = now() + 0.5; !failed && now() < until; sched_yield())
      MPI_Iprobe(0, FAILED, world, &failed, MPI_STATUS_IGNORE);
    if (!failed) show_errors();
  } else {
    for (int i = 1; i < size; i++) MPI_Isend(NULL, 0, MPI_BYTE, i, FAILED, world, &requests[i]);
  }
  nanosleep(&(struct timespec){0, 100000000}, NULL); /* MPICH's launcher drops what it has not passed on by then */
  MPI_Abort(MPI_COMM_WORLD, status);
}

/* ---- exchange ---- */

/* Request i is of rank i, those from size on are what we send. Waits for all of them; says who is missing. Ranks that run
 * at once are apart for a part of a step, and so long they look again and again: who sleeps, or yields, gives a processor
 * that others want, too, away for milliseconds. */
static void wait_for(lua_State *L, MPI_Request *all) {
  double begun = now(), told = begun + SILENCE;
  for (int done = 0; !done;) {
    if (MPI_Testall(2 * size, all, &done, MPI_STATUSES_IGNORE) != MPI_SUCCESS)
      luaL_error(L, "rank %d of %d (%s): a rank was lost", rank, size, host);
    double t = now();
    if (done || t - begun < apart) continue;
    double nap = (t - begun) / 8;
    nanosleep(&(struct timespec){0, (long)(1e9 * (nap < LONGEST ? nap : LONGEST))}, NULL);
    if (t < told) continue;
    told = t + SILENCE;
    for (int i = 0; i < size; i++) {
      int there = 1;
      if (all[i] != MPI_REQUEST_NULL) MPI_Request_get_status(all[i], &there, MPI_STATUS_IGNORE);
      if (!there)
        dprintf(real_errors < 0 ? 2 : real_errors, "rank %d of %d (%s) waits since %.0f s for rank %d (%s)\n", rank, size,
                host, t - begun, i, hosts[i]);
    }
  }
  waited += now() - begun;
}

static int count_of(lua_State *L, int64_t bytes) {
  if (bytes < 0 || bytes > INT32_MAX) luaL_error(L, "a message of %d MB is too long for MPI", (int)(bytes >> 20));
  return (int)bytes;
}

static void receive(lua_State *L, int from, void *to, int64_t bytes, int tag, MPI_Request *all) {
  MPI_Irecv(to, count_of(L, bytes), MPI_BYTE, from, tag, world, &all[from]);
}

static void send(lua_State *L, int to, const void *from, int64_t bytes, int tag, MPI_Request *all) {
  MPI_Isend(from, count_of(L, bytes), MPI_BYTE, to, tag, world, &all[size + to]);
}

static void no_requests(MPI_Request *all) {
  for (int i = 0; i < 2 * size; i++) all[i] = MPI_REQUEST_NULL;
}

/* gather(text) -> { text of rank 0, of rank 1 ... }, in every rank */
static int gather(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  typedef struct { uint64_t length; char text[HEAD]; } head;
  head *heads = lua_newuserdatauv(L, sizeof *heads * (size_t)(size + 1), 0), *mine = heads + size;
  *mine = (head){.length = length};
  memcpy(mine->text, text, length < HEAD ? length : HEAD);
  no_requests(requests);
  for (int i = 0; i < size; i++)
    if (i != rank) {
      receive(L, i, &heads[i], sizeof *heads, 1, requests);
      send(L, i, mine, sizeof *mine, 1, requests);
    }
  wait_for(L, requests);
  heads[rank] = *mine;
  char **rest = lua_newuserdatauv(L, sizeof *rest * (size_t)size, 0);
  luaL_checkstack(L, size + 4, NULL);
  no_requests(requests);
  for (int i = 0; i < size; i++) {
    rest[i] = NULL;
    if (i == rank) continue;
    if (heads[i].length > HEAD) {
      rest[i] = lua_newuserdatauv(L, heads[i].length, 0);
      receive(L, i, rest[i] + HEAD, (int64_t)(heads[i].length - HEAD), 2, requests);
    }
    if (length > HEAD) send(L, i, text + HEAD, (int64_t)(length - HEAD), 2, requests);
  }
  wait_for(L, requests);
  lua_createtable(L, size, 0);
  for (int i = 0; i < size; i++) {
    if (i == rank) lua_pushvalue(L, 1);
    else if (!rest[i]) lua_pushlstring(L, heads[i].text, heads[i].length);
    else {
      memcpy(rest[i], heads[i].text, HEAD);
      lua_pushlstring(L, rest[i], heads[i].length);
    }
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* Rank r looks after the elements from cut(n, r) to cut(n, r + 1). */
static int64_t cut(int64_t n, int r) { return n * r / size; }

/* scatter({ address of a sum, ... }, { sums of rank 0, ... }, n, bytes of an element, address, whole): each rank gets its
 * part of every sum of every rank, in their order, one behind the other, or with whole all of it. Sums have n elements.
 * They are there after arrived(). */
static int scatter(lua_State *L) {
  int64_t n = luaL_checkinteger(L, 3), width = luaL_checkinteger(L, 4);
  char *to = lua_touserdata(L, 5);
  bool whole = lua_toboolean(L, 6);
  int own = (int)luaL_len(L, 1);
  const int64_t mine = (whole ? n : cut(n, rank + 1) - cut(n, rank)) * width;
  no_requests(sums);
  const char **from = lua_newuserdatauv(L, sizeof *from * (size_t)(own + 1), 0);
  MPI_Aint *places = lua_newuserdatauv(L, sizeof *places * (size_t)(own + 1), 0);
  int *lengths = lua_newuserdatauv(L, sizeof *lengths * (size_t)(own + 1), 0);
  for (int k = 0; k < own; k++) {
    lua_rawgeti(L, 1, k + 1);
    from[k] = lua_touserdata(L, -1);
    lua_pop(L, 1);
  }
  for (int r = 0; r < size; r++) {
    int64_t begin = whole ? 0 : cut(n, r) * width, theirs = (whole ? n : cut(n, r + 1) - cut(n, r)) * width;
    lua_rawgeti(L, 2, r + 1);
    int64_t count = lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (r == rank) {
      for (int k = 0; k < own; k++) memcpy(to + k * mine, from[k] + begin, (size_t)mine);
    } else {
      if (count > 0 && mine > 0) receive(L, r, to, count * mine, 3, sums);
      if (own == 1 && theirs > 0) {
        send(L, r, from[0] + begin, theirs, 3, sums);
      } else if (own > 0 && theirs > 0) {
        MPI_Datatype type;
        for (int k = 0; k < own; k++) {
          MPI_Get_address(from[k] + begin, &places[k]);
          lengths[k] = count_of(L, theirs);
        }
        MPI_Type_create_hindexed(own, lengths, places, MPI_BYTE, &type);
        MPI_Type_commit(&type);
        MPI_Isend(MPI_BOTTOM, 1, type, r, 3, world, &sums[size + r]);
        MPI_Type_free(&type); /* once the message is sent */
      }
    }
    to += count * mine;
  }
  return 0;
}

/* arrived(): all that scatter has asked for is there, and what it has sent may be changed. */
static int arrived(lua_State *L) {
  wait_for(L, sums);
  return 0;
}

/* collect(address of this rank's part, n, bytes of an element, address): all parts, in every rank. */
static int collect(lua_State *L) {
  const char *part = lua_touserdata(L, 1);
  int64_t n = luaL_checkinteger(L, 2), width = luaL_checkinteger(L, 3);
  char *to = lua_touserdata(L, 4);
  int64_t mine = (cut(n, rank + 1) - cut(n, rank)) * width;
  no_requests(requests);
  for (int r = 0; r < size; r++) {
    int64_t theirs = (cut(n, r + 1) - cut(n, r)) * width;
    if (r == rank) {
      memmove(to + cut(n, r) * width, part, (size_t)mine);
      continue;
    }
    if (theirs > 0) receive(L, r, to + cut(n, r) * width, theirs, 4, requests);
    if (mine > 0) send(L, r, part, mine, 4, requests);
  }
  wait_for(L, requests);
  return 0;
}

/* waited() -> seconds in exchanges so far */
static int seconds_waited(lua_State *L) {
  lua_pushnumber(L, waited);
  return 1;
}

/* ---- the beginning ---- */

/* What other ranks than the first print is what the first prints. */
static void be_silent(void) {
  int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null >= 0) {
    dup2(null, 1);
    close(null);
  }
  real_errors = fcntl(2, F_DUPFD_CLOEXEC, 3);
  kept_errors = memfd_create("errors", MFD_CLOEXEC);
  if (kept_errors < 0 || real_errors < 0) return;
  fcntl(kept_errors, F_SETFL, O_APPEND);
  dup2(kept_errors, 2);
}

/* Processors that this rank may use, shared with how many ranks of its node that may use the same ones. */
static void processors(int *count, int *sharing) {
  MPI_Comm node;
  int ranks, me;
  cpu_set_t set, *all;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node);
  MPI_Comm_size(node, &ranks);
  MPI_Comm_rank(node, &me);
  all = calloc((size_t)ranks, sizeof *all);
  *count = CPU_COUNT(&set);
  *sharing = 1;
  if (all) {
    *sharing = 0;
    MPI_Allgather(&set, sizeof set, MPI_BYTE, all, sizeof set, MPI_BYTE, node);
    for (int i = 0; i < ranks; i++) {
      cpu_set_t both;
      CPU_AND(&both, &set, &all[i]);
      *sharing += CPU_COUNT(&both) > 0;
    }
  }
  free(all);
  MPI_Comm_free(&node);
}

__attribute__((visibility("default"))) int luaopen_rnnlua_mpi(lua_State *L);

int luaopen_rnnlua_mpi(lua_State *L) {
  int ready, provided, length, count, sharing;
  char version[MPI_MAX_LIBRARY_VERSION_STRING];
  MPI_Initialized(&ready);
  if (ready) return luaL_error(L, "MPI is open already");
  if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) return luaL_error(L, "MPI_Init failed");
  MPI_Comm_dup(MPI_COMM_WORLD, &world);
  MPI_Comm_set_errhandler(world, MPI_ERRORS_RETURN);
  MPI_Comm_rank(world, &rank);
  MPI_Comm_size(world, &size);
  MPI_Get_processor_name(host, &length);
  MPI_Get_library_version(version, &length);
  version[strcspn(version, "\n,")] = '\0';
  for (char *c = version; *c; c++)
    if (*c == '\t') *c = ' ';
  hosts = calloc((size_t)size, sizeof *hosts);
  requests = calloc(2 * (size_t)size, sizeof(MPI_Request));
  sums = calloc(2 * (size_t)size, sizeof(MPI_Request));
  if (!hosts || !requests || !sums) return luaL_error(L, "not enough memory");
  MPI_Allgather(host, sizeof host, MPI_BYTE, hosts, sizeof host, MPI_BYTE, world);
  processors(&count, &sharing);
  apart = sharing <= count ? APART : 0;
  process = getpid();
  int own = (int)process, *pids = lua_newuserdatauv(L, sizeof *pids * (size_t)size, 0);
  MPI_Allgather(&own, 1, MPI_INT, pids, 1, MPI_INT, world);
  on_exit(at_exit, NULL);
  prctl(PR_SET_TIMERSLACK, 1000UL); /* nanoseconds by which a sleep may be late, 50000 otherwise */
  if (rank > 0) be_silent();
  static const luaL_Reg functions[] = {{"gather", gather}, {"scatter", scatter}, {"arrived", arrived},
                                       {"collect", collect}, {"waited", seconds_waited}, {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_pushinteger(L, rank);
  lua_setfield(L, -2, "rank");
  lua_pushinteger(L, size);
  lua_setfield(L, -2, "size");
  lua_pushinteger(L, count);
  lua_setfield(L, -2, "processors");
  lua_pushinteger(L, sharing);
  lua_setfield(L, -2, "sharing");
  lua_pushstring(L, version);
  lua_setfield(L, -2, "version");
  lua_createtable(L, size, 0);
  for (int i = 0; i < size; i++) {
    lua_pushstring(L, hosts[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "hosts");
  lua_createtable(L, size, 0);
  for (int i = 0; i < size; i++) {
    lua_pushinteger(L, pids[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "processes");
  return 1;
}
