/* test_threads.c: the thread pool, contexts in several threads, and forks. Under ThreadSanitizer (./dev tsan) the same
 * tests show that nothing is shared unawares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rnn.h"

#define SIDE 300 /* a product of this size is worth some threads */
#define PATIENCE 60 /* seconds until a process that hangs is ended */

static int threads = 3; /* of each context */

typedef struct work {
  rnn_ctx *ctx;
  uint64_t seed;
  double sum;  /* of all results: the same for the same seed */
  bool failed;
} work;

static void multiply(work *w) {
  int64_t dims[] = {SIDE, SIDE};
  rnn_tensor *in[2] = {NULL, NULL}, *out = NULL;
  rnn_args args = {.t = in, .nt = 2};
  w->sum = 0;
  for (int i = 0; i < 2; i++)
    if (rnn_tensor_new(w->ctx, RNN_FLOAT, 2, dims, &in[i]) != RNN_OK ||
        rnn_tensor_uniform(w->ctx, in[i], -1, 1) != RNN_OK)
      w->failed = true;
  if (rnn_apply(w->ctx, rnn_op_find("matmul"), &args, &out) != RNN_OK) w->failed = true;
  else
    for (int64_t i = 0; i < SIDE * SIDE; i++) w->sum += (double)rnn_tensor_floats(out)[i];
  rnn_tensor_free(out);
  for (int i = 0; i < 2; i++) rnn_tensor_free(in[i]);
}

/* An LSTM forward and backward. */
static void run_layer(work *w) {
  enum { N = 16, T = 12, H = 64 };
  int64_t dims[5][3] = {{N, T, H}, {4 * H, H}, {4 * H, H}, {4 * H}, {4 * H}};
  int ndim[5] = {3, 2, 2, 1, 1};
  rnn_tensor *in[5] = {NULL}, *out[3] = {NULL}, *loss = NULL;
  rnn_recurrent r = {.cell = RNN_CELL_LSTM, .activation = RNN_TANH, .units = H};
  for (int i = 0; i < 5; i++)
    if (rnn_tensor_new(w->ctx, RNN_FLOAT, ndim[i], dims[i], &in[i]) != RNN_OK ||
        rnn_tensor_uniform(w->ctx, in[i], -0.1, 0.1) != RNN_OK ||
        rnn_tensor_set_requires_grad(w->ctx, in[i], true) != RNN_OK)
      w->failed = true;
  rnn_args args = {.t = in, .nt = 5, .recurrent = &r}, sum = {.t = out, .nt = 1};
  if (rnn_apply(w->ctx, rnn_op_find("recurrent"), &args, out) != RNN_OK ||
      rnn_apply(w->ctx, rnn_op_find("mean"), &sum, &loss) != RNN_OK || rnn_backward(w->ctx, loss, NULL) != RNN_OK)
    w->failed = true;
  else
    for (int64_t i = 0; i < 4 * H * H; i++) w->sum += (double)rnn_tensor_floats(rnn_tensor_grad(in[1]))[i];
  rnn_tensor_free(loss);
  for (int i = 0; i < 3; i++) rnn_tensor_free(out[i]);
  for (int i = 0; i < 5; i++) rnn_tensor_free(in[i]);
}

static void compute(work *w) {
  rnn_seed(w->ctx, w->seed);
  multiply(w);
  run_layer(w);
}

static work begin(uint64_t seed) {
  work w = {.seed = seed};
  w.failed = rnn_ctx_new(&w.ctx) != RNN_OK || rnn_ctx_set_threads(w.ctx, threads) != RNN_OK;
  return w;
}

static double expected(uint64_t seed) {
  work w = begin(seed);
  assert_int_equal(rnn_ctx_set_threads(w.ctx, 1), RNN_OK);
  compute(&w);
  assert_false(w.failed);
  rnn_ctx_free(w.ctx);
  return w.sum;
}

/* ---- threads ---- */

