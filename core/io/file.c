/* file.c: reading files that end, and writing a file so that its path always holds the old content or the whole new
 * one.
 *
 * The bytes go to a temporary file in the folder of the target (a rename is atomic only inside one file system),
 * which is synced and then renamed over it; then the folder is synced, so that the rename itself survives a power
 * cut. Until the rename nothing has touched the old file; after any failure the temporary one is gone. Only a
 * process that is killed can leave one behind, and its name tells which process that was.
 *
 * A target that is a link stays a link: the file it leads to is replaced. Devices, pipes and folders are refused,
 * for a rename would replace /dev/null itself. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

/* Bytes of one write(): how much goes by before an interrupt is seen. */
#define PIECE ((size_t)8 << 20)
/* Names already taken, by other contexts of this process or by a dead one of the same id, before giving up. */
#define TRIES 1000
/* Longest "tmp-PID-N" with its dot and final zero. */
#define SUFFIX 40

int rnni_open(const char *path, int flags, mode_t mode) {
  int fd = open(path, flags | O_CLOEXEC, mode);
  if (fd < 0 || fd > STDERR_FILENO) return fd;
  int higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), reason = errno;
  close(fd);
  errno = reason;
  return higher;
}

/* Call it at once: it reads errno. A path is cut to 300 bytes, so that the reason always fits into the message. */
static rnn_status refused(rnn_ctx *ctx, const char *path) {
  return rnni_fail(ctx, RNN_EIO, "cannot write %.300s: %s", path, strerror(errno));
}

/* ---- reading ---- */

static rnn_status unopened(rnn_ctx *ctx, const char *path, const char *why) {
  return rnni_fail(ctx, RNN_EIO, "cannot open %.300s: %s", path, why);
}

/* A pipe that this process has open has a writer, or had one. */
static bool is_open_already(const char *path) {
  return strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
}

rnn_status rnni_file_open(rnn_ctx *ctx, const char *path, bool pipes, int *fd, int64_t *size) {
  struct stat info;
  const char *why = NULL;
  /* O_NONBLOCK: a pipe without a writer is refused below instead of waited for. */
  do *fd = rnni_open(path, O_RDONLY | O_NONBLOCK, 0);
  while (*fd < 0 && errno == EINTR);
  if (*fd < 0) return unopened(ctx, path, errno == ENXIO ? "it is a socket, not a regular file" : strerror(errno));
  if (fstat(*fd, &info) != 0) why = strerror(errno);
  else if (S_ISDIR(info.st_mode)) why = "it is a folder, not a regular file";
  else if (S_ISFIFO(info.st_mode) && pipes && !is_open_already(path))
    why = "it is a FIFO; give it as standard input, < FIFO, and read /dev/stdin";
  else if (!S_ISREG(info.st_mode) && !(S_ISFIFO(info.st_mode) && pipes))
    why = "it is a device, pipe or socket, not a regular file";
  if (why) {
    close(*fd);
    *fd = -1;
    return unopened(ctx, path, why);
  }
  *size = S_ISREG(info.st_mode) ? info.st_size : -1;
  return RNN_OK;
}

rnn_status rnni_file_get(rnn_ctx *ctx, const char *path, int fd, void *bytes, size_t room, size_t *got) {
  for (*got = 0; *got < room;) {
    RNNI_TRY(rnni_poll(ctx));
    if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 100) == 0) continue; /* an empty pipe */
    ssize_t n = read(fd, (char *)bytes + *got, RNNI_MIN(room - *got, PIECE));
    if (n == 0) break;
    if (n > 0) *got += (size_t)n;
    else if (errno != EINTR && errno != EAGAIN)
      return rnni_fail(ctx, RNN_EIO, "cannot read %.300s: %s", path, strerror(errno));
  }
  return RNN_OK;
}

