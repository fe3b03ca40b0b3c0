/* sandbox.c: the parent of a sandboxed script and the birth of its child (sandbox.h). The parent opens nothing of the
 * script. It passes on what the child writes, signals that come to it, and how the child ended. */
#include "sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../binding.h"

extern char **environ;

static bool sandboxed;
static volatile sig_atomic_t child; /* its id, for the handlers */
static volatile sig_atomic_t asked; /* how often it was asked to end */
static volatile bool *built;        /* shared by both: the walls stand */

bool lrnn_sandboxed(void) { return sandboxed; }

static void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fflush(stdout);
  fputs("rnnlua: sandbox: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- options ---- */

/* A number of at least 1 with one of the units, or none, behind it. */
static long long quantity(const char *text, const char *units, const long long *worth, long long most) {
  char *end = NULL;
  errno = 0;
  long long n = text && *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : 0, unit = 1;
  if (n < 1 || errno != 0) return -1;
  const char *found = *end ? strchr(units, *end) : NULL;
  if (found) unit = worth[found - units];
  if ((*end && !found) || (*end && end[1]) || n > most / unit) return -1;
  return n * unit;
}

long long lrnn_sandbox_time(const char *text) {
  return quantity(text, "smhd", (const long long[]){1, 60, 3600, 86400}, 366 * 86400);
}

long long lrnn_sandbox_size(const char *text) {
  return quantity(text, "KMGT", (const long long[]){1 << 10, 1 << 20, 1 << 30, 1ll << 40}, 1ll << 46);
}

/* ---- the folder that it may write ---- */

enum { DEEPEST = 100 };

typedef struct usage {
  unsigned long long files, bytes, left; /* left: on the disk, for this user */
  bool hidden;                           /* there are folders that cannot be looked into */
} usage;

static void count(int parent, const char *path, int depth, usage *sum) {
  int fd = depth > DEEPEST ? -1 : openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (depth ? O_NOFOLLOW : 0));
  DIR *folder = fd < 0 ? NULL : fdopendir(fd);
  if (!folder) {
    if (depth > DEEPEST || (errno != ENOENT && errno != ENOTDIR)) sum->hidden = true;
    if (fd >= 0) close(fd);
    return;
  }
  for (struct dirent *e; (e = readdir(folder));) {
    struct stat info;
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    if (fstatat(fd, e->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    sum->files++;
    sum->bytes += (unsigned long long)info.st_blocks * 512;
    if (S_ISDIR(info.st_mode)) count(fd, e->d_name, depth + 1, sum);
  }
  closedir(folder);
}

static usage used(const lrnn_sandbox *box) {
  usage sum = {.files = 0};
  struct statvfs disk;
  count(AT_FDCWD, box->write, 0, &sum);
  if (statvfs(box->write, &disk) == 0) sum.left = (unsigned long long)disk.f_bavail * disk.f_frsize;
  return sum;
}

/* What of the folder goes too far, or NULL. A file that was removed while it is open is seen by the disk alone. */
static const char *too_much(usage before, usage now) {
  if (now.bytes > before.bytes + LRNN_SANDBOX_DISK) return "more than 4 GiB in its folder";
  if (now.files > before.files + LRNN_SANDBOX_FILES) return "more than 20000 files in its folder";
  if (now.hidden && !before.hidden) return "folders in its folder that are locked, or more than 100 deep";
  if (now.left < before.left / 2 && now.left < LRNN_SANDBOX_LEFT) return "its disk is nearly full";
  return NULL;
}

/* Makes box->write where it is not there; *fresh says that nobody chose it. */
static bool make_folder(lrnn_sandbox *box, bool *fresh) {
  static char name[PATH_MAX];
  *fresh = !box->write;
  if (box->write) {
    struct stat info;
    if (mkdir(box->write, 0777) == 0 || (stat(box->write, &info) == 0 && S_ISDIR(info.st_mode))) return true;
    say("--write %s: %s", box->write, errno == EEXIST ? "it is no folder" : strerror(errno));
    return false;
  }
  const char *base = getenv("TMPDIR");
  snprintf(name, sizeof name, "%s/rnnlua-XXXXXX", base && *base ? base : "/tmp");
  box->write = mkdtemp(name);
  if (!box->write) say("cannot make the folder %s: %s", name, strerror(errno));
  return box->write != NULL;
}

/* ---- the child ---- */

/* Only what a script needs stays, in memory too. */
static void close_environment(const lrnn_sandbox *box) {
  static const char *const kept[] = {"RNNLUA_", "TZ=", "LANG=", "LC_", "NO_COLOR="};
  static char *empty[] = {NULL};
  char **all = environ;
  environ = empty;
  for (; *all; all++) {
    bool keep = false;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) keep |= strncmp(*all, kept[i], strlen(kept[i])) == 0;
    if (keep && strncmp(*all, "RNNLUA_PATH=", 12) != 0) putenv(strdup(*all));
    explicit_bzero(*all, strlen(*all));
  }
  setenv("TMPDIR", box->write, 1);
}

/* A script that uses the terminal's width gets that of the parent's, and no more than ASCII where that shows no more. */
static void keep_terminal(int columns, bool ascii) {
  char text[16];
  snprintf(text, sizeof text, "%d", columns);
  if (columns > 0) setenv("COLUMNS", text, 1);
  if (ascii) setenv("RNNLUA_ASCII", "1", 1);
}

/* Root keeps what opens its files, and nothing else that others may not. */
static void drop_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2] = {{0}};
  if (syscall(SYS_capget, &header, sets) != 0) return;
  sets[0].permitted &= 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH | 1u << CAP_FOWNER;
  sets[0].effective = sets[0].permitted;
  sets[1].permitted = sets[1].effective = sets[0].inheritable = sets[1].inheritable = 0;
  syscall(SYS_capset, &header, sets);
}

