/* walls.c: the three walls of the kernel around a sandboxed script (sandbox.h).
 *
 * Landlock says which files may be opened, and from ABI 3 on which may be cut. What it leaves open on a kernel of ABI 2
 * (Linux 5.19) the list of calls closes, so that the guarantee is the same there; what newer kernels add is added. Both
 * bind the calling thread and what it starts, so they are put up before there are other threads. No header of the kernel
 * is newer than Debian 12's, so constants are our own.
 *
 * An unknown call is answered with ENOSYS, which the C library takes for an older kernel; a known bad one with EPERM. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "sandbox.h"

/* ---- libraries ---- */

void lrnn_walls_libraries(void) {
  static const char *const names[] = {"libcairo.so.2", "libsndfile.so.1", "libsamplerate.so.0", "libopenblas.so.0",
                                      "libgcc_s.so.1" /* glibc's own, when a thread ends */};
  setenv("OPENBLAS_NUM_THREADS", "1", 1); /* it would start them at once, outside of the walls */
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  unsetenv("OPENBLAS_NUM_THREADS");
}

/* ---- wall 1: files ---- */

#define LANDLOCK_CREATE 444 /* the same numbers on every architecture */
#define LANDLOCK_ADD 445
#define LANDLOCK_RESTRICT 446
#define OLDEST_ABI 2
#define TOO_OLD "Landlock of this kernel is version %ld, and 2 is needed (Linux 5.19)"

enum {
  WRITE_FILE = 1 << 1,
  READ_FILE = 1 << 2,
  READ_DIR = 1 << 3,
  REMOVE_DIR = 1 << 4,
  REMOVE_FILE = 1 << 5,
  MAKE_DIR = 1 << 7,
  MAKE_FILE = 1 << 8,
  REFER = 1 << 13,
  TRUNCATE = 1 << 14,
};

struct ruleset {
  uint64_t files, network, scopes;
};

struct __attribute__((packed)) rule {
  uint64_t allowed;
  int32_t folder;
};

/* What each ABI knows: rights on files, how many rights on the network and scopes, and the size of struct ruleset. */
static const struct abi {
  uint64_t files;
  int network, scopes;
  size_t size;
} abis[] = {{0x1fff, 0, 0, 8}, {0x3fff, 0, 0, 8}, {0x7fff, 0, 0, 8}, {0x7fff, 2, 0, 16}, {0xffff, 2, 0, 16}, {0xffff, 2, 2, 24}};

typedef struct wall {
  int ruleset;
  uint64_t known; /* rights on files */
  int left;       /* entries of the script's folder that are still looked at */
} wall;

/* Gives rights below path, or to that file; false, with errno, when it cannot be opened. Rights on folders are dropped for a
 * file. */
static bool allow(const wall *w, int folder, const char *path, uint64_t rights, int flags) {
  struct stat info;
  int fd = openat(folder, path, O_PATH | O_CLOEXEC | flags);
  if (fd < 0) return false;
  bool good = fstat(fd, &info) == 0;
  if (good && flags == O_NOFOLLOW && !S_ISREG(info.st_mode)) rights = 0;
  if (good && !S_ISDIR(info.st_mode)) rights &= READ_FILE | WRITE_FILE | TRUNCATE;
  struct rule rule = {rights & w->known, fd};
  if (good && rule.allowed) good = syscall(LANDLOCK_ADD, w->ruleset, 1, &rule, 0) == 0;
  int reason = errno;
  close(fd);
  errno = reason;
  return good;
}

/* The .lua files of a script's folder and of three levels below it, one by one: it may lie in ~/Downloads. A link is not
 * followed, for it may have come with the script. */
static void allow_modules(wall *w, int parent, const char *path, int depth) {
  int fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (depth ? O_NOFOLLOW : 0));
  DIR *folder = fd < 0 ? NULL : fdopendir(fd);
  if (!folder) {
    if (fd >= 0) close(fd);
    return;
  }
  for (struct dirent *e; w->left > 0 && (e = readdir(folder));) {
    w->left--;
    const char *dot = strrchr(e->d_name, '.');
    if (e->d_name[0] == '.') continue;
    if (dot && strcmp(dot, ".lua") == 0) allow(w, fd, e->d_name, READ_FILE, O_NOFOLLOW);
    else if (depth < 3 && (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN)) allow_modules(w, fd, e->d_name, depth + 1);
  }
  closedir(folder);
}

