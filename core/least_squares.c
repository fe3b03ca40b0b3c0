/* least_squares.c: linear forecasts, and ridge regression by normal equations. Forecasts are exact: QR of the windows by Householder reflections (linalg/plain.c), in double whatever
 * the working precision. The matrix of all windows never exists: a block of its rows is cut from the series, centred,
 * scaled, and folded into the triangle R. */
#include "internal.h"
#include "linalg/linalg.h"

#define BLOCK 128 /* rows that are folded in at a time */
#define RIDGE 1e-10 /* that of a column whose values lie within -1 and 1, for each root of a row */

typedef struct windows {
  const rnn_tensor *series, *starts;
} windows;

/* mean and scale (P), offset (K): of the inputs and of the targets; r (P, P + K): the triangle and beside it the right-hand
   sides, which become the weights; a (BLOCK, P + K). */
typedef struct model {
  int64_t inputs, targets, ld; /* P, K */
  double *mean, *scale, *offset, *r, *a;
} model;

static const real *window(const windows *w, int64_t n) {
  return rnni_f(w->series) + (rnni_i(w->starts)[n] - 1) * w->series->dims[1];
}

/* Means, and how far the inputs are from them at most. */
static rnn_status measure(rnn_ctx *ctx, model *m, const windows *x, const rnn_tensor *y) {
  for (int pass = 0; pass < 2; pass++)
    for (int64_t n = 0; n < x->starts->count; n++) {
      if (n % BLOCK == 0) RNNI_TRY(rnni_poll(ctx));
      const real *from = window(x, n), *target = rnni_f(y) + (rnni_i(x->starts)[n] - 1) * m->targets;
      double share = 1 / (double)(n + 1);
      if (pass == 0) {
        for (int64_t j = 0; j < m->inputs; j++) m->mean[j] += ((double)from[j] - m->mean[j]) * share;
        for (int64_t k = 0; k < m->targets; k++) m->offset[k] += ((double)target[k] - m->offset[k]) * share;
      } else {
        for (int64_t j = 0; j < m->inputs; j++)
          m->scale[j] = RNNI_MAX(m->scale[j], fabs((double)from[j] - m->mean[j]));
      }
    }
  for (int64_t j = 0; j < m->inputs; j++)
    if (m->scale[j] == 0) m->scale[j] = 1; /* a constant column: it is 0, and so is its weight */
  return RNN_OK;
}

/* Rows from number first on into a; targets when y is there. */
static void cut(model *m, const windows *x, const rnn_tensor *y, int64_t first, int64_t rows) {
  for (int64_t i = 0; i < rows; i++) {
    const real *from = window(x, first + i);
    double *to = m->a + i * m->ld;
    for (int64_t j = 0; j < m->inputs; j++) to[j] = ((double)from[j] - m->mean[j]) / m->scale[j];
    if (!y) continue;
    from = rnni_f(y) + (rnni_i(x->starts)[first + i] - 1) * m->targets;
    for (int64_t k = 0; k < m->targets; k++) to[m->inputs + k] = (double)from[k] - m->offset[k];
  }
}

static rnn_status fit(rnn_ctx *ctx, model *m, const windows *x, const rnn_tensor *y) {
  const int64_t count = x->starts->count;
  RNNI_TRY(measure(ctx, m, x, y));
  for (int64_t j = 0; j < m->inputs; j++) m->r[j * m->ld + j] = RIDGE * sqrt((double)count);
  for (int64_t n = 0; n < count; n += BLOCK) {
    const int64_t rows = RNNI_MIN(BLOCK, count - n);
    cut(m, x, y, n, rows);
    RNNI_TRY(rnni_own_fold(ctx, m->inputs, m->inputs + m->targets, m->r, m->ld, rows, m->a, m->ld));
  }
  return rnni_own_triangle_solve(ctx, (rnni_triangle){.a = m->r, .ld = m->ld}, m->inputs, m->targets, m->r + m->inputs,
                                 m->ld);
}

static rnn_status forecast(rnn_ctx *ctx, model *m, const windows *x, rnn_tensor *out) {
  real *to = rnni_f(out);
  for (int64_t n = 0; n < x->starts->count; n += BLOCK) {
    const int64_t rows = RNNI_MIN(BLOCK, x->starts->count - n);
    cut(m, x, NULL, n, rows);
    for (int64_t i = 0; i < rows; i++) memset(m->a + i * m->ld + m->inputs, 0, (size_t)m->targets * sizeof *m->a);
    RNNI_TRY(rnni_own_product(ctx, rows, m->targets, m->inputs, m->a, m->ld, 1, m->r + m->inputs, m->ld,
                              m->a + m->inputs, m->ld));
    for (int64_t i = 0; i < rows; i++)
      for (int64_t k = 0; k < m->targets; k++) *to++ = (real)(m->offset[k] + m->a[i * m->ld + m->inputs + k]);
  }
  return RNN_OK;
}