rnn_status rnn_file_read(rnn_ctx *ctx, const char *path, char **bytes, size_t *size) {
  RNNI_NEED(ctx, path && bytes && size, "path or bytes or size is NULL");
  int fd;
  int64_t expected;
  char *text = NULL;
  size_t got, room;
  RNNI_TRY(rnni_file_open(ctx, path, true, &fd, &expected));
  /* A byte more than a file of this size has: a pipe, or one of /proc, which says 0, is read on while it fills the
     room. */
  rnn_status status;
  room = expected > 0 ? (size_t)expected + 1 : PIECE;
  RNNI_GOTO(rnni_alloc(ctx, room, &text));
  RNNI_GOTO(rnni_file_get(ctx, path, fd, text, room, size));
  while (*size == room) {
    RNNI_GOTO(rnni_realloc(ctx, 2 * room, &text));
    RNNI_GOTO(rnni_file_get(ctx, path, fd, text + room, room, &got));
    *size += got;
    room *= 2;
  }
done:
  close(fd);
  if (status == RNN_OK) *bytes = text;
  else rnni_free(ctx, text);
  return status;
}

void rnn_file_read_free(rnn_ctx *ctx, char *bytes) { rnni_free(ctx, bytes); }

const char *rnn_file_kind(const void *bytes, size_t size) {
  static const struct {
    const char *bytes;
    size_t size;
    const char *kind;
    bool letters; /* which could begin a text as well: a NUL must follow */
  } kinds[] = {
      {"\x1f\x8b", 2, "compressed by gzip", false},
      {"BZh", 3, "compressed by bzip2", true},
      {"\xfd" "7zXZ", 5, "compressed by xz", false},
      {"\x28\xb5\x2f\xfd", 4, "compressed by zstd", false},
      {"7z\xbc\xaf", 4, "a 7z archive", false},
      {"PK\x03\x04", 4, "a ZIP archive, as a spreadsheet in .xlsx or .ods is: export the sheet as CSV", false},
      {"\xd0\xcf\x11\xe0", 4, "an Excel or Word file: export the sheet as CSV", false},
      {"PAR1", 4, "a Parquet file: export it as CSV", true},
      {"ARROW1", 6, "an Arrow file: export it as CSV", true},
      {"\x89HDF", 4, "an HDF5 file: export it as CSV", false},
      {"SQLite format 3", 15, "an SQLite database: export a table as CSV", false},
      {"%PDF", 4, "a PDF file", false},
      {"\xff\xfe", 2, "UTF-16: convert it first, as with iconv -f UTF-16 -t UTF-8", false},
      {"\xfe\xff", 2, "UTF-16: convert it first, as with iconv -f UTF-16 -t UTF-8", false},
  };
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (size >= kinds[i].size && memcmp(bytes, kinds[i].bytes, kinds[i].size) == 0 &&
        (!kinds[i].letters || memchr(bytes, '\0', size)))
      return kinds[i].kind;
  return NULL;
}

/* ---- writing ---- */

rnn_status rnni_file_begin(rnn_ctx *ctx, const char *path, rnni_file *f) {
  char resolved[PATH_MAX];
  struct stat old;
  const char *target = path;
  bool exists = stat(path, &old) == 0;
  if (exists) {
    if (!S_ISREG(old.st_mode))
      return rnni_fail(ctx, RNN_EIO, "cannot write %.300s: it is %s, not a regular file", path,
                       S_ISDIR(old.st_mode) ? "a folder" : "a device, pipe or socket");
    /* The folder alone decides whether a rename may replace a file; a file that may not be written stays. */
    if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0 || !realpath(path, resolved)) return refused(ctx, path);
    target = resolved;
  } else if (errno != ENOENT) {
    return refused(ctx, path);
  }

  /* One block: the temporary name, then the target's. */
  size_t length = strlen(target) + 1;
  char *temporary;
  RNNI_TRY(rnni_alloc(ctx, 2 * length + SUFFIX, &temporary));
  char *final = temporary + length + SUFFIX;
  memcpy(final, target, length);
  int fd = -1;
  for (int n = 0; n < TRIES; n++) {
    snprintf(temporary, length + SUFFIX, "%s.tmp-%ld-%d", target, (long)getpid(), n);
    /* What was private must not be readable for a moment: it begins with the old mode, or with less. */
    fd = rnni_open(temporary, O_WRONLY | O_CREAT | O_EXCL, exists ? old.st_mode & 0777 : 0666);
    if (fd >= 0 || (errno != EEXIST && errno != EINTR)) break;
  }
  if (fd < 0) {
    rnn_status status = refused(ctx, path);
    rnni_free(ctx, temporary);
    return status;
  }
  *f = (rnni_file){.fd = fd, .temporary = temporary, .path = final};
  struct stat fresh; /* where it has the mode already, none is set; some file systems have none, nor has a sandbox */
  if (exists && (fstat(fd, &fresh) != 0 || ((fresh.st_mode ^ old.st_mode) & 0777 && fchmod(fd, old.st_mode & 0777) != 0 &&
                                            errno != EPERM))) {
    rnn_status status = refused(ctx, path);
    (void)!rnni_file_finish(ctx, f, false);
    return status;
  }
  return RNN_OK;
}

