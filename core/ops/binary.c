/* binary.c: functions of two tensors with NumPy broadcasting, comparisons, and where. Broadcasting is solved once, in
 * walk(): it cuts the result into runs on which each input either moves on by one or stands still. */
#include "../internal.h"
#include "../kernels/kernels.h"

/* Element strides of in seen from the axes of the result. */
static void strides_of(const rnn_tensor *in, int ndim, int64_t *stride) {
  int lead = ndim - in->ndim;
  int64_t step = 1;
  for (int i = ndim - 1; i >= 0; i--) {
    int64_t d = i < lead ? 1 : in->dims[i - lead];
    stride[i] = d == 1 ? 0 : step;
    step *= d;
  }
}

typedef struct runs {
  int ndim, outer;
  int64_t dims[RNN_MAX_DIMS], index[RNN_MAX_DIMS];
  int64_t sa[RNN_MAX_DIMS], sb[RNN_MAX_DIMS];
  int64_t run, count;
  int step_a, step_b; /* 1 or 0 along a run */
  int64_t start_a, start_b, within; /* the current run, and how much of it is done */
  int64_t at, n, a, b;              /* the current piece: its place and length, and where it lies in a and b */
  int64_t done;
} runs;

static runs walk(const rnn_tensor *a, const rnn_tensor *b, int ndim, const int64_t *dims) {
  runs r = {.ndim = ndim, .outer = ndim, .run = 1, .count = 1};
  for (int i = 0; i < ndim; i++) {
    r.dims[i] = dims[i];
    r.count *= dims[i];
  }
  strides_of(a, ndim, r.sa);
  strides_of(b, ndim, r.sb);
  int last = ndim - 1;
  while (last > 0 && dims[last] == 1) last--; /* axes of one element say nothing about who moves */
  r.step_a = last >= 0 && r.sa[last] != 0;
  r.step_b = last >= 0 && r.sb[last] != 0;
  while (r.outer > 0) {
    int i = r.outer - 1;
    if (dims[i] != 1 && (r.sa[i] != (r.step_a ? r.run : 0) || r.sb[i] != (r.step_b ? r.run : 0))) break;
    r.run *= dims[i];
    r.outer--;
  }
  return r;
}

/* The next piece of a run; false at the end. *status: an interrupt ends it early. */
static bool next_piece(rnn_ctx *ctx, runs *r, rnn_status *status) {
  r->at += r->n;
  if (r->at >= r->count || (*status = rnni_pace(ctx, &r->done, RNNI_ROW + r->n)) != RNN_OK) return false;
  if (r->within == r->run || r->at == 0) {
    r->within = r->start_a = r->start_b = 0;
    for (int i = 0; i < r->outer; i++) {
      r->start_a += r->index[i] * r->sa[i];
      r->start_b += r->index[i] * r->sb[i];
    }
    for (int i = r->outer - 1; i >= 0 && ++r->index[i] == r->dims[i]; i--) r->index[i] = 0;
  }
  r->a = r->start_a + r->step_a * r->within;
  r->b = r->start_b + r->step_b * r->within;
  r->n = RNNI_MIN(r->run - r->within, RNNI_PIECE);
  r->within += r->n;
  return true;
}

rnn_status rnni_shape_broadcast(rnn_ctx *ctx, rnni_call *c) {
  return rnni_broadcast_dims(ctx, c->op->name, c->in[0], c->in[1], &c->out_ndim, c->out_dims);
}

static rnn_status shape_arithmetic(rnn_ctx *ctx, rnni_call *c) {
  if (c->in[0]->type != c->in[1]->type)
    return rnni_fail(ctx, RNN_ETYPE, "%s: the arguments are %s %s and %s %s; x:to_float() converts", c->op->name,
                     rnni_type_text(c->in[0]->type), RNNI_SHAPE(c->in[0]), rnni_type_text(c->in[1]->type),
                     RNNI_SHAPE(c->in[1]));
  c->out_type = c->in[0]->type;
  return rnni_shape_broadcast(ctx, c);
}

static rnn_status shape_float(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  RNNI_TRY(rnni_need_float(ctx, c, 1));
  return rnni_shape_broadcast(ctx, c);
}

/* Loops over one run for each way of stepping, so that each is a plain loop the compiler can vectorise. */
#define STEPS(sa, sb, body) \
  if (sa && sb) {           \
    body(i, i)              \
  } else if (sa) {          \
    body(i, 0)              \
  } else if (sb) {          \
    body(0, i)              \
  } else {                  \
    body(0, 0)              \
  }

