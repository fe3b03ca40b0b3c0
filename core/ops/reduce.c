/* reduce.c: what is left of an axis, of several, or of everything: sums, products, means, extremes and their places.
 * Where time is reduced, padding does not count (lines.h). */
#include "reduction.h"

static rnn_status reduced_same_shape(rnn_ctx *ctx, rnni_call *c) {
  c->out_type = c->in[0]->type;
  return rnni_reduced_shape(ctx, c);
}

/* ---- sums and what is made of them ---- */

/* What becomes of the sum of a line, of which so many elements count; NULL: it stays as it is. */
typedef double finish_fn(double sum, double count, double number);

static double divided(double sum, double count, double number) {
  (void)number;
  return count > 0 ? sum / count : 0;
}

static rnn_status put(rnn_ctx *ctx, const rnni_lines *l, finish_fn *f, double number, const double *sums, real *y) {
  int64_t work = 0;
  for (int64_t o = 0; o < l->outer; o++) {
    double count = (double)rnni_line_valid(l, o);
    RNNI_TRY(rnni_pace(ctx, &work, RNNI_ROW + l->inner));
    int64_t from = o * l->inner, to = from + l->inner;
    if (f == divided && count > 0)
      for (int64_t i = from; i < to; i++) y[i] = (real)(sums[i] / count);
    else if (f)
      for (int64_t i = from; i < to; i++) y[i] = (real)f(sums[i], count, number);
    else
      for (int64_t i = from; i < to; i++) y[i] = (real)sums[i];
  }
  return RNN_OK;
}

/* Of int32 the sums are exact. */
static rnn_status fold_lines(rnn_ctx *ctx, const rnni_lines *l, rnn_type type, rnni_fold how, double *sums) {
  rnni_reduction r = {.ctx = ctx, .l = l, .type = type, .how = how, .sums = sums};
  int64_t n = l->outer * l->inner;
  if (type == RNN_FLOAT) return rnni_reduce(&r);
  RNNI_TRY(rnni_array(ctx, n, sizeof *r.ints, &r.ints));
  r.sums = NULL;
  rnn_status status = rnni_reduce(&r);
  for (int64_t i = 0; i < n && status == RNN_OK; i++) sums[i] = (double)r.ints[i];
  rnni_free(ctx, r.ints);
  return status;
}

static rnn_status fold_forward(rnn_ctx *ctx, rnni_call *c, rnni_fold how, finish_fn *f, double number) {
  rnni_lines l;
  rnni_doubles sums = {.at = sums.few};
  rnn_status status;
  RNNI_TRY(rnni_lines_open(ctx, c, &l));
  RNNI_GOTO(rnni_doubles_new(ctx, c->out[0]->count, &sums));
  RNNI_GOTO(fold_lines(ctx, &l, c->in[0]->type, how, sums.at));
  RNNI_GOTO(put(ctx, &l, f, number, sums.at, rnni_f(c->out[0])));
  status = rnni_reduced_lengths(ctx, c);
done:
  rnni_doubles_free(ctx, &sums);
  rnni_lines_close(ctx, &l);
  return status;
}

/* int32 gives int32. What padding would overflow to is 0. */
static rnn_status fold_ints(rnn_ctx *ctx, rnni_call *c, rnni_fold how) {
  rnn_tensor *y = c->out[0];
  rnni_lines l;
  int64_t *sums = NULL, work = 0, width;
  rnn_status status;
  RNNI_TRY(rnni_lines_open(ctx, c, &l));
  RNNI_GOTO(rnni_array(ctx, y->count, sizeof *sums, &sums));
  RNNI_GOTO(rnni_reduce(&(rnni_reduction){.ctx = ctx, .l = &l, .type = RNN_INT, .how = how, .ints = sums}));
  RNNI_GOTO(rnni_reduced_lengths(ctx, c));
  rnni_valid_rows(y, &width);
  for (int64_t i = 0; i < y->count; i++) {
    RNNI_GOTO(rnni_pace(ctx, &work, 1));
    bool fits = sums[i] == (int32_t)sums[i];
    if (!fits && rnni_is_valid_row(y, i / width)) {
      status = rnni_fail(ctx, RNN_EARG, "%s: element %lld of the result is beyond what an int32 can hold; x:to_float() first",
                         c->op->name, (long long)i + 1);
      goto done;
    }
    rnni_i(y)[i] = fits ? (int32_t)sums[i] : 0;
  }
done:
  rnni_free(ctx, sums);
  rnni_lines_close(ctx, &l);
  return status;
}

