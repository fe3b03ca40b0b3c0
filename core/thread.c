/* thread.c: a pool of threads that take numbered tasks. Which thread takes which task never matters to a result: tasks
 * write to places of their own. Waiting threads spin for some hundred microseconds, because the next piece of a training
 * step usually comes at once, and a processor that has slept takes as long to be there again; then they sleep. The
 * caller works too and waits only for tasks that somebody has begun: on a busy machine a thread that gets no processor
 * costs nothing. Tasks run in the floating-point mode of the caller. Signals are left to the main thread.
 *
 * A forked process has none of the threads: a pool from before is left as it is, locks and all, and made anew. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#include "internal.h"
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define SPINS 20000

static atomic_uint forks; /* that led to this process, since there are pools */

static void count_fork(void) { atomic_fetch_add(&forks, 1); }
static void watch_forks(void) { pthread_atfork(NULL, NULL, count_fork); }

struct rnni_pool {
  int count; /* beside the caller */
  unsigned forks; /* when it was made */
  pthread_t *threads;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  /* The job at hand, in one word, so that a thread which comes late sees all of it or nothing: its number (24 bits), how
     many tasks it has (20), and the next task to take (20). fn and arg are written before and stay until all is done. */
  atomic_ullong ticket;
  atomic_int done;      /* tasks finished */
  int sleepers;         /* under lock */
  atomic_bool stop;
  void (*fn)(void *arg, int task);
  void *arg;
  uint64_t mode;
};

uint64_t rnni_float_mode(void) {
#if defined(__x86_64__)
  return _mm_getcsr();
#elif defined(__aarch64__)
  uint64_t mode;
  __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
#else
  return 0;
#endif
}

void rnni_set_float_mode(uint64_t mode) {
#if defined(__x86_64__)
  _mm_setcsr((unsigned)mode);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(mode));
#else
  (void)mode;
#endif
}

void rnni_flush_subnormals(void) {
#if defined(__x86_64__)
  rnni_set_float_mode(rnni_float_mode() | 0x8040); /* results and operands */
#elif defined(__aarch64__)
  rnni_set_float_mode(rnni_float_mode() | 1u << 24);
#endif
}

static void pause_briefly(void) {
#ifdef __x86_64__
  __builtin_ia32_pause();
#else
  atomic_signal_fence(memory_order_seq_cst);
#endif
}

#define INDEX_BITS 20
#define INDEX_MASK ((1ull << INDEX_BITS) - 1)

static unsigned long long job_of(const rnni_pool *p) { return atomic_load(&p->ticket) >> 2 * INDEX_BITS; }

static void take_tasks(rnni_pool *p) {
  for (;;) {
    unsigned long long t = atomic_fetch_add(&p->ticket, 1);
    unsigned long long i = t & INDEX_MASK, tasks = t >> INDEX_BITS & INDEX_MASK;
    if (i >= tasks) return;
    rnni_set_float_mode(p->mode);
    p->fn(p->arg, (int)i);
    atomic_fetch_add(&p->done, 1);
  }
}

static void *worker(void *arg) {
  rnni_pool *p = arg;
  unsigned long long seen = 0;
  for (;;) {
    for (int i = 0; i < SPINS && job_of(p) == seen; i++) pause_briefly();
    if (job_of(p) == seen) {
      pthread_mutex_lock(&p->lock);
      p->sleepers++;
      while (job_of(p) == seen) pthread_cond_wait(&p->wake, &p->lock);
      p->sleepers--;
      pthread_mutex_unlock(&p->lock);
    }
    seen = job_of(p);
    if (atomic_load(&p->stop)) return NULL;
    take_tasks(p);
  }
}

static void start_job(rnni_pool *p, int tasks) {
  unsigned long long job = (job_of(p) + 1) & 0xffffff;
  pthread_mutex_lock(&p->lock);
  atomic_store(&p->ticket, job << 2 * INDEX_BITS | (unsigned long long)tasks << INDEX_BITS);
  if (p->sleepers) pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
}

void rnni_threads_stop(rnn_ctx *ctx) {
  rnni_pool *p = ctx->pool;
  if (!p) return;
  if (p->forks == atomic_load(&forks)) {
    atomic_store(&p->stop, true);
    start_job(p, 0);
    for (int i = 0; i < p->count; i++) pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
  }
  rnni_free(ctx, p->threads);
  rnni_free(ctx, p);
  ctx->pool = NULL;
}

