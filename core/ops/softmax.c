/* softmax.c: softmax, its logarithm, and the logarithm of sums of exponentials, safe against overflow by subtracting the largest element. */
#include "reduction.h"

static rnn_status softmax_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(rnni_need_axis(ctx, c, c->args.i[0]));
  if (c->args.i[0] <= 1 && c->in[0]->lengths)
    return rnni_fail(ctx, RNN_EARG, "%s: %s of %s with lengths; x:without_lengths() drops them on purpose",
                     c->op->name, c->args.i[0] == 1 ? "along time" : "over the batch", RNNI_SHAPE(c->in[0]));
  return rnni_shape_same(ctx, c);
}

double rnni_exponentials(const rnn_ctx *ctx, int64_t n, const real *x, int64_t step, real *e, real *top) {
  real most = (real)-INFINITY;
  double sum = 0;
  for (int64_t k = 0; k < n; k++)
    if (x[k * step] > most) most = x[k * step];
  for (RNNI_PIECES(n, from, to)) {
    if (rnni_interrupted(ctx)) break;
    if (step == 1)
      for (int64_t k = from; k < to; k++) e[k] = x[k] - most;
    else
      for (int64_t k = from; k < to; k++) e[k] = x[k * step] - most;
    rnni_kernel->exp(to - from, e + from, e + from);
    for (int64_t k = from; k < to; k++) sum += (double)e[k];
  }
  *top = most;
  return sum;
}

static rnn_status forward(rnn_ctx *ctx, rnni_call *c, bool logarithm) {
  int64_t outer, length, inner;
  rnni_split_at(c->in[0], (int)c->args.i[0], &outer, &length, &inner);
  real *e, top;
  int64_t work = 0;
  rnn_status status = RNN_OK;
  RNNI_TRY(rnni_array(ctx, length, sizeof *e, &e));
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i++) {
      RNNI_GOTO(rnni_pace(ctx, &work, RNNI_ROW + 2 * length));
      int64_t at = o * length * inner + i;
      const real *x = rnni_f(c->in[0]) + at;
      real *y = rnni_f(c->out[0]) + at;
      double sum = rnni_exponentials(ctx, length, x, inner, e, &top);
      real scale = (real)(1 / sum), shift = logarithm ? (real)rnni_log(sum) : 0;
      for (int64_t k = 0; k < length; k++) y[k * inner] = logarithm ? x[k * inner] - top - shift : e[k] * scale;
    }
  status = rnni_poll(ctx);
done:
  rnni_free(ctx, e);
  return status;
}

static rnn_status softmax_forward(rnn_ctx *ctx, rnni_call *c) { return forward(ctx, c, false); }
static rnn_status log_softmax_forward(rnn_ctx *ctx, rnni_call *c) { return forward(ctx, c, true); }

/* dx = y (dy - sum(y dy)) */
static rnn_status softmax_backward(rnn_ctx *ctx, rnni_call *c) {
  int64_t outer, length, inner, work = 0;
  rnni_split_at(c->in[0], (int)c->args.i[0], &outer, &length, &inner);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i++) {
      RNNI_TRY(rnni_pace(ctx, &work, RNNI_ROW + length));
      int64_t at = o * length * inner + i;
      const real *y = rnni_f(c->out[0]) + at, *dy = rnni_f(c->dout[0]) + at;
      real *dx = rnni_f(c->din[0]) + at;
      double dot = 0;
      for (int64_t k = 0; k < length * inner; k += inner) dot += (double)y[k] * (double)dy[k];
      for (int64_t k = 0; k < length * inner; k += inner) dx[k] += y[k] * (dy[k] - (real)dot);
    }
  return RNN_OK;
}

/* dx = dy - softmax sum(dy) */
static rnn_status log_softmax_backward(rnn_ctx *ctx, rnni_call *c) {
  int64_t outer, length, inner;
  rnni_split_at(c->in[0], (int)c->args.i[0], &outer, &length, &inner);
  real *p;
  int64_t work = 0;
  rnn_status status = RNN_OK;
  RNNI_TRY(rnni_array(ctx, length, sizeof *p, &p));
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i++) {
      RNNI_GOTO(rnni_pace(ctx, &work, RNNI_ROW + length));
      int64_t at = o * length * inner + i;
      const real *y = rnni_f(c->out[0]) + at, *dy = rnni_f(c->dout[0]) + at;
      real *dx = rnni_f(c->din[0]) + at;
      double sum = 0;
      for (int64_t k = 0; k < length; k++) {
        p[k] = y[k * inner];
        sum += (double)dy[k * inner];
      }
      rnni_kernel->exp(length, p, p);
      for (int64_t k = 0; k < length; k++) dx[k * inner] += dy[k * inner] - p[k] * (real)sum;
    }
done:
  rnni_free(ctx, p);
  return status;
}

