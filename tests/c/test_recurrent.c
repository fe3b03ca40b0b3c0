/* test_recurrent.c: the engine against a plain forward pass written sample by sample and unit by unit, and its gradients
 * against finite differences of the engine itself, every coordinate (in double), for every set of options;
 * steps one by one equal the whole sequence; padding changes nothing; threads change no bit. */
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
#define TOLERANCE 2e-5
#endif

enum { MAX_IN = 16, MAX_H = 80, MAX_T = 16 };

static rnn_ctx *ctx;

static void ok(rnn_status status) {
  if (status != RNN_OK) fail_msg("%s: %s", rnn_status_name(status), rnn_message(ctx));
}

static void drop(rnn_tensor **t, int n) {
  for (int i = 0; i < n; i++) rnn_tensor_free(t[i]);
}

/* ---- options: a set is a number whose bits switch them on ---- */

enum { STATE = 1, LAST = 2, LENGTHS = 4, REVERSE = 8, SETS = 16 };

static rnn_recurrent describe(rnn_cell cell, int set, int64_t units) {
  return (rnn_recurrent){.cell = cell, .units = units, .has_state = set & STATE, .last_only = set & LAST,
                         .reverse = set & REVERSE};
}

/* ---- a layer with random tensors ---- */

typedef struct sizes {
  int64_t N, T, D, H;
} sizes;

typedef struct model {
  rnn_recurrent r;
  sizes s;
  int64_t G;
  rnn_args args;
  rnn_tensor *in[MAX_IN], *out[RNN_MAX_OUTPUTS];
  rnn_tensor *h0, *c0; /* borrowed from in, or NULL */
  int nout, weights;
} model;

static rnn_tensor *add(model *m, int ndim, int64_t a, int64_t b, int64_t c, double low, double high) {
  rnn_tensor *t;
  ok(rnn_tensor_new(ctx, RNN_FLOAT, ndim, (int64_t[]){a, b, c}, &t));
  ok(rnn_tensor_uniform(ctx, t, low, high));
  return m->in[m->args.nt++] = t;
}

static void set_lengths(rnn_tensor *x, sizes s) {
  rnn_tensor *l;
  ok(rnn_tensor_new(ctx, RNN_INT, 1, &s.N, &l));
  for (int64_t n = 0; n < s.N; n++) rnn_tensor_ints(l)[n] = (int32_t)((n * 2 + s.T) % (s.T + 1)); /* T, 1, 3, 0 ... */
  ok(rnn_tensor_set_lengths(ctx, x, l));
  rnn_tensor_free(l);
}

static model make(rnn_cell cell, int set, sizes s) {
  model m = {.r = describe(cell, set, s.H), .s = s};
  int64_t H = s.H;
  m.G = rnn_recurrent_gates(&m.r) * H;
  add(&m, 3, s.N, s.T, s.D, -1, 1);
  if (set & LENGTHS) set_lengths(m.in[0], s);
  add(&m, 2, m.G, s.D, 0, -0.8, 0.8);
  add(&m, 2, m.G, H, 0, -0.8, 0.8);
  add(&m, 1, m.G, 0, 0, -0.5, 0.5);
  add(&m, 1, m.G, 0, 0, -0.5, 0.5);
  m.weights = m.args.nt - 1;
  if (m.r.has_state) {
    m.h0 = add(&m, 2, s.N, H, 0, -0.8, 0.8);
    if (cell == RNN_CELL_LSTM) m.c0 = add(&m, 2, s.N, H, 0, -0.8, 0.8);
  }
  m.nout = 1 + rnn_recurrent_states(&m.r);
  for (int i = 0; i < m.args.nt; i++) ok(rnn_tensor_set_requires_grad(ctx, m.in[i], true));
  return m;
}

static void forward(model *m) {
  m->args.t = m->in;
  m->args.recurrent = &m->r;
  ok(rnn_apply(ctx, rnn_op_find("recurrent"), &m->args, m->out));
}

/* ---- the plain forward pass: one sample after the other, straight from the formulas ---- */

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* Places from .. to of axis 2, from 1, as a tensor that lies in rows. */
static rnn_tensor *part(rnn_tensor *t, const char *op, int64_t from, int64_t to) {
  rnn_tensor *view, *out;
  ok(rnn_apply(ctx, rnn_op_find(op), &(rnn_args){.t = &t, .nt = 1, .i = {1, from, to, 1}}, &view));
  ok(rnn_tensor_contiguous(ctx, view, &out));
  rnn_tensor_free(view);
  return out;
}