static void become_child(const lrnn_sandbox *box, const int pipes[2][2], pid_t parent) {
  struct winsize window = {0};
  int columns = ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 ? window.ws_col : 0;
  bool ascii = !lrnn_unicode(STDOUT_FILENO);
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(LRNN_SANDBOX_REFUSED);
  int null = open("/dev/null", O_RDONLY);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(pipes[0][1], STDOUT_FILENO) < 0 ||
      dup2(pipes[1][1], STDERR_FILENO) < 0)
    _exit(LRNN_SANDBOX_REFUSED);
  setvbuf(stdout, NULL, _IOLBF, 1 << 16); /* what it has said stays said when it is stopped */
  if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0) != 0)
    for (int fd = STDERR_FILENO + 1; fd < 1024; fd++) close(fd);
  prctl(PR_SET_DUMPABLE, 0);
  drop_capabilities();
  close_environment(box);
  keep_terminal(columns, ascii);
  tzset();
  lrnn_walls_libraries();
  char message[400];
  if (!lrnn_walls_up(box, message, sizeof message)) {
    say("%s: %s", box->best_effort ? "a wall is missing" : "refused, nothing has run", message);
    if (!box->best_effort) {
      fprintf(stderr,
              "rnnlua: sandbox: another one: bwrap --ro-bind / / --tmpfs /home --bind %s %s --unshare-all rnnlua %s; "
              "--sandbox=best-effort goes on without\n",
              box->write, box->write, box->script);
      _exit(LRNN_SANDBOX_REFUSED);
    }
  }
  sandboxed = true;
  *built = true;
  munmap((void *)built, sizeof *built);
}

/* ---- the parent ---- */

static void forward(int number) {
  if (number != SIGUSR1 && number != SIGUSR2) asked++;
  if (child) kill((pid_t)child, number);
}

/* Ctrl-Z: the script waits as well. */
static void pause_both(int number) {
  (void)number;
  if (child) kill((pid_t)child, SIGSTOP);
  raise(SIGSTOP);
  if (child) kill((pid_t)child, SIGCONT);
}

enum { PIECE = 1 << 16, AT_ONCE = 4096 /* bytes that a pipe which is ready takes without waiting */ };

/* What the child writes to one of its pipes. Some waits here when nobody takes it: no limit may wait for that. */
typedef struct stream {
  int from, to; /* from: -1 at its end */
  lrnn_filter filter;
  size_t at, size; /* what waits */
  unsigned long long passed;
  char bytes[PIECE + LRNN_FILTER_HELD], last;
} stream;

static struct pollfd waits_for(const stream *s) {
  if (s->at < s->size) return (struct pollfd){.fd = s->to, .events = POLLOUT};
  return (struct pollfd){.fd = s->from, .events = POLLIN}; /* -1 is passed over */
}

/* Moves a piece on, now that it is ready; ends it when it is at its end, or nobody takes it. */
static void relay(stream *s) {
  ssize_t n;
  if (s->at < s->size) {
    size_t part = s->size - s->at;
    n = write(s->to, s->bytes + s->at, part < AT_ONCE ? part : AT_ONCE);
    if (n > 0) s->at += (size_t)n, s->passed += (size_t)n;
  } else {
    char in[PIECE];
    n = read(s->from, in, sizeof in);
    s->at = 0;
    s->size = n > 0 ? lrnn_filter_pass(&s->filter, in, (size_t)n, s->bytes) : 0;
    if (s->size > 0) s->last = s->bytes[s->size - 1];
  }
  if (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN))) return;
  close(s->from);
  s->from = -1;
  s->at = s->size = 0;
}

/* How the child ended, and when; stopped says by what limit, or NULL. */
typedef struct outcome {
  int status;
  double seconds;
  const char *stopped;
} outcome;