static rnn_status sum_or_mean_backward(rnn_ctx *ctx, rnni_call *c, bool mean) {
  const real *dy = rnni_f(c->dout[0]);
  rnni_lines l;
  rnn_status status;
  int64_t work = 0;
  RNNI_TRY(rnni_lines_open(ctx, c, &l));
  RNNI_GOTO(rnni_lines_gradient(ctx, c, &l));
  bool writes = c->raw[0] && l.inner == 1 && l.dx == rnni_f(c->din[0]) && !l.lengths;
  if (c->raw[0] && !writes) RNNI_GOTO(rnni_copy(ctx, rnni_f(c->din[0]), NULL, (size_t)c->din[0]->count * sizeof(real)));
  for (int64_t o = 0; o < l.outer; o++, dy += l.inner) {
    int64_t n = rnni_line_valid(&l, o);
    real *dx = l.dx + o * l.length * l.inner, scale = (real)(mean && n ? 1 / (double)n : 1);
    if (l.inner == 1) {
      real d = scale * *dy;
      for (RNNI_PIECES(n, from, to)) {
        RNNI_GOTO(rnni_pace(ctx, &work, RNNI_ROW + to - from));
        if (writes)
          for (int64_t k = from; k < to; k++) dx[k] = d + 0; /* not -0, as added to 0 */
        else
          for (int64_t k = from; k < to; k++) dx[k] += d;
      }
      continue;
    }
    for (int64_t k = 0; k < n; k++, dx += l.inner) {
      RNNI_GOTO(rnni_pace(ctx, &work, RNNI_ROW + l.inner));
      for (int64_t i = 0; i < l.inner; i++) dx[i] += scale * dy[i];
    }
  }
  status = rnni_lines_give(ctx, c, &l);
done:
  rnni_lines_close(ctx, &l);
  return status;
}

static rnn_status sum_forward(rnn_ctx *ctx, rnni_call *c) {
  return c->in[0]->type == RNN_INT ? fold_ints(ctx, c, RNNI_SUM) : fold_forward(ctx, c, RNNI_SUM, NULL, 0);
}
static rnn_status sum_backward(rnn_ctx *ctx, rnni_call *c) { return sum_or_mean_backward(ctx, c, false); }
const rnn_op rnni_op_sum = {.name = "sum", .args = "tA?b", .doc = "(x [, axes [, keep]]). Sum along" RNNI_AXES " int32 gives int32." RNNI_AXES_ERRORS ", an int32 sum that overflows.",
                            .shape = reduced_same_shape, .forward = sum_forward, .backward = sum_backward, .fills = true,
                            .lengths = RNNI_LENGTHS_OWN};

static rnn_status mean_forward(rnn_ctx *ctx, rnni_call *c) { return fold_forward(ctx, c, RNNI_SUM, divided, 0); }
static rnn_status mean_backward(rnn_ctx *ctx, rnni_call *c) { return sum_or_mean_backward(ctx, c, true); }
const rnn_op rnni_op_mean = {.name = "mean", .args = "tA?b", .doc = "(x [, axes [, keep]]). Mean along" RNNI_AXES " 0 of nothing; int32 gives float." RNNI_AXES_ERRORS ".",
                             .shape = rnni_reduced_shape, .forward = mean_forward, .backward = mean_backward, .fills = true,
                             .lengths = RNNI_LENGTHS_OWN};

/* ---- products ---- */

static rnn_status prod_forward(rnn_ctx *ctx, rnni_call *c) {
  return c->in[0]->type == RNN_INT ? fold_ints(ctx, c, RNNI_PRODUCT) : fold_forward(ctx, c, RNNI_PRODUCT, NULL, 0);
}

/* dx_k = dy times the product of all others: those before it and those behind it, so that no zero divides. */
static rnn_status prod_backward(rnn_ctx *ctx, rnni_call *c) {
  const real *dy = rnni_f(c->dout[0]);
  rnni_lines l;
  double *before = NULL;
  int64_t work = 0;
  rnn_status status;
  RNNI_TRY(rnni_lines_open(ctx, c, &l));
  RNNI_GOTO(rnni_lines_gradient(ctx, c, &l));
  RNNI_GOTO(rnni_array(ctx, l.length, sizeof *before, &before));
  for (int64_t line = 0; line < l.outer * l.inner; line++) {
    int64_t o = line / l.inner, at = o * l.length * l.inner + line % l.inner, n = rnni_line_valid(&l, o);
    const real *x = (const real *)l.x + at;
    double product = 1;
    for (RNNI_PIECES(n, from, to)) {
      RNNI_GOTO(rnni_pace(ctx, &work, RNNI_ROW + 2 * (to - from)));
      for (int64_t k = from; k < to; k++) {
        before[k] = product;
        product *= (double)x[k * l.inner];
      }
    }
    product = (double)dy[line];
    for (RNNI_PIECES(n, from, to)) { /* counted from the end */
      RNNI_GOTO(rnni_pace(ctx, &work, RNNI_ROW + 2 * (to - from)));
      for (int64_t k = n - 1 - from; k > n - 1 - to; k--) {
        l.dx[at + k * l.inner] += (real)(before[k] * product);
        product *= (double)x[k * l.inner];
      }
    }
  }
  status = rnni_lines_give(ctx, c, &l);
done:
  rnni_free(ctx, before);
  rnni_lines_close(ctx, &l);
  return status;
}
const rnn_op rnni_op_prod = {.name = "prod", .args = "tA?b", .doc = "(x [, axes [, keep]]). Product along" RNNI_AXES " 1 of nothing; int32 gives int32." RNNI_AXES_ERRORS ", an int32 product that overflows.",
                             .shape = reduced_same_shape, .forward = prod_forward, .backward = prod_backward,
                             .saves = RNNI_SAVE_IN0, .lengths = RNNI_LENGTHS_OWN};

