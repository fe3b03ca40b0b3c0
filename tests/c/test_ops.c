/* test_ops.c: gradients of every op against finite differences, every coordinate, signs kept; in double. The float
 * build runs the same cases forwards and backwards and compares nothing but finiteness. An op without a case fails.
 * Then every allocation of every case fails once. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rnn.h"
#include "op_cases.h"

#define MAX_INPUTS 8

static rnn_ctx *ctx;

static void ok(rnn_status status) {
  if (status != RNN_OK) fail_msg("%s: %s", rnn_status_name(status), rnn_message(ctx));
}

/* ---- inputs ---- */

static double between(double low, double high) {
  rnn_tensor *t;
  ok(rnn_tensor_new(ctx, RNN_FLOAT, 0, NULL, &t));
  ok(rnn_tensor_uniform(ctx, t, low, high));
  double v = (double)rnn_tensor_floats(t)[0];
  rnn_tensor_free(t);
  return v;
}

static double value_for(char kind) {
  double sign = between(-1, 1) < 0 ? -1 : 1;
  switch (kind) {
    case 'f':
    case 'g': return sign * between(0.1, 2);
    case 'w': return sign * between(0.1, 5);
    case 'o': return between(0, 1) < 0.4 ? 0 : sign * between(0.1, 2);
    case 'p': return between(0.5, 2);
    case 'c': return between(-1, 1);
    case 'u': return between(0, 1);
    case 'q': return between(3, 5);
    case 'd': return between(-0.9, 0.9);
    case 'b': return between(0, 1) < 0.5;
    default: fail_msg("unknown kind of input '%c'", kind); return 0;
  }
}

/* "f2x3L" -> a tensor; *end is set behind it. */
static rnn_tensor *make_input(const char *s, const char **end) {
  char kind = *s++;
  int64_t dims[RNN_MAX_DIMS];
  int ndim = 0, ids = 0;
  bool whole = kind == 'i' || kind == 'z';
  if (whole) {
    ids = (int)strtol(s, (char **)&s, 10);
    s++;
  }
  while (*s >= '0' && *s <= '9') {
    dims[ndim++] = strtol(s, (char **)&s, 10);
    if (*s == 'x') s++;
  }
  rnn_tensor *t;
  ok(rnn_tensor_new(ctx, whole ? RNN_INT : RNN_FLOAT, ndim, dims, &t));
  for (int64_t i = 0; i < rnn_tensor_count(t); i++)
    if (whole) rnn_tensor_ints(t)[i] = (int32_t)floor(between(kind == 'i' ? 1 : 0, ids + 1));
    else rnn_tensor_floats(t)[i] = (rnn_real)value_for(kind);
  const int64_t last = ndim ? dims[ndim - 1] : 0;
  for (int64_t i = 0; kind == 'g' && i < rnn_tensor_count(t); i += i % (last * last) == last * last - 1 ? 1 : last + 1)
    rnn_tensor_floats(t)[i] += (rnn_real)(2 * last);
  if (*s == 'L') {
    s++;
    rnn_tensor *lengths;
    ok(rnn_tensor_new(ctx, RNN_INT, 1, dims, &lengths));
    for (int64_t n = 0; n < dims[0]; n++) rnn_tensor_ints(lengths)[n] = (int32_t)((2 * n) % (dims[1] + 1)); /* 0 too */
    ok(rnn_tensor_set_lengths(ctx, t, lengths));
    rnn_tensor_free(lengths);
  }
  *end = *s == ',' ? s + 1 : s;
  return t;
}

/* ---- one case ---- */

typedef struct setting {
  const rnn_op *op;
  rnn_args args;
  rnn_tensor *in[MAX_INPUTS];
  bool checked[MAX_INPUTS]; /* inputs whose gradient is asked for */
  rnn_random_state random;
  int output;
} setting;