/* What every script may read: what text, time and the look at the machine need. */
static void allow_system(const wall *w) {
  static const char *const paths[] = {"/etc/localtime", "/usr/share/zoneinfo", "/etc/fonts", "/usr/share/fonts",
                                      "/usr/local/share/fonts", "/usr/share/fontconfig", "/var/cache/fontconfig",
                                      "/proc/cpuinfo", "/proc/sys/kernel/osrelease", "/sys/devices/system/cpu"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) allow(w, AT_FDCWD, paths[i], READ_FILE | READ_DIR, 0);
  allow(w, AT_FDCWD, "/dev/null", READ_FILE | WRITE_FILE, 0);
}

/* The format takes what and the reason in errno. */
static bool say(char *message, size_t room, const char *format, const char *what) {
  snprintf(message, room, format, what, strerror(errno));
  return false;
}

static bool allow_given(wall *w, const lrnn_sandbox *box, char *message, size_t room) {
  const uint64_t read = READ_FILE | READ_DIR;
  if (!allow(w, AT_FDCWD, box->script, read, 0)) return say(message, room, "cannot open %s: %s", box->script);
  for (int i = 0; i < box->read_count; i++)
    if (!allow(w, AT_FDCWD, box->reads[i], read, 0)) return say(message, room, "--read %s: %s", box->reads[i]);
  const uint64_t write = read | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_FILE | REFER | TRUNCATE;
  if (!allow(w, AT_FDCWD, box->write, write, 0)) return say(message, room, "--write %s: %s", box->write);
  const char *slash = strrchr(box->script, '/');
  char folder[4096];
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - box->script + 1) : 2, slash ? box->script : "./");
  allow_modules(w, AT_FDCWD, folder, 0);
  allow_system(w);
  return true;
}

static bool wall_files(const lrnn_sandbox *box, char *message, size_t room) {
  long version = syscall(LANDLOCK_CREATE, NULL, (size_t)0, 1);
  if (version < 0 && errno == EOPNOTSUPP)
    return say(message, room, "Landlock is switched off in this kernel (start it with lsm=landlock,...)%s: %s", "");
  if (version < 0) return say(message, room, "this kernel has no Landlock%s: %s", "");
  if (version < OLDEST_ABI && !box->best_effort) {
    snprintf(message, room, TOO_OLD, version);
    return false;
  }
  const struct abi *abi = &abis[(version > 6 ? 6 : version) - 1];
  struct ruleset known = {abi->files, (1u << abi->network) - 1, (1u << abi->scopes) - 1};
  wall w = {(int)syscall(LANDLOCK_CREATE, &known, abi->size, 0), abi->files, 100000};
  if (w.ruleset < 0) return say(message, room, "Landlock%s: %s", "");
  if (!allow_given(&w, box, message, room)) return false;
  if (syscall(LANDLOCK_RESTRICT, w.ruleset, 0) != 0) return say(message, room, "Landlock%s: %s", "");
  close(w.ruleset);
  if (version >= OLDEST_ABI) return true;
  snprintf(message, room, TOO_OLD, version);
  return false;
}

/* ---- wall 2: calls ---- */

#if defined(__x86_64__)
#define OUR_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

static const int allowed[] = {
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_lseek, SYS_close, SYS_fstat, SYS_newfstatat,
    SYS_statx, SYS_fstatfs, SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_getcwd, SYS_getdents64, SYS_fsync,
    SYS_fdatasync, SYS_ftruncate, SYS_flock, SYS_unlinkat, SYS_mkdirat, SYS_renameat, SYS_renameat2, SYS_ppoll,
#ifdef SYS_open /* calls that newer architectures have with folders only */
    SYS_access, SYS_readlink, SYS_unlink, SYS_rmdir, SYS_mkdir, SYS_rename, SYS_poll, SYS_time,
#endif
    /* memory, threads, signals to oneself */
    SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_sched_getaffinity,
    SYS_sched_yield, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_restart_syscall,
    SYS_set_tid_address, SYS_exit, SYS_exit_group,
    /* what the machine says */
    SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_getrandom, SYS_getpid, SYS_gettid, SYS_getuid,
    SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getrusage, SYS_times, SYS_sysinfo, SYS_uname, SYS_getcpu};

