/* lines.c: the axes of a reduction, and the lines that they make. */
#include "lines.h"

#include <stddef.h>

static bool reduced(const rnni_call *c, int axis) {
  for (int i = 0; i < c->args.nshape; i++)
    if (c->args.shape[i] == axis) return true;
  return c->args.nshape == 0;
}

/* Are steps of a batch with lengths reduced, so that padding must not count? */
static bool over_time(const rnni_call *c) { return c->in[0]->lengths && reduced(c, 1); }

rnn_status rnni_reduced_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  c->out_ndim = 0;
  for (int i = 0; i < x->ndim; i++)
    if (!reduced(c, i)) c->out_dims[c->out_ndim++] = x->dims[i];
    else if (c->args.i[0]) c->out_dims[c->out_ndim++] = 1;
  if (x->lengths && reduced(c, 0) && !reduced(c, 1))
    return rnni_fail(ctx, RNN_EARG, "%s: over the batch of %s with lengths; x:without_lengths() drops them on purpose",
                     c->op->name, RNNI_SHAPE(x));
  return RNN_OK;
}

rnn_status rnni_reduced_lengths(rnn_ctx *ctx, rnni_call *c) {
  return over_time(c) ? RNN_OK : rnni_carry_lengths(ctx, c, true);
}

/* ---- valid steps ---- */

static int64_t step_size(const rnn_tensor *x) {
  int64_t steps = x->dims[0] * x->dims[1];
  return steps ? x->count / steps : 0;
}

/* The valid steps of all sequences behind each other. */
static rnn_status pack(rnn_ctx *ctx, const rnn_tensor *x, void **out) {
  size_t width = (size_t)step_size(x) * rnni_type_size(x->type);
  RNNI_TRY(rnni_array(ctx, RNNI_MAX(x->count, 1), rnni_type_size(x->type), out));
  char *to = *out;
  for (int64_t n = 0; n < x->dims[0]; n++) {
    size_t size = (size_t)rnni_i(x->lengths)[n] * width;
    RNNI_TRY(rnni_copy(ctx, to, (char *)x->data + (size_t)(n * x->dims[1]) * width, size));
    to += size;
  }
  return RNN_OK;
}

static rnn_status unpack_add(rnn_ctx *ctx, const rnn_tensor *x, const real *from, real *to) {
  int64_t width = step_size(x), work = 0;
  for (int64_t n = 0; n < x->dims[0]; n++, to += x->dims[1] * width) {
    int64_t size = rnni_i(x->lengths)[n] * width;
    for (RNNI_PIECES(size, at, end)) {
      RNNI_TRY(rnni_pace(ctx, &work, end - at));
      rnni_add(to + at, from + at, end - at);
    }
    from += size;
  }
  return RNN_OK;
}

/* ---- lines ---- */

static void set_count(rnn_tensor *t) {
  t->count = 1;
  for (int i = 0; i < t->ndim; i++) t->count *= t->dims[i];
  rnni_row_strides(t->ndim, t->dims, t->strides);
}

/* Do the reduced axes lie together? Those of size 1 lie anywhere. */
static bool together(const rnni_call *c, const rnn_tensor *t) {
  int state = 0; /* before, within, behind them */
  for (int i = 0; i < t->ndim; i++) {
    if (t->dims[i] == 1) continue;
    if (reduced(c, i) && state == 2) return false;
    if (reduced(c, i)) state = 1;
    else if (state == 1) state = 2;
  }
  return true;
}

static void split(const rnni_call *c, const rnn_tensor *t, rnni_lines *l) {
  l->outer = l->length = l->inner = 1;
  for (int i = 0, seen = 0; i < t->ndim; i++)
    if (reduced(c, i)) {
      l->length *= t->dims[i];
      seen |= t->dims[i] != 1;
    } else if (seen) {
      l->inner *= t->dims[i];
    } else {
      l->outer *= t->dims[i];
    }
  if (l->length != 1 || t->lengths) return;
  l->inner *= l->outer; /* lines of one element lie behind each other as well as beside */
  l->outer = 1;
}

/* Copies t with its reduced axes last. */
static rnn_status move_axes(rnn_ctx *ctx, const rnni_call *c, const rnn_tensor *t, rnni_lines *l) {
  rnn_tensor *a = &l->arranged;
  int n = 0;
  *a = *t;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < t->ndim; i++)
      if (reduced(c, i) == pass) {
        a->dims[n] = t->dims[i];
        a->strides[n++] = t->strides[i];
      }
  a->contiguous = false;
  l->moved = true;
  l->outer = l->length = l->inner = 1;
  for (int i = 0; i < t->ndim; i++) *(reduced(c, i) ? &l->length : &l->outer) *= t->dims[i];
  if (!l->x) return RNN_OK;
  RNNI_TRY(rnni_array(ctx, RNNI_MAX(t->count, 1), rnni_type_size(t->type), &l->copies[1]));
  l->x = l->copies[1];
  return rnni_copy_rows(ctx, a, l->copies[1]);
}

