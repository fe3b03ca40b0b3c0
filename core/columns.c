/* columns.c: columns of a frame as a whole: arithmetic, comparisons, sums over ranges of rows, matching rows. */
#include <stdlib.h>

#include "internal.h"

static rnn_status give_numbers(rnn_status status, rnn_numbers *made, rnn_numbers **out) {
  if (status == RNN_OK) *out = made;
  else rnn_numbers_free(made);
  return status;
}

rnn_status rnn_numbers_of(const rnn_tensor *t, int32_t missing, rnn_numbers **out) {
  RNNI_NEED(t ? t->ctx : NULL, t && out, "t or out is NULL");
  rnn_numbers *x;
  int64_t done = 0;
  rnn_status status = RNN_OK;
  if (t->ndim != 1) return rnni_fail(t->ctx, RNN_ESHAPE, "numbers: expected a tensor of one axis, got %s", RNNI_SHAPE(t));
  rnn_tensor *rows;
  RNNI_TRY(rnn_tensor_contiguous(t->ctx, (rnn_tensor *)t, &rows));
  status = rnn_numbers_new(t->ctx, t->type == RNN_INT, t->count, &x);
  if (status != RNN_OK) {
    rnn_tensor_free(rows);
    return status;
  }
  for (int64_t i = 0; i < t->count && status == RNN_OK; i++) {
    status = rnni_pace(t->ctx, &done, 1);
    if (t->type == RNN_INT) x->integers[i] = rnni_i(rows)[i] == missing ? RNN_MISSING : rnni_i(rows)[i];
    else x->doubles[i] = (double)rnni_f(rows)[i];
  }
  rnn_tensor_free(rows);
  return give_numbers(status, x, out);
}

/* ---- arithmetic ---- */

static bool is_whole(const rnn_numbers_operand *x) { return x->numbers ? x->numbers->whole : x->whole; }

static bool missing_at(const rnn_numbers_operand *x, int64_t i) {
  return x->numbers ? rnn_numbers_missing_at(x->numbers, i) : !x->whole && isnan(x->real);
}

static int64_t integer_at(const rnn_numbers_operand *x, int64_t i) {
  return x->numbers ? x->numbers->integers[i] : x->integer;
}

static double real_at(const rnn_numbers_operand *x, int64_t i) {
  if (!x->numbers) return x->whole ? (double)x->integer : x->real;
  return x->numbers->whole ? (double)x->numbers->integers[i] : x->numbers->doubles[i];
}

static rnn_status count_of(rnn_ctx *ctx, const rnn_numbers_operand *x, const rnn_numbers_operand *y, int64_t *count) {
  const rnn_numbers *a = x->numbers ? x->numbers : y->numbers;
  *count = a->count;
  if (x->numbers && y->numbers && x->numbers->count != y->numbers->count)
    return rnni_fail(ctx, RNN_ESHAPE, "%lld numbers and %lld numbers", (long long)x->numbers->count,
                     (long long)y->numbers->count);
  return RNN_OK;
}

/* False when it overflows; the second of / and % is not 0. */
static bool combine_integers(rnn_numbers_op op, int64_t a, int64_t b, int64_t *c) {
  int64_t quotient;
  switch (op) {
    case RNN_NUMBERS_ADD: return !__builtin_add_overflow(a, b, c) && *c != RNN_MISSING;
    case RNN_NUMBERS_SUB: return !__builtin_sub_overflow(a, b, c) && *c != RNN_MISSING;
    case RNN_NUMBERS_MUL: return !__builtin_mul_overflow(a, b, c) && *c != RNN_MISSING;
    default: break;
  }
  quotient = a / b - (a % b != 0 && (a < 0) != (b < 0));
  *c = op == RNN_NUMBERS_FLOOR_DIV ? quotient : a - quotient * b;
  return true;
}

static double combine_reals(rnn_numbers_op op, double a, double b) {
  switch (op) {
    case RNN_NUMBERS_ADD: return a + b;
    case RNN_NUMBERS_SUB: return a - b;
    case RNN_NUMBERS_MUL: return a * b;
    case RNN_NUMBERS_DIV: return a / b;
    case RNN_NUMBERS_FLOOR_DIV: return floor(a / b);
    case RNN_NUMBERS_POW: return rnni_pow(a, b);
    default: return a - floor(a / b) * b;
  }
}