/* Of what a program may ask for by mistake, so that it reads "not permitted"; the rest does not exist. */
static const int refused[] = {
    SYS_execve, SYS_execveat, SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_sendto, SYS_sendmsg, SYS_ptrace,
    SYS_process_vm_readv, SYS_process_vm_writev, SYS_kill, SYS_tkill, SYS_rt_sigqueueinfo, SYS_memfd_create, SYS_mount, SYS_unshare, SYS_setns, SYS_chroot,
    SYS_truncate, SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr,
    SYS_linkat, SYS_symlinkat, SYS_mknodat, SYS_chdir, SYS_fchdir, SYS_setrlimit, SYS_setpriority, SYS_sched_setaffinity,
    SYS_prctl, SYS_seccomp, SYS_bpf, SYS_perf_event_open, SYS_personality, SYS_setuid, SYS_setgid, SYS_capset,
    425 /* io_uring_setup */, 426, 427,
#ifdef SYS_open
    SYS_fork, SYS_vfork, SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_link, SYS_symlink, SYS_mknod,
#endif
};

#define CREATES (O_CREAT | (020000000 /* of O_TMPFILE, on both architectures */))
#define DATA(field) ((unsigned)offsetof(struct seccomp_data, field))
#define LOAD(where) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (where))
#define LOW(n) LOAD(DATA(args[n]))
#define HIGH(n) LOAD(DATA(args[n]) + 4) /* both architectures have the low half first */
#define IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), yes, no)
#define IF_ANY(bits, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), yes, no)
#define MASK(bits) BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (bits))
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define ALLOW ANSWER(SECCOMP_RET_ALLOW)
#define EPERMIT ANSWER(SECCOMP_RET_ERRNO | EPERM)
#define NO_SUCH ANSWER(SECCOMP_RET_ERRNO | ENOSYS)

typedef struct program {
  struct sock_filter code[512];
  unsigned short size;
} program;

static void add(program *p, const struct sock_filter *code, size_t n) {
  memcpy(p->code + p->size, code, n * sizeof *code);
  p->size = (unsigned short)(p->size + n);
}
#define ADD(p, ...) add(p, (struct sock_filter[]){__VA_ARGS__}, sizeof((struct sock_filter[]){__VA_ARGS__}) / sizeof(struct sock_filter))

/* A call whose arguments decide: the code loads them and answers. */
#define DECIDE(p, call, ...)                                                                    \
  do {                                                                                          \
    const struct sock_filter code[] = {__VA_ARGS__};                                            \
    ADD(p, IF(call, 0, sizeof code / sizeof *code));                                            \
    add(p, code, sizeof code / sizeof *code);                                                   \
  } while (0)

/* One of the values in the low half of argument n, and nothing in the high one. */
static void one_of(program *p, int call, int n, const unsigned *values, int count) {
  ADD(p, IF(call, 0, (unsigned char)(5 + 2 * count)), HIGH(n), IF(0, 1, 0), EPERMIT, LOW(n));
  for (int i = 0; i < count; i++) ADD(p, IF(values[i], 0, 1), ALLOW);
  ADD(p, EPERMIT);
}

static void write_program(program *p) {
  ADD(p, LOAD(DATA(arch)), IF(OUR_ARCHITECTURE, 1, 0), NO_SUCH, LOAD(DATA(nr)));
  for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) ADD(p, IF(allowed[i], 0, 1), ALLOW);
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) ADD(p, IF(refused[i], 0, 1), EPERMIT);
  /* No new machine code. */
  DECIDE(p, SYS_mmap, LOW(2), IF_ANY(PROT_EXEC, 1, 0), ALLOW, EPERMIT);
  DECIDE(p, SYS_mprotect, LOW(2), IF_ANY(PROT_EXEC, 1, 0), ALLOW, EPERMIT);
  /* A new file is no program, least of all one that runs as its owner. Landlock before ABI 3 lets a file that may be read
   * be cut. */
  DECIDE(p, SYS_openat, LOW(2), IF_ANY(CREATES, 0, 4), LOW(3), IF_ANY(~0666u, 0, 1), EPERMIT, LOW(2),
         IF_ANY(O_TRUNC, 1, 0), ALLOW, MASK(O_ACCMODE), IF(O_WRONLY, 0, 1), ALLOW, IF(O_RDWR, 0, 1), ALLOW, EPERMIT);
  /* A thread as pthread_create makes it. clone3, whose flags are out of reach, does not exist: glibc then takes clone. */
  DECIDE(p, SYS_clone, LOW(0), IF(0x3d0f00, 0, 1), ALLOW, EPERMIT);
  /* Signals to oneself, limits to be read. */
  DECIDE(p, SYS_tgkill, LOW(0), IF(getpid(), 0, 1), ALLOW, EPERMIT);
  DECIDE(p, SYS_prlimit64, LOW(2), IF(0, 0, 3), HIGH(2), IF(0, 0, 1), ALLOW, EPERMIT);
  one_of(p, SYS_ioctl, 1, (const unsigned[]){0x5401 /* TCGETS: isatty */, TIOCGWINSZ}, 2);
  one_of(p, SYS_fcntl, 1, (const unsigned[]){F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL}, 5);
  ADD(p, NO_SUCH);
}

