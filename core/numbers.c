/* numbers.c: exact numbers of a file (rnn_numbers), and the one rule for what becomes of them in a tensor. */
#include <stdio.h>

#include "internal.h"
#include "ops/ops.h"

/* ---- the rule ---- */

static const char *refuses_integer(int64_t v, char *text, size_t size) {
  real r = (real)v;
  if (r < (real)0x1p63 && (int64_t)r == v) return NULL;
  snprintf(text, size, "%lld is a whole number that " RNN_PRECISION " would round to %.0f", (long long)v, (double)r);
  return text;
}

/* ---- the numbers ---- */

rnn_status rnni_numbers_of(rnn_ctx *ctx, bool whole, int64_t count, void *values, rnn_numbers **out) {
  RNNI_TRY(rnni_alloc(ctx, sizeof **out, out));
  **out = (rnn_numbers){.ctx = ctx, .whole = whole, .count = count, .integers = values};
  return RNN_OK;
}

rnn_status rnn_numbers_new(rnn_ctx *ctx, bool whole, int64_t count, rnn_numbers **out) {
  RNNI_NEED(ctx, out, "out is NULL");
  void *values;
  RNNI_TRY(rnni_array(ctx, count, sizeof(int64_t), &values));
  rnn_status status = rnni_numbers_of(ctx, whole, count, values, out);
  if (status != RNN_OK) rnni_free(ctx, values);
  return status;
}

void rnn_numbers_free(rnn_numbers *x) {
  if (!x) return;
  rnn_ctx *ctx = x->ctx;
  rnni_free(ctx, x->integers);
  rnni_free(ctx, x);
}

bool rnn_numbers_missing_at(const rnn_numbers *x, int64_t i) {
  return x->whole ? x->integers[i] == RNN_MISSING : isnan(x->doubles[i]);
}

/* What a function has made, or nothing when it failed. */
static rnn_status give_numbers(rnn_status status, rnn_numbers *made, rnn_numbers **out) {
  if (status == RNN_OK) *out = made;
  else rnn_numbers_free(made);
  return status;
}

static rnn_status give_tensor(rnn_status status, rnn_tensor *made, rnn_tensor **out) {
  if (status == RNN_OK) *out = made;
  else rnn_tensor_free(made);
  return status;
}

/* One piece of work on the elements from .. to of x, for each_piece. */
typedef rnn_status piece(const rnn_numbers *x, const void *other, int64_t from, int64_t to, void *out);

/* All of n, with looks for an interrupt; each may lie anywhere, which takes as long as beginning a row. */
static rnn_status each_piece(const rnn_numbers *x, int64_t n, piece *work, const void *other, void *out) {
  int64_t done = 0;
  for (RNNI_PIECES(n, from, to)) {
    RNNI_TRY(rnni_pace(x->ctx, &done, RNNI_ROW * (to - from)));
    RNNI_TRY(work(x, other, from, to, out));
  }
  return RNN_OK;
}

static rnn_status gather(const rnn_numbers *x, const void *ids, int64_t from, int64_t to, void *out) {
  const int32_t *at = ids;
  rnn_numbers *y = out;
  for (int64_t i = from; i < to; i++) {
    if (at[i] < 0 || at[i] > x->count)
      return rnni_fail(x->ctx, RNN_EARG, "gather: place %d is not within 0 to %lld", at[i], (long long)x->count);
    if (at[i]) y->integers[i] = x->integers[at[i] - 1]; /* doubles are moved as the 64 bits they are */
    else if (x->whole) y->integers[i] = RNN_MISSING;
    else y->doubles[i] = (double)NAN;
  }
  return RNN_OK;
}

