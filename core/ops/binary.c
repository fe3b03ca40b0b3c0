/* binary.c: functions of two tensors with NumPy broadcasting (walk.h), comparisons, logic, where and fma.
 *
 * int32 with int32 gives int32, and a result beyond it is an error; beside a float tensor int32 becomes float before (the
 * tape does it, as rnn_op.mixes says). */
#include "../kernels/kernels.h"
#include "walk.h"

rnn_status rnni_shape_broadcast(rnn_ctx *ctx, rnni_call *c) {
  return rnni_broadcast_dims(ctx, c->op->name, c->in[0], c->in[1], &c->out_ndim, c->out_dims);
}

static rnn_status shape_arithmetic(rnn_ctx *ctx, rnni_call *c) {
  c->out_type = c->in[0]->type;
  return rnni_shape_broadcast(ctx, c);
}

/* ---- forward ---- */

/* What the pieces of one call need. */
typedef struct pair_work {
  rnni_call *c;
  rnni_pair pair;
} pair_work;

static rnni_walk walk_of(rnni_call *c, rnni_piece_fn *piece, void *arg) {
  return (rnni_walk){.inputs = c->nin, .in = c->in, .ndim = c->out_ndim, .dims = c->out_dims, .piece = piece, .arg = arg};
}

static bool real_piece(void *arg, const rnni_piece *p) {
  const pair_work *w = arg;
  const real *a = p->in[0], *b = p->in[1];
  real *y = rnni_f(w->c->out[0]) + p->at;
  for (int64_t r = 0; r < p->rows; r++)
    rnni_kernel->elements->real[w->pair](p->n, a + r * p->ld[0], p->step[0], b + r * p->ld[1], p->step[1], y + r * p->n);
  return true;
}

static bool whole_piece(void *arg, const rnni_piece *p) {
  const pair_work *w = arg;
  return rnni_kernel->elements->whole[w->pair](p->n, p->in[0], p->step[0], p->in[1], p->step[1],
                                               rnni_i(w->c->out[0]) + p->at);
}

/* An int32 function of two; false when it has no value there. */
typedef bool whole_fn(int64_t a, int64_t b, int64_t *y);

/* Names the first element whose result is none. What is behind the lengths of a batch may be anything. */
static rnn_status blame(rnn_ctx *ctx, const rnni_call *c, const char *symbol, whole_fn *f) {
  int64_t done = 0, y;
  for (int64_t i = 0; i < c->out[0]->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW));
    int32_t a = rnni_i(c->in[0])[rnni_walk_place(c->in[0], i, c->out_ndim, c->out_dims)];
    int32_t b = rnni_i(c->in[1])[rnni_walk_place(c->in[1], i, c->out_ndim, c->out_dims)];
    if ((f(a, b, &y) && y == (int32_t)y) || !rnni_counts(c, i)) continue;
    if (f(a, b, &y))
      return rnni_fail(ctx, RNN_EARG, "%s: element %lld: %d %s %d is beyond int32; x:to_float() has room for it",
                       c->op->name, (long long)i + 1, a, symbol, b);
    return rnni_fail(ctx, RNN_EARG, "%s: element %lld: %d %s %d is no int32; x:to_float() makes it a float",
                     c->op->name, (long long)i + 1, a, symbol, b);
  }
  return RNN_OK;
}

static rnn_status pair_forward(rnn_ctx *ctx, rnni_call *c, rnni_pair pair, const char *symbol, whole_fn *f) {
  pair_work work = {c, pair};
  rnni_walk w = walk_of(c, c->out_type == RNN_FLOAT ? real_piece : whole_piece, &work);
  w.rows = c->out_type == RNN_FLOAT;
  bool right;
  RNNI_TRY(rnni_walk_all(ctx, &w, &right));
  return right ? RNN_OK : blame(ctx, c, symbol, f);
}

/* ---- backward ---- */

/* g += the gradient, from the arriving one, d, and a and b, which move on or stand still. */
typedef void grad_fn(int64_t n, const real *d, const real *a, int sa, const real *b, int sb, real *g);

typedef struct slope {
  const real *d;
  real *g;
  bool raw; /* g has no values yet */
  grad_fn *f;
} slope;