static rnn_status combine_row(rnn_ctx *ctx, rnn_numbers_op op, int64_t row, int64_t a, int64_t b, int64_t *c) {
  if ((op == RNN_NUMBERS_FLOOR_DIV || op == RNN_NUMBERS_MOD) && b == 0)
    return rnni_fail(ctx, RNN_EARG, "row %lld: division of %lld by 0", (long long)row + 1, (long long)a);
  if (!combine_integers(op, a, b, c))
    return rnni_fail(ctx, RNN_EARG, "row %lld: %lld and %lld give more than 64 bits", (long long)row + 1, (long long)a,
                     (long long)b);
  return RNN_OK;
}

/* Both are integers. */
static rnn_status combine_whole(rnn_ctx *ctx, rnn_numbers_op op, const rnn_numbers_operand *x,
                                const rnn_numbers_operand *y, int64_t n, int64_t *to) {
  const int64_t *a = x->numbers ? x->numbers->integers : &x->integer;
  const int64_t *b = y->numbers ? y->numbers->integers : &y->integer;
  int64_t next_a = x->numbers != NULL, next_b = y->numbers != NULL, done = 0;
  for (RNNI_PIECES(n, from, end)) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW * (end - from)));
    for (int64_t i = from; i < end; i++) {
      int64_t v = a[i * next_a], w = b[i * next_b];
      if (v == RNN_MISSING || w == RNN_MISSING) to[i] = RNN_MISSING;
      else RNNI_TRY(combine_row(ctx, op, i, v, w, &to[i]));
    }
  }
  return RNN_OK;
}

rnn_status rnn_numbers_combine(rnn_ctx *ctx, rnn_numbers_op op, rnn_numbers_operand x, rnn_numbers_operand y,
                               rnn_numbers **out) {
  RNNI_NEED(ctx, (x.numbers || y.numbers) && out, "no numbers, or out is NULL");
  rnn_numbers *z;
  int64_t n, done = 0;
  rnn_status status = RNN_OK;
  bool whole = is_whole(&x) && is_whole(&y) && op != RNN_NUMBERS_DIV && op != RNN_NUMBERS_POW;
  RNNI_TRY(count_of(ctx, &x, &y, &n));
  RNNI_TRY(rnn_numbers_new(ctx, whole, n, &z));
  if (whole) status = combine_whole(ctx, op, &x, &y, n, z->integers);
  for (int64_t i = 0; !whole && i < n && status == RNN_OK; i++) {
    status = rnni_pace(ctx, &done, 1);
    bool missing = missing_at(&x, i) || missing_at(&y, i);
    z->doubles[i] = missing ? (double)NAN : combine_reals(op, real_at(&x, i), real_at(&y, i));
  }
  return give_numbers(status, z, out);
}

/* -1, 0 or 1: how an integer lies to a double, with no rounding. */
static int beside(int64_t a, double b) {
  if (b >= 0x1p63) return -1;
  if (b < -0x1p63) return 1;
  int64_t whole = (int64_t)b;
  double rest = b - (double)whole;
  if (a != whole) return a < whole ? -1 : 1;
  return (rest < 0) - (rest > 0);
}

/* The same of row i of x and y, of which none is missing. */
static int order_of(const rnn_numbers_operand *x, const rnn_numbers_operand *y, int64_t i) {
  if (is_whole(x) && is_whole(y)) {
    int64_t a = integer_at(x, i), b = integer_at(y, i);
    return (a > b) - (a < b);
  }
  if (is_whole(x)) return beside(integer_at(x, i), real_at(y, i));
  if (is_whole(y)) return -beside(integer_at(y, i), real_at(x, i));
  double a = real_at(x, i), b = real_at(y, i);
  return (a > b) - (a < b);
}

rnn_status rnn_numbers_compare(rnn_ctx *ctx, rnn_numbers_op op, rnn_numbers_operand x, rnn_numbers_operand y,
                               rnn_tensor **out) {
  RNNI_NEED(ctx, (x.numbers || y.numbers) && out, "no numbers, or out is NULL");
  rnn_tensor *t;
  int64_t n, done = 0;
  rnn_status status = RNN_OK;
  RNNI_TRY(count_of(ctx, &x, &y, &n));
  RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 1, &n, &t));
  real *to = rnni_f(t);
  for (int64_t i = 0; i < n && status == RNN_OK; i++) {
    status = rnni_pace(ctx, &done, 1);
    bool missing = missing_at(&x, i) || missing_at(&y, i);
    int order = missing ? 0 : order_of(&x, &y, i);
    switch (op) {
      case RNN_NUMBERS_EQ: to[i] = !missing && order == 0; break;
      case RNN_NUMBERS_NE: to[i] = missing || order != 0; break;
      case RNN_NUMBERS_LT: to[i] = !missing && order < 0; break;
      case RNN_NUMBERS_LE: to[i] = !missing && order <= 0; break;
      case RNN_NUMBERS_GT: to[i] = !missing && order > 0; break;
      default: to[i] = !missing && order >= 0; break;
    }
  }
  if (status == RNN_OK) *out = t;
  else rnn_tensor_free(t);
  return status;
}