/* ---- extremes ---- */

/* scratch 0, kept when recorded: where in the lines each extreme lies, an int64 in two int32; -1 of nothing. */
static rnn_status extreme_forward(rnn_ctx *ctx, rnni_call *c, bool smallest) {
  rnn_tensor *y = c->out[0];
  rnni_lines l;
  int64_t *places = NULL, work = 0;
  rnn_status status;
  RNNI_TRY(rnni_lines_open(ctx, c, &l));
  if (y->type == RNN_INT && y->count > 0 && l.length == 0) {
    status = rnni_fail(ctx, RNN_EARG, "%s: no element of the int32 tensor %s to choose from", c->op->name,
                       RNNI_SHAPE(c->in[0]));
    goto done;
  }
  if (c->keep) {
    RNNI_GOTO(rnni_tensor_raw(ctx, RNN_INT, 2, (int64_t[]){y->count, 2}, &c->scratch[0]));
    places = c->scratch[0]->data;
  }
  RNNI_GOTO(rnni_reduce(&(rnni_reduction){.ctx = ctx, .l = &l, .type = c->in[0]->type, .smallest = smallest,
                                          .top = y->data, .place = places}));
  for (int64_t i = 0; places && i < y->count; i++) {
    RNNI_GOTO(rnni_pace(ctx, &work, 1));
    if (places[i] >= 0) places[i] = (i / l.inner * l.length + places[i]) * l.inner + i % l.inner;
  }
  status = rnni_reduced_lengths(ctx, c);
done:
  rnni_lines_close(ctx, &l);
  return status;
}

static rnn_status extreme_backward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t *places = c->scratch[0]->data;
  rnni_lines l;
  int64_t work = 0;
  rnn_status status;
  RNNI_TRY(rnni_lines_open(ctx, c, &l));
  RNNI_GOTO(rnni_lines_gradient(ctx, c, &l));
  for (int64_t i = 0; i < c->dout[0]->count; i++) {
    RNNI_GOTO(rnni_pace(ctx, &work, 1));
    if (places[i] >= 0) l.dx[places[i]] += rnni_f(c->dout[0])[i];
  }
  status = rnni_lines_give(ctx, c, &l);
done:
  rnni_lines_close(ctx, &l);
  return status;
}

static rnn_status max_forward(rnn_ctx *ctx, rnni_call *c) { return extreme_forward(ctx, c, false); }
static rnn_status min_forward(rnn_ctx *ctx, rnni_call *c) { return extreme_forward(ctx, c, true); }
const rnn_op rnni_op_max = {.name = "max", .args = "tA?b", .doc = "(x [, axes [, keep]]). Largest element along" RNNI_AXES " Its first place takes the gradient; NaN comes before all; -inf of nothing." RNNI_AXES_ERRORS ", int32 without elements.",
                            .shape = reduced_same_shape, .forward = max_forward,
                            .backward = extreme_backward, .lengths = RNNI_LENGTHS_OWN};
const rnn_op rnni_op_min = {.name = "min", .args = "tA?b", .doc = "(x [, axes [, keep]]). Smallest element along" RNNI_AXES " Its first place takes the gradient; NaN comes before all; inf of nothing." RNNI_AXES_ERRORS ", int32 without elements.",
                            .shape = reduced_same_shape, .forward = min_forward,
                            .backward = extreme_backward, .lengths = RNNI_LENGTHS_OWN};

static rnn_status place_shape(rnn_ctx *ctx, rnni_call *c) {
  if (c->args.i[0] >= 0) {
    c->args.nshape = 1;
    c->args.shape[0] = c->args.i[0];
  }
  c->args.i[0] = c->args.i[1];
  c->out_type = RNN_INT;
  return rnni_reduced_shape(ctx, c);
}

