/* rules.c: the rules that the families of ops share. */
#include <stdio.h>

#include "../internal.h"
#include "../kernels/kernels.h"

const char *rnn_op_name(const rnn_op *op) { return op->name; }
const char *rnn_op_signature(const rnn_op *op) { return op->args; }
const char *rnn_op_doc(const rnn_op *op) { return op->doc; }
int rnn_op_outputs(const rnn_op *op, const rnn_args *args) { return op->outputs ? op->outputs(args) : 1; }
int rnn_op_absent(const rnn_op *op) { return op->absent; }
const char *const *rnn_op_choices(const rnn_op *op) { return op->choices; }
bool rnn_op_differentiable(const rnn_op *op) { return op->backward != NULL; }

const char *const rnni_reductions[] = {[RNN_MEAN] = "mean", [RNN_SUM] = "sum", [RNN_NONE] = "none", NULL};

static rnn_status check_axis(rnn_ctx *ctx, const rnn_op *op, const rnn_args *args, int64_t axis, bool all) {
  int ndim = args->nt ? args->t[0]->ndim : 0;
  if ((axis >= 0 && axis < ndim) || (all && axis == -1)) return RNN_OK;
  return rnni_fail(ctx, RNN_EARG, "%s: axis %lld (from 0) does not exist in %s", op->name, (long long)axis,
                   args->nt ? RNNI_SHAPE(args->t[0]) : "()");
}

/* Those of the letter A, each once. */
static rnn_status check_axes(rnn_ctx *ctx, const rnn_op *op, const rnn_args *args) {
  for (int i = 0; i < args->nshape; i++) {
    RNNI_TRY(check_axis(ctx, op, args, args->shape[i], false));
    for (int j = 0; j < i; j++)
      if (args->shape[i] == args->shape[j])
        return rnni_fail(ctx, RNN_EARG, "%s: axis %lld twice", op->name, (long long)args->shape[i] + 1);
  }
  return RNN_OK;
}

rnn_status rnni_check_args(rnn_ctx *ctx, const rnn_op *op, const rnn_args *args) {
  int tensors = 0, needed = 0, ints = 0;
  bool list = false, layer = false, described = false, optional = false, places = false;
  for (const char *s = op->args; *s; s++) {
    switch (*s) {
      case 't':
      case 'T':
      case 'm':
        tensors++;
        if (!optional) needed = tensors;
        break;
      case 'L': list = true; break;
      case 'R': layer = true, described |= args->recurrent != NULL; break;
      case 'P': layer = true, described |= args->program != NULL; break;
      case 'A': places |= args->nshape != 0; break;
      case 'a':
      case 'x':
      case 'X':
      case 'c': places = true; break;
      default: break;
    }
    optional = *s == '?';
  }
  if (args->nt < 0 || (args->nt > 0 && !args->t) || (list && args->nt < 1) ||
      (!list && !layer && (args->nt < needed || args->nt > tensors)))
    return rnni_fail(ctx, RNN_EARG, "%s: expected %s%d tensors, got %d", op->name, list || needed < tensors ? "at least " : "",
                     list ? 1 : needed, args->nt);
  for (int i = 0; i < args->nt; i++)
    if (args->t[i] ? args->t[i]->ctx != ctx || !args->t[i]->storage : !layer && (list || i < needed))
      return rnni_fail(ctx, RNN_EARG, "%s: tensor %d is %s", op->name, i + 1, args->t[i] ? "of another context" : "NULL");
  if (layer) return described ? RNN_OK : rnni_fail(ctx, RNN_EARG, "%s: expected a description of the layer", op->name);
  if (args->nshape < 0 || args->nshape > RNN_MAX_DIMS)
    return rnni_fail(ctx, RNN_EARG, "%s: at most %d axes, got %d", op->name, RNN_MAX_DIMS, args->nshape);
  for (const char *s = op->args; places && *s; s++) {
    if (*s == 'a' || *s == 'A') RNNI_TRY(check_axes(ctx, op, args));
    if (*s == 'x' || *s == 'X') RNNI_TRY(check_axis(ctx, op, args, args->i[ints], *s == 'X'));
    for (int64_t k = 0; *s == 'c' && k <= RNNI_MAX(args->i[ints], 0); k++)
      if (args->i[ints] < 0 || !op->choices[k])
        return rnni_fail(ctx, RNN_EARG, "%s: there is no choice %lld", op->name, (long long)args->i[ints]);
    ints += *s == 'i' || *s == 'b' || *s == 'x' || *s == 'X' || *s == 'c';
  }
  return RNN_OK;
}

