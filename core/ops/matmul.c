/* matmul.c: matrix products, batched with broadcasting, and the fully connected layer. */
#include "../internal.h"

/* The operands as matrices, or batches of them: a vector is one row on the left and one column on the right. Shapes and
   values only; y is the result, with the axes of size 1 that vectors do not leave in it. */
typedef struct operands {
  rnn_tensor a, b, y;
} operands;

static rnn_tensor as_matrix(const rnn_tensor *t, bool left) {
  rnn_tensor m = *t;
  if (t->ndim != 1) return m;
  m.ndim = 2;
  m.dims[left ? 1 : 0] = t->dims[0];
  m.dims[left ? 0 : 1] = 1;
  return m;
}

static rnn_status operands_of(rnn_ctx *ctx, const rnni_call *c, operands *o) {
  o->a = as_matrix(c->in[0], true);
  o->b = as_matrix(c->in[1], false);
  rnn_tensor la = o->a, lb = o->b;
  la.ndim -= 2;
  lb.ndim -= 2;
  RNNI_TRY(rnni_broadcast_dims(ctx, "matmul", &la, &lb, &o->y.ndim, o->y.dims));
  o->y.dims[o->y.ndim++] = o->a.dims[la.ndim];
  o->y.dims[o->y.ndim++] = o->b.dims[lb.ndim + 1];
  return RNN_OK;
}

static rnn_status matmul_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *a = c->in[0], *b = c->in[1];
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  RNNI_TRY(rnni_need_float(ctx, c, 1));
  if (a->ndim < 1 || b->ndim < 1)
    return rnni_fail(ctx, RNN_ESHAPE, "matmul: expected vectors, matrices or batches of matrices, got %s and %s; a * b "
                     "multiplies by a number", RNNI_SHAPE(a), RNNI_SHAPE(b));
  if (a->dims[a->ndim - 1] != b->dims[RNNI_MAX(b->ndim - 2, 0)])
    return rnni_fail(ctx, RNN_ESHAPE, "matmul: inner sizes differ: %s x %s", RNNI_SHAPE(a), RNNI_SHAPE(b));
  if (a->ndim < 3) RNNI_TRY(rnni_need_no_lengths(ctx, c, 0));
  if (b->ndim < 4) RNNI_TRY(rnni_need_no_lengths(ctx, c, 1));
  operands o;
  if (operands_of(ctx, c, &o) != RNN_OK)
    return rnni_fail(ctx, RNN_ESHAPE, "matmul: the batches of %s and %s do not fit together", RNNI_SHAPE(a),
                     RNNI_SHAPE(b));
  for (int i = 0; i < o.y.ndim; i++)
    if (!(a->ndim == 1 && i == o.y.ndim - 2) && !(b->ndim == 1 && i == o.y.ndim - 1))
      c->out_dims[c->out_ndim++] = o.y.dims[i];
  return RNN_OK;
}

/* The offset of the matrix of t that batch i of the result uses. */
static int64_t matrix_of(const rnn_tensor *t, const rnn_tensor *y, int64_t i) {
  int64_t offset = 0, step = t->dims[t->ndim - 1] * t->dims[t->ndim - 2];
  for (int yi = y->ndim - 3, ti = t->ndim - 3; ti >= 0; yi--, ti--) {
    if (t->dims[ti] != 1) offset += i % y->dims[yi] * step;
    i /= y->dims[yi];
    step *= t->dims[ti];
  }
  return offset;
}

typedef struct sizes {
  int64_t batches, m, n, k;
} sizes;

/* b one matrix for all: the batches of a are simply more rows. */
static sizes sizes_of(const operands *o) {
  const rnn_tensor *a = &o->a, *b = &o->b, *y = &o->y;
  sizes s = {.m = a->dims[a->ndim - 2], .n = b->dims[b->ndim - 1], .k = a->dims[a->ndim - 1], .batches = 1};
  for (int i = 0; i < y->ndim - 2; i++) s.batches *= y->dims[i];
  if (b->ndim == 2 && a->ndim == y->ndim) {
    s.m *= s.batches;
    s.batches = RNNI_MIN(s.batches, 1);
  }
  return s;
}

static rnn_status matmul_forward(rnn_ctx *ctx, rnni_call *c) {
  operands o;
  RNNI_TRY(operands_of(ctx, c, &o));
  sizes s = sizes_of(&o);
  rnni_save_factors(c);
  if (s.batches == 1)
    return rnni_gemm_weight(ctx, s.m, s.n, s.k, rnni_f(&o.a), &o.b, s.n, 1, NULL, rnni_f(c->out[0]), false);
  for (int64_t i = 0; i < s.batches; i++)
    RNNI_TRY(rnni_gemm(ctx, s.m, s.n, s.k, rnni_f(&o.a) + matrix_of(&o.a, &o.y, i), s.k, 1,
                       rnni_f(&o.b) + matrix_of(&o.b, &o.y, i), s.n, 1, NULL, rnni_f(c->out[0]) + i * s.m * s.n, s.n,
                       false));
  return RNN_OK;
}