static setting set_up(const op_case *c) {
  setting s = {.op = rnn_op_find(c->op)};
  if (!s.op) fail_msg("op_cases.h names an op '%s' that does not exist", c->op);
  rnn_seed(ctx, 3 + rnn_checksum(c->op, strlen(c->op)) + rnn_checksum(c->inputs, strlen(c->inputs))); /* whatever else there is */
  for (const char *p = c->inputs; *p;) {
    char kind = *p;
    int k = s.args.nt++;
    s.in[k] = make_input(p, &p);
    s.checked[k] = strchr("izbc", kind) == NULL && rnn_op_differentiable(s.op);
  }
  if (strcmp(c->op, "batch_norm") == 0) s.checked[3] = s.checked[4] = false; /* statistics, changed in place */
  if (strcmp(c->op, "binary_cross_entropy") == 0) s.checked[1] = false;
  if (strcmp(c->op, "cross_entropy") == 0 && s.args.nt > 2) s.checked[2] = false; /* weights */
  if (strcmp(c->op, "round") == 0) s.checked[0] = false; /* flat; straight_through is no derivative */
  if (strcmp(c->op, "to_float") == 0) s.checked[0] = true;
  for (int k = 0; k < s.args.nt; k++)
    if (s.checked[k]) ok(rnn_tensor_set_requires_grad(ctx, s.in[k], true));
  memcpy(s.args.i, c->i, sizeof c->i);
  memcpy(s.args.n, c->n, sizeof c->n);
  memcpy(s.args.shape, c->shape, sizeof c->shape);
  s.args.nshape = c->nshape;
  s.random = rnn_random_get(ctx);
  s.output = c->output;
  return s;
}

/* The output that the case looks at. */
static rnn_status apply_one(setting *s, rnn_tensor **y) {
  rnn_tensor *all[RNN_MAX_OUTPUTS];
  *y = NULL;
  rnn_status status = rnn_apply(ctx, s->op, &s->args, all);
  if (status != RNN_OK) return status;
  for (int i = 0; i < rnn_op_outputs(s->op, &s->args); i++)
    if (i == s->output) *y = all[i];
    else rnn_tensor_free(all[i]);
  return RNN_OK;
}

static rnn_tensor *apply(setting *s) {
  rnn_tensor *y;
  rnn_random_set(ctx, s->random); /* the same dropout mask every time */
  s->args.t = s->in;
  ok(apply_one(s, &y));
  return y;
}

/* L = sum of y times fixed weights */
static double weighted(setting *s, const rnn_tensor *weights) {
  bool was = rnn_ctx_set_recording(ctx, false);
  rnn_tensor *result = apply(s), *y;
  rnn_ctx_set_recording(ctx, was);
  ok(rnn_tensor_contiguous(ctx, result, &y));
  rnn_tensor_free(result);
  double sum = 0;
  for (int64_t i = 0; i < rnn_tensor_count(y); i++)
    sum += (double)rnn_tensor_floats(y)[i] * (double)rnn_tensor_floats((rnn_tensor *)(uintptr_t)weights)[i];
  rnn_tensor_free(y);
  return sum;
}

/* Fourth-order central difference. */
static double slope(setting *s, const rnn_tensor *weights, rnn_tensor *in, int64_t i) {
  const double h = 1e-3;
  rnn_real *x = rnn_tensor_floats(in) + i, at = *x;
  double f[4];
  const double steps[4] = {-2, -1, 1, 2};
  for (int k = 0; k < 4; k++) {
    *x = (rnn_real)((double)at + steps[k] * h);
    rnn_tensor_changed(in);
    f[k] = weighted(s, weights);
  }
  *x = at;
  rnn_tensor_changed(in);
  return (8 * (f[2] - f[1]) - (f[3] - f[0])) / (12 * h);
}

static void compare(setting *s, const op_case *c, const rnn_tensor *weights) {
  for (int k = 0; k < s->args.nt; k++) {
    if (!s->checked[k]) continue;
    rnn_tensor *dx = rnn_tensor_grad(s->in[k]);
    if (!dx) fail_msg("%s(%s): input %d got no gradient", c->op, c->inputs, k + 1);
    for (int64_t i = 0; i < rnn_tensor_count(dx); i++) {
      double got = (double)rnn_tensor_floats(dx)[i];
      if (!isfinite(got)) fail_msg("%s(%s): gradient of input %d at %d is %g", c->op, c->inputs, k + 1, (int)i, got);
#ifdef RNN_DOUBLE
      double want = slope(s, weights, s->in[k], i);
      double error = fabs(got - want) / fmax(1e-2, fmax(fabs(got), fabs(want)));
      if (error > 1e-6)
        fail_msg("%s(%s): gradient of input %d at %d is %.12g, finite differences give %.12g", c->op, c->inputs, k + 1,
                 (int)i, got, want);
#endif
    }
  }
  (void)weights;
  (void)slope;
}

