/* append.c: files that grow while a program runs, and what two programs that share a folder need.
 *
 * An append is whole or it is not there: what was written of one that failed is cut off again. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../internal.h"

/* Call it at once: it reads errno. */
static rnn_status refused(rnn_ctx *ctx, const char *path) {
  return rnni_fail(ctx, RNN_EIO, "cannot write %.300s: %s", path, strerror(errno));
}

static bool write_all(int fd, const char *from, size_t size) {
  while (size > 0) {
    ssize_t wrote = write(fd, from, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return false;
    from += wrote;
    size -= (size_t)wrote;
  }
  while (fsync(fd) != 0)
    if (errno != EINTR) return false;
  return true;
}

rnn_status rnn_file_append(rnn_ctx *ctx, const char *path, const void *bytes, size_t size, int64_t *end) {
  RNNI_NEED(ctx, path, "path is NULL");
  int fd = rnni_open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (fd < 0) return refused(ctx, path);
  struct stat before;
  rnn_status status = RNN_OK;
  if (fstat(fd, &before) != 0) {
    status = refused(ctx, path);
  } else if (!write_all(fd, bytes, size)) {
    status = refused(ctx, path);
    (void)!ftruncate(fd, before.st_size);
  } else {
    *end = before.st_size + (int64_t)size;
  }
  close(fd);
  return status;
}

rnn_status rnn_file_truncate(rnn_ctx *ctx, const char *path, int64_t size) {
  RNNI_NEED(ctx, path, "path is NULL");
  struct stat found;
  if (stat(path, &found) != 0) {
    if (errno == ENOENT && size == 0) return RNN_OK;
    return refused(ctx, path);
  }
  if (found.st_size < size)
    return rnni_fail(ctx, RNN_EFORMAT, "%.300s: expected at least %lld bytes, got %lld", path, (long long)size,
                     (long long)found.st_size);
  return truncate(path, size) == 0 ? RNN_OK : refused(ctx, path);
}

rnn_status rnn_file_lock(rnn_ctx *ctx, const char *path, int *fd) {
  RNNI_NEED(ctx, path && fd, "path or fd is NULL");
  *fd = rnni_open(path, O_RDWR | O_CREAT, 0666);
  if (*fd < 0) return refused(ctx, path);
  if (flock(*fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return RNN_OK; /* some file systems have no locks */
  close(*fd);
  *fd = -1;
  return rnni_fail(ctx, RNN_EIO, "%.300s: another process holds it", path);
}

void rnn_file_unlock(int fd) { close(fd); }

void rnn_file_sweep(const char *path) {
  char folder[PATH_MAX], prefix[NAME_MAX + 8], leftover[PATH_MAX + NAME_MAX + 2];
  const char *slash = strrchr(path, '/');
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 2, slash ? path : "./");
  int length = snprintf(prefix, sizeof prefix, "%.*s.tmp-", NAME_MAX, slash ? slash + 1 : path);
  DIR *dir = opendir(folder);
  if (!dir) return;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (strncmp(entry->d_name, prefix, (size_t)length) != 0) continue;
    snprintf(leftover, sizeof leftover, "%s%s", folder, entry->d_name);
    unlink(leftover);
  }
  closedir(dir);
}
