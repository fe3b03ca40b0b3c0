/* events.c: the framing of TensorBoard's event files (TFRecord): records of any bytes, each between its length and its
 * checksums, appended to a file of its own in the run's folder.
 *
 * A run that is killed leaves a file whose last record may be cut, which readers take for its end. What must never
 * happen is a cut record with others behind it, which readers take for damage: after a failed write the file is cut
 * back to its last whole record before anything else is written. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../internal.h"

#define FULL ((size_t)1 << 16)   /* bytes that wait at most before they are written */
#define PATIENCE 1.0             /* seconds that they wait at most, as long as records come */
#define TOO_MANY ((size_t)1 << 20) /* bytes kept for a disk that takes none */
#define PREFIX "events.out.tfevents."

struct rnn_events {
  rnn_ctx *ctx;
  int fd;
  char *path;
  unsigned char *waiting; /* whole records */
  size_t used, capacity;
  off_t whole; /* size of the file up to its last whole record */
  bool torn;   /* there may be more in the file */
  double written_at;
  uint32_t table[256]; /* of the checksum */
};

/* ---- CRC-32C (Castagnoli), masked as in TensorFlow, so that a checksum of checksums is no special case ---- */

static void make_table(uint32_t *table) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78 : 0);
    table[i] = crc;
  }
}

static uint32_t masked_crc(const uint32_t *table, const unsigned char *bytes, size_t size) {
  uint32_t crc = 0xFFFFFFFF;
  for (size_t i = 0; i < size; i++) crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 255];
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xA282EAD8;
}

static unsigned char *put(unsigned char *at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) *at++ = (unsigned char)(value >> 8 * i);
  return at;
}

/* ---- the file ---- */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Readers take the files of a folder in the order of their names, which begin with seconds: a run that goes on within
   the second, or after the clock was set back, still comes after what it continues. */
static long long next_second(DIR *folder) {
  long long second = (long long)time(NULL);
  for (struct dirent *d; (d = readdir(folder));) {
    if (strncmp(d->d_name, PREFIX, strlen(PREFIX)) != 0) continue;
    long long other = strtoll(d->d_name + strlen(PREFIX), NULL, 10);
    if (other >= second && other < LLONG_MAX) second = other + 1;
  }
  return second;
}

static void host_name(char *host, size_t size) {
  if (gethostname(host, size) != 0) host[0] = '\0';
  host[size - 1] = '\0';
  for (char *c = host; *c; c++)
    if (*c == '/') *c = '_';
}

rnn_status rnn_events_open(rnn_ctx *ctx, const char *folder, rnn_events **out) {
  RNNI_NEED(ctx, folder && out, "folder or out is NULL");
  DIR *listing = opendir(folder);
  if (!listing) return rnni_fail(ctx, RNN_EIO, "cannot open the folder %.300s: %s", folder, strerror(errno));
  long long second = next_second(listing);
  closedir(listing);

  rnn_events *e;
  RNNI_TRY(rnni_calloc(ctx, sizeof *e, &e));
  *e = (rnn_events){.ctx = ctx, .fd = -1, .written_at = now()};
  make_table(e->table);
  char host[65];
  host_name(host, sizeof host);
  size_t room = strlen(folder) + strlen(PREFIX) + strlen(host) + 80;
  rnn_status status;
  RNNI_GOTO(rnni_alloc(ctx, room, &e->path));
  snprintf(e->path, room, "%s/" PREFIX "%010lld.%s.%ld.0", folder, second, host, (long)getpid());
  e->fd = rnni_open(e->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0666);
  if (e->fd < 0) {
    status = rnni_fail(ctx, RNN_EIO, "cannot write %.300s: %s", e->path, strerror(errno));
    goto done;
  }
  *out = e;
  return RNN_OK;
done:
  rnni_free(ctx, e->path);
  rnni_free(ctx, e);
  return status;
}

const char *rnn_events_path(const rnn_events *e) { return e->path; }

/* What waits stays when it cannot be written, for the next time, until it is too much. */
static rnn_status refused(rnn_events *e, int error) {
  bool lost = e->used > TOO_MANY;
  if (lost) e->used = 0;
  return rnni_fail(e->ctx, RNN_EIO, "cannot write %.300s: %s%s", e->path, strerror(error),
                   lost ? "; records are lost" : "");
}

rnn_status rnn_events_flush(rnn_events *e) {
  if (!e) return RNN_EARG;
  e->written_at = now();
  if (e->torn && ftruncate(e->fd, e->whole) != 0) return refused(e, errno);
  e->torn = false;
  size_t done = 0;
  while (done < e->used) {
    ssize_t wrote = write(e->fd, e->waiting + done, e->used - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      int error = errno;
      e->torn = ftruncate(e->fd, e->whole) != 0;
      return refused(e, error);
    }
    done += (size_t)wrote;
  }
  e->whole += (off_t)done;
  e->used = 0;
  return RNN_OK;
}

rnn_status rnn_events_record(rnn_events *e, const void *bytes, size_t size) {
  if (!e) return RNN_EARG;
  size_t need = e->used + size + 16;
  if (need > e->capacity) {
    size_t capacity = RNNI_MAX(need, 2 * e->capacity);
    RNNI_TRY(rnni_realloc(e->ctx, capacity, &e->waiting));
    e->capacity = capacity;
  }
  unsigned char *record = e->waiting + e->used;
  unsigned char *at = put(record, size, 8);
  at = put(at, masked_crc(e->table, record, 8), 4);
  memcpy(at, bytes, size);
  put(at + size, masked_crc(e->table, at, size), 4);
  e->used = need;
  return need >= FULL || now() - e->written_at >= PATIENCE ? rnn_events_flush(e) : RNN_OK;
}

rnn_status rnn_events_close(rnn_events *e) {
  if (!e) return RNN_OK;
  rnn_status status = rnn_events_flush(e);
  /* Linux has closed the file even when close() says EINTR. */
  if (close(e->fd) != 0 && errno != EINTR && status == RNN_OK) status = refused(e, errno);
  rnni_free(e->ctx, e->waiting);
  rnni_free(e->ctx, e->path);
  rnni_free(e->ctx, e);
  return status;
}