rnn_status rnn_numbers_gather(const rnn_numbers *x, const rnn_tensor *ids, rnn_numbers **out) {
  RNNI_NEED(x ? x->ctx : NULL, out, "out is NULL");
  RNNI_NEED_TENSOR(x->ctx, ids);
  rnn_numbers *y = NULL;
  if (ids->type != RNN_INT || ids->ndim != 1)
    return rnni_fail(x->ctx, RNN_EARG, "gather: expected places as an int32 tensor of one axis, got %s",
                     RNNI_SHAPE(ids));
  RNNI_TRY(rnn_numbers_new(x->ctx, x->whole, ids->count, &y));
  return give_numbers(each_piece(x, ids->count, gather, rnni_i(ids), y), y, out);
}

/* An integer that orders as the number does: the missing ones last, both zeros equal. */
static uint64_t key_of(const rnn_numbers *x, int64_t i) {
  const uint64_t top = (uint64_t)1 << 63;
  if (rnn_numbers_missing_at(x, i)) return UINT64_MAX;
  if (x->whole) return ((uint64_t)x->integers[i] ^ top) - 1;
  double v = x->doubles[i] + 0.0;
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  return bits & top ? ~bits : bits | top;
}

typedef struct half {
  int shift;
  const int32_t *order; /* NULL: as they stand */
} half;

static rnn_status half_keys(const rnn_numbers *x, const void *which, int64_t from, int64_t to, void *out) {
  const half *h = which;
  int32_t *keys = out;
  for (int64_t i = from; i < to; i++)
    keys[i] = (int32_t)((uint32_t)(key_of(x, h->order ? h->order[i] - 1 : i) >> h->shift) ^ 0x80000000u);
  return RNN_OK;
}

/* The places that put 32 bits of every key into order. */
static rnn_status sort_by(const rnn_numbers *x, half h, rnn_tensor **out) {
  rnn_tensor *keys;
  RNNI_TRY(rnni_tensor_raw(x->ctx, RNN_INT, 1, &x->count, &keys));
  rnn_status status = each_piece(x, x->count, half_keys, &h, rnni_i(keys));
  if (status == RNN_OK) status = rnn_apply(x->ctx, &rnni_op_argsort, &(rnn_args){.t = &keys, .nt = 1}, out);
  rnn_tensor_free(keys);
  return status;
}

static rnn_status compose(const rnn_numbers *x, const void *order, int64_t from, int64_t to, void *out) {
  (void)x;
  int32_t *places = out;
  for (int64_t i = from; i < to; i++) places[i] = ((const int32_t *)order)[places[i] - 1];
  return RNN_OK;
}

/* By the low half of the keys, then, as the sort is stable, by the high one. */
rnn_status rnn_numbers_argsort(const rnn_numbers *x, rnn_tensor **out) {
  RNNI_NEED(x ? x->ctx : NULL, out, "out is NULL");
  rnn_tensor *low, *high;
  RNNI_TRY(sort_by(x, (half){0, NULL}, &low));
  rnn_status status = sort_by(x, (half){32, rnni_i(low)}, &high);
  if (status == RNN_OK) status = give_tensor(each_piece(x, x->count, compose, rnni_i(low), rnni_i(high)), high, out);
  rnn_tensor_free(low);
  return status;
}

static rnn_status missing(const rnn_numbers *x, const void *other, int64_t from, int64_t to, void *out) {
  (void)other;
  for (int64_t i = from; i < to; i++) ((real *)out)[i] = rnn_numbers_missing_at(x, i);
  return RNN_OK;
}

rnn_status rnn_numbers_missing(const rnn_numbers *x, rnn_tensor **out) {
  RNNI_NEED(x ? x->ctx : NULL, out, "out is NULL");
  rnn_tensor *t;
  RNNI_TRY(rnni_tensor_raw(x->ctx, RNN_FLOAT, 1, &x->count, &t));
  return give_tensor(each_piece(x, x->count, missing, NULL, rnni_f(t)), t, out);
}