static rnn_status matmul_backward(rnn_ctx *ctx, rnni_call *c) {
  operands o;
  RNNI_TRY(operands_of(ctx, c, &o));
  sizes s = sizes_of(&o);
  for (int64_t i = 0; i < s.batches; i++) {
    int64_t ia = matrix_of(&o.a, &o.y, i), ib = matrix_of(&o.b, &o.y, i);
    const real *d = rnni_f(c->dout[0]) + i * s.m * s.n;
    if (c->wants[0] && s.batches == 1) /* dA = dY B' */
      RNNI_TRY(rnni_gemm_weight(ctx, s.m, s.k, s.n, d, &o.b, 1, s.n, NULL, rnni_f(c->din[0]), true));
    else if (c->wants[0])
      RNNI_TRY(rnni_gemm(ctx, s.m, s.k, s.n, d, s.n, 1, rnni_f(&o.b) + ib, 1, s.n, NULL, rnni_f(c->din[0]) + ia, s.k, true));
    if (c->wants[1]) /* dB = A' dY */
      RNNI_TRY(rnni_gemm(ctx, s.k, s.n, s.m, rnni_f(&o.a) + ia, 1, s.k, d, s.n, 1, NULL, rnni_f(c->din[1]) + ib, s.n, true));
  }
  return RNN_OK;
}
const rnn_op rnni_op_matmul = {.name = "matmul", .args = "TT",
                               .doc = "(a, b). Matrix product (..., m, k) x (..., k, n) -> (..., m, n); leading axes broadcast. A vector (k) is a row on the left,"
                               " a column on the right, and the result lacks its axis of size 1: matrix and vector give (..., m), two vectors a number."
                               " Errors: int32, inner sizes that differ, batches that do not fit together, a sum over the steps of what has lengths.",
                               .shape = matmul_shape, .forward = matmul_forward, .backward = matmul_backward,
                               .saves = RNNI_SAVE_INPUTS, .lengths = RNNI_LENGTHS_KEEP, .adds_steps = true,
                               .products = true};

/* ---- linear: y = x W' + b ---- */

static rnn_status linear_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *w = c->in[1], *b = c->nin > 2 ? c->in[2] : NULL;
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  RNNI_TRY(rnni_need_float(ctx, c, 1));
  RNNI_TRY(rnni_need_ndim(ctx, c, 1, 2));
  if (x->ndim < 1 || x->dims[x->ndim - 1] != w->dims[1])
    return rnni_fail(ctx, RNN_ESHAPE, "linear: expected input (..., %lld) for weight %s, got %s", (long long)w->dims[1],
                     RNNI_SHAPE(w), RNNI_SHAPE(x));
  if (x->ndim < 3) RNNI_TRY(rnni_need_no_lengths(ctx, c, 0));
  rnni_out_like(c, x);
  c->out_dims[x->ndim - 1] = w->dims[0];
  if (!b) return RNN_OK;
  bool fits = b->type == RNN_FLOAT && (b->ndim == 1 || b->ndim == x->ndim);
  for (int i = 1; fits && i <= b->ndim; i++) fits = b->dims[b->ndim - i] == c->out_dims[x->ndim - i];
  if (!fits)
    return rnni_fail(ctx, RNN_ESHAPE, "linear: expected bias (%lld,) for weight %s, or a sum %s to go on from, got %s %s",
                     (long long)w->dims[0], RNNI_SHAPE(w), rnni_shape_text(c->out_ndim, c->out_dims), RNNI_SHAPE(b),
                     rnni_type_text(b->type));
  return RNN_OK;
}

/* Is the third input a sum that every row goes on from, and not one bias for all? */
static bool goes_on(const rnni_call *c) { return c->nin > 2 && c->in[2] && c->in[2]->ndim == c->in[0]->ndim && c->in[2]->ndim > 1; }

static rnn_status linear_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *w = c->in[1], *b = c->nin > 2 ? c->in[2] : NULL;
  int64_t n = w->dims[0], k = w->dims[1], m = 1;
  for (int i = 0; i < x->ndim - 1; i++) m *= x->dims[i];
  rnni_save_factors(c);
  bool on = goes_on(c);
  if (on) RNNI_TRY(rnni_copy(ctx, c->out[0]->data, b->data, (size_t)(m * n) * sizeof(real)));
  return rnni_gemm_weight(ctx, m, n, k, rnni_f(x), w, 1, k, b && !on ? rnni_f(b) : NULL, rnni_f(c->out[0]), on);
}

static rnn_status linear_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *w = c->in[1];
  int64_t n = w->dims[0], k = w->dims[1], m = 1;
  for (int i = 0; i < x->ndim - 1; i++) m *= x->dims[i];
  const real *dy = rnni_f(c->dout[0]);
  if (c->wants[0]) RNNI_TRY(rnni_gemm_weight(ctx, m, k, n, dy, w, k, 1, NULL, rnni_f(c->din[0]), !c->raw[0]));
  if (c->wants[1]) RNNI_TRY(rnni_gemm(ctx, n, k, m, dy, 1, n, rnni_f(x), k, 1, NULL, rnni_f(c->din[1]), k, !c->raw[1]));
  int64_t done = 0;
  if (c->nin < 3 || !c->in[2] || !c->wants[2]) return RNN_OK;
  if (c->raw[2]) RNNI_TRY(rnni_copy(ctx, c->din[2]->data, NULL, (size_t)c->din[2]->count * sizeof(real)));
  if (goes_on(c)) return rnni_add_tensor(ctx, c->din[2], c->dout[0]);
  for (int64_t i = 0; i < m; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + n));
    rnni_add(rnni_f(c->din[2]), dy + i * n, n);
  }
  return RNN_OK;
}
const rnn_op rnni_op_linear = {.name = "linear", .args = "TT?T",
                               .doc = "(x, weight [, bias]). x W' + b: x (..., in), weight (out, in), bias (out) -> (..., out). A bias (..., out) is a sum that"
                               " goes on: linear(h, u, linear(x, w, b)) adds up as one product of both does."
                               " Errors: an x whose last axis is not in, a bias that is neither.",
                               .shape = linear_shape, .forward = linear_forward, .backward = linear_backward,
                               .saves = RNNI_SAVE_IN0 | RNNI_SAVE_IN1, .lengths = RNNI_LENGTHS_KEEP,
                               .adds_steps = true, .fills = true, .products = true, .integers = true};
