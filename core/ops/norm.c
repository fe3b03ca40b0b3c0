/* norm.c: dropout, layer normalisation, batch normalisation. */
#include "../internal.h"
#include "../kernels/kernels.h"

/* ---- dropout: element i is kept when the random number at position + i says so; nothing is stored ---- */

static rnn_status dropout_shape(rnn_ctx *ctx, rnni_call *c) {
  double p = c->args.n[0];
  if (!(p >= 0 && p < 1)) return rnni_fail(ctx, RNN_EARG, "dropout: expected a rate from 0 up to but not 1, got %s",
                                             rnni_number_text(p));
  return rnni_shape_same(ctx, c);
}

static void drop(const rnni_call *c, const real *from, real *to, int64_t n, bool add) {
  double p = c->args.n[0];
  real scale = (real)(1 / (1 - p));
  uint64_t seed = (uint64_t)c->args.i[0], position = (uint64_t)c->args.i[1];
  for (int64_t i = 0; i < n; i++) {
    if (i % RNNI_PIECE == 0 && rnni_interrupted(c->in[0]->ctx)) return; /* the caller polls */
    real v = rnni_random_at(seed, position + (uint64_t)i) >= p ? from[i] * scale : 0;
    to[i] = add ? to[i] + v : v;
  }
}

static rnn_status dropout_forward(rnn_ctx *ctx, rnni_call *c) {
  c->args.i[0] = (int64_t)ctx->random.seed;
  c->args.i[1] = (int64_t)ctx->random.position;
  drop(c, rnni_f(c->in[0]), rnni_f(c->out[0]), c->out[0]->count, false);
  RNNI_TRY(rnni_poll(ctx));
  ctx->random.position += (uint64_t)c->out[0]->count;
  return RNN_OK;
}

static rnn_status dropout_backward(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  drop(c, rnni_f(c->dout[0]), rnni_f(c->din[0]), c->dout[0]->count, true);
  return RNN_OK;
}
const rnn_op rnni_op_dropout = {.name = "dropout", .args = "tn", .doc = "(x, p). Zeroes elements with probability p and divides the others by 1-p (Srivastava et al. 2014)."
                               " Any shape. Errors: a p outside 0 .. 1, or 1.",
                                .shape = dropout_shape, .forward = dropout_forward, .backward = dropout_backward,
                                .lengths = RNNI_LENGTHS_KEEP};

/* ---- layer norm over the last axis (Ba et al. 2016): y = gain (x - mean) / sqrt(variance + eps) + bias ---- */

static rnn_status need_features(rnn_ctx *ctx, rnni_call *c, int first, int last) {
  const rnn_tensor *x = c->in[0];
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  if (x->ndim < 1) return rnni_fail(ctx, RNN_ESHAPE, "%s: a scalar has no features", c->op->name);
  if (x->ndim < 3) RNNI_TRY(rnni_need_no_lengths(ctx, c, 0));
  int64_t d = x->dims[x->ndim - 1];
  for (int i = first; i <= last && i < c->nin; i++) {
    const rnn_tensor *p = c->in[i];
    if (!p) continue; /* an optional one */
    if (p->type != RNN_FLOAT || p->ndim != 1 || p->dims[0] != d)
      return rnni_fail(ctx, RNN_ESHAPE, "%s: argument %d: expected (%lld,) float for input %s, got %s %s", c->op->name,
                       i + 1, (long long)d, RNNI_SHAPE(x), RNNI_SHAPE(p), rnni_type_text(p->type));
  }
  rnni_out_like(c, x);
  return RNN_OK;
}

/* x is for the gradients of x and gain, gain for that of x alone. */
static void save_for_norm(rnni_call *c, bool x_for_dx) {
  if (!c->wants) return;
  if (!c->wants[1] && !(x_for_dx && c->wants[0])) c->saves &= ~(unsigned)RNNI_SAVE_IN0;
  if (!c->wants[0]) c->saves &= ~(unsigned)RNNI_SAVE_IN1;
}

