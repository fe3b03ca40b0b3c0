/* numbers.c: exact numbers of a file (rnn_numbers), and the one rule for what becomes of them in a tensor. */
#include <stdio.h>

#include "internal.h"

/* ---- the rule ---- */

#define EXACT 9007199254740992.0 /* 2^53: beyond it doubles have gaps, and a number is an approximation anyway */

const char *rnn_real_refuses(double v, char *text, size_t size) {
  real r = (real)v;
  if ((double)r == v || isnan(v)) return NULL;
  if (isinf(r)) {
    snprintf(text, size, "%g is beyond the range of " RNN_PRECISION, v);
    return text;
  }
  if (fabs(v) > EXACT || v != rint(v)) return NULL;
  snprintf(text, size, "%.0f is a whole number that " RNN_PRECISION " would round to %.0f", v, (double)r);
  return text;
}

static const char *refuses_integer(int64_t v, char *text, size_t size) {
  real r = (real)v;
  if (r < (real)0x1p63 && (int64_t)r == v) return NULL;
  snprintf(text, size, "%lld is a whole number that " RNN_PRECISION " would round to %.0f", (long long)v, (double)r);
  return text;
}

/* ---- the numbers ---- */

rnn_status rnn_numbers_new(rnn_ctx *ctx, bool whole, int64_t count, rnn_numbers **out) {
  rnn_numbers *x;
  RNNI_TRY(rnni_alloc(ctx, sizeof *x, &x));
  *x = (rnn_numbers){.ctx = ctx, .whole = whole, .count = count};
  rnn_status status = rnni_array(ctx, count, sizeof(int64_t), &x->integers);
  if (status == RNN_OK) *out = x;
  else rnni_free(ctx, x);
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

rnn_status rnn_numbers_gather(const rnn_numbers *x, const rnn_tensor *ids, rnn_numbers **out) {
  if (ids->type != RNN_INT || ids->ndim != 1)
    return rnni_fail(x->ctx, RNN_EARG, "gather: expected places as an int32 tensor of one axis, got %s",
                     RNNI_SHAPE(ids));
  const int32_t *at = rnni_i(ids);
  for (int64_t i = 0; i < ids->count; i++)
    if (at[i] < 0 || at[i] > x->count)
      return rnni_fail(x->ctx, RNN_EARG, "gather: place %d is not within 0 to %lld", at[i], (long long)x->count);
  RNNI_TRY(rnn_numbers_new(x->ctx, x->whole, ids->count, out));
  for (int64_t i = 0; i < ids->count; i++) {
    if (at[i]) (*out)->integers[i] = x->integers[at[i] - 1]; /* doubles are moved as the 64 bits they are */
    else if (x->whole) (*out)->integers[i] = RNN_MISSING;
    else (*out)->doubles[i] = (double)NAN;
  }
  return RNN_OK;
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

/* The places that put 32 bits of every key into order, from an order that is there already (NULL: as they stand). */
static rnn_status sort_by(const rnn_numbers *x, int shift, const int32_t *order, rnn_tensor **out) {
  rnn_tensor *keys;
  RNNI_TRY(rnni_tensor_raw(x->ctx, RNN_INT, 1, &x->count, &keys));
  for (int64_t i = 0; i < x->count; i++)
    rnni_i(keys)[i] = (int32_t)((uint32_t)(key_of(x, order ? order[i] - 1 : i) >> shift) ^ 0x80000000u);
  rnn_status status = rnn_apply(x->ctx, rnn_op_find("argsort"), &(rnn_args){.t = &keys, .nt = 1}, out);
  rnn_tensor_free(keys);
  return status;
}

/* By the low half of the keys, then, as the sort is stable, by the high one. */
rnn_status rnn_numbers_argsort(const rnn_numbers *x, rnn_tensor **out) {
  rnn_tensor *low, *high;
  RNNI_TRY(sort_by(x, 0, NULL, &low));
  rnn_status status = sort_by(x, 32, rnni_i(low), &high);
  if (status == RNN_OK) {
    for (int64_t i = 0; i < x->count; i++) rnni_i(high)[i] = rnni_i(low)[rnni_i(high)[i] - 1];
    *out = high;
  }
  rnn_tensor_free(low);
  return status;
}

rnn_status rnn_numbers_eq(const rnn_numbers *a, const rnn_numbers *b, rnn_tensor **out) {
  if (a->count != b->count || a->whole != b->whole)
    return rnni_fail(a->ctx, RNN_ESHAPE, "eq: %lld %s numbers and %lld %s numbers", (long long)a->count,
                     a->whole ? "whole" : "double", (long long)b->count, b->whole ? "whole" : "double");
  RNNI_TRY(rnni_tensor_raw(a->ctx, RNN_FLOAT, 1, &a->count, out));
  for (int64_t i = 0; i < a->count; i++)
    rnni_f(*out)[i] = !rnn_numbers_missing_at(a, i) &&
                      (a->whole ? a->integers[i] == b->integers[i] : a->doubles[i] == b->doubles[i]);
  return RNN_OK;
}

rnn_status rnn_numbers_missing(const rnn_numbers *x, rnn_tensor **out) {
  RNNI_TRY(rnni_tensor_raw(x->ctx, RNN_FLOAT, 1, &x->count, out));
  for (int64_t i = 0; i < x->count; i++) rnni_f(*out)[i] = rnn_numbers_missing_at(x, i);
  return RNN_OK;
}

rnn_status rnn_numbers_fill(const rnn_numbers *x, const double *value, rnn_numbers **out) {
  if (value && x->whole && (*value != rint(*value) || fabs(*value) > EXACT))
    return rnni_fail(x->ctx, RNN_EARG, "fill: whole numbers beyond 2^53 cannot stand beside %g", *value);
  RNNI_TRY(rnn_numbers_new(x->ctx, x->whole, x->count, out));
  for (int64_t i = 0; i < x->count; i++) {
    if (!rnn_numbers_missing_at(x, i)) (*out)->integers[i] = x->integers[i];
    else if (!value) (*out)->integers[i] = i > 0 ? (*out)->integers[i - 1] : x->integers[i];
    else if (x->whole) (*out)->integers[i] = (int64_t)*value;
    else (*out)->doubles[i] = *value;
  }
  return RNN_OK;
}

rnn_status rnn_numbers_scale(const rnn_numbers *x, int64_t whole, double offset, double scale, rnn_numbers **out) {
  RNNI_TRY(rnn_numbers_new(x->ctx, false, x->count, out));
  for (int64_t i = 0; i < x->count; i++) {
    int64_t exact;
    double v = (x->whole ? (double)x->integers[i] : x->doubles[i]) - (double)whole;
    if (x->whole && !__builtin_sub_overflow(x->integers[i], whole, &exact)) v = (double)exact;
    (*out)->doubles[i] = rnn_numbers_missing_at(x, i) ? (double)NAN : (v - offset) / scale;
  }
  return RNN_OK;
}

rnn_status rnn_numbers_tensor(const rnn_numbers *x, const char *what, rnn_tensor **out) {
  char text[160];
  const char *refused = NULL;
  int64_t i;
  rnn_tensor *t;
  RNNI_TRY(rnni_tensor_raw(x->ctx, RNN_FLOAT, 1, &x->count, &t));
  for (i = 0; i < x->count && !refused; i++) {
    if (rnn_numbers_missing_at(x, i)) {
      rnni_f(t)[i] = (real)NAN;
    } else if (x->whole) {
      rnni_f(t)[i] = (real)x->integers[i];
      refused = refuses_integer(x->integers[i], text, sizeof text);
    } else {
      rnni_f(t)[i] = (real)x->doubles[i];
      refused = rnn_real_refuses(x->doubles[i], text, sizeof text);
    }
  }
  if (!refused) {
    *out = t;
    return RNN_OK;
  }
  rnn_tensor_free(t);
  return rnni_fail(x->ctx, RNN_EARG,
                   "%.200s: row %lld: %s; subtract or divide first, as in ((frame:column(name) - offset) / "
                   "scale):tensor(), or run with --double",
                   what, (long long)i, refused);
}