/* Until the child has ended and all that it said has been passed on. */
static outcome watch(const lrnn_sandbox *box, stream streams[2], usage before, double begun) {
  outcome out = {.status = 0};
  int ended = (int)syscall(SYS_pidfd_open, (pid_t)child, 0);
  double look = begun + 1, deadline = begun + (double)box->seconds, patience = 0;
  while (child || streams[0].from >= 0 || streams[1].from >= 0) {
    struct pollfd pipes[3] = {waits_for(&streams[0]), waits_for(&streams[1]), {.fd = child ? ended : -1, .events = POLLIN}};
    double t = now(), next = look < deadline ? look : deadline;
    int wait = next - t > 0.1 ? 100 : next > t ? (int)((next - t) * 1000) + 1 : 0;
    if (poll(pipes, 3, child ? wait : -1) > 0)
      for (int i = 0; i < 2; i++)
        if (pipes[i].revents) relay(&streams[i]);
    if (!child) continue;
    t = now();
    if (waitpid((pid_t)child, &out.status, WNOHANG) == (pid_t)child) {
      child = 0;
      out.seconds = t - begun;
      continue;
    }
    if (t >= deadline) { /* training saves itself; all else has ended a second later */
      kill((pid_t)child, out.stopped ? SIGKILL : SIGTERM);
      if (!out.stopped) out.stopped = "its time is over (--time)";
      deadline = t + 1;
    }
    const char *why = NULL;
    if (asked > 1 && patience == 0) patience = t + 1; /* to what was asked twice there is no answer but to end */
    if (patience > 0 && t >= patience) why = "it did not end when it was asked to, twice";
    if (streams[0].passed + streams[1].passed > LRNN_SANDBOX_OUTPUT) why = "more than 1 GiB of output";
    if (t >= look) {
      const char *full = too_much(before, used(box));
      look = now() + 1 + 20 * (now() - t);
      if (full) why = full;
    }
    if (why) kill((pid_t)child, SIGKILL);
    if (why && !out.stopped) out.stopped = why;
  }
  return out;
}

/* What the parent says stands on a line of its own, in the terminal's colours. */
static void begin_line(const stream streams[2]) {
  for (int i = 0; i < 2; i++) {
    bool terminal = isatty(streams[i].to);
    if (terminal && streams[i].filter.coloured) (void)!write(streams[i].to, "\33[m", 3);
    if ((terminal || i == 1) && streams[i].last && streams[i].last != '\n') (void)!write(streams[i].to, "\n", 1);
  }
}

static void last_line(const lrnn_sandbox *box, bool fresh, usage before, usage sum, const outcome *out) {
  unsigned long long files = sum.files > before.files ? sum.files - before.files : 0;
  char wrote[PATH_MAX + 80];
  if (fresh && sum.files == 0 && rmdir(box->write) == 0) snprintf(wrote, sizeof wrote, "it wrote nothing");
  else snprintf(wrote, sizeof wrote, "%s has %llu new file%s, %.1f MB", box->write, files, files == 1 ? "" : "s",
                (double)sum.bytes / 1e6);
  if (out->stopped) say("stopped after %.1f s: wall 3, limits: %s; %s", out->seconds, out->stopped, wrote);
  else say("ended after %.1f s; %s", out->seconds, wrote);
}

static void handle(int number, void (*handler)(int)) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, NULL);
}

static bool is_there(const char *what, const char *path) {
  if (access(path, R_OK) == 0) return true;
  say("%s%s: %s", what, path, strerror(errno));
  return false;
}

int lrnn_sandbox_start(lrnn_sandbox *box) {
  bool fresh, good = is_there("", box->script);
  if (box->seconds == 0) box->seconds = 3600;
  if (box->memory == 0) box->memory = 2ll << 30;
  for (int i = 0; i < box->read_count; i++) good = good && is_there("--read ", box->reads[i]);
  if (!good || !make_folder(box, &fresh)) return LRNN_SANDBOX_REFUSED;
  usage before = used(box);
  double begun = now();
  int pipes[2][2];
  pid_t parent = getpid();
  void *shared = mmap(NULL, sizeof *built, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  built = shared;
  if (shared == MAP_FAILED || pipe2(pipes[0], O_CLOEXEC) != 0 || pipe2(pipes[1], O_CLOEXEC) != 0) {
    say("%s", strerror(errno));
    return LRNN_SANDBOX_REFUSED;
  }
  fflush(NULL);
  pid_t id = fork();
  if (id == 0) {
    become_child(box, (const int(*)[2])pipes, parent);
    return -1;
  }
  if (id < 0) {
    say("%s", strerror(errno));
    return LRNN_SANDBOX_REFUSED;
  }
  child = id;
  close(pipes[0][1]);
  close(pipes[1][1]);
  signal(SIGPIPE, SIG_IGN);
  static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
  for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++) handle(forwarded[i], forward);
  handle(SIGTSTP, pause_both);
  static stream streams[2]; /* of 128 KB */
  for (int i = 0; i < 2; i++) streams[i] = (stream){.from = pipes[i][0], .to = STDOUT_FILENO + i};
  outcome out = watch(box, streams, before, begun);
  const usage after = used(box);
  if (!out.stopped) out.stopped = too_much(before, after); /* between two looks, or before the first */
  if (!*built && fresh) rmdir(box->write);
  begin_line(streams);
  if (*built) last_line(box, fresh, before, after, &out);
  if (out.stopped) return LRNN_SANDBOX_STOPPED;
  return WIFSIGNALED(out.status) ? 128 + WTERMSIG(out.status) : WEXITSTATUS(out.status);
}