const char *rnni_input_name(const rnni_call *c, int input) {
  static _Thread_local char text[32];
  if (c->op->input_name) return c->op->input_name(c, input);
  int argument = 0, tensors = 0;
  for (const char *s = c->op->args; *s && tensors <= input; s++) {
    if (*s == 'L') {
      snprintf(text, sizeof text, "tensor %d", input + 1);
      return text;
    }
    tensors += *s == 't' || *s == 'T' || *s == 'm';
    argument += *s != '?';
  }
  snprintf(text, sizeof text, "argument %d", argument);
  return text;
}

rnn_status rnni_need_float(rnn_ctx *ctx, const rnni_call *c, int input) {
  const rnn_tensor *t = c->in[input];
  if (t->type == RNN_FLOAT) return RNN_OK;
  return rnni_fail(ctx, RNN_ETYPE, "%s: %s: expected a float tensor, got int32 %s; x:to_float() converts",
                   c->op->name, rnni_input_name(c, input), RNNI_SHAPE(t));
}

rnn_status rnni_need_int(rnn_ctx *ctx, const rnni_call *c, int input) {
  const rnn_tensor *t = c->in[input];
  if (t->type == RNN_INT) return RNN_OK;
  return rnni_fail(ctx, RNN_ETYPE, "%s: %s: expected an int32 tensor, got %s %s; x:to_int() converts",
                   c->op->name, rnni_input_name(c, input), RNN_PRECISION, RNNI_SHAPE(t));
}

rnn_status rnni_need_ndim(rnn_ctx *ctx, const rnni_call *c, int input, int ndim) {
  const rnn_tensor *t = c->in[input];
  if (t->ndim == ndim) return RNN_OK;
  return rnni_fail(ctx, RNN_ESHAPE, "%s: %s: expected %d ax%s, got %s", c->op->name, rnni_input_name(c, input),
                   ndim, ndim == 1 ? "is" : "es", RNNI_SHAPE(t));
}

rnn_status rnni_need_axis(rnn_ctx *ctx, const rnni_call *c, int64_t axis) {
  const rnn_tensor *t = c->in[0];
  if (axis >= 0 && axis < t->ndim) return RNN_OK;
  return rnni_fail(ctx, RNN_EARG, "%s: axis %lld does not exist in %s", c->op->name, (long long)axis + 1,
                   RNNI_SHAPE(t));
}

void rnni_out_like(rnni_call *c, const rnn_tensor *t) {
  c->out_ndim = t->ndim;
  memcpy(c->out_dims, t->dims, sizeof t->dims);
}

rnn_status rnni_shape_same(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  rnni_out_like(c, c->in[0]);
  return RNN_OK;
}

rnn_status rnni_broadcast_dims(rnn_ctx *ctx, const char *name, const rnn_tensor *a, const rnn_tensor *b, int *ndim,
                               int64_t *dims) {
  int n = RNNI_MAX(a->ndim, b->ndim);
  for (int i = 0; i < n; i++) {
    int64_t da = i < n - a->ndim ? 1 : a->dims[i - (n - a->ndim)];
    int64_t db = i < n - b->ndim ? 1 : b->dims[i - (n - b->ndim)];
    if (da != db && da != 1 && db != 1)
      return rnni_fail(ctx, RNN_ESHAPE, "%s: shapes %s and %s do not fit together", name, RNNI_SHAPE(a), RNNI_SHAPE(b));
    dims[i] = da == 1 ? db : da;
  }
  *ndim = n;
  return RNN_OK;
}

void rnni_split_at(const rnn_tensor *t, int axis, int64_t *outer, int64_t *length, int64_t *inner) {
  *outer = *inner = 1;
  for (int i = 0; i < axis; i++) *outer *= t->dims[i];
  for (int i = axis + 1; i < t->ndim; i++) *inner *= t->dims[i];
  *length = t->dims[axis];
}

void rnni_add(real *dst, const real *src, int64_t n) { rnni_kernel->add(n, src, dst); }

rnn_status rnni_add_tensor(rnn_ctx *ctx, rnn_tensor *dst, const rnn_tensor *src) {
  int64_t done = 0;
  for (RNNI_PIECES(src->count, from, to)) {
    RNNI_TRY(rnni_pace(ctx, &done, to - from));
    rnni_add(rnni_f(dst) + from, rnni_f(src) + from, to - from);
  }
  return RNN_OK;
}