static double at(const rnn_tensor *t, int64_t i) { return (double)rnn_tensor_floats((rnn_tensor *)(uintptr_t)t)[i]; }

/* out = W v, rows [from, from + n) of W (rows, columns). */
static void times(const rnn_tensor *w, int64_t from, int64_t n, int64_t columns, const double *v, double *out) {
  for (int64_t i = 0; i < n; i++) {
    out[i] = 0;
    for (int64_t k = 0; k < columns; k++) out[i] += at(w, (from + i) * columns + k) * v[k];
  }
}

typedef struct plain {
  double y[MAX_T][MAX_H], h[MAX_H], c[MAX_H];
} plain;

static void plain_step(const model *m, int64_t n, int64_t t, plain *p) {
  int64_t H = m->s.H, G = m->G, D = m->s.D;
  double x[MAX_H], wx[4 * MAX_H], uh[4 * MAX_H], a[4 * MAX_H];
  for (int64_t k = 0; k < D; k++) x[k] = at(m->in[0], (n * m->s.T + t) * D + k);
  times(m->in[1], 0, G, D, x, wx);
  times(m->in[2], 0, G, H, p->h, uh);
  for (int64_t i = 0; i < G; i++) {
    wx[i] += at(m->in[3], i);
    uh[i] += at(m->in[4], i);
    a[i] = wx[i] + uh[i];
  }
  for (int64_t i = 0; i < H; i++) {
    if (m->r.cell == RNN_CELL_RNN) {
      p->h[i] = m->r.activation == RNN_RELU ? fmax(a[i], 0) : tanh(a[i]);
    } else if (m->r.cell == RNN_CELL_GRU) {
      double z = sigmoid(a[H + i]), v = tanh(wx[2 * H + i] + sigmoid(a[i]) * uh[2 * H + i]);
      p->h[i] = (1 - z) * v + z * p->h[i];
    } else {
      p->c[i] = sigmoid(a[H + i]) * p->c[i] + sigmoid(a[i]) * tanh(a[2 * H + i]);
      p->h[i] = sigmoid(a[3 * H + i]) * tanh(p->c[i]);
    }
    p->y[t][i] = p->h[i];
  }
}

static plain plain_sample(const model *m, int64_t n) {
  plain p = {0};
  rnn_tensor *lengths = rnn_tensor_lengths(m->in[0]);
  int64_t T = lengths ? rnn_tensor_ints(lengths)[n] : m->s.T;
  for (int64_t i = 0; m->h0 && i < m->s.H; i++) p.h[i] = at(m->h0, n * m->s.H + i);
  for (int64_t i = 0; m->c0 && i < m->s.H; i++) p.c[i] = at(m->c0, n * m->s.H + i);
  for (int64_t s = 0; s < T; s++) plain_step(m, n, m->r.reverse ? T - 1 - s : s, &p);
  return p;
}

static void near(double got, double want, const char *what, const model *m, int set) {
  if (!(fabs(got - want) <= TOLERANCE * fmax(1, fabs(want))))
    fail_msg("cell %d, options %d: %s is %.12g, the plain pass gives %.12g", (int)m->r.cell, set, what, got, want);
}

static void compare_with_plain(model *m, int set) {
  rnn_tensor *lengths = rnn_tensor_lengths(m->in[0]);
  for (int64_t n = 0; n < m->s.N; n++) {
    plain p = plain_sample(m, n);
    int64_t T = lengths ? rnn_tensor_ints(lengths)[n] : m->s.T;
    for (int64_t i = 0; i < m->s.H; i++) {
      if (m->r.last_only) near(at(m->out[0], n * m->s.H + i), T ? p.h[i] : 0, "the last output", m, set);
      for (int64_t t = 0; !m->r.last_only && t < m->s.T; t++)
        near(at(m->out[0], (n * m->s.T + t) * m->s.H + i), t < T ? p.y[t][i] : 0, "an output", m, set);
      near(at(m->out[1], n * m->s.H + i), p.h[i], "the final h", m, set);
    }
    for (int64_t i = 0; m->nout > 2 && i < m->s.H; i++)
      near(at(m->out[2], n * m->s.H + i), p.c[i], "the final c", m, set);
  }
}