/* Of everything in a batch with lengths the place is that in the padded tensor, not among the valid steps. */
static int64_t padded_place(const rnn_tensor *x, int64_t place) {
  int64_t width = x->count / (x->dims[0] * x->dims[1]), step = place / width;
  for (int64_t n = 0; n < x->dims[0]; n++) {
    if (step < rnni_i(x->lengths)[n]) return (n * x->dims[1] + step) * width + place % width;
    step -= rnni_i(x->lengths)[n];
  }
  return -1;
}

static rnn_status place_forward(rnn_ctx *ctx, rnni_call *c, bool smallest) {
  rnn_tensor *y = c->out[0];
  rnni_lines l;
  int64_t *places = NULL, work = 0;
  rnn_status status;
  RNNI_TRY(rnni_lines_open(ctx, c, &l));
  RNNI_GOTO(rnni_array(ctx, y->count, sizeof *places, &places));
  RNNI_GOTO(rnni_reduce(&(rnni_reduction){.ctx = ctx, .l = &l, .type = c->in[0]->type, .smallest = smallest,
                                          .place = places}));
  if (l.packed && places[0] >= 0) places[0] = padded_place(c->in[0], places[0]); /* of everything: one */
  for (RNNI_PIECES(y->count, from, to)) {
    RNNI_GOTO(rnni_pace(ctx, &work, to - from));
    for (int64_t i = from; i < to; i++) rnni_i(y)[i] = (int32_t)(places[i] + 1);
  }
  status = rnni_reduced_lengths(ctx, c);
done:
  rnni_free(ctx, places);
  rnni_lines_close(ctx, &l);
  return status;
}
static rnn_status argmax_forward(rnn_ctx *ctx, rnni_call *c) { return place_forward(ctx, c, false); }
static rnn_status argmin_forward(rnn_ctx *ctx, rnni_call *c) { return place_forward(ctx, c, true); }
#define PLACE " element along axis, the first of equals, or, without an axis, in row order among all elements of x; keep leaves the" \
              " axis with size 1. NaN comes before all; 0 of nothing." RNNI_AXES_ERRORS "."
const rnn_op rnni_op_argmax = {.name = "argmax", .args = "tX?b", .doc = "(x [, axis [, keep]]) -> int32. Place (from 1) of the largest" PLACE,
                               .shape = place_shape, .forward = argmax_forward, .lengths = RNNI_LENGTHS_OWN};
const rnn_op rnni_op_argmin = {.name = "argmin", .args = "tX?b", .doc = "(x [, axis [, keep]]) -> int32. Place (from 1) of the smallest" PLACE,
                               .shape = place_shape, .forward = argmin_forward, .lengths = RNNI_LENGTHS_OWN};

/* ---- masks ---- */

/* The largest or smallest element; of nothing what does not decide. */
static rnn_status mask_forward(rnn_ctx *ctx, rnni_call *c, bool smallest) {
  real *y = rnni_f(c->out[0]);
  rnni_lines l;
  rnn_status status;
  RNNI_TRY(rnni_need_mask(ctx, c, 0));
  RNNI_TRY(rnni_lines_open(ctx, c, &l));
  RNNI_GOTO(rnni_reduce(&(rnni_reduction){.ctx = ctx, .l = &l, .type = RNN_FLOAT, .smallest = smallest, .top = y}));
  for (int64_t i = 0; i < c->out[0]->count; i++) {
    bool decided = rnni_line_valid(&l, i / l.inner) > 0 && y[i] == (real)!smallest;
    y[i] = (real)(decided ? !smallest : smallest);
  }
  status = rnni_reduced_lengths(ctx, c);
done:
  rnni_lines_close(ctx, &l);
  return status;
}

static rnn_status any_forward(rnn_ctx *ctx, rnni_call *c) { return mask_forward(ctx, c, false); }
static rnn_status all_forward(rnn_ctx *ctx, rnni_call *c) { return mask_forward(ctx, c, true); }
const rnn_op rnni_op_any = {.name = "any", .args = "mA?b", .doc = "(mask [, axes [, keep]]). 1 where an element of a mask, a float tensor of 0 and 1, is 1, else 0, along" RNNI_AXES " 0 of nothing." RNNI_AXES_ERRORS ", other values.",
                            .shape = rnni_reduced_shape, .forward = any_forward, .lengths = RNNI_LENGTHS_OWN};
const rnn_op rnni_op_all = {.name = "all", .args = "mA?b", .doc = "(mask [, axes [, keep]]). 1 where all elements of a mask, a float tensor of 0 and 1, are 1, else 0, along" RNNI_AXES " 1 of nothing." RNNI_AXES_ERRORS ", other values.",
                            .shape = rnni_reduced_shape, .forward = all_forward, .lengths = RNNI_LENGTHS_OWN};
