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

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../binding.h"

extern char **environ;

static bool sandboxed;
static volatile sig_atomic_t child; /* its id, for the handler */

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

typedef struct usage {
  unsigned long long files, bytes;
} usage;

static void count(int parent, const char *path, int depth, usage *sum) {
  int fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (depth ? O_NOFOLLOW : 0));
  DIR *folder = fd < 0 ? NULL : fdopendir(fd);
  if (!folder) {
    if (fd >= 0) close(fd);
    return;
  }
  for (struct dirent *e; (e = readdir(folder));) {
    struct stat info;
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    if (fstatat(fd, e->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    sum->files++;
    sum->bytes += (unsigned long long)info.st_blocks * 512;
    if (S_ISDIR(info.st_mode) && depth < 100) count(fd, e->d_name, depth + 1, sum);
  }
  closedir(folder);
}

static usage used(const lrnn_sandbox *box) {
  usage sum = {0, 0};
  count(AT_FDCWD, box->write, 0, &sum);
  return sum;
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
}

/* ---- the parent ---- */

static void forward(int number) {
  if (child) kill((pid_t)child, number);
}

static void send_all(int fd, const char *bytes, size_t size, bool *broken) {
  while (size > 0 && !*broken) {
    ssize_t n = write(fd, bytes, size);
    if (n < 0 && errno == EAGAIN) poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 100);
    else if (n < 0 && errno != EINTR) *broken = true;
    if (n > 0) bytes += n, size -= (size_t)n;
  }
}

/* Passes on what waits in the pipe from; closes it at its end, or when nobody takes it. */
static void relay(struct pollfd *from, int to, lrnn_filter *filter) {
  char in[1 << 16], out[sizeof in + LRNN_FILTER_HELD];
  bool broken = false;
  ssize_t n = read(from->fd, in, sizeof in);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n > 0) send_all(to, out, lrnn_filter_pass(filter, in, (size_t)n, out), &broken);
  if (n > 0 && !broken) return;
  close(from->fd);
  from->fd = -1;
}

/* Until the child has ended: how; *stopped says by what limit, or NULL. */
static int watch(const lrnn_sandbox *box, int out, int err, usage before, double begun, const char **stopped) {
  struct pollfd pipes[3] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}, {.events = POLLIN}};
  pipes[2].fd = (int)syscall(SYS_pidfd_open, (pid_t)child, 0); /* -1 is passed over */
  lrnn_filter filters[2] = {{.count = 0}, {.count = 0}};
  double look = begun + 1, deadline = begun + (double)box->seconds;
  int status = 0;
  bool ended = false;
  for (;;) {
    double t = now(), next = look < deadline ? look : deadline;
    int wait = next - t > 0.1 ? 100 : next > t ? (int)((next - t) * 1000) + 1 : 0;
    if (poll(pipes, ended ? 2 : 3, ended ? 0 : wait) == 0 && ended) return status;
    for (int i = 0; i < 2; i++)
      if (pipes[i].revents) relay(&pipes[i], i + 1, &filters[i]);
    if (!ended && waitpid((pid_t)child, &status, WNOHANG) == (pid_t)child) ended = true, child = 0;
    if (ended) continue;
    t = now();
    if (t >= deadline) { /* training saves itself; all else has ended a second later */
      kill((pid_t)child, *stopped ? SIGKILL : SIGTERM);
      if (!*stopped) *stopped = "its time is over (--time)";
      deadline = t + 1;
    }
    if (t < look) continue;
    usage sum = used(box);
    look = now() + 1 + 20 * (now() - t);
    bool full = sum.bytes > before.bytes + LRNN_SANDBOX_DISK, many = sum.files > before.files + LRNN_SANDBOX_FILES;
    if (!full && !many) continue;
    kill((pid_t)child, SIGKILL);
    *stopped = full ? "more than 4 GiB in its folder" : "more than 20000 files in its folder";
  }
}

static void last_line(const lrnn_sandbox *box, bool fresh, usage before, double seconds, const char *stopped) {
  usage sum = used(box);
  unsigned long long files = sum.files > before.files ? sum.files - before.files : 0;
  char wrote[PATH_MAX + 80];
  if (fresh && sum.files == 0 && rmdir(box->write) == 0) snprintf(wrote, sizeof wrote, "it wrote nothing");
  else snprintf(wrote, sizeof wrote, "%s has %llu new file%s, %.1f MB", box->write, files, files == 1 ? "" : "s",
                (double)sum.bytes / 1e6);
  if (stopped) say("stopped after %.1f s: wall 3, limits: %s; %s", seconds, stopped, wrote);
  else say("ended after %.1f s; %s", seconds, wrote);
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
  if (pipe2(pipes[0], O_CLOEXEC) != 0 || pipe2(pipes[1], O_CLOEXEC) != 0) {
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
  const char *stopped = NULL;
  int status = watch(box, pipes[0][0], pipes[1][0], before, begun, &stopped);
  bool refused = WIFEXITED(status) && WEXITSTATUS(status) == LRNN_SANDBOX_REFUSED;
  if (refused && fresh) rmdir(box->write);
  if (!refused) last_line(box, fresh, before, now() - begun, stopped);
  if (stopped) return LRNN_SANDBOX_STOPPED;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