static rnn_status fill(const rnn_numbers *x, const void *given, int64_t from, int64_t to, void *out) {
  const rnn_numbers_operand *value = given;
  rnn_numbers *y = out;
  for (int64_t i = from; i < to; i++) {
    if (!rnn_numbers_missing_at(x, i) || (!value && i == 0)) y->integers[i] = x->integers[i];
    else if (!value) y->integers[i] = y->integers[i - 1];
    else if (x->whole) y->integers[i] = value->integer;
    else y->doubles[i] = value->whole ? (double)value->integer : value->real;
  }
  return RNN_OK;
}

rnn_status rnn_numbers_fill(const rnn_numbers *x, const rnn_numbers_operand *value, rnn_numbers **out) {
  RNNI_NEED(x ? x->ctx : NULL, out, "out is NULL");
  RNNI_NEED(x->ctx, !value || !value->numbers, "expected one number");
  rnn_numbers *y = NULL;
  if (value && x->whole && !value->whole)
    return rnni_fail(x->ctx, RNN_EARG, "fill: whole numbers beyond 2^53 cannot stand beside %g", value->real);
  double nearest = value && value->whole ? (double)value->integer : 0;
  if (!x->whole && nearest != 0 && (nearest >= 0x1p63 || (int64_t)nearest != value->integer))
    return rnni_fail(x->ctx, RNN_EARG, "fill: the numbers are doubles, of which none is %lld", (long long)value->integer);
  RNNI_TRY(rnn_numbers_new(x->ctx, x->whole, x->count, &y));
  return give_numbers(each_piece(x, x->count, fill, value, y), y, out);
}

typedef struct scaling {
  int64_t whole;
  double offset, scale;
} scaling;

static rnn_status scale_piece(const rnn_numbers *x, const void *how, int64_t from, int64_t to, void *out) {
  const scaling *s = how;
  for (int64_t i = from; i < to; i++) {
    int64_t exact;
    double v = (x->whole ? (double)x->integers[i] : x->doubles[i]) - (double)s->whole;
    if (x->whole && !__builtin_sub_overflow(x->integers[i], s->whole, &exact)) v = (double)exact;
    ((double *)out)[i] = rnn_numbers_missing_at(x, i) ? (double)NAN : (v - s->offset) / s->scale;
  }
  return RNN_OK;
}

rnn_status rnn_numbers_scale(const rnn_numbers *x, int64_t whole, double offset, double scale, rnn_numbers **out) {
  RNNI_NEED(x ? x->ctx : NULL, out, "out is NULL");
  rnn_numbers *y = NULL;
  RNNI_TRY(rnn_numbers_new(x->ctx, false, x->count, &y));
  return give_numbers(each_piece(x, x->count, scale_piece, &(scaling){whole, offset, scale}, y->doubles), y, out);
}

static rnn_status to_tensor(const rnn_numbers *x, const void *what, int64_t from, int64_t to, void *out) {
  char text[160];
  const char *refused;
  for (int64_t i = from; i < to; i++) {
    real *y = (real *)out + i;
    if (rnn_numbers_missing_at(x, i)) {
      *y = (real)NAN;
      continue;
    }
    *y = x->whole ? (real)x->integers[i] : (real)x->doubles[i];
    refused = x->whole ? refuses_integer(x->integers[i], text, sizeof text)
                       : rnn_real_refuses(x->doubles[i], text, sizeof text);
    if (refused)
      return rnni_fail(x->ctx, RNN_EARG,
                       "%.200s: row %lld: %s; subtract or divide first, as in ((frame:column(name) - offset) / "
                       "scale):tensor(), or run with --double",
                       (const char *)what, (long long)i + 1, refused);
  }
  return RNN_OK;
}

rnn_status rnn_numbers_tensor(const rnn_numbers *x, const char *what, rnn_tensor **out) {
  RNNI_NEED(x ? x->ctx : NULL, out, "out is NULL");
  rnn_tensor *t;
  RNNI_TRY(rnni_tensor_raw(x->ctx, RNN_FLOAT, 1, &x->count, &t));
  return give_tensor(each_piece(x, x->count, to_tensor, what, rnni_f(t)), t, out);
}
