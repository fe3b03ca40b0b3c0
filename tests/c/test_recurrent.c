/* test_recurrent.c: the engine: gradients of every cell and option against finite differences, every coordinate (in
 * double); steps one by one equal the whole sequence; padding changes nothing; threads change no bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rnn.h"

#ifdef RNN_DOUBLE
#define TOLERANCE 1e-12
#else
#define TOLERANCE 1e-5
#endif

enum { MAX_IN = 32 };

static rnn_ctx *ctx;

static void ok(rnn_status status) {
  if (status != RNN_OK) fail_msg("%s: %s", rnn_status_name(status), rnn_message(ctx));
}

static rnn_tensor *random_tensor(int ndim, int64_t a, int64_t b, int64_t c, double scale) {
  rnn_tensor *t;
  ok(rnn_tensor_new(ctx, RNN_FLOAT, ndim, (int64_t[]){a, b, c}, &t));
  ok(rnn_tensor_uniform(ctx, t, -scale, scale));
  return t;
}

typedef struct model {
  rnn_recurrent r;
  rnn_args args;
  rnn_tensor *in[MAX_IN], *out[RNN_MAX_OUTPUTS];
  int nout;
} model;

typedef struct sizes {
  int64_t N, T, D, H;
} sizes;

static void set_lengths(rnn_tensor *x, sizes s) {
  rnn_tensor *l;
  ok(rnn_tensor_new(ctx, RNN_INT, 1, &s.N, &l));
  for (int64_t n = 0; n < s.N; n++) rnn_tensor_ints(l)[n] = (int32_t)((n * 2 + s.T) % (s.T + 1)); /* T, 1, 3, 0 ... */
  ok(rnn_tensor_set_lengths(ctx, x, l));
  rnn_tensor_free(l);
}

static model make(rnn_recurrent r, sizes s, bool lengths) {
  model m = {.r = r};
  int64_t G = rnn_cell_gates(r.cell);
  m.in[m.args.nt++] = random_tensor(3, s.N, s.T, s.D, 1);
  if (lengths) set_lengths(m.in[0], s);
  for (int i = 0; i < r.layers; i++) {
    m.in[m.args.nt++] = random_tensor(2, G * s.H, i ? s.H : s.D, 0, 0.8);
    m.in[m.args.nt++] = random_tensor(2, G * s.H, s.H, 0, 0.8);
    m.in[m.args.nt++] = random_tensor(1, G * s.H, 0, 0, 0.5);
    m.in[m.args.nt++] = random_tensor(1, G * s.H, 0, 0, 0.5);
  }
  m.nout = 1 + r.layers * rnn_cell_states(r.cell);
  for (int i = 1; r.has_state && i < m.nout; i++) m.in[m.args.nt++] = random_tensor(2, s.N, s.H, 0, 0.8);
  for (int i = 0; i < m.args.nt; i++) ok(rnn_tensor_set_requires_grad(ctx, m.in[i], true));
  return m;
}

static void forward(model *m) {
  m->args.t = m->in;
  m->args.recurrent = &m->r;
  ok(rnn_apply(ctx, rnn_op_find("recurrent"), &m->args, m->out));
}

static void drop(rnn_tensor **t, int n) {
  for (int i = 0; i < n; i++) rnn_tensor_free(t[i]);
}

/* ---- gradients ---- */

/* L = sum over all outputs of fixed weights times the output; as ops, so that backward reaches every output. */
static rnn_tensor *loss_of(model *m, rnn_tensor **weights) {
  rnn_tensor *total = NULL;
  for (int i = 0; i < m->nout; i++) {
    rnn_tensor *product, *sum, *bare;
    ok(rnn_tensor_detach(ctx, weights[i], &bare));
    ok(rnn_apply(ctx, rnn_op_find("mul"), &(rnn_args){.t = (rnn_tensor *[]){m->out[i], bare}, .nt = 2}, &product));
    ok(rnn_apply(ctx, rnn_op_find("sum"), &(rnn_args){.t = &product, .nt = 1, .i = {-1}}, &sum));
    drop((rnn_tensor *[]){product, bare}, 2);
    if (total) {
      rnn_tensor *next;
      ok(rnn_apply(ctx, rnn_op_find("add"), &(rnn_args){.t = (rnn_tensor *[]){total, sum}, .nt = 2}, &next));
      drop((rnn_tensor *[]){total, sum}, 2);
      total = next;
    } else {
      total = sum;
    }
  }
  return total;
}

static double value_at(model *m, rnn_tensor **weights) {
  bool was = rnn_ctx_set_recording(ctx, false);
  forward(m);
  rnn_tensor *loss = loss_of(m, weights);
  rnn_ctx_set_recording(ctx, was);
  double v = (double)rnn_tensor_floats(loss)[0];
  rnn_tensor_free(loss);
  drop(m->out, m->nout);
  return v;
}