#define LOOP(T, f, ia, ib)            \
  for (int64_t i = 0; i < n; i++) {   \
    T a = as[ia], b = bs[ib];         \
    y[i] = (f);                       \
  }

typedef void real_fn(int64_t n, const real *a, int sa, const real *b, int sb, real *y);
typedef void int_fn(int64_t n, const int32_t *a, int sa, const int32_t *b, int sb, int32_t *y);
typedef void grad_fn(int64_t n, const real *d, const real *a, int sa, const real *b, int sb, real *g);

static rnn_status run_forward(rnn_ctx *ctx, rnni_call *c, real_fn *f, int_fn *g) {
  runs r = walk(c->in[0], c->in[1], c->out_ndim, c->out_dims);
  rnn_status status = RNN_OK;
  while (next_piece(ctx, &r, &status)) {
    if (c->out_type == RNN_FLOAT)
      f(r.n, rnni_f(c->in[0]) + r.a, r.step_a, rnni_f(c->in[1]) + r.b, r.step_b, rnni_f(c->out[0]) + r.at);
    else
      g(r.n, rnni_i(c->in[0]) + r.a, r.step_a, rnni_i(c->in[1]) + r.b, r.step_b, rnni_i(c->out[0]) + r.at);
  }
  return status;
}

/* An input's values, or of one that is not kept something to read in their place. */
static const real *values(const rnn_tensor *t, int64_t at, int *step) {
  static const real nothing = 0;
  if (t->storage) return rnni_f(t) + at;
  *step = 0;
  return &nothing;
}

/* din[which] += the gradient, summed to its shape when it was broadcast. */
static rnn_status run_backward(rnn_ctx *ctx, rnni_call *c, int which, grad_fn *f) {
  const rnn_tensor *dy = c->dout[0];
  rnn_tensor *to = c->din[which], *whole = NULL;
  if (!c->wants[which]) return RNN_OK;
  bool padding_of_others = c->out[0]->lengths && !c->in[which]->lengths; /* what to has already is not to be cleared */
  if (!rnni_same_shape(to, dy) || padding_of_others) RNNI_TRY(rnn_tensor_new(ctx, RNN_FLOAT, dy->ndim, dy->dims, &whole));
  rnn_tensor *g = whole ? whole : to;
  runs r = walk(c->in[0], c->in[1], dy->ndim, dy->dims);
  rnn_status status = RNN_OK;
  while (next_piece(ctx, &r, &status)) {
    int step_a = r.step_a, step_b = r.step_b;
    const real *a = values(c->in[0], r.a, &step_a), *b = values(c->in[1], r.b, &step_b);
    f(r.n, rnni_f(dy) + r.at, a, step_a, b, step_b, rnni_f(g) + r.at);
  }
  rnni_clear_padding(rnni_f(g), c->out[0]); /* another input may have the lengths */
  if (whole && status == RNN_OK) rnni_add_reduced(to, whole);
  rnn_tensor_free(whole);
  return status;
}

/* f of a and b; da and db use the arriving gradient d. */
#define BROADCAST " Errors: shapes that do not fit together, a float tensor beside an int32 one."

#define BINARY(op, f, da, db, shape_rule, int_kernel, save, text)                                           \
  static void op##_real(int64_t n, const real *restrict as, int sa, const real *restrict bs, int sb,        \
                        real *restrict y) {                                                                 \
    STEPS(sa, sb, op##_BODY)                                                                                \
  }                                                                                                         \
  static void op##_da(int64_t n, const real *ds, const real *as, int sa, const real *bs, int sb, real *g) { \
    for (int64_t i = 0; i < n; i++) {                                                                       \
      real d = ds[i], a = as[sa * i], b = bs[sb * i];                                                       \
      (void)a, (void)b;                                                                                     \
      g[i] += (da);                                                                                         \
    }                                                                                                       \
  }                                                                                                         \
  static void op##_db(int64_t n, const real *ds, const real *as, int sa, const real *bs, int sb, real *g) { \
    for (int64_t i = 0; i < n; i++) {                                                                       \
      real d = ds[i], a = as[sa * i], b = bs[sb * i];                                                       \
      (void)a, (void)b;                                                                                     \
      g[i] += (db);                                                                                         \
    }                                                                                                       \
  }                                                                                                         \
  BINARY_OP(op, shape_rule, int_kernel, save, text)

