/* folder.c: making folders. */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

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
