/* map.c: parts of files as memory. Reading what another process has cut off a file raises SIGBUS: that is zeros then, and
 * ops on it fail. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/* Ranges are reused and never freed, so that a handler can walk them. */
typedef struct range {
  atomic_uintptr_t start, end; /* 0: unused */
  atomic_bool cut;
  struct range *next;
} range;

static _Atomic(range *) ranges;
atomic_bool rnni_files_cut;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction before;

static range *find(uintptr_t at) {
  for (range *r = atomic_load(&ranges); r; r = r->next)
    if (at >= atomic_load(&r->start) && at < atomic_load(&r->end)) return r;
  return NULL;
}

static void lost(int number, siginfo_t *info, void *context) {
  const uintptr_t page = (uintptr_t)info->si_addr & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
  const int error = errno;
  range *r = find((uintptr_t)info->si_addr);
  void *zeros = r ? mmap((void *)page, atomic_load(&r->end) - page, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) : MAP_FAILED;
  errno = error;
  if (zeros != MAP_FAILED) {
    atomic_store(&r->cut, true);
    atomic_store(&rnni_files_cut, true);
  } else if (before.sa_flags & SA_SIGINFO) {
    before.sa_sigaction(number, info, context);
  } else {
    sigaction(SIGBUS, &before, NULL); /* it comes again */
  }
}

static void watch(void) {
  struct sigaction action = {.sa_sigaction = lost, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGBUS, &action, &before);
}

rnn_status rnni_map(rnn_ctx *ctx, const char *path, int fd, int64_t offset, size_t size, char **out) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  range *r;
  pthread_once(&once, watch);
  char *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, offset);
  if (start == MAP_FAILED) return rnni_fail(ctx, RNN_EIO, "cannot map %.200s: %s", path, strerror(errno));
  pthread_mutex_lock(&lock);
  for (r = atomic_load(&ranges); r && atomic_load(&r->start); r = r->next) {}
  if (!r && (r = calloc(1, sizeof *r))) {
    r->next = atomic_load(&ranges);
    atomic_store(&ranges, r);
  }
  if (r) {
    atomic_store(&r->cut, false);
    atomic_store(&r->end, (uintptr_t)start + size);
    atomic_store(&r->start, (uintptr_t)start);
  }
  pthread_mutex_unlock(&lock);
  if (r) {
    *out = start;
    return RNN_OK;
  }
  munmap(start, size);
  return rnni_fail(ctx, RNN_ENOMEM, "out of memory: mapping %.200s", path);
}

void rnni_unmap(char *start, size_t size) {
  pthread_mutex_lock(&lock);
  range *r = find((uintptr_t)start);
  if (r) atomic_store(&r->start, 0);
  if (r) atomic_store(&r->end, 0);
  pthread_mutex_unlock(&lock);
  munmap(start, size);
}

bool rnni_is_cut(const rnn_tensor *t) {
  if (!t || !t->storage->mapped) return false;
  const range *r = find((uintptr_t)t->storage->data);
  return r && atomic_load(&r->cut);
}
