/* folder.c: making folders, and what is in one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../internal.h"

rnn_status rnn_folder_make(rnn_ctx *ctx, const char *path) {
  RNNI_NEED(ctx, path, "path is NULL");
  char part[PATH_MAX];
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof part)
    return rnni_fail(ctx, RNN_EIO, "cannot make the folder '%.300s': a path has 1 to %d bytes", path, PATH_MAX - 1);
  memcpy(part, path, length + 1);
  for (size_t i = 1; i <= length; i++) {
    if (part[i] != '/' && part[i] != '\0') continue;
    part[i] = '\0';
    if (mkdir(part, 0777) != 0) {
      int error = errno;
      struct stat found;
      if (stat(part, &found) != 0 || !S_ISDIR(found.st_mode))
        return rnni_fail(ctx, RNN_EIO, "cannot make the folder %.300s: %s", part, strerror(error));
    }
    part[i] = path[i];
  }
  return RNN_OK;
}

static int by_bytes(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static int is_entry(const struct dirent *e) { return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0; }

/* name, and / when it is a folder; at is where its 0 goes. */
static char *put_name(int folder, const char *name, char *at) {
  struct stat info;
  at = stpcpy(at, name);
  if (fstatat(folder, name, &info, 0) == 0 && S_ISDIR(info.st_mode)) at = stpcpy(at, "/");
  return at + 1;
}

rnn_status rnn_folder_list(rnn_ctx *ctx, const char *path, char **names, size_t *size, uint64_t *id) {
  RNNI_NEED(ctx, path && names && size && id, "path, names, size or id is NULL");
  struct dirent **entries = NULL;
  struct stat info;
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = -1;
  if (folder >= 0 && fstat(folder, &info) == 0) n = scandirat(folder, ".", &entries, is_entry, by_bytes);
  if (n < 0) {
    rnn_status status = rnni_fail(ctx, RNN_EIO, "cannot open the folder %.300s: %s", path, strerror(errno));
    if (folder >= 0) close(folder);
    return status;
  }
  size_t room = 1;
  for (int i = 0; i < n; i++) room += strlen(entries[i]->d_name) + 2;
  rnn_status status = rnni_alloc(ctx, room, names);
  if (status == RNN_OK) {
    char *at = *names;
    for (int i = 0; i < n; i++) at = put_name(folder, entries[i]->d_name, at);
    *size = (size_t)(at - *names);
    *id = (uint64_t)info.st_dev << 40 ^ (uint64_t)info.st_ino;
  }
  for (int i = 0; i < n; i++) free(entries[i]);
  free(entries);
  close(folder);
  return status;
}
