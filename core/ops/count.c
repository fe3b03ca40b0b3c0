/* count.c: how often ids and ranges of values come. */
#include "../internal.h"

/* ---- bincount ---- */

static int32_t id_at(const rnn_tensor *ids, int64_t i, int64_t width) {
  return rnni_is_valid_row(ids, i / width) ? rnni_i(ids)[i] : 0;
}

static rnn_status bincount_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *ids = c->in[0], *weights = c->nin > 1 ? c->in[1] : NULL;
  int64_t most = c->args.i[0], work = 0, width;
  RNNI_TRY(rnni_need_int(ctx, c, 0));
  if (weights) {
    RNNI_TRY(rnni_need_float(ctx, c, 1));
    RNNI_TRY(rnni_need_same_lengths(ctx, c, ids->lengths, weights->lengths));
    if (!rnni_same_shape(ids, weights))
      return rnni_fail(ctx, RNN_ESHAPE, "bincount: expected a weight for each id of %s, got %s", RNNI_SHAPE(ids),
                       RNNI_SHAPE(weights));
  }
  if (most < -1) return rnni_fail(ctx, RNN_EARG, "bincount: expected n of at least 0, got %lld", (long long)most);
  rnni_valid_rows(ids, &width);
  c->out_type = weights ? RNN_FLOAT : RNN_INT;
  c->out_ndim = 1;
  c->out_dims[0] = RNNI_MAX(most, 0);
  for (int64_t i = 0; i < ids->count; i++) {
    int32_t id = id_at(ids, i, width);
    RNNI_TRY(rnni_pace(ctx, &work, 1));
    if (id < 0 || (most >= 0 && id > most))
      return rnni_fail(ctx, RNN_EARG, "bincount: id %d at place %lld is not within 0 to %lld", id, (long long)i + 1,
                       (long long)(most < 0 ? INT32_MAX : most));
    c->out_dims[0] = RNNI_MAX(c->out_dims[0], id);
  }
  return RNN_OK;
}

static rnn_status bincount_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *ids = c->in[0], *weights = c->nin > 1 ? c->in[1] : NULL;
  int64_t n = c->out[0]->count, work = 0, width;
  double *sums;
  rnn_status status;
  RNNI_TRY(rnni_array(ctx, RNNI_MAX(n, 1), sizeof *sums, &sums));
  RNNI_GOTO(rnni_copy(ctx, sums, NULL, (size_t)n * sizeof *sums));
  rnni_valid_rows(ids, &width);
  for (int64_t i = 0; i < ids->count; i++) {
    int32_t id = id_at(ids, i, width);
    RNNI_GOTO(rnni_pace(ctx, &work, 2));
    if (id) sums[id - 1] += weights ? (double)rnni_f(weights)[i] : 1;
  }
  for (int64_t i = 0; i < n; i++)
    if (weights) rnni_f(c->out[0])[i] = (real)sums[i];
    else rnni_i(c->out[0])[i] = (int32_t)sums[i];
done:
  rnni_free(ctx, sums);
  return status;
}

static rnn_status bincount_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *ids = c->in[0];
  int64_t work = 0, width;
  rnni_valid_rows(ids, &width);
  for (int64_t i = 0; i < ids->count; i++) {
    int32_t id = id_at(ids, i, width);
    RNNI_TRY(rnni_pace(ctx, &work, 2));
    if (id) rnni_f(c->din[1])[i] += rnni_f(c->dout[0])[id - 1];
  }
  return RNN_OK;
}
const rnn_op rnni_op_bincount = {.name = "bincount", .args = "T?i?T", .absent = -1,
                                 .doc = "(ids [, n [, weights]]) -> int32. (n): how often each id 1 .. n (int32, any shape) comes, or, float, the sum of their weights, of the shape of ids. Id 0 and padding are not counted. Without n: up to the largest id. Errors: ids below 0 or above n, weights of another shape.",
                                 .shape = bincount_shape, .forward = bincount_forward, .backward = bincount_backward,
                                 .saves = RNNI_SAVE_IN0, .lengths = RNNI_LENGTHS_OWN};

/* ---- histogram ---- */

static int two_outputs(const rnn_args *args) {
  (void)args;
  return 2;
}