#define BINARY_OP(op, shape_rule, int_kernel, save, text)                                                   \
  static rnn_status op##_forward(rnn_ctx *ctx, rnni_call *c) {                                              \
    save;                                                                                                   \
    return run_forward(ctx, c, op##_real, int_kernel);                                                      \
  }                                                                                                         \
  static rnn_status op##_backward(rnn_ctx *ctx, rnni_call *c) {                                             \
    RNNI_TRY(run_backward(ctx, c, 0, op##_da));                                                             \
    return run_backward(ctx, c, 1, op##_db);                                                                \
  }                                                                                                         \
  const rnn_op rnni_op_##op = {.name = #op, .args = "tt", .doc = text BROADCAST, .shape = shape_rule,       \
                               .forward = op##_forward, .backward = op##_backward,                          \
                               .saves = RNNI_SAVE_INPUTS, .lengths = RNNI_LENGTHS_KEEP};

/* What forward keeps of what the op would: nothing, each factor for the other, or for dx / y no x. */
static void keep_nothing(rnni_call *c) { c->saves = RNNI_SAVE_NONE; }
static void keep_divisor(rnni_call *c) {
  if (c->wants && !c->wants[1]) c->saves &= ~(unsigned)RNNI_SAVE_IN0;
}

#define INTEGER(op, f)                                                                                 \
  static void op##_int(int64_t n, const int32_t *as, int sa, const int32_t *bs, int sb, int32_t *y) {  \
    for (int64_t i = 0; i < n; i++) {                                                                  \
      int64_t a = as[sa * i], b = bs[sb * i];                                                          \
      y[i] = (int32_t)(uint32_t)(uint64_t)(f); /* wraps */                                             \
    }                                                                                                  \
  }

#define add_BODY(ia, ib) LOOP(real, a + b, ia, ib)
#define sub_BODY(ia, ib) LOOP(real, a - b, ia, ib)
#define mul_BODY(ia, ib) LOOP(real, a * b, ia, ib)
#define div_BODY(ia, ib) LOOP(real, a / b, ia, ib)
#define maximum_BODY(ia, ib) LOOP(real, a >= b || a != a ? a : b, ia, ib)
#define minimum_BODY(ia, ib) LOOP(real, a <= b || a != a ? a : b, ia, ib)

INTEGER(add, a + b)
INTEGER(sub, a - b)
INTEGER(mul, a *b)
INTEGER(maximum, a > b ? a : b)
INTEGER(minimum, a < b ? a : b)

BINARY(add, a + b, d, d, shape_arithmetic, add_int, keep_nothing(c), "(a, b). a + b, broadcast.")
BINARY(sub, a - b, d, -d, shape_arithmetic, sub_int, keep_nothing(c), "(a, b). a - b, broadcast.")
BINARY(mul, a *b, d *b, d *a, shape_arithmetic, mul_int, rnni_save_factors(c),
       "(a, b). a * b, element by element, broadcast.")
BINARY(div, a / b, d / b, -d *(a / b / b), shape_float, NULL, keep_divisor(c), "(a, b). a / b, broadcast.")
BINARY(maximum, a >= b || a != a ? a : b, a >= b || a != a ? d : 0, a >= b || a != a ? 0 : d, shape_arithmetic,
       maximum_int, , "(a, b). The larger of each pair, NaN before all; a's gradient where equal.")
BINARY(minimum, a <= b || a != a ? a : b, a <= b || a != a ? d : 0, a <= b || a != a ? 0 : d, shape_arithmetic,
       minimum_int, , "(a, b). The smaller of each pair, NaN before all; a's gradient where equal.")

/* ---- pow ---- */

static void pow_real(int64_t n, const real *restrict a, int sa, const real *restrict b, int sb, real *restrict y) {
  rnni_kernel->pow(n, a, sa, b, sb, y);
}

/* b a^(b-1), and 0 for b = 0 whatever a is: a^0 is 1 everywhere. */
static void pow_da(int64_t n, const real *d, const real *a, int sa, const real *b, int sb, real *g) {
  real less[RNNI_PIECE] = {0}, power[RNNI_PIECE];
  for (int64_t i = 0; i < n; i++) less[i] = b[sb * i] - 1;
  rnni_kernel->pow(n, a, sa, less, 1, power);
  for (int64_t i = 0; i < n; i++) g[i] += b[sb * i] == 0 ? 0 : d[i] * (b[sb * i] * power[i]);
}

/* a^b log a, and 0 where a is 0 and stays 0 or 1 around b; NaN below 0, where a power of other exponents is none. */
static void pow_db(int64_t n, const real *d, const real *a, int sa, const real *b, int sb, real *g) {
  real base[RNNI_PIECE] = {0}, power[RNNI_PIECE];
  for (int64_t i = 0; i < n; i++) base[i] = a[sa * i];
  rnni_kernel->pow(n, base, 1, b, sb, power);
  rnni_kernel->log(n, base, base);
  for (int64_t i = 0; i < n; i++) g[i] += a[sa * i] == 0 && b[sb * i] >= 0 ? 0 : d[i] * (power[i] * base[i]);
}
BINARY_OP(pow, shape_float, NULL, , "(a, b). a to the power b, broadcast.")