/* ---- sums over rows ---- */

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The doubles of the range that are there, into values; returns how many. */
static int64_t collect(const rnn_numbers *x, int64_t from, int64_t to, double *values) {
  int64_t n = 0;
  for (int64_t i = from; i < to; i++)
    if (!rnn_numbers_missing_at(x, i)) values[n++] = x->whole ? (double)x->integers[i] : x->doubles[i];
  return n;
}

static double sum_doubles(double *v, int64_t n, rnn_numbers_sum how) {
  double sum = 0, squares = 0, mean;
  if (n == 0) return how == RNN_SUM_COUNT ? 0 : (double)NAN;
  switch (how) {
    case RNN_SUM_COUNT: return (double)n;
    case RNN_SUM_FIRST: return v[0];
    case RNN_SUM_LAST: return v[n - 1];
    case RNN_SUM_MIN:
      for (int64_t i = 1; i < n; i++) v[0] = v[i] < v[0] ? v[i] : v[0];
      return v[0];
    case RNN_SUM_MAX:
      for (int64_t i = 1; i < n; i++) v[0] = v[i] > v[0] ? v[i] : v[0];
      return v[0];
    case RNN_SUM_MEDIAN:
      qsort(v, (size_t)n, sizeof *v, compare);
      return n % 2 ? v[n / 2] : v[n / 2 - 1] + (v[n / 2] - v[n / 2 - 1]) / 2;
    default: break;
  }
  for (int64_t i = 0; i < n; i++) sum += v[i];
  if (how == RNN_SUM_SUM) return sum;
  mean = sum / (double)n;
  if (how == RNN_SUM_MEAN) return mean;
  if (n == 1) return (double)NAN;
  for (int64_t i = 0; i < n; i++) squares += (v[i] - mean) * (v[i] - mean);
  return how == RNN_SUM_VAR ? squares / (double)(n - 1) : sqrt(squares / (double)(n - 1));
}

/* Of integers, exact. */
static rnn_status sum_integers(const rnn_numbers *x, int64_t from, int64_t to, rnn_numbers_sum how, int64_t *out) {
  *out = RNN_MISSING;
  for (int64_t i = from; i < to; i++) {
    int64_t v = x->integers[i];
    if (v == RNN_MISSING) continue;
    if (*out == RNN_MISSING || how == RNN_SUM_LAST || (how == RNN_SUM_MIN && v < *out) || (how == RNN_SUM_MAX && v > *out))
      *out = v;
    else if (how == RNN_SUM_SUM && __builtin_add_overflow(*out, v, out))
      return rnni_fail(x->ctx, RNN_EARG, "the sum of rows %lld to %lld has more than 64 bits", (long long)from + 1,
                       (long long)to);
  }
  return RNN_OK;
}

rnn_status rnn_numbers_ranges(const rnn_numbers *x, const rnn_tensor *first, const rnn_tensor *last, rnn_numbers_sum how,
                              rnn_numbers **out) {
  RNNI_NEED(x ? x->ctx : NULL, first && last && out, "first, last or out is NULL");
  rnn_ctx *ctx = x->ctx;
  rnn_numbers *y = NULL;
  double *values = NULL;
  int64_t done = 0, longest = 1;
  rnn_status status = RNN_OK;
  const int32_t *from = rnni_i(first), *to = rnni_i(last);
  bool whole = x->whole && (how == RNN_SUM_SUM || how == RNN_SUM_MIN || how == RNN_SUM_MAX || how == RNN_SUM_FIRST ||
                            how == RNN_SUM_LAST);
  if (first->type != RNN_INT || last->type != RNN_INT || first->ndim != 1 || last->ndim != 1 ||
      first->count != last->count)
    return rnni_fail(ctx, RNN_ESHAPE, "ranges: expected two int32 tensors of as many rows");
  for (int64_t i = 0; i < first->count; i++) {
    if (to[i] >= from[i] && (from[i] < 1 || to[i] > x->count))
      return rnni_fail(ctx, RNN_EARG, "ranges: rows %d to %d are not within 1 to %lld", from[i], to[i],
                       (long long)x->count);
    longest = RNNI_MAX(longest, (int64_t)to[i] - from[i] + 1);
  }
  RNNI_TRY(rnn_numbers_new(ctx, whole, first->count, &y));
  status = rnni_array(ctx, longest, sizeof *values, &values);
  for (int64_t i = 0; i < first->count && status == RNN_OK; i++) {
    status = rnni_pace(ctx, &done, RNNI_MAX(to[i] - from[i] + 1, 1));
    if (status != RNN_OK) break;
    if (whole) status = sum_integers(x, from[i] - 1, to[i], how, &y->integers[i]);
    else y->doubles[i] = sum_doubles(values, collect(x, from[i] - 1, to[i], values), how);
  }
  rnni_free(ctx, values);
  return give_numbers(status, y, out);
}