rnn_status rnni_lines_open(rnn_ctx *ctx, const rnni_call *c, rnni_lines *l) {
  const rnn_tensor *x = c->in[0];
  rnn_status status = RNN_OK;
  memset(l, 0, offsetof(rnni_lines, arranged));
  l->x = x->data;
  if (!over_time(c) && together(c, x)) {
    split(c, x, l);
    return RNN_OK;
  }
  rnn_tensor t = *x;
  if (over_time(c) && reduced(c, 0)) {
    l->packed = true;
    if (x->data) RNNI_GOTO(pack(ctx, x, &l->copies[0]));
    l->x = t.data = l->copies[0];
    t.dims[0] = 1;
    t.dims[1] = 0;
    for (int64_t n = 0; n < x->dims[0]; n++) t.dims[1] += rnni_i(x->lengths)[n];
    set_count(&t);
  }
  if (together(c, &t)) split(c, &t, l);
  else RNNI_GOTO(move_axes(ctx, c, &t, l));
  if (over_time(c) && !l->packed) {
    l->lengths = rnni_i(x->lengths);
    l->per = x->dims[0] ? RNNI_MAX(l->outer / x->dims[0], 1) : 1;
    l->step = x->dims[1] ? l->length / x->dims[1] : 0;
  }
done:
  if (status != RNN_OK) rnni_lines_close(ctx, l);
  return status;
}

rnn_status rnni_lines_open_floats(rnn_ctx *ctx, const rnni_call *c, rnni_lines *l) {
  char text[160];
  int64_t work = 0;
  rnn_status status;
  RNNI_TRY(rnni_lines_open(ctx, c, l));
  if (c->in[0]->type == RNN_FLOAT) return RNN_OK;
  RNNI_GOTO(rnni_array(ctx, RNNI_MAX(l->outer * l->length * l->inner, 1), sizeof(real), &l->copies[2]));
  for (int64_t o = 0; o < l->outer; o++) {
    int64_t end = (o * l->length + rnni_line_valid(l, o)) * l->inner;
    bool padding = rnni_line_is_padding(c, l, o);
    for (int64_t i = o * l->length * l->inner; i < end; i++) {
      int32_t v = ((const int32_t *)l->x)[i];
      RNNI_GOTO(rnni_pace(ctx, &work, 1));
      ((real *)l->copies[2])[i] = (real)v;
      if ((double)(real)v != v && !padding) {
        status = rnni_fail(ctx, RNN_EARG, "%s: %s; subtract or divide first, or run with --double", c->op->name,
                           rnn_real_refuses(v, text, sizeof text));
        goto done;
      }
    }
  }
  l->x = l->copies[2];
done:
  if (status != RNN_OK) rnni_lines_close(ctx, l);
  return status;
}

static rnn_status zeros(rnn_ctx *ctx, int64_t n, void **out) {
  RNNI_TRY(rnni_array(ctx, RNNI_MAX(n, 1), sizeof(real), out));
  return rnni_copy(ctx, *out, NULL, (size_t)n * sizeof(real));
}

rnn_status rnni_lines_gradient(rnn_ctx *ctx, rnni_call *c, rnni_lines *l) {
  int64_t count = l->outer * l->length * l->inner;
  l->dx = rnni_f(c->din[0]);
  for (int i = 0; i < 2; i++)
    if (i ? l->moved : l->packed) {
      RNNI_TRY(zeros(ctx, count, &l->gradients[i]));
      l->dx = l->gradients[i];
    }
  return RNN_OK;
}

rnn_status rnni_lines_give(rnn_ctx *ctx, rnni_call *c, rnni_lines *l) {
  if (l->moved) {
    rnn_tensor to = l->arranged, from = l->arranged;
    to.data = l->packed ? l->gradients[0] : (void *)rnni_f(c->din[0]);
    from.data = l->gradients[1];
    rnni_row_strides(from.ndim, from.dims, from.strides);
    rnni_move_add(&to, &from);
    RNNI_TRY(rnni_poll(ctx));
  }
  return l->packed ? unpack_add(ctx, c->in[0], l->gradients[0], rnni_f(c->din[0])) : RNN_OK;
}

void rnni_lines_close(rnn_ctx *ctx, rnni_lines *l) {
  for (int i = 0; i < 3; i++) rnni_free(ctx, l->copies[i]);
  for (int i = 0; i < 2; i++) rnni_free(ctx, l->gradients[i]);
}