/* ---- gradients ---- */

static double weighted_sum(model *m, rnn_tensor **weights) {
  double sum = 0;
  for (int i = 0; i < m->nout; i++)
    for (int64_t k = 0; k < rnn_tensor_count(weights[i]); k++) sum += at(m->out[i], k) * at(weights[i], k);
  return sum;
}

static double value_at(model *m, rnn_tensor **weights) {
  bool was = rnn_ctx_set_recording(ctx, false);
  forward(m);
  rnn_ctx_set_recording(ctx, was);
  double v = weighted_sum(m, weights);
  drop(m->out, m->nout);
  return v;
}

/* Backward from all outputs at once: joins them into one number with ordinary ops. */
static void backward(model *m, rnn_tensor **weights) {
  rnn_tensor *total = NULL;
  for (int i = 0; i < m->nout; i++) {
    rnn_tensor *product, *sum, *next;
    ok(rnn_apply(ctx, rnn_op_find("mul"), &(rnn_args){.t = (rnn_tensor *[]){m->out[i], weights[i]}, .nt = 2}, &product));
    ok(rnn_apply(ctx, rnn_op_find("sum"), &(rnn_args){.t = &product, .nt = 1}, &sum));
    rnn_tensor_free(product);
    if (!total) {
      total = sum;
      continue;
    }
    ok(rnn_apply(ctx, rnn_op_find("add"), &(rnn_args){.t = (rnn_tensor *[]){total, sum}, .nt = 2}, &next));
    drop((rnn_tensor *[]){total, sum}, 2);
    total = next;
  }
  ok(rnn_backward(ctx, total, NULL));
  rnn_tensor_free(total);
}

static void check_slopes(model *m, rnn_tensor **weights, int set) {
  for (int k = 0; k < m->args.nt; k++) {
    rnn_tensor *dx = rnn_tensor_grad(m->in[k]);
    assert_non_null(dx);
    for (int64_t i = 0; i < rnn_tensor_count(dx); i++) {
      double got = at(dx, i);
      if (!isfinite(got)) fail_msg("cell %d, options %d: gradient %d of input %d is %g", (int)m->r.cell, set, (int)i, k, got);
#ifdef RNN_DOUBLE
      rnn_real *x = rnn_tensor_floats(m->in[k]) + i, here = *x;
      const double h = 4e-5, steps[4] = {-2, -1, 1, 2};
      double f[4];
      for (int q = 0; q < 4; q++) {
        *x = here + steps[q] * h;
        rnn_tensor_changed(m->in[k]);
        f[q] = value_at(m, weights);
      }
      *x = here;
      rnn_tensor_changed(m->in[k]);
      double want = (8 * (f[2] - f[1]) - (f[3] - f[0])) / (12 * h);
      if (fabs(got - want) > 1e-6 * fmax(1e-2, fmax(fabs(got), fabs(want))))
        fail_msg("cell %d, options %d: gradient of input %d at %d is %.12g, finite differences give %.12g",
                 (int)m->r.cell, set, k, (int)i, got, want);
#endif
    }
  }
  (void)value_at;
  (void)weights;
}

/* Forward against the plain pass, backward against finite differences; frees the model. */
static void check_model(model *m, int set) {
  rnn_tensor *weights[RNN_MAX_OUTPUTS];
  forward(m);
  compare_with_plain(m, set);
  for (int i = 0; i < m->nout; i++) {
    ok(rnn_tensor_new(ctx, RNN_FLOAT, rnn_tensor_ndim(m->out[i]), rnn_tensor_dims(m->out[i]), &weights[i]));
    ok(rnn_tensor_uniform(ctx, weights[i], -1, 1));
    if (rnn_tensor_lengths(m->out[i])) ok(rnn_tensor_set_lengths(ctx, weights[i], rnn_tensor_lengths(m->out[i])));
  }
  backward(m, weights);
  drop(m->out, m->nout);
  check_slopes(m, weights, set);
  drop(weights, m->nout);
  drop(m->in, m->args.nt);
}

static void every_set_of_options(void **state) {
  (void)state;
  for (int cell = 0; cell < 3; cell++)
    for (int set = 0; set < SETS; set++) {
      model m = make((rnn_cell)cell, set, (sizes){4, 3, 2, 9});
      check_model(&m, set);
    }
}

