/* test_custom.c: operations and hooks of one's own from C: their gradients, every allocation that fails, that what is
 * held is let go of once, and backward inside of backward. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "rnn.h"

static rnn_ctx *ctx;

static void ok(rnn_status status) {
  if (status != RNN_OK) fail_msg("%s: %s", rnn_status_name(status), rnn_message(ctx));
}

static rnn_tensor *apply(const char *op, rnn_tensor *a, rnn_tensor *b, rnn_status *status) {
  rnn_tensor *in[2] = {a, b}, *y = NULL;
  rnn_args args = {.t = in, .nt = b ? 2 : 1, .i = {-1}};
  if (*status == RNN_OK) *status = rnn_apply(ctx, rnn_op_find(op), &args, &y);
  return y;
}

static rnn_tensor *leaf(int64_t n, double value) {
  rnn_tensor *t;
  ok(rnn_tensor_new(ctx, RNN_FLOAT, 1, &n, &t));
  ok(rnn_tensor_fill(ctx, t, value));
  ok(rnn_tensor_set_requires_grad(ctx, t, true));
  return t;
}

static double first(const rnn_tensor *t) { return t ? (double)rnn_tensor_floats((rnn_tensor *)(uintptr_t)t)[0] : 0; }

/* ---- z, s = a b, a + b ---- */

typedef struct product {
  rnn_tensor *a, *b;
  int freed, called;
  rnn_status fails;
} product;

static rnn_status product_backward(void *self, rnn_tensor *const *dy, const bool *wants, rnn_tensor **dx) {
  product *p = self;
  rnn_tensor *in[2] = {p->b, p->a};
  rnn_status status = p->fails;
  p->called++;
  for (int i = 0; i < 2; i++) {
    if (!wants[i]) continue;
    rnn_tensor *part = apply("mul", dy[0], in[i], &status);
    dx[i] = apply("add", part, dy[1], &status);
    rnn_tensor_free(part);
  }
  return status;
}

static void product_free(void *self) {
  product *p = self;
  p->freed++;
  rnn_tensor_free(p->a);
  rnn_tensor_free(p->b);
}

static rnn_status product_apply(product *p, rnn_tensor *a, rnn_tensor *b, rnn_tensor **out) {
  rnn_status status = RNN_OK;
  bool was = rnn_ctx_set_recording(ctx, false);
  rnn_tensor *x[2] = {a, b}, *y[2] = {apply("mul", a, b, &status), apply("add", a, b, &status)};
  rnn_ctx_set_recording(ctx, was);
  p->a = rnn_tensor_ref(a);
  p->b = rnn_tensor_ref(b);
  rnn_custom custom = {.name = "product", .backward = product_backward, .free = product_free, .self = p};
  if (status == RNN_OK) status = rnn_record(ctx, &custom, x, 2, y, 2, out);
  if (status != RNN_OK) product_free(p);
  rnn_tensor_free(y[0]);
  rnn_tensor_free(y[1]);
  return status;
}

static void operations_have_gradients(void **state) {
  (void)state;
  rnn_tensor *a = leaf(3, 2), *b = leaf(3, 5), *out[2], *grad[2], *in[2] = {a, b}, *dy = leaf(3, 1);
  product p = {0};
  ok(product_apply(&p, a, b, out));
  assert_true(first(out[0]) == 10 && first(out[1]) == 7);
  ok(rnn_grad(ctx, out[0], dy, in, 2, true, false, grad));
  assert_true(first(grad[0]) == 5 && first(grad[1]) == 2); /* nothing has come to a + b */
  for (int i = 0; i < 2; i++) rnn_tensor_free(grad[i]);
  ok(rnn_grad(ctx, out[1], dy, &b, 1, true, false, grad));
  assert_true(first(grad[0]) == 1);
  rnn_tensor_free(grad[0]);
  assert_int_equal(p.freed, 0);
  ok(rnn_backward(ctx, out[0], dy));
  assert_true(first(rnn_tensor_grad(a)) == 5 && first(rnn_tensor_grad(b)) == 2);
  assert_int_equal(p.called, 3);
  assert_int_equal(p.freed, 1);
  assert_int_equal(rnn_backward(ctx, out[1], dy), RNN_ESTALE);
  for (int i = 0; i < 2; i++) rnn_tensor_free(out[i]);
  assert_int_equal(p.freed, 1);
  p = (product){0};
  ok(product_apply(&p, a, b, out)); /* never differentiated */
  for (int i = 0; i < 2; i++) rnn_tensor_free(out[i]);
  assert_int_equal(p.freed, 1);
  p = (product){0};
  rnn_ctx_set_recording(ctx, false);
  ok(product_apply(&p, a, b, out));
  rnn_ctx_set_recording(ctx, true);
  assert_int_equal(p.freed, 1);
  assert_false(rnn_tensor_requires_grad(out[0]));
  for (int i = 0; i < 2; i++) rnn_tensor_free(out[i]);
  p = (product){.fails = RNN_EINTR};
  rnn_tensor_clear_grad(a);
  ok(product_apply(&p, a, b, out));
  assert_int_equal(rnn_backward(ctx, out[0], dy), RNN_EINTR);
  assert_non_null(strstr(rnn_message(ctx), "product"));
  assert_null(rnn_tensor_grad(a));
  assert_true(rnn_ctx_recording(ctx));
  assert_int_equal(p.freed, 1);
  for (int i = 0; i < 2; i++) rnn_tensor_free(out[i]);
  rnn_tensor_free(a);
  rnn_tensor_free(b);
  rnn_tensor_free(dy);
}