static rnn_status layer_norm_shape(rnn_ctx *ctx, rnni_call *c) { return need_features(ctx, c, 1, 2); }

/* 1/sqrt(variance + eps); 0 for what varies by nothing, with an eps of 0. */
static double inverse_deviation(double variance, double eps) {
  return variance + eps == 0 ? 0 : 1 / sqrt(variance + eps);
}

#define NORM_ROWS 16 /* at a time, at most: */
static int64_t rows_at_once(int64_t d) { return RNNI_MAX(1, RNNI_MIN(NORM_ROWS, 4096 / RNNI_MAX(d, 1))); } /* a cache holds them */

/* scratch, kept when recorded: what was normalised, as x, and of each row 1 / the deviation. */
enum { HAT, SCALE };

static rnn_status layer_norm_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *bias = c->nin > 2 ? c->in[2] : NULL;
  int64_t d = x->dims[x->ndim - 1], all = d ? x->count / d : 0, done = 0;
  bool keep = c->keep && c->wants && (c->wants[0] || c->wants[1]);
  if (c->wants && !c->wants[0]) c->saves &= ~(unsigned)RNNI_SAVE_IN1;
  if (keep) {
    RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, x->ndim, x->dims, &c->scratch[HAT]));
    RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 1, &all, &c->scratch[SCALE]));
  }
  for (int64_t r = 0, rows; r < all; r += rows) {
    rows = RNNI_MIN(rows_at_once(d), all - r);
    real some[NORM_ROWS], *to = rnni_f(c->out[0]) + r * d;
    real *hat = keep ? rnni_f(c->scratch[HAT]) + r * d : to, *scale = keep ? rnni_f(c->scratch[SCALE]) + r : some;
    RNNI_TRY(rnni_pace(ctx, &done, rows * (RNNI_ROW + d)));
    rnni_kernel->norm_forward(rows, d, c->args.n[0], rnni_f(x) + r * d, d, hat, scale);
    rnni_kernel->scale_columns(rows, d, rnni_f(c->in[1]), hat, bias ? rnni_f(bias) : NULL, to);
  }
  if (keep) rnni_clear_padding(rnni_f(c->scratch[HAT]), x);
  return RNN_OK;
}

static rnn_status layer_norm_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *dy = c->dout[0];
  int64_t d = dy->dims[dy->ndim - 1], all = d ? dy->count / d : 0, done = 0;
  real *room;
  rnn_status status = RNN_OK;
  for (int i = 1; i < c->nin; i++)
    if (c->wants[i] && c->raw[i]) memset(c->din[i]->data, 0, (size_t)d * sizeof(real));
  RNNI_TRY(rnni_array(ctx, NORM_ROWS * d, sizeof *room, &room));
  for (int64_t r = 0, rows; r < all; r += rows) {
    rows = RNNI_MIN(rows_at_once(d), all - r);
    const real *from = rnni_f(dy) + r * d, *hat = c->scratch[HAT] ? rnni_f(c->scratch[HAT]) + r * d : NULL;
    RNNI_GOTO(rnni_pace(ctx, &done, rows * (RNNI_ROW + d)));
    if (c->nin > 2 && c->wants[2]) rnni_kernel->sum_columns(rows, d, from, d, NULL, 0, rnni_f(c->din[2]));
    if (c->wants[1]) rnni_kernel->sum_columns(rows, d, from, d, hat, d, rnni_f(c->din[1]));
    if (!c->wants[0]) continue;
    real *to = rnni_f(c->din[0]) + r * d, *dx = c->raw[0] ? to : room;
    rnni_kernel->norm_backward(rows, d, from, d, rnni_f(c->in[1]), hat, rnni_f(c->scratch[SCALE]) + r, dx);
    if (dx != to) rnni_add(to, dx, rows * d);
  }