static rnn_status need(rnn_ctx *ctx, const char *name, const char *what, const rnn_tensor *t, rnn_type type, int ndim) {
  if (t->type == type && t->ndim == ndim) return rnni_need_rows(ctx, name, t);
  return rnni_fail(ctx, t->type != type ? RNN_ETYPE : RNN_ESHAPE,
                   "%s: %s: expected %d ax%cs of %s, got %s %s", name, what, ndim, ndim == 1 ? 'i' : 'e',
                   rnni_type_text(type), RNNI_SHAPE(t), rnni_type_text(t->type));
}

static rnn_status need_windows(rnn_ctx *ctx, const char *series, const char *starts, const windows *w, int64_t length,
                               int64_t last) {
  RNNI_TRY(need(ctx, "linear_forecast", series, w->series, RNN_FLOAT, 2));
  RNNI_TRY(need(ctx, "linear_forecast", starts, w->starts, RNN_INT, 1));
  last = RNNI_MIN(last, w->series->dims[0] - length + 1);
  for (int64_t n = 0; n < w->starts->count; n++) {
    const int32_t id = rnni_i(w->starts)[n];
    if (id < 1 || id > last)
      return rnni_fail(ctx, RNN_EARG, "linear_forecast: %s: id %d at place %lld is not within 1 to %lld", starts, id,
                       (long long)n + 1, (long long)last);
  }
  return RNN_OK;
}

rnn_status rnn_linear_forecast(rnn_ctx *ctx, const rnn_tensor *x, const rnn_tensor *starts, int64_t length,
                               const rnn_tensor *y, const rnn_tensor *new_x, const rnn_tensor *new_starts,
                               rnn_tensor **out) {
  const rnn_tensor *const all[] = {x, starts, y, new_x, new_starts};
  for (int i = 0; i < 5; i++) RNNI_NEED(ctx, rnni_is_tensor(ctx, all[i]), "an argument is no tensor of this context");
  RNNI_NEED(ctx, out, "out is NULL");
  const windows old = {x, starts}, new = {new_x, new_starts};
  RNNI_TRY(need(ctx, "linear_forecast", "x", x, RNN_FLOAT, 2));
  RNNI_TRY(need(ctx, "linear_forecast", "y", y, RNN_FLOAT, 2));
  if (length < 1 || length > x->dims[0])
    return rnni_fail(ctx, RNN_EARG, "linear_forecast: length %lld is not within 1 to the %lld rows of x",
                     (long long)length, (long long)x->dims[0]);
  if (starts->count == 0) return rnni_fail(ctx, RNN_EARG, "linear_forecast: starts has no window to fit");
  RNNI_TRY(need_windows(ctx, "x", "starts", &old, length, y->dims[0]));
  RNNI_TRY(need_windows(ctx, "new_x", "new_starts", &new, length, INT64_MAX));
  if (new_x->dims[1] != x->dims[1])
    return rnni_fail(ctx, RNN_ESHAPE, "linear_forecast: new_x has %lld columns, x has %lld",
                     (long long)new_x->dims[1], (long long)x->dims[1]);
  model m = {.inputs = length * x->dims[1], .targets = y->dims[1]};
  m.ld = rnni_apart(m.inputs + m.targets);
  const int64_t rows = m.inputs + BLOCK + 3; /* of all that follows */
  rnn_tensor *result = NULL;
  rnn_status status;
  RNNI_GOTO(rnni_array(ctx, m.ld, (size_t)rows * sizeof *m.r, &m.r));
  memset(m.r, 0, (size_t)(m.ld * rows) * sizeof *m.r);
  m.a = m.r + m.ld * m.inputs;
  m.mean = m.a + m.ld * BLOCK;
  m.scale = m.mean + m.ld;
  m.offset = m.scale + m.ld;
  RNNI_GOTO(rnni_tensor_raw(ctx, RNN_FLOAT, 2, (int64_t[]){new_starts->count, m.targets}, &result));
  RNNI_GOTO(fit(ctx, &m, &old, y));
  RNNI_GOTO(forecast(ctx, &m, &new, result));
  *out = result;
  result = NULL;
done:
  rnn_tensor_free(result);
  rnni_free(ctx, m.r);
  return status;
}

/* ---- ridge regression ---- */