static bool same_values(rnn_tensor *a, rnn_tensor *b) {
  size_t size = rnn_tensor_type(a) == RNN_FLOAT ? sizeof(rnn_real) : sizeof(int32_t);
  return memcmp(rnn_tensor_data(a), rnn_tensor_data(b), (size_t)rnn_tensor_count(a) * size) == 0;
}

/* Gradients as values, from a history that is gone through again and again, are those that backward adds. */
static void compare_values(setting *s, const op_case *c, rnn_tensor *y, rnn_tensor *weights) {
  rnn_tensor *wanted[MAX_INPUTS], *grads[3][MAX_INPUTS];
  int n = 0;
  for (int k = 0; k < s->args.nt; k++)
    if (s->checked[k]) wanted[n++] = s->in[k];
  for (int run = 0; run < 2; run++) ok(rnn_grad(ctx, y, weights, wanted, n, true, false, grads[run]));
  for (int k = 0; k < n; k++) ok(rnn_grad(ctx, y, weights, &wanted[k], 1, true, false, &grads[2][k]));
  for (int k = 0; k < n; k++)
    if (rnn_tensor_grad(wanted[k])) fail_msg("%s(%s): rnn_grad touched a gradient", c->op, c->inputs);
  ok(rnn_backward(ctx, y, weights));
  for (int run = 0; run < 3; run++)
    for (int k = 0; k < n; k++) {
      if (!same_values(grads[run][k], rnn_tensor_grad(wanted[k])))
        fail_msg("%s(%s): gradient %d as a value, run %d, is not that of backward", c->op, c->inputs, k + 1, run + 1);
      rnn_tensor_free(grads[run][k]);
    }
}

static void run_case(const op_case *c) {
  setting s = set_up(c);
  rnn_tensor *y = apply(&s), *weights;
  bool any = false;
  for (int k = 0; k < s.args.nt; k++) any = any || s.checked[k];
  if (rnn_tensor_requires_grad(y) != any) fail_msg("%s(%s): requires_grad is wrong", c->op, c->inputs);
  if (any) {
    ok(rnn_tensor_new(ctx, RNN_FLOAT, rnn_tensor_ndim(y), rnn_tensor_dims(y), &weights));
    ok(rnn_tensor_uniform(ctx, weights, 0.2, 1));
    compare_values(&s, c, y, weights);
    compare(&s, c, weights);
    rnn_tensor_free(weights);
  }
  rnn_tensor_free(y);
  for (int k = 0; k < s.args.nt; k++) rnn_tensor_free(s.in[k]);
}

static void gradients_match_finite_differences(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof op_cases / sizeof *op_cases; i++) run_case(&op_cases[i]);
}

static void every_op_has_a_case(void **state) {
  (void)state;
  for (int i = 0; rnn_op_at(i); i++) {
    const char *name = rnn_op_name(rnn_op_at(i));
    bool found = strcmp(name, "recurrent") == 0 || strcmp(name, "scan") == 0; /* test_recurrent.c, test_program.c */
    for (size_t k = 0; !found && k < sizeof op_cases / sizeof *op_cases; k++) found = strcmp(op_cases[k].op, name) == 0;
    if (!found) fail_msg("op %s has no case in op_cases.h", name);
  }
}

/* ---- all or nothing ---- */

/* Gives x the gradient 1, 1, 1 ..., 0 in padding. */
static void give_gradient(rnn_tensor *x) {
  rnn_tensor *sum;
  ok(rnn_apply(ctx, rnn_op_find("sum"), &(rnn_args){.t = &x, .nt = 1}, &sum));
  ok(rnn_backward(ctx, sum, NULL));
  rnn_tensor_free(sum);
}