done:
  rnni_free(ctx, room);
  return status;
}
const rnn_op rnni_op_layer_norm = {.name = "layer_norm", .args = "TT?Tn", .doc = "(x, gain, bias, eps). Normalised over the last axis (Ba et al. 2016): x (..., D), gain and bias (D); bias may be nil."
                               " Errors: gain or bias that are not (D).",
                                   .shape = layer_norm_shape, .forward = layer_norm_forward,
                                   .backward = layer_norm_backward, .saves = RNNI_SAVE_IN1,
                                   .lengths = RNNI_LENGTHS_KEEP, .adds_steps = true, .fills = true};

/* ---- batch norm over the last axis's features (Ioffe and Szegedy 2015), statistics over all valid rows ---- */

static rnn_status batch_norm_shape(rnn_ctx *ctx, rnni_call *c) { return need_features(ctx, c, 1, 4); }

static bool row_counts(const rnn_tensor *x, int64_t at) {
  int64_t width;
  int64_t rows = rnni_valid_rows(x, &width);
  return rows <= 1 || width == 0 || rnni_is_valid_row(x, at / width);
}

/* What the rows of x have in each feature: the mean, then the variance, into m (2, D). Rows are added in order, as
   distances from the first: the mean of a constant column is exact. */
static rnn_status batch_statistics(rnn_ctx *ctx, const rnn_tensor *x, double *m, int64_t *count) {
  int64_t d = x->dims[x->ndim - 1], rows = 0, done = 0;
  double *squares = m + d;
  const real *first = NULL;
  memset(m, 0, (size_t)(2 * d) * sizeof *m);
  for (int64_t at = 0; at < x->count; at += d) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + d));
    if (!row_counts(x, at)) continue;
    if (rows++ == 0) first = rnni_f(x) + at;
    for (int64_t i = 0; i < d; i++) m[i] += (double)rnni_f(x)[at + i] - (double)first[i];
  }
  if (rows == 1) /* normalised by itself it would be the bias, whatever it holds */
    return rnni_fail(ctx, RNN_EARG,
                     "batch_norm: expected more than one row to train on, got one valid row in %s: leave it out "
                     "(drop_last = true where it is a last batch), or take larger batches",
                     rnni_shape_text(x->ndim, x->dims));
  for (int64_t i = 0; i < d && rows > 0; i++) m[i] = (double)first[i] + m[i] / (double)rows;
  for (int64_t at = 0; at < x->count; at += d) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + d));
    if (row_counts(x, at))
      for (int64_t i = 0; i < d; i++) {
        double e = (double)rnni_f(x)[at + i] - m[i];
        squares[i] += e * e;
      }
  }
  for (int64_t i = 0; i < d; i++) squares[i] /= (double)RNNI_MAX(rows, 1);
  *count = rows;
  return RNN_OK;
}

/* scratch 0 is (2, D): mean and 1/sqrt(variance + eps); scratch 1, in training, the running statistics after this batch,
   running = momentum running + (1 - momentum) batch. */
static rnn_status batch_norm_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t d = x->dims[x->ndim - 1], rows = 0, work = 0;
  bool training = c->args.i[0] != 0;
  RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 2, (int64_t[]){2, d}, &c->scratch[0]));
  real *mean = rnni_f(c->scratch[0]), *scale = mean + d;
  const real *gain = rnni_f(c->in[1]), *bias = rnni_f(c->in[2]);
  double *m;
  rnn_status status = RNN_OK;
  RNNI_TRY(rnni_array(ctx, 2 * d, sizeof *m, &m));
  if (training) RNNI_GOTO(batch_statistics(ctx, x, m, &rows));
  for (int64_t i = 0; i < d; i++) {
    if (!training) m[i] = (double)rnni_f(c->in[3])[i], m[d + i] = (double)rnni_f(c->in[4])[i];
    mean[i] = (real)m[i];
    scale[i] = (real)inverse_deviation(m[d + i], c->args.n[1]);
  }
  for (int64_t at = 0; at < x->count; at += d) {
    RNNI_GOTO(rnni_pace(ctx, &work, RNNI_ROW + d));
    for (int64_t i = 0; i < d; i++)
      rnni_f(c->out[0])[at + i] = (rnni_f(x)[at + i] - mean[i]) * scale[i] * gain[i] + bias[i];
  }
  if (rows > 0) {
    RNNI_GOTO(rnni_tensor_raw(ctx, RNN_FLOAT, 2, (int64_t[]){2, d}, &c->scratch[1]));
    for (int64_t k = 0; k < 2; k++)
      for (int64_t i = 0; i < d; i++)
        rnni_f(c->scratch[1])[k * d + i] = (real)(c->args.n[0] * (double)rnni_f(c->in[3 + k])[i] + (1 - c->args.n[0]) * m[k * d + i]);
  }
  save_for_norm(c, training);