static bool slope_piece(void *arg, const rnni_piece *p) {
  const slope *s = arg;
  if (s->raw) memset(s->g + p->at, 0, (size_t)p->n * sizeof *s->g);
  s->f(p->n, s->d + p->at, p->in[0], p->step[0], p->in[1], p->step[1], s->g + p->at);
  return true;
}

/* din[which] += the gradient, summed to its shape when it was broadcast. */
static rnn_status run_backward(rnn_ctx *ctx, rnni_call *c, int which, grad_fn *f) {
  const rnn_tensor *dy = c->dout[0];
  rnn_tensor *to = c->din[which], *whole = NULL;
  rnn_status status;
  if (!c->wants[which]) return RNN_OK;
  bool padding_of_others = c->out[0]->lengths && !c->in[which]->lengths; /* what to has already is not to be cleared */
  bool raw = c->raw[which];
  if (!rnni_same_shape(to, dy) || padding_of_others) {
    RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, dy->ndim, dy->dims, &whole));
    if (raw) RNNI_GOTO(rnni_copy(ctx, to->data, NULL, (size_t)to->count * sizeof(real)));
    raw = true;
  }
  slope s = {rnni_f(dy), rnni_f(whole ? whole : to), raw, f};
  rnni_walk w = {.inputs = 2, .in = c->in, .ndim = dy->ndim, .dims = dy->dims, .piece = slope_piece, .arg = &s};
  bool right;
  RNNI_GOTO(rnni_walk_all(ctx, &w, &right));
  rnni_clear_padding(s.g, c->out[0]); /* another input may have the lengths */
  if (whole) rnni_add_reduced(to, whole);
done:
  rnn_tensor_free(whole);
  return status;
}

/* A loop of its own for what moves, which the compiler can make vectors of. */
#define SLOPE(name, f)                                                                                      \
  static void name(int64_t n, const real *ds, const real *as, int sa, const real *bs, int sb, real *restrict g) { \
    if (sa && sb)                                                                                           \
      for (int64_t i = 0; i < n; i++) {                                                                     \
        const real d = ds[i], a = as[i], b = bs[i];                                                         \
        (void)a, (void)b;                                                                                   \
        g[i] += (f);                                                                                        \
      }                                                                                                     \
    else                                                                                                    \
      for (int64_t i = 0; i < n; i++) {                                                                     \
        const real d = ds[i], a = as[sa * i], b = bs[sb * i];                                               \
        (void)a, (void)b;                                                                                   \
        g[i] += (f);                                                                                        \
      }                                                                                                     \
  }

/* ---- arithmetic: f of int32 a and b; da and db use the arriving gradient d ---- */

#define BROADCAST " Broadcast. int32 gives int32, beside a float tensor float. Errors: shapes that do not fit together,"

