/* thread.c: a pool of threads that take numbered tasks. Which thread takes which task never matters to a result: tasks
 * write to places of their own. Waiting threads spin for some microseconds, because the next piece of a training step
 * usually comes at once, and then sleep. Signals are left to the main thread. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "internal.h"

#define SPINS 4000

struct rnni_pool {
  int count; /* beside the caller */
  pthread_t *threads;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  atomic_uint round;    /* raised to start a job */
  atomic_int next;      /* next task to take */
  atomic_int busy;      /* threads that have not finished this round */
  int sleepers;         /* under lock */
  atomic_bool stop;
  int tasks;
  void (*fn)(void *arg, int task);
  void *arg;
};

static void pause_briefly(void) {
#ifdef __x86_64__
  __builtin_ia32_pause();
#else
  atomic_signal_fence(memory_order_seq_cst);
#endif
}

static void take_tasks(rnni_pool *p) {
  for (int i; (i = atomic_fetch_add(&p->next, 1)) < p->tasks;) p->fn(p->arg, i);
}

static void *worker(void *arg) {
  rnni_pool *p = arg;
  unsigned seen = 0;
  for (;;) {
    for (int i = 0; i < SPINS && atomic_load(&p->round) == seen; i++) pause_briefly();
    if (atomic_load(&p->round) == seen) {
      pthread_mutex_lock(&p->lock);
      p->sleepers++;
      while (atomic_load(&p->round) == seen) pthread_cond_wait(&p->wake, &p->lock);
      p->sleepers--;
      pthread_mutex_unlock(&p->lock);
    }
    seen++;
    if (atomic_load(&p->stop)) return NULL;
    take_tasks(p);
    atomic_fetch_sub(&p->busy, 1);
  }
}

static void start_round(rnni_pool *p) {
  pthread_mutex_lock(&p->lock);
  atomic_fetch_add(&p->round, 1);
  if (p->sleepers) pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
}

void rnni_threads_stop(rnn_ctx *ctx) {
  rnni_pool *p = ctx->pool;
  if (!p) return;
  atomic_store(&p->stop, true);
  start_round(p);
  for (int i = 0; i < p->count; i++) pthread_join(p->threads[i], NULL);
  pthread_cond_destroy(&p->wake);
  pthread_mutex_destroy(&p->lock);
  rnni_free(ctx, p->threads);
  rnni_free(ctx, p);
  ctx->pool = NULL;
}

/* The pool, or NULL when it cannot be had: then the caller does the work alone, with the same result. */
static rnni_pool *pool_of(rnn_ctx *ctx) {
  if (ctx->pool || ctx->threads < 2) return ctx->pool;
  rnni_pool *p;
  if (rnni_calloc(ctx, sizeof *p, &p) != RNN_OK) return NULL;
  if (rnni_array(ctx, ctx->threads - 1, sizeof *p->threads, &p->threads) != RNN_OK) {
    rnni_free(ctx, p);
    return NULL;
  }
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->wake, NULL);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (p->count < ctx->threads - 1 && pthread_create(&p->threads[p->count], NULL, worker, p) == 0) p->count++;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  ctx->pool = p;
  return p;
}

void rnni_parallel(rnn_ctx *ctx, int tasks, void (*fn)(void *arg, int task), void *arg) {
  rnni_pool *p = tasks > 1 ? pool_of(ctx) : NULL;
  if (!p || p->count == 0) {
    for (int i = 0; i < tasks; i++) fn(arg, i);
    return;
  }
  p->fn = fn;
  p->arg = arg;
  p->tasks = tasks;
  atomic_store(&p->next, 0);
  atomic_store(&p->busy, p->count);
  start_round(p);
  take_tasks(p);
  for (int i = 0; atomic_load(&p->busy) > 0; i++) {
    if (i < SPINS * 4) pause_briefly();
    else sched_yield();
  }
}

int rnni_threads_for(const rnn_ctx *ctx, double multiply_adds) {
  /* A round costs some microseconds, in which one core does about 2e5 multiply-adds. */
  double worth = multiply_adds / 4e5;
  return worth < ctx->threads ? RNNI_MAX(1, (int)worth) : ctx->threads;
}

int rnn_ctx_threads(const rnn_ctx *ctx) { return ctx->threads; }

rnn_status rnn_ctx_set_threads(rnn_ctx *ctx, int threads) {
  if (threads < 1 || threads > 256) return rnni_fail(ctx, RNN_EARG, "threads: expected 1 to 256, got %d", threads);
  if (threads != ctx->threads) rnni_threads_stop(ctx);
  ctx->threads = threads;
  return RNN_OK;
}