done:
  rnni_free(ctx, m);
  return status;
}

static void batch_norm_commit(rnni_call *c, rnn_tensor *const *t) {
  for (int i = 0; c->scratch[1] && i < 2; i++) {
    rnn_tensor row = *t[3 + i];
    row.data = rnni_f(c->scratch[1]) + i * row.count;
    rnni_row_strides(row.ndim, row.dims, row.strides);
    rnn_tensor_changed(t[3 + i]);
    rnni_move(t[3 + i], &row);
  }
}

/* In training dx = gain scale (dy - mean(dy) - h mean(dy h)); with running statistics dx = gain scale dy. Padding rows
   are constants to the statistics. */
static rnn_status batch_norm_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t d = x->dims[x->ndim - 1], rows = 0;
  const real *mean = rnni_f(c->scratch[0]), *scale = mean + d, *gain = rnni_f(c->in[1]), *dy = rnni_f(c->dout[0]);
  double *sums;
  RNNI_TRY(rnni_array(ctx, 2 * d, sizeof *sums, &sums));
  double *dots = sums + d;
  memset(sums, 0, (size_t)(2 * d) * sizeof *sums);
  int64_t work = 0;
  rnn_status status = RNN_OK;
  for (int64_t at = 0; at < x->count; at += d) {
    RNNI_GOTO(rnni_pace(ctx, &work, RNNI_ROW + d));
    rows += row_counts(x, at);
    for (int64_t i = 0; i < d; i++) {
      sums[i] += (double)dy[at + i];
      if (x->storage) dots[i] += (double)(dy[at + i] * (rnni_f(x)[at + i] - mean[i]) * scale[i]);
    }
  }
  for (int64_t i = 0; i < d; i++) {
    if (c->wants[1]) rnni_f(c->din[1])[i] += (real)dots[i];
    if (c->wants[2]) rnni_f(c->din[2])[i] += (real)sums[i];
  }
  bool training = c->args.i[0] != 0;
  for (int64_t at = 0; c->wants[0] && at < x->count; at += d) {
    RNNI_GOTO(rnni_pace(ctx, &work, RNNI_ROW + d));
    bool counts = training && row_counts(x, at);
    for (int64_t i = 0; i < d; i++) {
      double g = (double)dy[at + i];
      if (counts) {
        double h = (double)((rnni_f(x)[at + i] - mean[i]) * scale[i]);
        g -= (sums[i] + h * dots[i]) / (double)rows;
      }
      rnni_f(c->din[0])[at + i] += (real)((double)(gain[i] * scale[i]) * g);
    }
  }
done:
  rnni_free(ctx, sums);
  return status;
}
const rnn_op rnni_op_batch_norm = {.name = "batch_norm", .args = "TTTTTnnb",
                                   .doc = "(x, gain, bias, running_mean, running_variance, momentum, eps, training). Normalised per feature of the last axis (Ioffe and Szegedy 2015); training updates the running statistics, running = momentum*running + (1-momentum)*batch."
                               " Errors: gain, bias or statistics that are not (D); training on one row.",
                                   .shape = batch_norm_shape, .forward = batch_norm_forward,
                                   .backward = batch_norm_backward, .commit = batch_norm_commit,
                                   .saves = RNNI_SAVE_IN0 | RNNI_SAVE_IN1,
                                   .lengths = RNNI_LENGTHS_KEEP, .adds_steps = true};