#define BINARY(op, pair, symbol, f, da, db, save, text)                                                     \
  static bool op##_whole(int64_t a, int64_t b, int64_t *y) {                                                \
    *y = (f);                                                                                               \
    return true;                                                                                            \
  }                                                                                                         \
  SLOPE(op##_da, da)                                                                                        \
  SLOPE(op##_db, db)                                                                                        \
  static rnn_status op##_forward(rnn_ctx *ctx, rnni_call *c) {                                              \
    save;                                                                                                   \
    return pair_forward(ctx, c, pair, symbol, op##_whole);                                                  \
  }                                                                                                         \
  BINARY_OP(op, RNNI_MIXES, shape_arithmetic, text BROADCAST " an int32 result beyond int32.")

#define BINARY_OP(op, types, shape_rule, text)                                                              \
  static rnn_status op##_backward(rnn_ctx *ctx, rnni_call *c) {                                             \
    RNNI_TRY(run_backward(ctx, c, 0, op##_da));                                                             \
    return run_backward(ctx, c, 1, op##_db);                                                                \
  }                                                                                                         \
  const rnn_op rnni_op_##op = {.name = #op, .args = "tt", .doc = text, .shape = shape_rule, .mixes = types, \
                               .forward = op##_forward, .backward = op##_backward, .fills = true,           \
                               .saves = RNNI_SAVE_INPUTS, .lengths = RNNI_LENGTHS_KEEP};

/* What forward keeps of what the op would: nothing, each factor for the other, or for dx / y no x. */
static void keep_nothing(rnni_call *c) { c->saves = RNNI_SAVE_NONE; }
static void keep_divisor(rnni_call *c) {
  if (c->wants && !c->wants[1]) c->saves &= ~(unsigned)RNNI_SAVE_IN0;
}

BINARY(add, RNNI_ADD, "+", a + b, d, d, keep_nothing(c), "(a, b). a + b.")
BINARY(sub, RNNI_SUB, "-", a - b, d, -d, keep_nothing(c), "(a, b). a - b.")
BINARY(mul, RNNI_MUL, "*", a *b, d *b, d *a, rnni_save_factors(c), "(a, b). a * b, element by element.")
BINARY(maximum, RNNI_MAXIMUM, "", a > b ? a : b, a >= b || a != a ? d : 0, a >= b || a != a ? 0 : d, ,
       "(a, b). The larger of each pair, NaN before all; a's gradient where equal.")
BINARY(minimum, RNNI_MINIMUM, "", a < b ? a : b, a <= b || a != a ? d : 0, a <= b || a != a ? 0 : d, ,
       "(a, b). The smaller of each pair, NaN before all; a's gradient where equal.")

SLOPE(div_da, d / b)
SLOPE(div_db, -d *(a / b / b))
static rnn_status div_forward(rnn_ctx *ctx, rnni_call *c) {
  keep_divisor(c);
  return pair_forward(ctx, c, RNNI_DIV, "/", NULL);
}
BINARY_OP(div, RNNI_FLOATS, rnni_shape_broadcast,
          "(a, b). a / b, float as in Lua. Broadcast. Errors: shapes that do not fit together, an int32 that float would round.")

/* ---- division with a remainder, as in Lua: the quotient rounded down ---- */

static bool floor_div_whole(int64_t a, int64_t b, int64_t *y) {
  if (b == 0) return false;
  *y = a / b - (a % b != 0 && (a < 0) != (b < 0));
  return true;
}
static bool mod_whole(int64_t a, int64_t b, int64_t *y) {
  if (!floor_div_whole(a, b, y)) return false;
  *y = a - *y * b;
  return true;
}
/* Of whole numbers, by squaring; as soon as it is beyond int32 it stays there. */
static bool pow_whole(int64_t a, int64_t b, int64_t *y) {
  if (b < 0) return false;
  *y = 1;
  if (a == 0 || a == 1 || a == -1) {
    *y = b == 0 || a == 1 || (a == -1 && b % 2 == 0) ? 1 : a;
    return true;
  }
  for (; b > 0 && *y == (int32_t)*y; b--) *y *= a; /* at most 32 times */
  return true;
}

typedef struct whole_work {
  rnni_call *c;
  whole_fn *f;
} whole_work;

/* Where it is none the result is 0, for nobody will see it. */
static bool scalar_piece(void *arg, const rnni_piece *p) {
  const whole_work *w = arg;
  const int32_t *a = p->in[0], *b = p->in[1];
  bool right = true;
  for (int64_t i = 0; i < p->n; i++) {
    int64_t y = 0;
    bool fits = w->f(a[p->step[0] * i], b[p->step[1] * i], &y) && y == (int32_t)y;
    rnni_i(w->c->out[0])[p->at + i] = fits ? (int32_t)y : 0;
    right &= fits;
  }
  return right;
}

static rnn_status whole_forward(rnn_ctx *ctx, rnni_call *c, const char *symbol, whole_fn *f) {
  whole_work work = {c, f};
  rnni_walk w = walk_of(c, scalar_piece, &work);
  bool right;
  RNNI_TRY(rnni_walk_all(ctx, &w, &right));
  return right ? RNN_OK : blame(ctx, c, symbol, f);
}

static rnn_status floor_div_forward(rnn_ctx *ctx, rnni_call *c) {
  if (c->out_type == RNN_INT) return whole_forward(ctx, c, "//", floor_div_whole);
  return pair_forward(ctx, c, RNNI_FLOOR_DIV, "//", NULL);
}
const rnn_op rnni_op_floor_div = {.name = "floor_div", .args = "tt", .mixes = RNNI_MIXES,
                                  .doc = "(a, b). a // b: a / b rounded down, as in Lua." BROADCAST
                                         " an int32 divided by 0.",
                                  .shape = shape_arithmetic, .forward = floor_div_forward, .lengths = RNNI_LENGTHS_KEEP};

SLOPE(mod_da, d)
SLOPE(mod_db, -d *RNNI_M(floor)(a / b))
static rnn_status mod_forward(rnn_ctx *ctx, rnni_call *c) {
  if (c->out_type == RNN_INT) return whole_forward(ctx, c, "%", mod_whole);
  if (c->wants && !c->wants[1]) keep_nothing(c);
  return pair_forward(ctx, c, RNNI_MOD, "%", NULL);
}
BINARY_OP(mod, RNNI_MIXES, shape_arithmetic, "(a, b). a % b, what floor_div leaves: of b's sign, as in Lua." BROADCAST
          " an int32 divided by 0.")

/* ---- pow ---- */

static bool pow_piece(void *arg, const rnni_piece *p) {
  rnni_call *c = arg;
  rnni_kernel->pow(p->n, p->in[0], p->step[0], p->in[1], p->step[1], rnni_f(c->out[0]) + p->at);
  return true;
}
static rnn_status pow_forward(rnn_ctx *ctx, rnni_call *c) {
  if (c->out_type == RNN_INT) return whole_forward(ctx, c, "^", pow_whole);
  rnni_walk w = walk_of(c, pow_piece, c);
  w.cost = 8;
  bool right;
  return rnni_walk_all(ctx, &w, &right);
}

/* b a^(b-1), and 0 for b = 0 whatever a is: a^0 is 1 everywhere. */
static void pow_da(int64_t n, const real *d, const real *a, int sa, const real *b, int sb, real *g) {
  real less[RNNI_PIECE] = {0}, power[RNNI_PIECE];
  for (int64_t i = 0; i < (sb ? n : 1); i++) less[i] = b[i] - 1;
  rnni_kernel->pow(n, a, sa, less, sb, power);
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
BINARY_OP(pow, RNNI_MIXES, shape_arithmetic, "(a, b). a to the power b." BROADCAST
          " an int32 result beyond int32, a negative int32 exponent.")

/* ---- atan2 ---- */

static bool atan2_piece(void *arg, const rnni_piece *p) {
  rnni_call *c = arg;
  rnni_kernel->atan2(p->n, p->in[0], p->step[0], p->in[1], p->step[1], rnni_f(c->out[0]) + p->at);
  return true;
}
static rnn_status atan2_forward(rnn_ctx *ctx, rnni_call *c) {
  rnni_walk w = walk_of(c, atan2_piece, c);
  w.cost = 8;
  bool right;
  return rnni_walk_all(ctx, &w, &right);
}
SLOPE(atan2_da, d *(b / (a * a + b * b)))
SLOPE(atan2_db, -d *(a / (a * a + b * b)))
BINARY_OP(atan2, RNNI_FLOATS, rnni_shape_broadcast,
          "(y, x). The angle of the point (x, y), in radians from -pi to pi. Broadcast. Errors: shapes that do not fit together, an int32 that float would round.")

/* ---- comparisons: float 0 or 1 ---- */

/* Of int32 beside float: through double, which holds both exactly. */
static double number_at(const rnn_tensor *t, int64_t i) {
  return t->type == RNN_FLOAT ? (double)rnni_f(t)[i] : (double)rnni_i(t)[i];
}

typedef struct comparison {
  rnni_call *c;
  rnni_pair pair;
  int first; /* the input that stands before the operator: a > b is b < a */
} comparison;

static bool compare_piece(void *arg, const rnni_piece *p) {
  const comparison *w = arg;
  int x = w->first, y = 1 - x;
  real *out = rnni_f(w->c->out[0]) + p->at;
  if (w->c->in[0]->type == RNN_FLOAT)
    rnni_kernel->elements->real[w->pair](p->n, p->in[x], p->step[x], p->in[y], p->step[y], out);
  else
    rnni_kernel->elements->compare[w->pair - RNNI_EQ](p->n, p->in[x], p->step[x], p->in[y], p->step[y], out);
  return true;
}

static rnn_status compare_mixed(rnn_ctx *ctx, const rnni_call *c, rnni_pair pair, int first) {
  const rnn_tensor *x = c->in[first], *y = c->in[1 - first];
  int64_t done = 0;
  for (int64_t i = 0; i < c->out[0]->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW));
    double a = number_at(x, rnni_walk_place(x, i, c->out_ndim, c->out_dims));
    double b = number_at(y, rnni_walk_place(y, i, c->out_ndim, c->out_dims));
    rnni_f(c->out[0])[i] = (real)(pair == RNNI_EQ ? a == b : pair == RNNI_NE ? a != b : pair == RNNI_LT ? a < b : a <= b);
  }
  return RNN_OK;
}

static rnn_status compare(rnn_ctx *ctx, rnni_call *c, rnni_pair pair, int first) {
  if (c->in[0]->type != c->in[1]->type) return compare_mixed(ctx, c, pair, first);
  comparison work = {c, pair, first};
  rnni_walk w = walk_of(c, compare_piece, &work);
  bool right;
  return rnni_walk_all(ctx, &w, &right);
}

#define COMPARE(op, pair, first, text)                                                                                 \
  static rnn_status op##_forward(rnn_ctx *ctx, rnni_call *c) { return compare(ctx, c, pair, first); }                  \
  const rnn_op rnni_op_##op = {.name = #op, .args = "tt", .shape = rnni_shape_broadcast, .forward = op##_forward,      \
                               .doc = text " else 0; float or int32, exactly. Broadcast. Errors: shapes that do not"   \
                                           " fit together.",                                                           \
                               .lengths = RNNI_LENGTHS_KEEP};
COMPARE(eq, RNNI_EQ, 0, "(a, b). 1 where a == b,")
COMPARE(ne, RNNI_NE, 0, "(a, b). 1 where a ~= b,")
COMPARE(lt, RNNI_LT, 0, "(a, b). 1 where a < b,")
COMPARE(le, RNNI_LE, 0, "(a, b). 1 where a <= b,")
COMPARE(gt, RNNI_LT, 1, "(a, b). 1 where a > b,")
COMPARE(ge, RNNI_LE, 1, "(a, b). 1 where a >= b,")

/* ---- logic: of masks, float tensors of 0 and 1 ---- */

rnn_status rnni_no_mask_at(rnn_ctx *ctx, const rnn_tensor *t, int64_t *at) {
  int64_t width, rows = rnni_valid_rows(t, &width), done = 0;
  *at = -1;
  for (int64_t r = 0; r < rows; r++)
    for (RNNI_PIECES(rnni_is_valid_row(t, r) ? width : 0, from, to)) {
      const real *x = rnni_f(t) + r * width;
      RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + to - from));
      if (rnni_kernel->elements->is_mask(to - from, x + from)) continue;
      while (x[from] == 0 || x[from] == 1) from++;
      *at = r * width + from;
      return RNN_OK;
    }
  return RNN_OK;
}