/* g (P, P + K, ld) += X'(X, Y), of rows of x and y, by blocks in double. */
static rnn_status add_squares(rnn_ctx *ctx, const rnn_tensor *x, const rnn_tensor *y, double *g, double *block,
                              int64_t ld) {
  const int64_t P = x->dims[1], K = y->dims[1];
  for (int64_t n = 0; n < x->dims[0]; n += BLOCK) {
    const int64_t rows = RNNI_MIN(BLOCK, x->dims[0] - n);
    for (int64_t i = 0; i < rows; i++) {
      for (int64_t j = 0; j < P; j++) block[i * ld + j] = (double)rnni_f(x)[(n + i) * P + j];
      for (int64_t k = 0; k < K; k++) block[i * ld + P + k] = (double)rnni_f(y)[(n + i) * K + k];
    }
    RNNI_TRY(rnni_own_product(ctx, P, P + K, rows, block, 1, ld, block, ld, g, ld));
  }
  return RNN_OK;
}

/* w (P, K), the solution of g (P, P + K, ld) with the penalty on its diagonal; work is of g's size. */
static rnn_status solve(rnn_ctx *ctx, const double *g, int64_t ld, double penalty, double *work, rnn_tensor *w) {
  const int64_t P = w->dims[0], K = w->dims[1];
  double value;
  int64_t pivot;
  memcpy(work, g, (size_t)(ld * P) * sizeof *g);
  for (int64_t i = 0; i < P; i++) work[i * ld + i] += penalty;
  RNNI_TRY(rnni_own_cholesky(ctx, P, work, ld, &pivot, &value));
  if (pivot)
    return rnni_fail(ctx, RNN_EARG, "ridge: a penalty of %s is too small for columns that depend on each other like "
                     "these", rnni_number_text(penalty));
  rnni_triangle lower = {.a = work, .ld = ld, .lower = true};
  RNNI_TRY(rnni_own_triangle_solve(ctx, lower, P, K, work + P, ld));
  lower.transposed = true;
  RNNI_TRY(rnni_own_triangle_solve(ctx, lower, P, K, work + P, ld));
  for (int64_t i = 0; i < P; i++)
    for (int64_t k = 0; k < K; k++) rnni_f(w)[i * K + k] = (real)work[i * ld + P + k];
  return RNN_OK;
}

rnn_status rnn_ridge(rnn_ctx *ctx, const rnn_tensor *x, const rnn_tensor *y, const double *penalties, int count,
                     rnn_tensor **out) {
  RNNI_NEED_TENSOR(ctx, x);
  RNNI_NEED_TENSOR(ctx, y);
  RNNI_NEED(ctx, out && penalties && count > 0, "out or penalties is NULL, or count not positive");
  RNNI_TRY(need(ctx, "ridge", "x", x, RNN_FLOAT, 2));
  RNNI_TRY(need(ctx, "ridge", "y", y, RNN_FLOAT, 2));
  if (x->dims[0] != y->dims[0])
    return rnni_fail(ctx, RNN_ESHAPE, "ridge: x has %lld rows, y has %lld", (long long)x->dims[0], (long long)y->dims[0]);
  for (int i = 0; i < count; i++)
    if (!(penalties[i] > 0) || !isfinite(penalties[i]))
      return rnni_fail(ctx, RNN_EARG, "ridge: expected a positive penalty, got %s", rnni_number_text(penalties[i]));
  if (!rnn_tensor_finite(x) || !rnn_tensor_finite(y)) {
    RNNI_TRY(rnni_poll(ctx));
    return rnni_fail(ctx, RNN_EARG, "ridge: expected finite numbers, %s has others", rnn_tensor_finite(x) ? "y" : "x");
  }
  const int64_t P = x->dims[1], K = y->dims[1], ld = rnni_apart(P + K);
  double *g = NULL;
  rnn_status status;
  for (int i = 0; i < count; i++) out[i] = NULL;
  RNNI_GOTO(rnni_array(ctx, ld, (size_t)(2 * P + BLOCK) * sizeof *g, &g));
  memset(g, 0, (size_t)(ld * P) * sizeof *g);
  RNNI_GOTO(add_squares(ctx, x, y, g, g + ld * P, ld));
  for (int i = 0; i < count; i++) {
    RNNI_GOTO(rnni_tensor_raw(ctx, RNN_FLOAT, 2, (int64_t[]){P, K}, &out[i]));
    RNNI_GOTO(solve(ctx, g, ld, penalties[i], g + ld * P, out[i]));
  }
done:
  for (int i = 0; i < count && status != RNN_OK; i++) {
    rnn_tensor_free(out[i]);
    out[i] = NULL;
  }
  rnni_free(ctx, g);
  return status;
}