void rnni_add_reduced(rnn_tensor *dst, const rnn_tensor *src) {
  const real *from = rnni_f(src);
  real *to = rnni_f(dst);
  if (src->count == 0) return;
  /* Strides of dst seen from the axes of src; 0 where dst is broadcast. The last axes on which both walk in step, or
     dst stands still, make one inner run. */
  int64_t stride[RNN_MAX_DIMS], index[RNN_MAX_DIMS] = {0}, run = 1;
  rnni_broadcast_strides(dst, src->ndim, stride);
  int outer = src->ndim;
  int64_t expected = 1;
  bool moves = src->ndim > 0 && stride[src->ndim - 1] != 0;
  while (outer > 0 && (src->dims[outer - 1] == 1 || stride[outer - 1] == (moves ? expected : 0))) {
    outer--;
    run *= src->dims[outer];
    expected *= src->dims[outer];
  }
  for (int64_t at = 0; at < src->count; at += run) {
    int64_t place = 0;
    double sum = 0;
    for (int i = 0; i < outer; i++) place += index[i] * stride[i];
    for (RNNI_PIECES(run, k, end)) {
      if (rnni_interrupted(src->ctx)) return; /* node_backward says so */
      if (moves) rnni_add(to + place + k, from + at + k, end - k);
      else
        for (int64_t i = k; i < end; i++) sum += (double)from[at + i];
    }
    if (!moves) to[place] += (real)sum;
    for (int i = outer - 1; i >= 0 && ++index[i] == src->dims[i]; i--) index[i] = 0;
  }
}

rnn_status rnni_need_same_lengths(rnn_ctx *ctx, const rnni_call *c, const rnn_tensor *a, const rnn_tensor *b) {
  if (!a || !b || a == b) return RNN_OK;
  for (int64_t i = 0; i < RNNI_MIN(a->count, b->count); i++)
    if (rnni_i(a)[i] != rnni_i(b)[i])
      return rnni_fail(ctx, RNN_EARG, "%s: the arguments have different lengths: sequence %lld has %d and %d steps",
                       c->op->name, (long long)i + 1, rnni_i(a)[i], rnni_i(b)[i]);
  if (a->count == b->count) return RNN_OK;
  return rnni_fail(ctx, RNN_ESHAPE, "%s: the arguments have %lld and %lld lengths", c->op->name, (long long)a->count,
                   (long long)b->count);
}

rnn_status rnni_need_no_lengths(rnn_ctx *ctx, const rnni_call *c, int input) {
  const rnn_tensor *t = c->in[input];
  if (!t->lengths) return RNN_OK;
  return rnni_fail(ctx, RNN_EARG, "%s: would add up steps of %s %s, padding included; "
                   "x:zero_padding():without_lengths() drops its lengths on purpose", c->op->name,
                   rnni_input_name(c, input), RNNI_SHAPE(t));
}

rnn_status rnni_carry_lengths(rnn_ctx *ctx, rnni_call *c, bool keep) {
  rnn_tensor *lengths = c->in[0]->lengths;
  if (!lengths) return RNN_OK;
  if (!keep)
    return rnni_fail(ctx, RNN_EARG,
                     "%s: would lose the lengths of its argument %s; x:without_lengths() drops them on purpose",
                     c->op->name, RNNI_SHAPE(c->in[0]));
  c->out[0]->lengths = rnn_tensor_ref(lengths);
  return RNN_OK;
}

int64_t rnni_valid_rows(const rnn_tensor *t, int64_t *width) {
  if (!t->lengths) {
    *width = t->count;
    return 1;
  }
  int64_t rows = t->dims[0] * t->dims[1];
  *width = rows ? t->count / rows : 0;
  return rows;
}

bool rnni_counts(const rnni_call *c, int64_t i) {
  int64_t steps = c->out_ndim >= 2 ? c->out_dims[0] * c->out_dims[1] : 0;
  for (int k = 0; k < c->nin && steps; k++) {
    const rnn_tensor *t = c->in[k];
    if (t->lengths && t->dims[0] == c->out_dims[0] && t->dims[1] == c->out_dims[1] &&
        !rnni_is_valid_row(t, i / (c->out[0]->count / steps)))
      return false;
  }
  return true;
}

bool rnni_is_valid_row(const rnn_tensor *t, int64_t row) {
  return !t->lengths || row % t->dims[1] < rnni_i(t->lengths)[row / t->dims[1]];
}