/* Forward and backward of a case, in which allocation nth fails. What failed has changed nothing. */
static rnn_status attempt(setting *s, const op_case *c, rnn_tensor *const *before, uint64_t nth) {
  rnn_tensor *y = NULL, *dy = NULL, *dx;
  rnn_random_set(ctx, s->random);
  s->args.t = s->in;
  for (int k = 0; k < s->args.nt; k++)
    if (s->checked[k]) give_gradient(s->in[k]);
  rnn_memory_fail(ctx, nth, 1);
  rnn_status status = apply_one(s, &y);
  if (status != RNN_OK) {
    if (rnn_random_get(ctx).position != s->random.position) fail_msg("%s: failed and drew random numbers", c->op);
    for (int k = 0; k < s->args.nt; k++)
      if (!same_values(s->in[k], before[k])) fail_msg("%s: failed and changed input %d", c->op, k + 1);
  } else if (rnn_tensor_requires_grad(y)) {
    status = rnn_tensor_new(ctx, RNN_FLOAT, rnn_tensor_ndim(y), rnn_tensor_dims(y), &dy);
    if (status == RNN_OK) status = rnn_tensor_fill(ctx, dy, 0.3);
    if (status == RNN_OK) status = rnn_backward(ctx, y, dy);
  }
  rnn_memory_fail(ctx, 0, 0);
  for (int k = 0; k < s->args.nt; k++) {
    for (int64_t i = 0; status != RNN_OK && s->checked[k] && i < rnn_tensor_count(s->in[k]); i++) {
      double d = (dx = rnn_tensor_grad(s->in[k])) ? (double)rnn_tensor_floats(dx)[i] : 1;
      if (d != 1 && d != 0)
        fail_msg("%s: backward failed and changed the gradient of input %d", c->op, k + 1);
    }
    rnn_tensor_clear_grad(s->in[k]);
  }
  rnn_tensor_free(y);
  rnn_tensor_free(dy);
  return status;
}

static void failing_allocations_lose_nothing(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof op_cases / sizeof *op_cases; i++) {
    setting s = set_up(&op_cases[i]);
    rnn_tensor *kept[MAX_INPUTS];
    for (int k = 0; k < s.args.nt; k++) ok(rnn_tensor_copy(ctx, s.in[k], &kept[k]));
    rnn_memory before, after;
    rnn_memory_read(ctx, &before);
    rnn_status status = RNN_ENOMEM;
    for (uint64_t nth = 1; status == RNN_ENOMEM; nth++) {
      status = attempt(&s, &op_cases[i], kept, nth);
      for (int k = 0; k < s.args.nt; k++) ok(rnn_tensor_assign(ctx, s.in[k], kept[k])); /* running statistics */
      rnn_memory_read(ctx, &after);
      if (after.live != before.live)
        fail_msg("%s(%s): allocation %d fails and %d bytes stay", op_cases[i].op, op_cases[i].inputs, (int)nth,
                 (int)(after.live - before.live));
    }
    ok(status);
    for (int k = 0; k < s.args.nt; k++) rnn_tensor_free(s.in[k]), rnn_tensor_free(kept[k]);
  }
}

/* ---- view or copy: as the op's text says, with and without a history ---- */

static bool inside(rnn_tensor *y, rnn_tensor *x) {
  size_t size = rnn_tensor_type(x) == RNN_FLOAT ? sizeof(rnn_real) : sizeof(int32_t);
  char *from = rnn_tensor_data(x), *at = rnn_tensor_data(y);
  return at >= from && at < from + (size_t)rnn_tensor_count(x) * size;
}

static void views_are_those_that_say_so(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof op_cases / sizeof *op_cases; i++)
    for (int recording = 0; recording < 2; recording++) {
      setting s = set_up(&op_cases[i]);
      rnn_ctx_set_recording(ctx, recording);
      rnn_tensor *y = apply(&s);
      rnn_ctx_set_recording(ctx, true);
      bool view = false, says = strstr(rnn_op_doc(s.op), "Shares memory with x") != NULL;
      for (int k = 0; k < s.args.nt; k++) view |= rnn_tensor_count(y) > 0 && inside(y, s.in[k]);
      if (view != says && rnn_tensor_count(y) > 0)
        fail_msg("%s(%s), recording %d: %s, but its text says otherwise", op_cases[i].op, op_cases[i].inputs, recording,
                 view ? "shares memory" : "shares no memory");
      rnn_tensor_free(y);
      for (int k = 0; k < s.args.nt; k++) rnn_tensor_free(s.in[k]);
    }
}