/* ReLU, with sums kept away from its kink by the biases. */
static void the_other_activation(void **state) {
  (void)state;
  model m = make(RNN_CELL_RNN, 0, (sizes){3, 2, 2, 9});
  m.r.activation = RNN_RELU;
  for (int k = 1; k <= 4; k++)
    for (int64_t i = 0; i < rnn_tensor_count(m.in[k]); i++) {
      rnn_real *w = rnn_tensor_floats(m.in[k]) + i;
      *w *= (rnn_real)0.02; /* so that the sum is nearly its bias: 0.4 to 1.4 in size */
      if (k == 3) *w = (rnn_real)(i % 2 ? 0.4 + 0.1 * (double)(i % 11) : -0.4 - 0.1 * (double)(i % 11));
    }
  check_model(&m, 0);
}

/* ---- equalities ---- */

static void expect_near(const rnn_tensor *a, const rnn_tensor *b, double tolerance, const char *what) {
  assert_int_equal(rnn_tensor_count(a), rnn_tensor_count(b));
  for (int64_t i = 0; i < rnn_tensor_count(a); i++)
    if (!(fabs(at(a, i) - at(b, i)) <= tolerance * fmax(1, fabs(at(b, i)))))
      fail_msg("%s: element %d: %.9g and %.9g", what, (int)i, at(a, i), at(b, i));
}