/* ---- hooks ---- */

typedef struct scale {
  double factor;
  int called, freed;
} scale;

static rnn_status scale_call(void *self, rnn_tensor *grad, rnn_tensor **out) {
  scale *s = self;
  rnn_tensor *factor = NULL;
  rnn_status status = rnn_tensor_new(ctx, RNN_FLOAT, 0, NULL, &factor);
  s->called++;
  if (status == RNN_OK) status = rnn_tensor_fill(ctx, factor, s->factor);
  *out = apply("mul", grad, factor, &status);
  rnn_tensor_free(factor);
  return status;
}
static void scale_free(void *self) { ((scale *)self)->freed++; }

static void hooks_are_removed_and_let_go(void **state) {
  (void)state;
  rnn_tensor *w = leaf(1, 3), *grad;
  scale all[3] = {{.factor = 2}, {.factor = 3}, {.factor = 5}};
  rnn_hook *hooks[3];
  for (int i = 0; i < 3; i++) ok(rnn_tensor_on_grad(ctx, w, scale_call, scale_free, &all[i], &hooks[i]));
  ok(rnn_grad(ctx, w, NULL, &w, 1, false, false, &grad));
  assert_true(first(grad) == 30);
  rnn_tensor_free(grad);
  rnn_hook_remove(hooks[1]);
  rnn_hook_remove(hooks[1]);
  assert_int_equal(all[1].freed, 1);
  ok(rnn_grad(ctx, w, NULL, &w, 1, false, false, &grad));
  assert_true(first(grad) == 10);
  rnn_tensor_free(grad);
  for (int i = 0; i < 1000; i++) { /* the list does not grow */
    scale more = {.factor = 1};
    rnn_hook *hook;
    ok(rnn_tensor_on_grad(ctx, w, scale_call, scale_free, &more, &hook));
    rnn_hook_remove(hook);
    rnn_hook_free(hook);
    assert_int_equal(more.freed, 1);
  }
  rnn_memory m;
  rnn_memory_read(ctx, &m);
  assert_true(m.live < 20000);
  rnn_tensor_free(w);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(all[i].freed, 1);
    rnn_hook_remove(hooks[i]);
    rnn_hook_free(hooks[i]);
  }
}

/* ---- every allocation fails once ---- */

static rnn_status whole(product *p, scale *s, rnn_tensor *a, rnn_tensor *b, rnn_tensor *dy) {
  rnn_tensor *out[2] = {0}, *h = NULL, *y = NULL, *in[2] = {a, b}, *grad[2] = {0};
  rnn_hook *hook = NULL;
  rnn_status status = RNN_OK;
  h = apply("tanh", a, NULL, &status);
  if (status == RNN_OK) status = rnn_tensor_on_grad(ctx, h, scale_call, scale_free, s, &hook);
  if (status == RNN_OK) status = product_apply(p, h, b, out);
  y = apply("add", out[0], out[1], &status);
  if (status == RNN_OK) status = rnn_grad(ctx, y, dy, in, 2, true, false, grad);
  if (status == RNN_OK) status = rnn_backward(ctx, y, dy);
  if (status != RNN_OK && (rnn_tensor_grad(a) || rnn_tensor_grad(b))) fail_msg("half a gradient");
  rnn_hook_free(hook);
  for (int i = 0; i < 2; i++) {
    rnn_tensor_free(out[i]);
    rnn_tensor_free(grad[i]);
  }
  rnn_tensor_free(h);
  rnn_tensor_free(y);
  return status;
}