rnn_status rnni_need_mask(rnn_ctx *ctx, const rnni_call *c, int input) {
  int64_t at;
  RNNI_TRY(rnni_need_float(ctx, c, input));
  RNNI_TRY(rnni_no_mask_at(ctx, c->in[input], &at));
  if (at < 0) return RNN_OK;
  return rnni_fail(ctx, RNN_EARG, "%s: %s: a mask holds 0 and 1, but element %lld is %s; x:ne(0) makes one", c->op->name,
                   rnni_input_name(c, input), (long long)at + 1, rnni_number_text((double)rnni_f(c->in[input])[at]));
}

static rnn_status logic_forward(rnn_ctx *ctx, rnni_call *c, rnni_pair pair) {
  RNNI_TRY(rnni_need_mask(ctx, c, 0));
  RNNI_TRY(rnni_need_mask(ctx, c, 1));
  return pair_forward(ctx, c, pair, "", NULL);
}

#define LOGIC(op, pair, text)                                                                                          \
  static rnn_status op##_forward(rnn_ctx *ctx, rnni_call *c) { return logic_forward(ctx, c, pair); }                   \
  const rnn_op rnni_op_##op = {.name = #op, .args = "mm", .shape = rnni_shape_broadcast, .forward = op##_forward,      \
                               .doc = text " else 0; of masks, float tensors of 0 and 1, as comparisons give them."    \
                                           " Broadcast. Errors: other values, shapes that do not fit together.",       \
                               .lengths = RNNI_LENGTHS_KEEP};