/* Time step after time step through the state gives what the whole sequence gives. */
static void steps_equal_the_sequence(void **state) {
  (void)state;
  sizes s = {5, 6, 3, 20};
  for (int cell = 0; cell < 3; cell++) {
    model m = make((rnn_cell)cell, STATE, s);
    forward(&m);
    rnn_tensor *whole = rnn_tensor_ref(m.out[0]), *x = m.in[0], *last[RNN_MAX_OUTPUTS];
    for (int i = 1; i < m.nout; i++) last[i] = rnn_tensor_ref(m.out[i]);
    drop(m.out, m.nout);
    for (int64_t t = 0; t < s.T; t++) {
      rnn_tensor *want;
      m.in[0] = part(x, "slice", t + 1, t + 1);
      want = part(whole, "slice", t + 1, t + 1);
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

/* Runs forward, and backward from 0.25 everywhere. */
static void run_both_ways(model *m) {
  forward(m);
  rnn_tensor *dy;
  ok(rnn_tensor_new(ctx, RNN_FLOAT, rnn_tensor_ndim(m->out[0]), rnn_tensor_dims(m->out[0]), &dy));
  ok(rnn_tensor_fill(ctx, dy, 0.25));
  ok(rnn_backward(ctx, m->out[0], dy));
  rnn_tensor_free(dy);
}

/* Junk behind the ends of the sequences changes no output, no state and no gradient, in either direction. */
static void padding_changes_nothing(void **state) {
  (void)state;
  sizes s = {5, 4, 3, 7};
  for (int cell = 0; cell < 3; cell++)
    for (int set = 0; set < 16; set += 8) {
      model m = make((rnn_cell)cell, STATE | LENGTHS | set, s);
      run_both_ways(&m);
      rnn_tensor *outputs[RNN_MAX_OUTPUTS], *grads[MAX_IN];
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

/* One, two and three threads: the same bits. Large enough that the work is cut: by samples, or by columns for one. */
static void threads_change_no_bit(void **state) {
  (void)state;
  int before = rnn_ctx_threads(ctx);
  const int sets[] = {0, LENGTHS | REVERSE, 0};
  for (int cell = 0; cell < 3; cell++)
    for (size_t q = 0; q < sizeof sets / sizeof *sets; q++) {
      model m = make((rnn_cell)cell, sets[q], q < 2 ? (sizes){33, 12, 40, 70} : (sizes){1, 20, 30, 250});
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

static void keep_gradients(model *m, rnn_tensor **grads) {
  for (int k = 0; k < m->args.nt; k++) {
    ok(rnn_tensor_copy(ctx, rnn_tensor_grad(m->in[k]), &grads[k]));
    rnn_tensor_clear_grad(m->in[k]);
  }
}

/* Running segments again in backward, and running in segments without a recording: the same bits. */
static void segments_change_no_bit(void **state) {
  (void)state;
  const int sets[] = {0, STATE | REVERSE | LENGTHS, LENGTHS, LAST | STATE};
  sizes s = {64, 83, 3, 5}; /* blocks of 8 steps; 32 steps at a time without a recording */
  for (int cell = 0; cell < 3; cell++)
    for (size_t q = 0; q < sizeof sets / sizeof *sets; q++) {
      model m = make((rnn_cell)cell, sets[q], s);
      rnn_tensor *grads[MAX_IN], *outputs[RNN_MAX_OUTPUTS];
      run_both_ways(&m);
      memcpy(outputs, m.out, sizeof outputs);
      keep_gradients(&m, grads);
      for (int64_t recompute = 1; recompute <= 40; recompute += 13) {
        m.r.recompute = recompute;
        run_both_ways(&m);
        for (int i = 0; i < m.nout; i++) expect_near(m.out[i], outputs[i], 0, "output by segments");
        for (int k = 0; k < m.args.nt; k++) {
          expect_near(rnn_tensor_grad(m.in[k]), grads[k], 0, "gradient by segments");
          rnn_tensor_clear_grad(m.in[k]);
        }
        drop(m.out, m.nout);
      }
      bool was = rnn_ctx_set_recording(ctx, false);
      forward(&m);
      rnn_ctx_set_recording(ctx, was);
      for (int i = 0; i < m.nout; i++) expect_near(m.out[i], outputs[i], 0, "output without a recording");
      drop(m.out, m.nout);
      drop(outputs, m.nout);
      drop(grads, m.args.nt);
      drop(m.in, m.args.nt);
    }
}

/* A stepper gives, step by step, what the sequence gives, and asks for no memory. */
static void a_stepper_equals_the_sequence(void **state) {
  (void)state;
  sizes s = {3, 7, 4, 20};
  for (int cell = 0; cell < 3; cell++) {
    model m = make((rnn_cell)cell, STATE, s);
    forward(&m);
    rnn_stepper *stepper;
    ok(rnn_stepper_new(ctx, &m.r, m.in + 1, m.weights, s.N, &stepper));
    rnn_tensor *h, *c = NULL, *x, *want;
    ok(rnn_tensor_copy(ctx, m.h0, &h));
    if (m.c0) ok(rnn_tensor_copy(ctx, m.c0, &c));
    for (int64_t t = 0; t < s.T; t++) {
      x = part(m.in[0], "select", t + 1, 0);
      rnn_memory_fail(ctx, 0, 0);
      ok(rnn_stepper_load(stepper, h, c));
      ok(rnn_stepper_run(stepper, x, h, c, NULL));
      assert_int_equal(rnn_memory_fail(ctx, 0, 0), 0);
      want = part(m.out[0], "select", t + 1, 0);
      expect_near(h, want, TOLERANCE, "stepper against sequence");
      drop((rnn_tensor *[]){x, want}, 2);
    }
    assert_true(rnn_stepper_made_of(stepper, m.in + 1, m.weights));
    assert_false(rnn_stepper_made_of(stepper, m.in, m.weights));
    ok(rnn_tensor_fill(ctx, m.in[1], 0));
    assert_false(rnn_stepper_made_of(stepper, m.in + 1, m.weights));
    rnn_stepper_free(stepper);
    drop((rnn_tensor *[]){h, c}, 2);
    drop(m.out, m.nout);
    drop(m.in, m.args.nt);
  }
}

static void an_interrupt_stops_it(void **state) {
  (void)state;
  model m = make(RNN_CELL_LSTM, 0, (sizes){2, 15, 3, 8});
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
      cmocka_unit_test(every_set_of_options),     cmocka_unit_test(the_other_activation),
      cmocka_unit_test(steps_equal_the_sequence),
      cmocka_unit_test(padding_changes_nothing),  cmocka_unit_test(threads_change_no_bit),
      cmocka_unit_test(segments_change_no_bit),   cmocka_unit_test(a_stepper_equals_the_sequence),
      cmocka_unit_test(an_interrupt_stops_it),    cmocka_unit_test(nothing_leaks)};
  if (rnn_ctx_new(&ctx) != RNN_OK) return 1;
  rnn_seed(ctx, 11);
  int failures = cmocka_run_group_tests(tests, NULL, NULL);
  rnn_ctx_free(ctx);
  return failures;
}
