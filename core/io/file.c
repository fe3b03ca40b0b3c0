/* file.c: writing a file so that its path always holds the old content or the whole new one.
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
    /* What was private must not be readable for a moment: an existing file's mode is given only after opening. */
    fd = rnni_open(temporary, O_WRONLY | O_CREAT | O_EXCL, exists ? 0600 : 0666);
    if (fd >= 0 || (errno != EEXIST && errno != EINTR)) break;
  }
  if (fd < 0) {
    rnn_status status = refused(ctx, path);
    rnni_free(ctx, temporary);
    return status;
  }
  *f = (rnni_file){.fd = fd, .temporary = temporary, .path = final};
  if (exists && fchmod(fd, old.st_mode & 0777) != 0) {
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
  rnni_file f;
  RNNI_TRY(rnni_file_begin(ctx, path, &f));
  rnn_status status = rnni_file_put(ctx, &f, bytes, size);
  rnn_status finished = rnni_file_finish(ctx, &f, status == RNN_OK);
  return status != RNN_OK ? status : finished;
}