/* The pool, or NULL when it cannot be had: then the caller does the work alone, with the same result. */
static rnni_pool *pool_of(rnn_ctx *ctx) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  if (ctx->pool && ctx->pool->forks != atomic_load(&forks)) rnni_threads_stop(ctx);
  if (ctx->pool || ctx->threads < 2) return ctx->pool;
  rnni_pool *p;
  pthread_once(&once, watch_forks);
  if (rnni_calloc(ctx, sizeof *p, &p) != RNN_OK) return NULL;
  if (rnni_array(ctx, ctx->threads - 1, sizeof *p->threads, &p->threads) != RNN_OK) {
    rnni_free(ctx, p);
    return NULL;
  }
  p->forks = atomic_load(&forks);
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->wake, NULL);
  sigset_t all, before;
  sigfillset(&all);
  sigdelset(&all, SIGBUS); /* of what the thread itself reads: map.c */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (p->count < ctx->threads - 1 && pthread_create(&p->threads[p->count], NULL, worker, p) == 0) p->count++;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  ctx->pool = p;
  return p;
}

/* ---- what more cores would give ---- */

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

rnn_status rnn_ctx_measure(rnn_ctx *ctx, bool on) {
  RNNI_NEED(ctx, true, "");
  rnni_free(ctx, ctx->regions);
  ctx->regions = NULL;
  return on ? rnni_calloc(ctx, RNN_REGIONS * sizeof *ctx->regions, &ctx->regions) : RNN_OK;
}

const rnn_region *rnn_ctx_regions(const rnn_ctx *ctx) { return ctx->regions; }

/* One task after the other, each with its time. The last place takes what no other is left for. */
static void measure(rnn_ctx *ctx, int tasks, void (*fn)(void *arg, int task), void *arg, const char *name) {
  rnn_region *r = ctx->regions;
  double longest = 0, before = seconds();
  while (r < ctx->regions + RNN_REGIONS - 1 && r->name && r->name != name) r++;
  r->name = name;
  for (int i = 0; i < tasks; i++) {
    fn(arg, i);
    double after = seconds();
    r->work += after - before;
    longest = RNNI_MAX(longest, after - before);
    before = after;
  }
  r->longest += longest;
  r->tasks += tasks;
  r->calls++;
}

void rnni_parallel_named(rnn_ctx *ctx, int tasks, void (*fn)(void *arg, int task), void *arg, const char *name) {
  if (ctx->regions && tasks > 0) {
    measure(ctx, tasks, fn, arg, name);
    return;
  }
  rnni_pool *p = tasks > 1 ? pool_of(ctx) : NULL;
  if (!p || p->count == 0) {
    for (int i = 0; i < tasks; i++) fn(arg, i);
    return;
  }
  p->fn = fn;
  p->arg = arg;
  p->mode = rnni_float_mode();
  atomic_store(&p->done, 0);
  start_job(p, tasks);
  take_tasks(p);
  for (int i = 0; atomic_load(&p->done) < tasks; i++) {
    if (i < SPINS) pause_briefly();
    else sched_yield();
  }
}

int rnni_threads_for(const rnn_ctx *ctx, double multiply_adds) {
  /* Handing a task to a waiting thread costs half a microsecond, waking one that sleeps ten and more; a core does 3e6
     multiply-adds in thirty. Measured: an LSTM of 32 units gains a quarter from a second core, smaller layers lose. */
  double worth = multiply_adds * (1 / 3e6);
  return worth < ctx->threads ? RNNI_MAX(1, (int)worth) : ctx->threads;
}

int rnni_threads_for_elements(const rnn_ctx *ctx, double elements) { return rnni_threads_for(ctx, 64 * elements); }

static int64_t nanoseconds(const struct timespec *t) { return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec; }

bool rnni_threads_warm(const rnn_ctx *ctx) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return nanoseconds(&now) - ctx->last_row < 50000;
}

void rnni_threads_used(rnn_ctx *ctx) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  ctx->last_row = nanoseconds(&now);
}

int rnn_ctx_threads(const rnn_ctx *ctx) { return ctx->threads; }

rnn_status rnn_ctx_set_threads(rnn_ctx *ctx, int threads) {
  RNNI_NEED(ctx, true, "");
  if (threads < 1 || threads > 256) return rnni_fail(ctx, RNN_EARG, "threads: expected 1 to 256, got %d", threads);
  if (threads != ctx->threads) rnni_threads_stop(ctx);
  ctx->threads = threads;
  return RNN_OK;
}