rnn_status rnni_file_put(rnn_ctx *ctx, rnni_file *f, const void *bytes, size_t size) {
  const char *from = bytes;
  while (size > 0) {
    RNNI_TRY(rnni_poll(ctx));
    ssize_t wrote = write(f->fd, from, RNNI_MIN(size, PIECE));
    if (wrote < 0) {
      if (errno == EINTR) continue;
      return refused(ctx, f->path);
    }
    from += wrote;
    size -= (size_t)wrote;
  }
  return RNN_OK;
}

rnn_status rnni_file_patch(rnn_ctx *ctx, rnni_file *f, int64_t at, const void *bytes, size_t size) {
  ssize_t wrote;
  do wrote = pwrite(f->fd, bytes, size, at);
  while (wrote < 0 && errno == EINTR);
  if (wrote < 0) return refused(ctx, f->path);
  if ((size_t)wrote == size) return RNN_OK;
  return rnni_file_patch(ctx, f, at + wrote, (const char *)bytes + wrote, size - (size_t)wrote);
}

static int synced(int fd) {
  while (fsync(fd) != 0)
    if (errno != EINTR) return -1;
  return 0;
}

/* A folder that may be written but not read cannot be opened, and some file systems have nothing to sync in one:
   neither is a failure of the write. */
static rnn_status sync_folder(rnn_ctx *ctx, const char *path) {
  char folder[PATH_MAX];
  const char *slash = strrchr(path, '/');
  if (!slash) snprintf(folder, sizeof folder, ".");
  else snprintf(folder, sizeof folder, "%.*s", (int)(slash - path) + 1, path);
  int fd = rnni_open(folder, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) return RNN_OK;
  rnn_status status = RNN_OK;
  if (synced(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
    status = rnni_fail(ctx, RNN_EIO, "wrote %.300s, but cannot sync its folder: %s", path, strerror(errno));
  close(fd);
  return status;
}

/* Leaves the message alone when nothing new went wrong: a caller that gives up has its own reason in it. */
rnn_status rnni_file_finish(rnn_ctx *ctx, rnni_file *f, bool keep) {
  rnn_status status = RNN_OK;
  if (keep && synced(f->fd) != 0) status = refused(ctx, f->path);
  /* Linux has closed the file even when close() says EINTR. */
  if (close(f->fd) != 0 && errno != EINTR && keep && status == RNN_OK) status = refused(ctx, f->path);
  if (keep && status == RNN_OK && rename(f->temporary, f->path) != 0) status = refused(ctx, f->path);
  if (keep && status == RNN_OK) status = sync_folder(ctx, f->path);
  else unlink(f->temporary);
  rnni_free(ctx, f->temporary);
  *f = (rnni_file){.fd = -1};
  return status;
}

rnn_status rnn_file_write(rnn_ctx *ctx, const char *path, const void *bytes, size_t size) {
  RNNI_NEED(ctx, path, "path is NULL");
  rnni_file f;
  RNNI_TRY(rnni_file_begin(ctx, path, &f));
  rnn_status status = rnni_file_put(ctx, &f, bytes, size);
  rnn_status finished = rnni_file_finish(ctx, &f, status == RNN_OK);
  return status != RNN_OK ? status : finished;
}