/* ---- a table of numbers ---- */

typedef struct table {
  int64_t *keys;
  int32_t *places; /* 0: free; NULL when places do not matter */
  uint8_t *used;
  uint64_t mask;
} table;

static int64_t key_at(const rnn_numbers *x, int64_t i) {
  int64_t key;
  double v;
  if (x->whole) return x->integers[i];
  v = x->doubles[i] + 0.0; /* both zeros are one */
  memcpy(&key, &v, sizeof key);
  return key;
}

static uint64_t mix(uint64_t h) {
  h = (h ^ h >> 32) * 0x9E3779B97F4A7C15u;
  return h ^ h >> 29;
}

/* The slot of the key: where it is, or a free one. */
static uint64_t slot_of(const table *t, int64_t key) {
  uint64_t at = mix((uint64_t)key) & t->mask;
  while (t->used[at] && t->keys[at] != key) at = (at + 1) & t->mask;
  return at;
}

static rnn_status table_new(rnn_ctx *ctx, int64_t most, bool places, table *t) {
  uint64_t size = 16;
  while (size < (uint64_t)most * 2) size *= 2;
  *t = (table){.mask = size - 1};
  rnn_status status = rnni_calloc(ctx, size, &t->used);
  if (status == RNN_OK) status = rnni_alloc(ctx, size * sizeof *t->keys, &t->keys);
  if (status == RNN_OK && places) status = rnni_alloc(ctx, size * sizeof *t->places, &t->places);
  return status;
}

static void table_free(rnn_ctx *ctx, table *t) {
  rnni_free(ctx, t->keys);
  rnni_free(ctx, t->places);
  rnni_free(ctx, t->used);
}

rnn_status rnn_numbers_match(const rnn_numbers *x, const rnn_numbers *y, rnn_tensor **out) {
  RNNI_NEED(x ? x->ctx : NULL, y && out, "y or out is NULL");
  rnn_ctx *ctx = x->ctx;
  rnn_tensor *ids = NULL;
  table t;
  int64_t done = 0;
  if (x->whole != y->whole)
    return rnni_fail(ctx, RNN_EARG, "match: %s numbers and %s numbers", x->whole ? "int64" : "double",
                     y->whole ? "int64" : "double");
  rnn_status status = table_new(ctx, x->count, true, &t);
  if (status == RNN_OK) status = rnni_tensor_raw(ctx, RNN_INT, 1, &y->count, &ids);
  for (int64_t i = 0; i < x->count && status == RNN_OK; i++) {
    status = rnni_pace(ctx, &done, RNNI_ROW);
    if (rnn_numbers_missing_at(x, i)) continue;
    uint64_t at = slot_of(&t, key_at(x, i));
    if (t.used[at]) continue;
    t.used[at] = 1;
    t.keys[at] = key_at(x, i);
    t.places[at] = (int32_t)i + 1;
  }
  for (int64_t i = 0; i < y->count && status == RNN_OK; i++) {
    status = rnni_pace(ctx, &done, RNNI_ROW);
    uint64_t at = slot_of(&t, key_at(y, i));
    rnni_i(ids)[i] = t.used[at] && !rnn_numbers_missing_at(y, i) ? t.places[at] : 0;
  }
  table_free(ctx, &t);
  if (status == RNN_OK) *out = ids;
  else rnn_tensor_free(ids);
  return status;
}