LOGIC(logical_and, RNNI_MUL, "(a, b). 1 where both are,")
LOGIC(logical_or, RNNI_MAXIMUM, "(a, b). 1 where at least one is,")
LOGIC(logical_xor, RNNI_NE, "(a, b). 1 where just one is,")

static bool not_piece(void *arg, const rnni_piece *p) {
  rnni_call *c = arg;
  rnni_kernel->elements->real[RNNI_SUB](p->n, &(real){1}, 0, p->in[0], 1, rnni_f(c->out[0]) + p->at);
  return true;
}
static rnn_status logical_not_forward(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(rnni_need_mask(ctx, c, 0));
  rnni_walk w = walk_of(c, not_piece, c);
  bool right;
  return rnni_walk_all(ctx, &w, &right);
}
const rnn_op rnni_op_logical_not = {.name = "logical_not", .args = "m", .shape = rnni_shape_same,
                                    .doc = "(x). 1 - x; of a mask, a float tensor of 0 and 1 of any shape. Errors: other values.",
                                    .forward = logical_not_forward, .lengths = RNNI_LENGTHS_KEEP};

/* ---- where ---- */

static rnn_status where_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  rnn_tensor both = {0};
  RNNI_TRY(rnni_broadcast_dims(ctx, "where", c->in[1], c->in[2], &both.ndim, both.dims));
  c->out_type = c->in[1]->type;
  return rnni_broadcast_dims(ctx, "where", c->in[0], &both, &c->out_ndim, c->out_dims);
}