const rnn_op rnni_op_softmax = {.name = "softmax", .args = "tx", .doc = "(x, axis). e^x / sum(e^x) along axis."
                               " Errors: an axis that x does not have; int32; along time or over the batch of x with lengths.",
                                .shape = softmax_shape, .forward = softmax_forward, .backward = softmax_backward,
                                .saves = RNNI_SAVE_OUT, .lengths = RNNI_LENGTHS_KEEP};
const rnn_op rnni_op_log_softmax = {.name = "log_softmax", .args = "tx", .doc = "(x, axis). log(softmax(x)) along axis."
                               " Errors: an axis that x does not have; int32; along time or over the batch of x with lengths.",
                                    .shape = softmax_shape, .forward = log_softmax_forward,
                                    .backward = log_softmax_backward, .saves = RNNI_SAVE_OUT,
                                    .lengths = RNNI_LENGTHS_KEEP};

/* ---- logsumexp ---- */

static void map_exponentials(const rnni_reduction *r, int64_t rows, int64_t n, const real *x, int64_t ld,
                             const double *shift, bool of_rows, real *y) {
  (void)r;
  for (int64_t k = 0; k < rows; k++) {
    real s = of_rows ? (real)shift[k] : 0;
    for (int64_t i = 0; i < n; i++) y[k * n + i] = x[k * ld + i] - (of_rows ? s : (real)shift[i]);
  }
  rnni_kernel->exp(rows * n, y, y);
}

/* top + log(sum of e^(x - top)); an infinite or NaN top is the result. */
static rnn_status logsumexp_forward(rnn_ctx *ctx, rnni_call *c) {
  real *y = rnni_f(c->out[0]);
  int64_t count = c->out[0]->count;
  rnni_lines l;
  rnni_doubles top = {.at = top.few}, sums = {.at = sums.few};
  rnn_status status;
  RNNI_TRY(rnni_lines_open_floats(ctx, c, &l));
  RNNI_GOTO(rnni_doubles_new(ctx, count, &top));
  RNNI_GOTO(rnni_doubles_new(ctx, count, &sums));
  rnni_reduction r = {.ctx = ctx, .l = &l, .type = RNN_FLOAT, .top = y};
  RNNI_GOTO(rnni_reduce(&r));
  for (int64_t i = 0; i < count; i++) top.at[i] = isfinite(y[i]) ? (double)y[i] : 0;
  r = (rnni_reduction){.ctx = ctx, .l = &l, .type = RNN_FLOAT, .how = RNNI_SUM, .shift = top.at, .sums = sums.at,
                       .map = map_exponentials};
  RNNI_GOTO(rnni_reduce(&r));
  rnni_logs(count, sums.at);
  for (int64_t i = 0; i < count; i++)
    if (isfinite(y[i])) y[i] = (real)(top.at[i] + sums.at[i]);
  status = rnni_reduced_lengths(ctx, c);
done:
  rnni_doubles_free(ctx, &sums);
  rnni_doubles_free(ctx, &top);
  rnni_lines_close(ctx, &l);
  return status;
}

/* dx = dy e^(x - y); where y is infinite, dy where x is inf. */
static rnn_status logsumexp_backward(rnn_ctx *ctx, rnni_call *c) {
  const real *y = rnni_f(c->out[0]), *dy = rnni_f(c->dout[0]);
  rnni_lines l;
  int64_t work = 0;
  real e[RNNI_PIECE];
  rnn_status status;
  RNNI_TRY(rnni_lines_open(ctx, c, &l));
  RNNI_GOTO(rnni_lines_gradient(ctx, c, &l));
  for (int64_t o = 0; o < l.outer; o++, y += l.inner, dy += l.inner) {
    int64_t n = rnni_line_valid(&l, o) * l.inner, first = o * l.length * l.inner;
    for (RNNI_PIECES(n, from, to)) {
      const real *x = (const real *)l.x + first;
      RNNI_GOTO(rnni_pace(ctx, &work, 4 * (RNNI_ROW + to - from)));
      for (int64_t j = from, i = from % l.inner; j < to; j++, i = i + 1 < l.inner ? i + 1 : 0)
        e[j - from] = isinf(y[i]) ? (x[j] == INFINITY ? 0 : -(real)INFINITY) : x[j] - y[i];
      rnni_kernel->exp(to - from, e, e);
      for (int64_t j = from, i = from % l.inner; j < to; j++, i = i + 1 < l.inner ? i + 1 : 0)
        l.dx[first + j] += dy[i] * e[j - from];
    }
  }
  status = rnni_lines_give(ctx, c, &l);
done:
  rnni_lines_close(ctx, &l);
  return status;
}
const rnn_op rnni_op_logsumexp = {.name = "logsumexp", .args = "tA?b", .doc = "(x [, axes [, keep]]). log of the sum of e^x, without overflow, along" RNNI_AXES " -inf of nothing; int32 gives float." RNNI_AXES_ERRORS ".",
                                  .shape = rnni_reduced_shape, .forward = logsumexp_forward, .backward = logsumexp_backward,
                                  .saves = RNNI_SAVE_IN0 | RNNI_SAVE_OUT, .lengths = RNNI_LENGTHS_OWN};