rnn_status rnn_numbers_describe(const rnn_numbers *x, rnn_numbers_summary *out) {
  RNNI_NEED(x ? x->ctx : NULL, out, "out is NULL");
  rnn_ctx *ctx = x->ctx;
  table t;
  int64_t done = 0, seen = 0, last = 0;
  double sum = 0, least = 0, most = 0;
  rnn_numbers_summary s = {.least = -1, .most = -1};
  rnn_status status = table_new(ctx, RNN_DISTINCT, false, &t);
  for (int64_t i = 0; i < x->count && status == RNN_OK; i++) {
    status = rnni_pace(ctx, &done, 1);
    if (rnn_numbers_missing_at(x, i)) {
      s.missing++;
      continue;
    }
    double v = x->whole ? (double)x->integers[i] : x->doubles[i];
    bool below, above;
    if (x->whole) {
      below = s.least < 0 || x->integers[i] < x->integers[s.least];
      above = s.most < 0 || x->integers[i] > x->integers[s.most];
    } else {
      below = s.least < 0 || v < least;
      above = s.most < 0 || v > most;
    }
    if (below) s.least = i, least = v;
    if (above) s.most = i, most = v;
    sum += v;
    if (s.distinct < 0) continue;
    int64_t key = key_at(x, i);
    if (seen++ && key == last) continue;
    last = key;
    uint64_t at = slot_of(&t, key);
    if (t.used[at]) continue;
    t.used[at] = 1;
    t.keys[at] = key;
    if (++s.distinct > RNN_DISTINCT) s.distinct = -1;
  }
  table_free(ctx, &t);
  s.mean = sum / (double)(x->count - s.missing);
  *out = s;
  return status;
}

rnn_status rnn_numbers_diff(const rnn_numbers *x, rnn_numbers **out) {
  RNNI_NEED(x ? x->ctx : NULL, out, "out is NULL");
  rnn_numbers *y;
  int64_t done = 0, n = RNNI_MAX(x->count - 1, 0);
  rnn_status status = RNN_OK;
  RNNI_TRY(rnn_numbers_new(x->ctx, x->whole, n, &y));
  for (int64_t i = 0; i < n && status == RNN_OK; i++) {
    status = rnni_pace(x->ctx, &done, 1);
    if (!x->whole) y->doubles[i] = x->doubles[i + 1] - x->doubles[i];
    else if (x->integers[i] == RNN_MISSING || x->integers[i + 1] == RNN_MISSING) y->integers[i] = RNN_MISSING;
    else if (__builtin_sub_overflow(x->integers[i + 1], x->integers[i], &y->integers[i]))
      status = rnni_fail(x->ctx, RNN_EARG, "diff: the numbers of rows %lld and %lld lie further apart than 64 bits go",
                         (long long)i + 1, (long long)i + 2);
  }
  return give_numbers(status, y, out);
}

typedef struct pair {
  int64_t value, count;
} pair;

static int compare_pairs(const void *a, const void *b) {
  int64_t x = ((const pair *)a)->value, y = ((const pair *)b)->value;
  return (x > y) - (x < y);
}

rnn_status rnn_numbers_counts(const rnn_numbers *x, rnn_numbers **values, rnn_numbers **counts) {
  RNNI_NEED(x ? x->ctx : NULL, values && counts, "values or counts is NULL");
  rnn_ctx *ctx = x->ctx;
  table t;
  pair *pairs = NULL;
  rnn_numbers *v = NULL, *c = NULL;
  int64_t done = 0, last = -1;
  int32_t n = 0;
  if (!x->whole) return rnni_fail(ctx, RNN_EARG, "counts: expected whole numbers");
  rnn_status status = table_new(ctx, RNN_DISTINCT, true, &t);
  if (status == RNN_OK) status = rnni_calloc(ctx, RNN_DISTINCT * sizeof *pairs, &pairs);
  for (int64_t i = 0; i < x->count && status == RNN_OK; i++) {
    status = rnni_pace(ctx, &done, 1);
    int64_t key = x->integers[i];
    if (key == RNN_MISSING) continue;
    if (last >= 0 && pairs[last].value == key) {
      pairs[last].count++;
      continue;
    }
    uint64_t at = slot_of(&t, key);
    if (!t.used[at]) {
      if (n == RNN_DISTINCT) {
        status = rnni_fail(ctx, RNN_EARG, "counts: more than %d different numbers", RNN_DISTINCT);
        break;
      }
      t.used[at] = 1;
      t.keys[at] = key;
      t.places[at] = n;
      pairs[n++].value = key;
    }
    last = t.places[at];
    pairs[last].count++;
  }
  table_free(ctx, &t);
  if (status == RNN_OK) status = rnn_numbers_new(ctx, true, n, &v);
  if (status == RNN_OK) status = rnn_numbers_new(ctx, true, n, &c);
  if (status == RNN_OK) {
    qsort(pairs, (size_t)n, sizeof *pairs, compare_pairs);
    for (int32_t i = 0; i < n; i++) {
      v->integers[i] = pairs[i].value;
      c->integers[i] = pairs[i].count;
    }
    *values = v;
    *counts = c;
  } else {
    rnn_numbers_free(v);
  }
  rnni_free(ctx, pairs);
  return status;
}