static void *live_in_thread(void *arg) {
  work *w = arg;
  *w = begin(w->seed);
  for (int i = 0; i < 5 && !w->failed; i++) compute(w);
  rnn_ctx_free(w->ctx);
  return NULL;
}

/* First of all, so that four threads at once choose the kernels. */
static void test_contexts_in_threads(void **state) {
  (void)state;
  work all[4];
  pthread_t thread[4];
  for (int i = 0; i < 4; i++) {
    all[i].seed = (uint64_t)i % 2;
    assert_int_equal(pthread_create(&thread[i], NULL, live_in_thread, &all[i]), 0);
  }
  for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
  for (int i = 0; i < 4; i++) {
    assert_false(all[i].failed);
    assert_true(all[i].sum == expected(all[i].seed));
  }
}

static void test_pool_comes_and_goes(void **state) {
  (void)state;
  work w = begin(7);
  double sum = expected(7);
  for (int i = 0; i < 20; i++) {
    assert_int_equal(rnn_ctx_set_threads(w.ctx, 1 + i % 4), RNN_OK);
    compute(&w);
    assert_true(!w.failed && w.sum == sum);
  }
  rnn_ctx_free(w.ctx);
}

static void *interrupt_often(void *arg) {
  for (int i = 0; i < 200; i++) {
    rnn_ctx_interrupt(arg);
    usleep(500);
  }
  return NULL;
}

static void test_interrupt_from_elsewhere(void **state) {
  (void)state;
  work w = begin(7);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, interrupt_often, w.ctx), 0);
  for (int i = 0; i < 20; i++) compute(&w); /* with whatever result */
  pthread_join(thread, NULL);
  rnn_ctx_clear_interrupt(w.ctx);
  w.failed = false;
  compute(&w);
  assert_true(!w.failed && w.sum == expected(7));
  rnn_ctx_free(w.ctx);
}

/* ---- forks ---- */

/* What the process that f runs in says: true when f does, within PATIENCE. */
static bool holds_in_child(bool (*f)(work *w), work *w) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    alarm(PATIENCE);
#ifdef __SANITIZE_THREAD__ /* which does not know that a fork has ended threads, and takes new ones for them */
    threads = 1;
    if (rnn_ctx_set_threads(w->ctx, 1) != RNN_OK) _exit(1);
#endif
    _exit(f(w) ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool computes_on(work *w) {
  double sum = w->sum;
  for (int i = 0; i < 3; i++) {
    compute(w);
    if (w->failed || w->sum != sum) return false;
  }
  rnn_ctx_free(w->ctx);
  return true;
}

static bool frees(work *w) {
  rnn_ctx_free(w->ctx);
  return true;
}

static bool changes_threads(work *w) {
  return rnn_ctx_set_threads(w->ctx, threads > 1 ? 2 : 1) == RNN_OK && computes_on(w);
}

static bool forks_again(work *w) {
  return holds_in_child(computes_on, w) && computes_on(w);
}

static bool makes_another(work *w) {
  work other = begin(w->seed);
  other.sum = w->sum;
  compute(&other);
  return other.sum == w->sum && computes_on(&other) && computes_on(w);
}

static void test_fork_with_live_pool(void **state) {
  (void)state;
  work w = begin(3);
  compute(&w);
  assert_false(w.failed);
  bool (*children[])(work *) = {computes_on, frees, changes_threads, forks_again, makes_another, computes_on};
  for (size_t i = 0; i < sizeof children / sizeof *children; i++) {
    if (i % 2) usleep(5000); /* the threads sleep by now, or still spin */
    if (!holds_in_child(children[i], &w)) fail_msg("child %zu", i);
    double sum = w.sum;
    compute(&w); /* and here nothing has changed */
    assert_true(!w.failed && w.sum == sum);
  }
  rnn_ctx_free(w.ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_contexts_in_threads),
      cmocka_unit_test(test_pool_comes_and_goes),
      cmocka_unit_test(test_interrupt_from_elsewhere),
      cmocka_unit_test(test_fork_with_live_pool),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