static bool wall_calls(const lrnn_sandbox *box, char *message, size_t room) {
  (void)box;
#ifdef OUR_ARCHITECTURE
  program p = {.size = 0};
  write_program(&p);
  struct sock_fprog filter = {p.size, p.code};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0) return true;
  return say(message, room, "this kernel has no seccomp filters%s: %s", "");
#else
  errno = ENOSYS;
  return say(message, room, "no list of calls for this processor%s: %s", "");
#endif
}

/* ---- wall 3: limits ---- */

enum { FILES_OPEN = 64 };

/* The addresses that the program has now, with its libraries. */
static rlim_t size_now(void) {
  unsigned long long pages = 0;
  FILE *f = fopen("/proc/self/statm", "re");
  if (!f || fscanf(f, "%llu", &pages) != 1) pages = (1ull << 30) / 4096;
  if (f) fclose(f);
  return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static bool limit(__rlimit_resource_t which, rlim_t most, rlim_t hard) {
  struct rlimit now;
  if (getrlimit(which, &now) != 0) return false;
  if (hard > now.rlim_max) hard = now.rlim_max;
  if (most > hard) most = hard;
  return setrlimit(which, &(struct rlimit){most, hard}) == 0;
}

static bool wall_limits(const lrnn_sandbox *box, char *message, size_t room) {
  const rlim_t threads = (rlim_t)sysconf(_SC_NPROCESSORS_ONLN), seconds = (rlim_t)box->seconds * threads + 10;
  const rlim_t space = size_now() + (rlim_t)box->memory + threads * (8u << 20); /* with the threads' stacks */
  bool good = limit(RLIMIT_CPU, seconds, seconds + 10) && limit(RLIMIT_FSIZE, LRNN_SANDBOX_DISK, LRNN_SANDBOX_DISK) &&
              limit(RLIMIT_NOFILE, FILES_OPEN, FILES_OPEN) && limit(RLIMIT_CORE, 0, 0) && limit(RLIMIT_MEMLOCK, 0, 0);
#ifndef __SANITIZE_ADDRESS__ /* which wants terabytes of addresses */
  good = good && limit(RLIMIT_AS, space, space);
#else
  (void)space;
#endif
  return good || say(message, room, "setrlimit%s: %s", "");
}

/* ---- all ---- */

/* A build for tests stands behind those walls only whose numbers are in RNNLUA_WALLS, to see which holds what. */
bool lrnn_walls_stands(int number) {
#ifdef RNNLUA_SANDBOX_TEST
  const char *standing = getenv("RNNLUA_WALLS");
  return !standing || strchr(standing, '0' + number);
#else
  (void)number;
  return true;
#endif
}

bool lrnn_walls_up(const lrnn_sandbox *box, char *message, size_t room) {
  static bool (*const walls[])(const lrnn_sandbox *, char *, size_t) = {wall_limits, wall_files, wall_calls};
  static const int numbers[] = {3, 1, 2};
  *message = '\0';
  bool good = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 || say(message, room, "no_new_privs%s: %s", "");
  for (int i = 0; i < 3 && (good || box->best_effort); i++) {
    size_t used = strlen(message);
    if (!lrnn_walls_stands(numbers[i])) continue;
    if (used && used + 3 < room) memcpy(message + used, "; ", 3), used += 2;
    if (!walls[i](box, message + used, room - used)) good = false;
    else if (used) message[used - 2] = '\0';
  }
  return good;
}