/* The gradients by one input of a case, in new memory; between forward and backward disturb(input k) comes. */
static rnn_tensor *gradient_after(const op_case *c, int wanted, int k, void (*disturb)(rnn_tensor *)) {
  rnn_tensor *weights, *y, *grad;
  setting s = set_up(c);
  for (int i = 0; i < s.args.nt; i++)
    if (s.checked[i]) ok(rnn_tensor_set_requires_grad(ctx, s.in[i], i == wanted));
  y = apply(&s);
  ok(rnn_tensor_new(ctx, RNN_FLOAT, rnn_tensor_ndim(y), rnn_tensor_dims(y), &weights));
  ok(rnn_tensor_uniform(ctx, weights, 0.2, 1));
  if (disturb) disturb(s.in[k]);
  if (rnn_backward(ctx, y, weights) != RNN_OK)
    fail_msg("%s(%s): the gradient of input %d does not depend on input %d, but is refused when that has changed: %s",
             c->op, c->inputs, wanted + 1, k + 1, rnn_message(ctx));
  ok(rnn_tensor_copy(ctx, rnn_tensor_grad(s.in[wanted]), &grad));
  rnn_tensor_free(weights);
  rnn_tensor_free(y);
  for (int i = 0; i < s.args.nt; i++) rnn_tensor_free(s.in[i]);
  return grad;
}

static void poison(rnn_tensor *t) { /* unseen */
  for (int64_t i = 0; i < rnn_tensor_count(t); i++) rnn_tensor_floats(t)[i] = (rnn_real)NAN;
}
static void change(rnn_tensor *t) { ok(rnn_tensor_fill(ctx, t, 0.5)); }

/* An input whose values the gradient does not need is not kept: it may change, and its memory is free. */
static void nothing_is_kept_in_vain(void **state) {
  (void)state;
  for (size_t n = 0; n < sizeof op_cases / sizeof *op_cases; n++) {
    const op_case *c = &op_cases[n];
    setting s = set_up(c);
    for (int wanted = 0; wanted < s.args.nt; wanted++)
      for (int k = 0; s.checked[wanted] && k < s.args.nt; k++) {
        if (rnn_tensor_type(s.in[k]) != RNN_FLOAT || strstr(rnn_op_doc(s.op), "Shares memory")) continue; /* shares memory */
        rnn_tensor *clean = gradient_after(c, wanted, k, NULL), *poisoned = gradient_after(c, wanted, k, poison);
        size_t size = (size_t)rnn_tensor_count(clean) * sizeof(rnn_real);
        bool needed = memcmp(rnn_tensor_floats(clean), rnn_tensor_floats(poisoned), size) != 0, any = false;
        for (int64_t i = 0; i < rnn_tensor_count(clean); i++) any = any || rnn_tensor_floats(clean)[i] != 0;
        if (!needed && any) rnn_tensor_free(gradient_after(c, wanted, k, change));
        rnn_tensor_free(clean);
        rnn_tensor_free(poisoned);
      }
    for (int k = 0; k < s.args.nt; k++) rnn_tensor_free(s.in[k]);
  }
}

static void nothing_leaks(void **state) {
  (void)state;
  rnn_memory m;
  rnn_memory_read(ctx, &m);
  assert_int_equal(m.live, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_op_has_a_case),
                                     cmocka_unit_test(gradients_match_finite_differences),
                                     cmocka_unit_test(failing_allocations_lose_nothing),
                                     cmocka_unit_test(views_are_those_that_say_so),
                                     cmocka_unit_test(nothing_is_kept_in_vain),
                                     cmocka_unit_test(nothing_leaks)};
  if (rnn_ctx_new(&ctx) != RNN_OK) return 1;
  int failures = cmocka_run_group_tests(tests, NULL, NULL);
  rnn_ctx_free(ctx);
  return failures;
}