static bool where_piece(void *arg, const rnni_piece *p) {
  rnni_call *c = arg;
  char *out = (char *)c->out[0]->data + p->at * (int64_t)rnni_type_size(c->out_type);
  rnni_kernel->elements->where[c->out_type](p->n, p->in[0], p->in[1], p->in[2], out);
  return true;
}

static rnn_status where_forward(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(rnni_need_mask(ctx, c, 0));
  rnni_walk w = walk_of(c, where_piece, c);
  bool right;
  w.moving = true;
  return rnni_walk_all(ctx, &w, &right);
}

/* g += d where the mask, a, is 1, for the first branch, and where it is 0, for the second. */
SLOPE(where_yes, a != 0 ? d : 0)
SLOPE(where_no, a != 0 ? 0 : d)

static rnn_status where_backward(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(run_backward(ctx, c, 1, where_yes));
  return run_backward(ctx, c, 2, where_no);
}
const rnn_op rnni_op_where = {.name = "where", .args = "mtt", .mixes = RNNI_MIXES,
                              .doc = "(mask, a, b). a where the mask is 1, b where it is 0. Broadcast. int32 a and b give int32, beside a float tensor float."
                               " Errors: other values in the mask, shapes that do not fit together.",
                              .shape = where_shape, .forward = where_forward, .backward = where_backward,
                              .saves = RNNI_SAVE_IN0, .lengths = RNNI_LENGTHS_KEEP, .fills = true};

/* ---- fma ---- */

static rnn_status fma_shape(rnn_ctx *ctx, rnni_call *c) {
  for (int i = 0; i < 3; i++) RNNI_TRY(rnni_need_float(ctx, c, i));
  rnn_tensor both = {0};
  RNNI_TRY(rnni_broadcast_dims(ctx, "fma", c->in[0], c->in[1], &both.ndim, both.dims));
  return rnni_broadcast_dims(ctx, "fma", &both, c->in[2], &c->out_ndim, c->out_dims);
}

static bool fma_piece(void *arg, const rnni_piece *p) {
  rnni_call *c = arg;
  rnni_kernel->multiply_add(p->n, p->in[0], p->in[1], p->in[2], rnni_f(c->out[0]) + p->at);
  return true;
}

static rnn_status fma_forward(rnn_ctx *ctx, rnni_call *c) {
  rnni_walk w = walk_of(c, fma_piece, c);
  bool right;
  w.moving = true;
  rnni_save_factors(c);
  return rnni_walk_all(ctx, &w, &right);
}

static rnn_status fma_backward(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(run_backward(ctx, c, 0, mul_da));
  RNNI_TRY(run_backward(ctx, c, 1, mul_db));
  return run_backward(ctx, c, 2, add_da);
}
const rnn_op rnni_op_fma = {.name = "fma", .args = "ttt", .mixes = RNNI_FLOATS,
                            .doc = "(a, b, c). a * b + c as floats, rounded once where the processor has fused multiply-adds. Broadcast."
                                   " Errors: shapes that do not fit together.",
                            .shape = fma_shape, .forward = fma_forward, .backward = fma_backward,
                            .saves = RNNI_SAVE_IN0 | RNNI_SAVE_IN1, .lengths = RNNI_LENGTHS_KEEP, .fills = true};