/* ---- comparisons: float 0 or 1; through double, which holds every int32 and float exactly ---- */

static double number_at(const rnn_tensor *t, int64_t i) {
  return t->type == RNN_FLOAT ? (double)rnni_f(t)[i] : (double)rnni_i(t)[i];
}

#define COMPARE(op, operator, text)                                                                   \
  static rnn_status op##_forward(rnn_ctx *ctx, rnni_call *c) {                                        \
    const rnn_tensor *a = c->in[0], *b = c->in[1];                                                    \
    runs r = walk(a, b, c->out_ndim, c->out_dims);                                                    \
    rnn_status status = RNN_OK;                                                                       \
    while (next_piece(ctx, &r, &status))                                                              \
      for (int64_t i = 0; i < r.n; i++)                                                               \
        rnni_f(c->out[0])[r.at + i] =                                                                 \
            (real)(number_at(a, r.a + r.step_a * i) operator number_at(b, r.b + r.step_b * i));       \
    return status;                                                                                    \
  }                                                                                                   \
  const rnn_op rnni_op_##op = {.name = #op, .args = "tt", .doc = text BROADCAST, .shape = rnni_shape_broadcast, \
                               .forward = op##_forward, .lengths = RNNI_LENGTHS_KEEP};
COMPARE(eq, ==, "(a, b). 1 where a == b, else 0; float or int32.")
COMPARE(ne, !=, "(a, b). 1 where a ~= b, else 0; float or int32.")
COMPARE(lt, <, "(a, b). 1 where a < b, else 0; float or int32.")
COMPARE(le, <=, "(a, b). 1 where a <= b, else 0; float or int32.")
COMPARE(gt, >, "(a, b). 1 where a > b, else 0; float or int32.")
COMPARE(ge, >=, "(a, b). 1 where a >= b, else 0; float or int32.")

/* ---- where ---- */

static rnn_status where_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  RNNI_TRY(rnni_need_float(ctx, c, 1));
  RNNI_TRY(rnni_need_float(ctx, c, 2));
  rnn_tensor both = {0};
  RNNI_TRY(rnni_broadcast_dims(ctx, "where", c->in[1], c->in[2], &both.ndim, both.dims));
  return rnni_broadcast_dims(ctx, "where", c->in[0], &both, &c->out_ndim, c->out_dims);
}

/* The offset of element i of the result in an input with these strides. */
static int64_t offset_of(int64_t i, int ndim, const int64_t *dims, const int64_t *stride) {
  int64_t offset = 0;
  for (int axis = ndim - 1; axis >= 0; axis--) {
    offset += i % dims[axis] * stride[axis];
    i /= dims[axis];
  }
  return offset;
}

static rnn_status where_forward(rnn_ctx *ctx, rnni_call *c) {
  int64_t s[3][RNN_MAX_DIMS], done = 0;
  for (int k = 0; k < 3; k++) strides_of(c->in[k], c->out_ndim, s[k]);
  for (int64_t i = 0; i < c->out[0]->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 1));
    bool yes = rnni_f(c->in[0])[offset_of(i, c->out_ndim, c->out_dims, s[0])] != 0;
    int k = yes ? 1 : 2;
    rnni_f(c->out[0])[i] = rnni_f(c->in[k])[offset_of(i, c->out_ndim, c->out_dims, s[k])];
  }
  return RNN_OK;
}

static rnn_status where_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *dy = c->dout[0];
  int64_t s[3][RNN_MAX_DIMS], done = 0;
  for (int k = 0; k < 3; k++) strides_of(c->in[k], dy->ndim, s[k]);
  for (int64_t i = 0; i < dy->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 1));
    bool yes = rnni_f(c->in[0])[offset_of(i, dy->ndim, dy->dims, s[0])] != 0;
    int k = yes ? 1 : 2;
    if (c->wants[k]) rnni_f(c->din[k])[offset_of(i, dy->ndim, dy->dims, s[k])] += rnni_f(dy)[i];
  }
  return RNN_OK;
}
const rnn_op rnni_op_where = {.name = "where", .args = "ttt",
                              .doc = "(condition, a, b). a where condition is not 0, else b; broadcast."
                               " Errors: shapes that do not fit together.",
                              .shape = where_shape, .forward = where_forward, .backward = where_backward,
                              .saves = RNNI_SAVE_IN0, .lengths = RNNI_LENGTHS_KEEP};