static void failing_allocations_lose_nothing(void **state) {
  (void)state;
  rnn_tensor *a = leaf(3, 0.5), *b = leaf(3, 5), *dy = leaf(3, 1);
  rnn_status status = RNN_ENOMEM;
  uint64_t nth = 1;
  for (; status == RNN_ENOMEM; nth++) {
    product p = {0};
    scale s = {.factor = 2};
    rnn_memory before, after;
    rnn_memory_read(ctx, &before);
    rnn_memory_fail(ctx, nth, 1);
    status = whole(&p, &s, a, b, dy);
    rnn_memory_fail(ctx, 0, 0);
    double da = first(rnn_tensor_grad(a));
    rnn_tensor_clear_grad(a);
    rnn_tensor_clear_grad(b);
    rnn_memory_read(ctx, &after);
    if (before.live != after.live) fail_msg("allocation %d fails, and %d bytes stay", (int)nth, (int)(after.live - before.live));
    if (p.freed > 1 || s.freed > 1) fail_msg("allocation %d fails, and something is freed twice", (int)nth);
    if (status != RNN_OK) continue;
    assert_true(p.freed == 1 && s.freed == 1);
    assert_true(fabs(da - 2 * 6 * (1 - tanh(0.5) * tanh(0.5))) < 1e-5);
  }
  ok(status);
  assert_true(nth > 40);
  rnn_tensor_free(a);
  rnn_tensor_free(b);
  rnn_tensor_free(dy);
}

/* ---- backward inside of backward ---- */

typedef struct inner {
  rnn_tensor *w, *other; /* other: a result of the outer computation */
  rnn_status got;
} inner;

static rnn_status inner_call(void *self, rnn_tensor *grad, rnn_tensor **out) {
  (void)grad;
  (void)out;
  inner *n = self;
  rnn_status status = RNN_OK;
  rnn_tensor *grads;
  if (n->other) {
    n->got = rnn_grad(ctx, n->other, NULL, &n->w, 1, true, false, &grads);
    if (n->got == RNN_OK) rnn_tensor_free(grads);
    return RNN_OK;
  }
  rnn_ctx_set_recording(ctx, true);
  rnn_tensor *square = apply("square", n->w, NULL, &status), *sum = apply("sum", square, NULL, &status);
  if (status == RNN_OK) status = rnn_backward(ctx, sum, NULL);
  rnn_tensor_free(square);
  rnn_tensor_free(sum);
  return status;
}

static void passes_may_lie_inside_of_each_other(void **state) {
  (void)state;
  rnn_status status = RNN_OK;
  rnn_tensor *w = leaf(1, 3), *a = apply("neg", w, NULL, &status), *b = apply("exp", a, NULL, &status),
             *c = apply("add", b, w, &status), *grad;
  inner n = {.w = w};
  rnn_hook *hook;
  ok(rnn_tensor_on_grad(ctx, a, inner_call, NULL, &n, &hook)); /* w has half of its gradient then */
  ok(rnn_grad(ctx, c, NULL, &w, 1, true, false, &grad));
  assert_true(fabs(first(grad) - (1 - exp(-3))) < 1e-6);
  assert_true(first(rnn_tensor_grad(w)) == 6);
  rnn_tensor_free(grad);
  rnn_tensor_clear_grad(w);
  n.other = a; /* already has a gradient of the outer pass */
  ok(rnn_grad(ctx, c, NULL, &w, 1, true, false, &grad));
  rnn_tensor_free(grad);
  assert_int_equal(n.got, RNN_EARG);
  n.other = c;
  ok(rnn_grad(ctx, c, NULL, &w, 1, true, false, &grad));
  assert_int_equal(n.got, RNN_EARG);
  assert_true(fabs(first(grad) - (1 - exp(-3))) < 1e-6);
  rnn_tensor_free(grad);
  n.other = NULL;
  ok(rnn_backward(ctx, c, NULL));
  assert_true(fabs(first(rnn_tensor_grad(w)) - (6 + 1 - exp(-3))) < 1e-6);
  rnn_hook_free(hook);
  rnn_tensor *const all[] = {w, a, b, c};
  for (int i = 0; i < 4; i++) rnn_tensor_free(all[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(operations_have_gradients),
      cmocka_unit_test(hooks_are_removed_and_let_go),
      cmocka_unit_test(failing_allocations_lose_nothing),
      cmocka_unit_test(passes_may_lie_inside_of_each_other),
  };
  if (rnn_ctx_new(&ctx) != RNN_OK) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  rnn_memory m;
  rnn_memory_read(ctx, &m);
  rnn_ctx_free(ctx);
  return failed + (m.live != 0);
}