static void check_gradients(rnn_recurrent r, sizes s, bool lengths) {
  model m = make(r, s, lengths);
  rnn_tensor *weights[RNN_MAX_OUTPUTS];
  forward(&m);
  for (int i = 0; i < m.nout; i++) {
    ok(rnn_tensor_new(ctx, RNN_FLOAT, rnn_tensor_ndim(m.out[i]), rnn_tensor_dims(m.out[i]), &weights[i]));
    ok(rnn_tensor_uniform(ctx, weights[i], -1, 1));
  }
  rnn_tensor *loss = loss_of(&m, weights);
  ok(rnn_backward(ctx, loss, NULL));
  rnn_tensor_free(loss);
  drop(m.out, m.nout);
  for (int k = 0; k < m.args.nt; k++) {
    rnn_tensor *dx = rnn_tensor_grad(m.in[k]);
    assert_non_null(dx);
    for (int64_t i = 0; i < rnn_tensor_count(dx); i++) {
      double got = (double)rnn_tensor_floats(dx)[i];
      assert_true(isfinite(got));
#ifdef RNN_DOUBLE
      rnn_real *x = rnn_tensor_floats(m.in[k]) + i, at = *x;
      const double h = 1e-3, steps[4] = {-2, -1, 1, 2};
      double f[4];
      for (int q = 0; q < 4; q++) {
        *x = at + steps[q] * h;
        f[q] = value_at(&m, weights);
      }
      *x = at;
      double want = (8 * (f[2] - f[1]) - (f[3] - f[0])) / (12 * h);
      if (fabs(got - want) > 1e-6 * fmax(1e-2, fmax(fabs(got), fabs(want))))
        fail_msg("cell %d, layers %d, state %d, last %d, lengths %d: gradient of input %d at %d is %.12g, finite "
                 "differences give %.12g", (int)r.cell, r.layers, r.has_state, r.last_only, lengths, k, (int)i, got, want);
#endif
    }
  }
  (void)value_at;
  drop(weights, m.nout);
  drop(m.in, m.args.nt);
}

static void gradients_match_finite_differences(void **state) {
  (void)state;
  for (int cell = 0; cell < 3; cell++)
    for (int options = 0; options < 8; options++)
      for (int layers = 1; layers <= 2; layers++) {
        rnn_recurrent r = {.cell = (rnn_cell)cell, .layers = layers, .units = 9, .has_state = options & 1,
                           .last_only = options & 2};
        check_gradients(r, (sizes){4, 3, 2, 9}, options & 4);
      }
}

/* ---- equalities ---- */

static void expect_near(const rnn_tensor *a, const rnn_tensor *b, double tolerance, const char *what) {
  rnn_tensor *x = (rnn_tensor *)(uintptr_t)a, *y = (rnn_tensor *)(uintptr_t)b;
  assert_int_equal(rnn_tensor_count(x), rnn_tensor_count(y));
  for (int64_t i = 0; i < rnn_tensor_count(x); i++) {
    double p = (double)rnn_tensor_floats(x)[i], q = (double)rnn_tensor_floats(y)[i];
    if (!(fabs(p - q) <= tolerance * fmax(1, fabs(q)))) fail_msg("%s: element %d: %.9g and %.9g", what, (int)i, p, q);
  }
}

/* Time step after time step through the state gives what the whole sequence gives. */
static void steps_equal_the_sequence(void **state) {
  (void)state;
  sizes s = {5, 6, 3, 20};
  for (int cell = 0; cell < 3; cell++) {
    model m = make((rnn_recurrent){.cell = (rnn_cell)cell, .layers = 2, .units = 20, .has_state = true}, s, false);
    forward(&m);
    rnn_tensor *whole = rnn_tensor_ref(m.out[0]), *x = m.in[0], *last[8];
    for (int i = 1; i < m.nout; i++) last[i] = rnn_tensor_ref(m.out[i]);
    drop(m.out, m.nout);
    for (int64_t t = 0; t < s.T; t++) {
      rnn_tensor *want;
      ok(rnn_apply(ctx, rnn_op_find("slice"), &(rnn_args){.t = &x, .nt = 1, .i = {1, t + 1, t + 1}}, &m.in[0]));
      ok(rnn_apply(ctx, rnn_op_find("slice"), &(rnn_args){.t = &whole, .nt = 1, .i = {1, t + 1, t + 1}}, &want));
      forward(&m);
      expect_near(m.out[0], want, TOLERANCE, "step against sequence");
      for (int i = 1; i < m.nout; i++) {
        rnn_tensor_free(m.in[m.args.nt - m.nout + i]);
        m.in[m.args.nt - m.nout + i] = rnn_tensor_ref(m.out[i]);
      }
      drop(m.out, m.nout);
      drop((rnn_tensor *[]){want, m.in[0]}, 2);
    }
    for (int i = 1; i < m.nout; i++) {
      expect_near(m.in[m.args.nt - m.nout + i], last[i], TOLERANCE, "final state");
      rnn_tensor_free(last[i]);
    }
    m.in[0] = x;
    rnn_tensor_free(whole);
    drop(m.in, m.args.nt);
  }
}