static double value_at(const rnn_tensor *x, int64_t i) {
  return x->type == RNN_INT ? (double)rnni_i(x)[i] : (double)rnni_f(x)[i];
}

static rnn_status range_of(rnn_ctx *ctx, rnni_call *c, double *low, double *high) {
  const rnn_tensor *x = c->in[0];
  int64_t work = 0, width;
  *low = INFINITY;
  *high = -INFINITY;
  rnni_valid_rows(x, &width);
  for (int64_t i = 0; i < x->count; i++) {
    double v = value_at(x, i);
    RNNI_TRY(rnni_pace(ctx, &work, 2));
    if (!rnni_is_valid_row(x, i / width) || v != v) continue;
    *low = RNNI_MIN(*low, v);
    *high = RNNI_MAX(*high, v);
  }
  if (*low > *high) *low = 0, *high = 1;
  if (*low == *high) *low -= 0.5, *high += 0.5;
  if (isfinite(*low) && isfinite(*high)) return RNN_OK;
  return rnni_fail(ctx, RNN_EARG, "histogram: elements from %s to %s have no range; give low and high",
                   rnni_number_text(*low), rnni_number_text(*high));
}

static rnn_status histogram_shape(rnn_ctx *ctx, rnni_call *c) {
  double *limits = c->args.n;
  if (c->args.i[0] < 1 || c->args.i[0] > INT32_MAX)
    return rnni_fail(ctx, RNN_EARG, "histogram: expected at least 1 bin, got %lld", (long long)c->args.i[0]);
  if (limits[0] == 0 && limits[1] == 0) RNNI_TRY(range_of(ctx, c, &limits[0], &limits[1]));
  if (!(limits[0] < limits[1]) || !isfinite(limits[1] - limits[0]))
    return rnni_fail(ctx, RNN_EARG, "histogram: expected limits low < high, got %s and %s", rnni_number_text(limits[0]),
                     rnni_number_text(limits[1]));
  c->out_ndim = -1;
  return RNN_OK;
}

/* An edge belongs to the bin that it begins, the last one to the bin that it ends. */
static int64_t bin_of(double v, double low, double high, const real *edges, int64_t bins) {
  int64_t b = (int64_t)((v - low) / (high - low) * (double)bins);
  b = RNNI_MAX(RNNI_MIN(b, bins - 1), 0);
  if (b > 0 && v < (double)edges[b]) b--;
  if (b < bins - 1 && v >= (double)edges[b + 1]) b++;
  return b;
}

static rnn_status histogram_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  double low = c->args.n[0], high = c->args.n[1];
  int64_t bins = c->args.i[0], more = bins + 1, work = 0, width;
  RNNI_TRY(rnn_tensor_new(ctx, RNN_INT, 1, &bins, &c->out[0]));
  RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 1, &more, &c->out[1]));
  real *edges = rnni_f(c->out[1]);
  for (int64_t b = 0; b <= bins; b++) {
    RNNI_TRY(rnni_pace(ctx, &work, 1));
    edges[b] = (real)(b < bins ? low + (high - low) * ((double)b / (double)bins) : high);
  }
  rnni_valid_rows(x, &width);
  for (int64_t i = 0; i < x->count; i++) {
    double v = value_at(x, i);
    RNNI_TRY(rnni_pace(ctx, &work, 4));
    if (v >= (double)edges[0] && v <= (double)edges[bins] && rnni_is_valid_row(x, i / width))
      rnni_i(c->out[0])[bin_of(v, low, high, edges, bins)]++;
  }
  return RNN_OK;
}
const rnn_op rnni_op_histogram = {.name = "histogram", .args = "T?i?n?n", .absent = 10,
                                  .doc = "(x [, bins = 10 [, low [, high]]]) -> counts, edges. int32 (bins): how many elements of x lie in each of so many equal ranges from low to high, and the edges of these, (bins + 1). Each range begins with its lower edge, the last one has both. What lies outside, NaN and padding is not counted. low and high both 0 or not given: the smallest and the largest element. Errors: less than one bin, limits that are no numbers low < high.",
                                  .shape = histogram_shape, .forward = histogram_forward,
                                  .lengths = RNNI_LENGTHS_OWN, .outputs = two_outputs};