/* Runs forward and backward from ones; returns the model with its gradients. */
static void run_both_ways(model *m) {
  forward(m);
  rnn_tensor *dy;
  ok(rnn_tensor_new(ctx, RNN_FLOAT, rnn_tensor_ndim(m->out[0]), rnn_tensor_dims(m->out[0]), &dy));
  rnn_tensor_fill(dy, 0.25);
  ok(rnn_backward(ctx, m->out[0], dy));
  rnn_tensor_free(dy);
}

/* Junk behind the ends of the sequences changes no output, no state and no gradient. */
static void padding_changes_nothing(void **state) {
  (void)state;
  for (int cell = 0; cell < 3; cell++) {
    rnn_recurrent r = {.cell = (rnn_cell)cell, .layers = 2, .units = 7, .has_state = true, .last_only = true};
    sizes s = {5, 4, 3, 7};
    model m = make(r, s, true);
    run_both_ways(&m);
    rnn_tensor *outputs[8], *grads[MAX_IN];
    for (int i = 0; i < m.nout; i++) outputs[i] = m.out[i];
    for (int k = 0; k < m.args.nt; k++) {
      ok(rnn_tensor_copy(ctx, rnn_tensor_grad(m.in[k]), &grads[k]));
      rnn_tensor_clear_grad(m.in[k]);
    }
    for (int64_t n = 0; n < s.N; n++)
      for (int64_t t = rnn_tensor_ints(rnn_tensor_lengths(m.in[0]))[n]; t < s.T; t++)
        for (int64_t d = 0; d < s.D; d++) rnn_tensor_floats(m.in[0])[(n * s.T + t) * s.D + d] = 1e3;
    run_both_ways(&m);
    for (int i = 0; i < m.nout; i++) expect_near(m.out[i], outputs[i], 0, "output behind junk");
    for (int k = 0; k < m.args.nt; k++) expect_near(rnn_tensor_grad(m.in[k]), grads[k], 0, "gradient behind junk");
    drop(m.out, m.nout);
    drop(outputs, m.nout);
    drop(grads, m.args.nt);
    drop(m.in, m.args.nt);
  }
}

/* One, two and three threads: the same bits. Large enough that the work is cut. */
static void threads_change_no_bit(void **state) {
  (void)state;
  int before = rnn_ctx_threads(ctx);
  for (int cell = 0; cell < 3; cell++) {
    rnn_recurrent r = {.cell = (rnn_cell)cell, .layers = 2, .units = 70};
    model m = make(r, (sizes){33, 12, 40, 70}, false);
    rnn_tensor *first[MAX_IN], *y = NULL;
    for (int threads = 1; threads <= 3; threads++) {
      ok(rnn_ctx_set_threads(ctx, threads));
      run_both_ways(&m);
      if (threads == 1) y = rnn_tensor_ref(m.out[0]);
      expect_near(m.out[0], y, 0, "output by threads");
      for (int k = 0; k < m.args.nt; k++) {
        if (threads == 1) ok(rnn_tensor_copy(ctx, rnn_tensor_grad(m.in[k]), &first[k]));
        expect_near(rnn_tensor_grad(m.in[k]), first[k], 0, "gradient by threads");
        rnn_tensor_clear_grad(m.in[k]);
      }
      drop(m.out, m.nout);
    }
    rnn_tensor_free(y);
    drop(first, m.args.nt);
    drop(m.in, m.args.nt);
  }
  ok(rnn_ctx_set_threads(ctx, before));
}

static void an_interrupt_stops_it(void **state) {
  (void)state;
  model m = make((rnn_recurrent){.cell = RNN_CELL_LSTM, .layers = 1, .units = 8}, (sizes){2, 50, 3, 8}, false);
  m.args.t = m.in;
  m.args.recurrent = &m.r;
  rnn_ctx_interrupt(ctx);
  assert_int_equal(rnn_apply(ctx, rnn_op_find("recurrent"), &m.args, m.out), RNN_EINTR);
  assert_true(rnn_ctx_clear_interrupt(ctx));
  forward(&m);
  drop(m.out, m.nout);
  drop(m.in, m.args.nt);
}

static void nothing_leaks(void **state) {
  (void)state;
  rnn_memory m;
  ok(rnn_ctx_set_threads(ctx, 1)); /* the pool's memory goes with its threads */
  rnn_memory_read(ctx, &m);
  assert_int_equal(m.live, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradients_match_finite_differences), cmocka_unit_test(steps_equal_the_sequence),
      cmocka_unit_test(padding_changes_nothing),            cmocka_unit_test(threads_change_no_bit),
      cmocka_unit_test(an_interrupt_stops_it),              cmocka_unit_test(nothing_leaks)};
  if (rnn_ctx_new(&ctx) != RNN_OK) return 1;
  rnn_seed(ctx, 11);
  int failures = cmocka_run_group_tests(tests, NULL, NULL);
  rnn_ctx_free(ctx);
  return failures;
}
