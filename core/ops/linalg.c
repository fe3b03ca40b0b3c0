/* linalg.c: linear algebra of matrices (..., m, n), each by itself. All of it is computed in double in both precisions, so
 * that float results are right to their last digits (linalg/factor.c, which says whose code does it). */
#include "../linalg/linalg.h"

#include <float.h>
#include <stdio.h>

#ifdef RNN_DOUBLE
#define EPSILON DBL_EPSILON
#else
#define EPSILON FLT_EPSILON
#endif

/* ---- what they share ---- */

static rnn_status need_matrices(rnn_ctx *ctx, const rnni_call *c, int input, bool square) {
  const rnn_tensor *a = c->in[input];
  RNNI_TRY(rnni_need_float(ctx, c, input));
  if (a->ndim < 2 || (square && a->dims[a->ndim - 1] != a->dims[a->ndim - 2]))
    return rnni_fail(ctx, RNN_ESHAPE, "%s: %s: expected %s, got %s", c->op->name, rnni_input_name(c, input),
                     square ? "a square matrix (n, n), or a batch of them (..., n, n)"
                            : "a matrix (m, n), or a batch of them (..., m, n)",
                     RNNI_SHAPE(a));
  return rnni_need_finite(ctx, c, input);
}

static int64_t rows_of(const rnn_tensor *a) { return a->dims[a->ndim - 2]; }
static int64_t columns_of(const rnn_tensor *a) { return a->dims[a->ndim - 1]; }

/* An output: the batch of input 0, then count more axes. */
static rnn_status make_output(rnn_ctx *ctx, rnni_call *c, int output, rnn_type type, const int64_t *last, int count) {
  const rnn_tensor *a = c->in[0];
  int64_t dims[RNN_MAX_DIMS + 2];
  int ndim = a->ndim - 2;
  memcpy(dims, a->dims, (size_t)ndim * sizeof *dims);
  for (int i = 0; i < count; i++) dims[ndim++] = last[i];
  if (ndim > RNN_MAX_DIMS)
    return rnni_fail(ctx, RNN_ESHAPE, "%s: its result %s would have more than %d axes", c->op->name,
                     rnni_shape_text(ndim, dims), RNN_MAX_DIMS);
  return rnn_tensor_new(ctx, type, ndim, dims, &c->out[output]);
}
#define OUTPUT(output, type, ...)                                                                \
  make_output(ctx, c, output, type, (int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* One matrix of a call: its number, how messages call it, and memory: the parts that the op asks for. */
typedef struct one {
  int64_t i;
  const char *what;
  double *w[10];
  int32_t *whole;
} one;

typedef rnn_status work(rnn_ctx *ctx, rnni_call *c, const one *o);

/* Does f for every one of count matrices; sizes are those of the parts of its memory, whole how many integers follow. */
static rnn_status each(rnn_ctx *ctx, rnni_call *c, work *f, int64_t count, int parts, const int64_t *sizes,
                       int64_t whole) {
  char text[64];
  int64_t total = whole, done = 0;
  double *block;
  one o = {.what = text};
  rnn_status status = RNN_OK;
  for (int k = 0; k < parts; k++) total += sizes[k];
  RNNI_TRY(rnni_array(ctx, total, sizeof *block, &block));
  o.w[0] = block;
  for (int k = 0; k < parts; k++) {
    if (k + 1 < parts) o.w[k + 1] = o.w[k] + sizes[k];
    else o.whole = (int32_t *)(o.w[k] + sizes[k]);
  }
  for (o.i = 0; o.i < count && status == RNN_OK; o.i++) {
    snprintf(text, sizeof text, count == 1 ? "%s: the matrix" : "%s: matrix %lld", c->op->name, (long long)o.i + 1);
    if ((status = rnni_pace(ctx, &done, 64 * (RNNI_ROW + total))) == RNN_OK) status = f(ctx, c, &o);
  }
  rnni_free(ctx, block);
  return status;
}
#define EACH(f, count, whole, ...)                                                                               \
  each(ctx, c, f, count, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__}, whole)

/* Matrix i of a tensor of matrices of size elements. */
static void load(const rnn_tensor *t, int64_t i, int64_t size, double *to) {
  const real *from = rnni_f(t) + i * size;
  for (int64_t k = 0; k < size; k++) to[k] = (double)from[k];
}
static void store(const rnn_tensor *t, int64_t i, int64_t size, const double *from) {
  real *to = rnni_f(t) + i * size;
  for (int64_t k = 0; k < size; k++) to[k] = (real)from[k];
}
static void add(const rnn_tensor *t, int64_t i, int64_t size, const double *from) {
  real *to = rnni_f(t) + i * size;
  for (int64_t k = 0; k < size; k++) to[k] += (real)from[k];
}
/* The same of (A + A') / 2, for what is defined for symmetric matrices: rounding has made them nearly so. */
static void load_symmetric(const rnn_tensor *t, int64_t i, int64_t n, double *to) {
  load(t, i, n * n, to);
  for (int64_t r = 0; r < n; r++)
    for (int64_t k = 0; k < r; k++) to[r * n + k] = to[k * n + r] = to[r * n + k] / 2 + to[k * n + r] / 2;
}
static void add_symmetric(const rnn_tensor *t, int64_t i, int64_t n, const double *from) {
  real *to = rnni_f(t) + i * n * n;
  for (int64_t r = 0; r < n; r++)
    for (int64_t k = 0; k < n; k++) to[r * n + k] += (real)((from[r * n + k] + from[k * n + r]) / 2);
}
static void identity(int64_t n, double *to) {
  memset(to, 0, (size_t)(n * n) * sizeof *to);
  for (int64_t i = 0; i < n; i++) to[i * (n + 1)] = 1;
}
static void turn(int64_t m, int64_t n, const double *a, double *to) { /* (m, n) to (n, m) */
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) to[j * m + i] = a[i * n + j];
}

/* C (m, n) = A B, A' B, A B' or A' B' with the letters 'N' and 'T'; A and B contiguous. B' is turned in spare. */
static rnn_status product(rnn_ctx *ctx, const char *how, int64_t m, int64_t n, int64_t k, const double *a,
                          const double *b, double *spare, double *c) {
  const bool ta = how[0] == 'T', tb = how[1] == 'T';
  if (tb) turn(n, k, b, spare);
  memset(c, 0, (size_t)(m * n) * sizeof *c);
  return rnni_own_product(ctx, m, n, k, a, ta ? 1 : k, ta ? m : 1, tb ? spare : b, n, c, n);
}

static int two(const rnn_args *args) {
  (void)args;
  return 2;
}
static int three(const rnn_args *args) {
  (void)args;
  return 3;
}

static rnn_status square_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(need_matrices(ctx, c, 0, true));
  rnni_out_like(c, c->in[0]);
  return RNN_OK;
}
static rnn_status square_parts_shape(rnn_ctx *ctx, rnni_call *c) {
  c->out_ndim = -1;
  return need_matrices(ctx, c, 0, true);
}
static rnn_status parts_shape(rnn_ctx *ctx, rnni_call *c) {
  c->out_ndim = -1;
  return need_matrices(ctx, c, 0, false);
}
/* How many matrices there are to do: none without elements. */
static int64_t count_of(const rnn_tensor *a) { return a->count == 0 ? 0 : a->count / (rows_of(a) * columns_of(a)); }

/* ---- cholesky ---- */

static rnn_status cholesky_one(rnn_ctx *ctx, rnni_call *c, const one *o) {
  const int64_t n = rows_of(c->in[0]);
  load_symmetric(c->in[0], o->i, n, o->w[0]);
  RNNI_TRY(rnni_cholesky(ctx, o->what, n, o->w[0]));
  store(c->out[0], o->i, n * n, o->w[0]);
  return RNN_OK;
}
static rnn_status cholesky_forward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t n = rows_of(c->in[0]);
  return EACH(cholesky_one, count_of(c->in[0]), 0, n * n);
}
/* Murray 2016, "Differentiation of the Cholesky decomposition" (arXiv 1602.07527): dA = sym(L^-T P L^-1), P the lower
   triangle of L' dL with half its diagonal. */
static rnn_status cholesky_one_backward(rnn_ctx *ctx, rnni_call *c, const one *o) {
  const int64_t n = rows_of(c->out[0]);
  double *l = o->w[0], *d = o->w[1], *p = o->w[2];
  const rnni_triangle lower = {.a = l, .ld = n, .lower = true, .transposed = true};
  load(c->out[0], o->i, n * n, l);
  load(c->dout[0], o->i, n * n, d);
  for (int64_t i = 0; i < n; i++) memset(d + i * n + i + 1, 0, (size_t)(n - i - 1) * sizeof *d);
  RNNI_TRY(product(ctx, "TN", n, n, n, l, d, NULL, p));
  for (int64_t i = 0; i < n; i++) {
    p[i * (n + 1)] /= 2;
    memset(p + i * n + i + 1, 0, (size_t)(n - i - 1) * sizeof *p);
  }
  RNNI_TRY(rnni_own_triangle_solve(ctx, lower, n, n, p, n));
  turn(n, n, p, d);
  RNNI_TRY(rnni_own_triangle_solve(ctx, lower, n, n, d, n));
  add_symmetric(c->din[0], o->i, n, d);
  return RNN_OK;
}
static rnn_status cholesky_backward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t n = rows_of(c->out[0]);
  return EACH(cholesky_one_backward, count_of(c->out[0]), 0, n * n, n * n, n * n);
}
const rnn_op rnni_op_cholesky = {.name = "linalg.cholesky", .args = "T", .doc = "(a). See rnn.linalg.cholesky.",
                                 .shape = square_shape, .forward = cholesky_forward, .backward = cholesky_backward,
                                 .saves = RNNI_SAVE_OUT, .lengths = RNNI_LENGTHS_REFUSE};

/* ---- solve, solve_triangular ---- */

/* Matrix i of a result whose batch is that of y (its last keep axes are the matrix) as a place among those of t. */
static int64_t place_of(const rnn_tensor *t, int keep, const rnn_tensor *y, int keep_y, int64_t i) {
  int64_t place = 0, step = 1;
  for (int yi = y->ndim - keep_y - 1, ti = t->ndim - keep - 1; ti >= 0; yi--, ti--) {
    if (t->dims[ti] != 1) place += i % y->dims[yi] * step;
    i /= y->dims[yi];
    step *= t->dims[ti];
  }
  return place;
}

/* B is a vector (rows) for every A, or matrices (..., rows, k). */
static int sides_of(const rnn_tensor *b) { return b->ndim == 1 ? 1 : 2; }
static int64_t width_of(const rnn_tensor *b) { return b->ndim == 1 ? 1 : columns_of(b); }

/* Sets the shape of X (..., rows, k) for A and B (..., rows of A, k). */
static rnn_status sides_shape(rnn_ctx *ctx, rnni_call *c, int64_t rows) {
  const rnn_tensor *a = c->in[0], *b = c->in[1];
  const int sides = sides_of(b);
  RNNI_TRY(rnni_need_float(ctx, c, 1));
  if (b->ndim < 1 || b->dims[b->ndim - sides] != rows_of(a))
    return rnni_fail(ctx, RNN_ESHAPE, "%s: argument 2: expected right-hand sides (%lld) or (..., %lld, k) for matrices %s, "
                     "got %s", c->op->name, (long long)rows_of(a), (long long)rows_of(a), RNNI_SHAPE(a), RNNI_SHAPE(b));
  RNNI_TRY(rnni_need_finite(ctx, c, 1));
  rnn_tensor la = {.ndim = a->ndim - 2}, lb = {.ndim = b->ndim - sides};
  memcpy(la.dims, a->dims, sizeof la.dims);
  memcpy(lb.dims, b->dims, sizeof lb.dims);
  if (rnni_broadcast_dims(ctx, c->op->name, &la, &lb, &c->out_ndim, c->out_dims) != RNN_OK)
    return rnni_fail(ctx, RNN_ESHAPE, "%s: the batches of %s and %s do not fit together", c->op->name, RNNI_SHAPE(a),
                     RNNI_SHAPE(b));
  c->out_dims[c->out_ndim++] = rows;
  if (sides == 2) c->out_dims[c->out_ndim++] = columns_of(b);
  return RNN_OK;
}

static rnn_status solve_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(need_matrices(ctx, c, 0, true));
  return sides_shape(ctx, c, rows_of(c->in[0]));
}

static int64_t solutions_of(const rnn_tensor *x, int64_t rows, int64_t width) {
  return x->count == 0 ? 0 : x->count / (rows * width);
}

/* For the triangle that args.i[0] says, or a whole matrix: A or A' in w[0], X in w[1]. */
static rnn_status solve_with(rnn_ctx *ctx, rnni_call *c, const one *o, bool triangular, bool transposed, int64_t k) {
  const int64_t n = rows_of(c->in[0]);
  double *a = o->w[0];
  rnni_lu lu;
  if (triangular) {
    for (int64_t i = 0; i < n; i++)
      if (a[i * (n + 1)] == 0)
        return rnni_fail(ctx, RNN_EARG, "%s is singular: element (%lld, %lld) of its diagonal is 0", o->what,
                         (long long)i + 1, (long long)i + 1);
    return rnni_own_triangle_solve(ctx, (rnni_triangle){.a = a, .ld = n, .lower = !c->args.i[0],
                                                        .transposed = transposed}, n, k, o->w[1], k);
  }
  RNNI_TRY(rnni_lu_factor(ctx, o->what, n, a, o->whole, &lu));
  RNNI_TRY(rnni_lu_need_regular(ctx, o->what, &lu));
  return rnni_lu_solve(ctx, &lu, transposed, k, o->w[1]);
}

static rnn_status solve_any(rnn_ctx *ctx, rnni_call *c, const one *o, bool triangular) {
  const rnn_tensor *a = c->in[0], *b = c->in[1], *x = c->out[0];
  const int64_t n = rows_of(a), k = width_of(b);
  load(a, place_of(a, 2, x, sides_of(b), o->i), n * n, o->w[0]);
  load(b, place_of(b, sides_of(b), x, sides_of(b), o->i), n * k, o->w[1]);
  RNNI_TRY(solve_with(ctx, c, o, triangular, false, k));
  store(x, o->i, n * k, o->w[1]);
  return RNN_OK;
}
/* Giles 2008, "Collected matrix derivative results": dB = A^-T dX, dA = -dB X'. */
static rnn_status solve_any_backward(rnn_ctx *ctx, rnni_call *c, const one *o, bool triangular) {
  const rnn_tensor *a = c->in[0], *b = c->in[1], *x = c->out[0];
  const int64_t n = rows_of(a), k = width_of(b), pa = place_of(a, 2, x, sides_of(b), o->i);
  double *g = o->w[1], *values = o->w[2], *da = o->w[3];
  load(a, pa, n * n, o->w[0]);
  load(c->dout[0], o->i, n * k, g);
  RNNI_TRY(solve_with(ctx, c, o, triangular, true, k));
  if (c->wants[1]) add(c->din[1], place_of(b, sides_of(b), x, sides_of(b), o->i), n * k, g);
  if (!c->wants[0]) return RNN_OK;
  load(x, o->i, n * k, values);
  for (int64_t i = 0; i < n * k; i++) g[i] = -g[i];
  RNNI_TRY(product(ctx, "NT", n, n, k, g, values, o->w[4], da));
  const bool upper = c->args.i[0];
  for (int64_t i = 0; triangular && i < n; i++)
    for (int64_t j = 0; j < n; j++)
      if (upper ? j < i : j > i) da[i * n + j] = 0;
  add(c->din[0], pa, n * n, da);
  return RNN_OK;
}

static rnn_status solve_one(rnn_ctx *ctx, rnni_call *c, const one *o) { return solve_any(ctx, c, o, false); }
static rnn_status solve_one_backward(rnn_ctx *ctx, rnni_call *c, const one *o) {
  return solve_any_backward(ctx, c, o, false);
}
static rnn_status triangular_one(rnn_ctx *ctx, rnni_call *c, const one *o) { return solve_any(ctx, c, o, true); }
static rnn_status triangular_one_backward(rnn_ctx *ctx, rnni_call *c, const one *o) {
  return solve_any_backward(ctx, c, o, true);
}
static rnn_status solve_all(rnn_ctx *ctx, rnni_call *c, work *f) {
  if (c->wants && !c->wants[0]) c->saves &= ~(unsigned)RNNI_SAVE_OUT;
  const int64_t n = rows_of(c->in[0]), k = width_of(c->in[1]);
  return EACH(f, solutions_of(c->out[0], n, k), n, n * n, n * k);
}
static rnn_status solve_all_backward(rnn_ctx *ctx, rnni_call *c, work *f) {
  const int64_t n = rows_of(c->in[0]), k = width_of(c->in[1]);
  return EACH(f, solutions_of(c->out[0], n, k), n, n * n, n * k, n * k, n * n, n * k);
}
static rnn_status solve_forward(rnn_ctx *ctx, rnni_call *c) { return solve_all(ctx, c, solve_one); }
static rnn_status solve_backward(rnn_ctx *ctx, rnni_call *c) { return solve_all_backward(ctx, c, solve_one_backward); }
const rnn_op rnni_op_solve = {.name = "linalg.solve", .args = "TT", .doc = "(a, b). See rnn.linalg.solve.",
                              .shape = solve_shape, .forward = solve_forward, .backward = solve_backward,
                              .saves = RNNI_SAVE_IN0 | RNNI_SAVE_OUT, .lengths = RNNI_LENGTHS_REFUSE};
static rnn_status triangular_forward(rnn_ctx *ctx, rnni_call *c) { return solve_all(ctx, c, triangular_one); }
static rnn_status triangular_backward(rnn_ctx *ctx, rnni_call *c) {
  return solve_all_backward(ctx, c, triangular_one_backward);
}
const rnn_op rnni_op_solve_triangular = {.name = "linalg.solve_triangular", .args = "TTb",
                                         .doc = "(a, b, upper). See rnn.linalg.solve_triangular.", .shape = solve_shape,
                                         .forward = triangular_forward, .backward = triangular_backward,
                                         .saves = RNNI_SAVE_IN0 | RNNI_SAVE_OUT, .lengths = RNNI_LENGTHS_REFUSE};

/* ---- inv, det, slogdet ---- */

static rnn_status inv_one(rnn_ctx *ctx, rnni_call *c, const one *o) {
  const int64_t n = rows_of(c->in[0]);
  load(c->in[0], o->i, n * n, o->w[0]);
  identity(n, o->w[1]);
  RNNI_TRY(solve_with(ctx, c, o, false, false, n));
  store(c->out[0], o->i, n * n, o->w[1]);
  return RNN_OK;
}
static rnn_status inv_forward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t n = rows_of(c->in[0]);
  return EACH(inv_one, count_of(c->in[0]), n, n * n, n * n);
}
static rnn_status inv_one_backward(rnn_ctx *ctx, rnni_call *c, const one *o) { /* dA = -X' dX X' */
  const int64_t n = rows_of(c->out[0]);
  double *x = o->w[0], *d = o->w[1], *p = o->w[2];
  load(c->out[0], o->i, n * n, x);
  load(c->dout[0], o->i, n * n, d);
  RNNI_TRY(product(ctx, "TN", n, n, n, x, d, NULL, p));
  for (int64_t i = 0; i < n * n; i++) p[i] = -p[i];
  RNNI_TRY(product(ctx, "NT", n, n, n, p, x, o->w[3], d));
  add(c->din[0], o->i, n * n, d);
  return RNN_OK;
}
static rnn_status inv_backward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t n = rows_of(c->out[0]);
  return EACH(inv_one_backward, count_of(c->out[0]), 0, n * n, n * n, n * n, n * n);
}
const rnn_op rnni_op_inv = {.name = "linalg.inv", .args = "T", .doc = "(a). See rnn.linalg.inv.", .shape = square_shape,
                            .forward = inv_forward, .backward = inv_backward, .saves = RNNI_SAVE_OUT,
                            .lengths = RNNI_LENGTHS_REFUSE};

static rnn_status det_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(square_shape(ctx, c));
  c->out_ndim -= 2;
  return RNN_OK;
}
/* Matrices without elements have determinant 1. */
static void fill(const rnn_tensor *t, real value) {
  for (int64_t i = 0; i < t->count; i++) rnni_f(t)[i] = value;
}
static rnn_status determinant(rnn_ctx *ctx, rnni_call *c, const one *o, rnni_lu *lu, double *sign, double *size) {
  const int64_t n = rows_of(c->in[0]);
  load(c->in[0], o->i, n * n, o->w[0]);
  RNNI_TRY(rnni_lu_factor(ctx, o->what, n, o->w[0], o->whole, lu));
  rnni_lu_determinant(lu, sign, size);
  return RNN_OK;
}
static rnn_status det_one(rnn_ctx *ctx, rnni_call *c, const one *o) {
  rnni_lu lu;
  double value, size;
  RNNI_TRY(determinant(ctx, c, o, &lu, &value, &size));
  for (int64_t i = 0; i < lu.n && value != 0; i++) value *= fabs(lu.a[i * (lu.n + 1)]);
  rnni_f(c->out[0])[o->i] = (real)value;
  return RNN_OK;
}
static rnn_status det_forward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t n = rows_of(c->in[0]);
  fill(c->out[0], 1);
  return EACH(det_one, count_of(c->in[0]), n, n * n);
}
/* Adds by A^-T, the gradient of the determinant's logarithm, for A = LU in w[0]. */
static rnn_status add_inverse(rnn_ctx *ctx, rnni_call *c, const one *o, const rnni_lu *lu, double by) {
  const int64_t n = lu->n;
  identity(n, o->w[1]);
  RNNI_TRY(rnni_lu_solve(ctx, lu, true, n, o->w[1]));
  for (int64_t i = 0; i < n * n; i++) o->w[1][i] *= by;
  add(c->din[0], o->i, n * n, o->w[1]);
  return RNN_OK;
}
/* The same for a singular A, of the determinant itself: its cofactors, from A = U S V'. */
static rnn_status add_cofactors(rnn_ctx *ctx, rnni_call *c, const one *o, double by) {
  const int64_t n = rows_of(c->in[0]);
  double *u = o->w[1], *vt = o->w[2], *s = o->w[3], sign, size;
  rnni_lu lu;
  load(c->in[0], o->i, n * n, o->w[0]);
  RNNI_TRY(rnni_svd(ctx, o->what, n, n, o->w[0], u, s, vt));
  const double *const factors[] = {u, vt};
  for (int k = 0; k < 2; k++) {
    memcpy(o->w[0], factors[k], (size_t)(n * n) * sizeof(double));
    RNNI_TRY(rnni_lu_factor(ctx, o->what, n, o->w[0], o->whole, &lu));
    rnni_lu_determinant(&lu, &sign, &size);
    by *= sign;
  }
  for (int64_t j = 0; j < n; j++) {
    double others = by;
    for (int64_t i = 0; i < n; i++)
      if (i != j) others *= s[i];
    for (int64_t i = 0; i < n; i++) u[i * n + j] *= others;
  }
  RNNI_TRY(product(ctx, "NN", n, n, n, u, vt, NULL, o->w[0]));
  add(c->din[0], o->i, n * n, o->w[0]);
  return RNN_OK;
}
static rnn_status det_one_backward(rnn_ctx *ctx, rnni_call *c, const one *o) {
  rnni_lu lu;
  double sign, size, by = (double)rnni_f(c->dout[0])[o->i];
  RNNI_TRY(determinant(ctx, c, o, &lu, &sign, &size));
  if (lu.pivot) return add_cofactors(ctx, c, o, by);
  return add_inverse(ctx, c, o, &lu, by * sign * rnni_exp(size));
}
static rnn_status det_backward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t n = rows_of(c->in[0]);
  return EACH(det_one_backward, count_of(c->in[0]), n, n * n, n * n, n * n, n);
}
const rnn_op rnni_op_det = {.name = "linalg.det", .args = "T", .doc = "(a). See rnn.linalg.det.", .shape = det_shape,
                            .forward = det_forward, .backward = det_backward, .saves = RNNI_SAVE_IN0,
                            .lengths = RNNI_LENGTHS_REFUSE};

static rnn_status slogdet_one(rnn_ctx *ctx, rnni_call *c, const one *o) {
  rnni_lu lu;
  double sign, size;
  RNNI_TRY(determinant(ctx, c, o, &lu, &sign, &size));
  rnni_f(c->out[0])[o->i] = (real)sign;
  rnni_f(c->out[1])[o->i] = (real)size;
  return RNN_OK;
}
static rnn_status slogdet_forward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t n = rows_of(c->in[0]);
  RNNI_TRY(make_output(ctx, c, 0, RNN_FLOAT, NULL, 0));
  RNNI_TRY(make_output(ctx, c, 1, RNN_FLOAT, NULL, 0));
  fill(c->out[0], 1);
  return EACH(slogdet_one, count_of(c->in[0]), n, n * n);
}
static rnn_status slogdet_one_backward(rnn_ctx *ctx, rnni_call *c, const one *o) {
  rnni_lu lu;
  double sign, size;
  RNNI_TRY(determinant(ctx, c, o, &lu, &sign, &size));
  if (lu.pivot) return rnni_fail(ctx, RNN_EARG, "backward of %s is singular: its logarithm has no gradient", o->what);
  return add_inverse(ctx, c, o, &lu, (double)rnni_f(c->dout[1])[o->i]);
}
static rnn_status slogdet_backward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t n = rows_of(c->in[0]);
  if (!c->dout[1]) return RNN_OK; /* the sign is constant */
  return EACH(slogdet_one_backward, count_of(c->in[0]), n, n * n, n * n);
}
const rnn_op rnni_op_slogdet = {.name = "linalg.slogdet", .args = "T", .doc = "(a). See rnn.linalg.slogdet.",
                                .shape = square_parts_shape, .forward = slogdet_forward, .backward = slogdet_backward,
                                .saves = RNNI_SAVE_IN0, .lengths = RNNI_LENGTHS_REFUSE, .outputs = two};

/* ---- qr ---- */

static rnn_status qr_one(rnn_ctx *ctx, rnni_call *c, const one *o) {
  const int64_t m = rows_of(c->in[0]), n = columns_of(c->in[0]), k = RNNI_MIN(m, n);
  load(c->in[0], o->i, m * n, o->w[0]);
  RNNI_TRY(rnni_qr(ctx, o->what, m, n, o->w[0], o->w[1], o->w[2]));
  store(c->out[0], o->i, m * k, o->w[1]);
  store(c->out[1], o->i, k * n, o->w[2]);
  return RNN_OK;
}
static rnn_status qr_forward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t m = rows_of(c->in[0]), n = columns_of(c->in[0]), k = RNNI_MIN(m, n);
  RNNI_TRY(OUTPUT(0, RNN_FLOAT, m, k));
  RNNI_TRY(OUTPUT(1, RNN_FLOAT, k, n));
  return EACH(qr_one, count_of(c->in[0]), 0, m * n, m * k, k * n);
}
/* The gradient of the first k columns A1 = Q R1: M = R dR' - dQ' Q, dA1 = (dQ + Q copyltu(M)) R^-T, where copyltu makes
   a matrix symmetric after its lower triangle (Walter, Lehmann 2010, arXiv 1001.1654). Of a wide A = Q (R1 V) the rest has
   dA2 = Q dV, and dQ becomes dQ + A2 dV' (Roberts, Roberts 2020, arXiv 2009.10071). */
static rnn_status qr_one_backward(rnn_ctx *ctx, rnni_call *c, const one *o) {
  const int64_t m = rows_of(c->in[0]), n = columns_of(c->in[0]), k = RNNI_MIN(m, n), rest = n - k;
  double *q = o->w[0], *dq = o->w[1], *r = o->w[2], *dr = o->w[3], *s = o->w[4], *p = o->w[5], *da = o->w[6],
         *spare = o->w[7];
  load(c->out[0], o->i, m * k, q);
  load(c->out[1], o->i, k * n, r);
  memset(dq, 0, (size_t)(m * k) * sizeof *dq);
  memset(dr, 0, (size_t)(k * n) * sizeof *dr);
  if (c->dout[0]) load(c->dout[0], o->i, m * k, dq);
  if (c->dout[1]) load(c->dout[1], o->i, k * n, dr);
  for (int64_t i = 0; i < k; i++) {
    if (r[i * (n + 1)] == 0)
      return rnni_fail(ctx, RNN_EARG, "backward of %s has not full rank: element (%lld, %lld) of R is 0", o->what,
                       (long long)i + 1, (long long)i + 1);
    memset(dr + i * n, 0, (size_t)i * sizeof *dr);
  }
  if (rest) { /* M's part: dQ += Q V dV', through s = V dV' */
    memset(s, 0, (size_t)(k * k) * sizeof *s);
    for (int64_t i = 0; i < k; i++)
      for (int64_t j = 0; j < rest; j++) spare[j * k + i] = dr[i * n + k + j];
    RNNI_TRY(rnni_own_product(ctx, k, k, rest, r + k, n, 1, spare, k, s, k));
    RNNI_TRY(rnni_own_product(ctx, m, k, k, q, k, 1, s, k, dq, k));
  }
  RNNI_TRY(product(ctx, "TN", k, k, m, dq, q, NULL, p));
  for (int64_t i = 0; i < k; i++)
    for (int64_t j = 0; j < k; j++) spare[j * k + i] = dr[i * n + j], p[i * k + j] = -p[i * k + j];
  RNNI_TRY(rnni_own_product(ctx, k, k, k, r, n, 1, spare, k, p, k));
  for (int64_t i = 0; i < k; i++)
    for (int64_t j = i + 1; j < k; j++) p[i * k + j] = p[j * k + i];
  RNNI_TRY(rnni_own_product(ctx, m, k, k, q, k, 1, p, k, dq, k));
  turn(m, k, dq, spare); /* X = Z R^-T is R^-1 Z' turned */
  RNNI_TRY(rnni_own_triangle_solve(ctx, (rnni_triangle){.a = r, .ld = n}, k, m, spare, m));
  memset(da, 0, (size_t)(m * n) * sizeof *da);
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < k; j++) da[i * n + j] = spare[j * m + i];
  if (rest) RNNI_TRY(rnni_own_product(ctx, m, rest, k, q, k, 1, dr + k, n, da + k, n));
  add(c->din[0], o->i, m * n, da);
  return RNN_OK;
}
static rnn_status qr_backward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t m = rows_of(c->in[0]), n = columns_of(c->in[0]), k = RNNI_MIN(m, n);
  return EACH(qr_one_backward, count_of(c->in[0]), 0, m * k, m * k, k * n, k * n, k * k, k * k, m * n,
              k * RNNI_MAX(m, n));
}
const rnn_op rnni_op_qr = {.name = "linalg.qr", .args = "T", .doc = "(a). See rnn.linalg.qr.", .shape = parts_shape,
                           .forward = qr_forward, .backward = qr_backward, .saves = RNNI_SAVE_OUT,
                           .lengths = RNNI_LENGTHS_REFUSE, .outputs = two};

/* ---- svd ---- */

static rnn_status svd_one(rnn_ctx *ctx, rnni_call *c, const one *o) {
  const int64_t m = rows_of(c->in[0]), n = columns_of(c->in[0]), k = RNNI_MIN(m, n);
  load(c->in[0], o->i, m * n, o->w[0]);
  RNNI_TRY(rnni_svd(ctx, o->what, m, n, o->w[0], o->w[1], o->w[2], o->w[3]));
  store(c->out[0], o->i, m * k, o->w[1]);
  store(c->out[1], o->i, k, o->w[2]);
  store(c->out[2], o->i, k * n, o->w[3]);
  return RNN_OK;
}
static rnn_status svd_forward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t m = rows_of(c->in[0]), n = columns_of(c->in[0]), k = RNNI_MIN(m, n);
  RNNI_TRY(OUTPUT(0, RNN_FLOAT, m, k));
  RNNI_TRY(OUTPUT(1, RNN_FLOAT, k));
  RNNI_TRY(OUTPUT(2, RNN_FLOAT, k, n));
  return EACH(svd_one, count_of(c->in[0]), 0, m * n, m * k, k, k * n);
}

/* What the gradient of vectors needs: values that differ, and where what has no counterpart enters, none that is 0. */
static rnn_status need_apart(rnn_ctx *ctx, const char *what, const char *name, int64_t k, int64_t size, const double *s,
                             bool not_zero) {
  double most = 0;
  for (int64_t i = 0; i < k; i++) most = RNNI_MAX(most, fabs(s[i]));
  const double near = 4 * (double)EPSILON * (double)size * most;
  for (int64_t i = 0; i < k; i++) {
    if (not_zero && fabs(s[i]) <= near)
      return rnni_fail(ctx, RNN_EARG, "backward of %s: %s %lld is 0, so its vectors have no gradient; that of the values "
                       "alone has", what, name, (long long)i + 1);
    if (i > 0 && fabs(s[i] - s[i - 1]) <= near)
      return rnni_fail(ctx, RNN_EARG, "backward of %s: %ss %lld and %lld are equal, so their vectors have no gradient; that "
                       "of the values alone has", what, name, (long long)i, (long long)i + 1);
  }
  return RNN_OK;
}

/* Townsend 2016; Seeger et al. 2017, "Auto-differentiating linear algebra" (arXiv 1710.08717):
     F_ij = 1/(s_j^2 - s_i^2), J = F o (U'dU), K = F o (V'dV),
     dA = U [(J + J') S + S (K + K') + diag ds] V' + (I - UU') dU S^-1 V' + U S^-1 dV' (I - VV'). */
static rnn_status svd_one_backward(rnn_ctx *ctx, rnni_call *c, const one *o) {
  const int64_t m = rows_of(c->in[0]), n = columns_of(c->in[0]), k = RNNI_MIN(m, n);
  double *u = o->w[0], *s = o->w[1], *vt = o->w[2], *d = o->w[3], *inner = o->w[4], *p = o->w[5], *da = o->w[6],
         *spare = o->w[7];
  load(c->out[0], o->i, m * k, u);
  load(c->out[1], o->i, k, s);
  load(c->out[2], o->i, k * n, vt);
  memset(inner, 0, (size_t)(k * k) * sizeof *inner);
  memset(da, 0, (size_t)(m * n) * sizeof *da);
  if (c->dout[0] || c->dout[2])
    RNNI_TRY(need_apart(ctx, o->what, "singular value", k, RNNI_MAX(m, n), s,
                        (c->dout[0] && m > k) || (c->dout[2] && n > k)));
  if (c->dout[1])
    for (int64_t i = 0; i < k; i++) inner[i * (k + 1)] = (double)rnni_f(c->dout[1])[o->i * k + i];
  for (int side = 0; side < 2; side++) {
    if (!c->dout[2 * side]) continue;
    if (side == 0) { /* p = U'dU */
      load(c->dout[0], o->i, m * k, d);
      RNNI_TRY(product(ctx, "TN", k, k, m, u, d, NULL, p));
    } else { /* V'dV */
      load(c->dout[2], o->i, k * n, d);
      RNNI_TRY(product(ctx, "NT", k, k, n, vt, d, spare, p));
    }
    for (int64_t i = 0; i < k; i++)
      for (int64_t j = 0; j < k; j++) {
        if (i == j) continue;
        double f = 1 / ((s[j] - s[i]) * (s[j] + s[i])); /* J + J' = F o (P - P') */
        inner[i * k + j] += f * (p[i * k + j] - p[j * k + i]) * (side == 0 ? s[j] : s[i]);
      }
    if (side == 0 && m > k) { /* (dU - U P) S^-1 V' */
      for (int64_t i = 0; i < k * k; i++) p[i] = -p[i];
      RNNI_TRY(rnni_own_product(ctx, m, k, k, u, k, 1, p, k, d, k));
      for (int64_t i = 0; i < m * k; i++) d[i] /= s[i % k];
      RNNI_TRY(rnni_own_product(ctx, m, n, k, d, k, 1, vt, n, da, n));
    } else if (side == 1 && n > k) { /* U S^-1 (dV' - P' V') */
      for (int64_t i = 0; i < k * k; i++) p[i] = -p[i];
      RNNI_TRY(rnni_own_product(ctx, k, n, k, p, 1, k, vt, n, d, n));
      for (int64_t i = 0; i < k * n; i++) d[i] /= s[i / n];
      RNNI_TRY(rnni_own_product(ctx, m, n, k, u, k, 1, d, n, da, n));
    }
  }
  RNNI_TRY(product(ctx, "NN", m, k, k, u, inner, NULL, d));
  RNNI_TRY(rnni_own_product(ctx, m, n, k, d, k, 1, vt, n, da, n));
  add(c->din[0], o->i, m * n, da);
  return RNN_OK;
}
static rnn_status svd_backward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t m = rows_of(c->in[0]), n = columns_of(c->in[0]), k = RNNI_MIN(m, n), side = k * RNNI_MAX(m, n);
  return EACH(svd_one_backward, count_of(c->in[0]), 0, m * k, k, k * n, side, k * k, k * k, m * n, side);
}
const rnn_op rnni_op_svd = {.name = "linalg.svd", .args = "T", .doc = "(a). See rnn.linalg.svd.", .shape = parts_shape,
                            .forward = svd_forward, .backward = svd_backward, .saves = RNNI_SAVE_OUT,
                            .lengths = RNNI_LENGTHS_REFUSE, .outputs = three};

/* ---- eigh, eig, eigvals ---- */

static rnn_status eigh_one(rnn_ctx *ctx, rnni_call *c, const one *o) {
  const int64_t n = rows_of(c->in[0]);
  load_symmetric(c->in[0], o->i, n, o->w[0]);
  RNNI_TRY(rnni_eigh(ctx, o->what, n, o->w[0], o->w[1], o->w[2]));
  store(c->out[0], o->i, n, o->w[1]);
  store(c->out[1], o->i, n * n, o->w[2]);
  return RNN_OK;
}
static rnn_status eigh_forward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t n = rows_of(c->in[0]);
  RNNI_TRY(OUTPUT(0, RNN_FLOAT, n));
  RNNI_TRY(OUTPUT(1, RNN_FLOAT, n, n));
  return EACH(eigh_one, count_of(c->in[0]), 0, n * n, n, n * n);
}
/* Giles 2008: dA = sym(V [diag dw + F o (V'dV)] V'), F_ij = 1/(w_j - w_i). */
static rnn_status eigh_one_backward(rnn_ctx *ctx, rnni_call *c, const one *o) {
  const int64_t n = rows_of(c->in[0]);
  double *w = o->w[0], *v = o->w[1], *d = o->w[2], *inner = o->w[3], *spare = o->w[4];
  load(c->out[0], o->i, n, w);
  load(c->out[1], o->i, n * n, v);
  memset(inner, 0, (size_t)(n * n) * sizeof *inner);
  if (c->dout[1]) {
    RNNI_TRY(need_apart(ctx, o->what, "eigenvalue", n, n, w, false));
    load(c->dout[1], o->i, n * n, d);
    RNNI_TRY(product(ctx, "TN", n, n, n, v, d, NULL, inner));
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j < n; j++) inner[i * n + j] = i == j ? 0 : inner[i * n + j] / (w[j] - w[i]);
  }
  if (c->dout[0])
    for (int64_t i = 0; i < n; i++) inner[i * (n + 1)] = (double)rnni_f(c->dout[0])[o->i * n + i];
  RNNI_TRY(product(ctx, "NN", n, n, n, v, inner, NULL, d));
  RNNI_TRY(product(ctx, "NT", n, n, n, d, v, spare, inner));
  add_symmetric(c->din[0], o->i, n, inner);
  return RNN_OK;
}
static rnn_status eigh_backward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t n = rows_of(c->in[0]);
  return EACH(eigh_one_backward, count_of(c->in[0]), 0, n, n * n, n * n, n * n, n * n);
}
const rnn_op rnni_op_eigh = {.name = "linalg.eigh", .args = "T", .doc = "(a). See rnn.linalg.eigh.",
                             .shape = square_parts_shape, .forward = eigh_forward, .backward = eigh_backward,
                             .saves = RNNI_SAVE_OUT, .lengths = RNNI_LENGTHS_REFUSE, .outputs = two};

static rnn_status eig_shape(rnn_ctx *ctx, rnni_call *c) {
  if (ctx->recording && c->in[0]->requires_grad)
    return rnni_fail(ctx, RNN_EARG, "%s: has no gradient; x:detach() takes the values alone, and eigh, for symmetric "
                     "matrices, has one", c->op->name);
  return square_parts_shape(ctx, c);
}
static rnn_status eig_one(rnn_ctx *ctx, rnni_call *c, const one *o) {
  const int64_t n = rows_of(c->in[0]);
  const bool vectors = c->nout == 2;
  load(c->in[0], o->i, n * n, o->w[0]);
  RNNI_TRY(rnni_eig(ctx, o->what, n, o->w[0], o->w[1], vectors ? o->w[2] : NULL));
  store(c->out[0], o->i, 2 * n, o->w[1]);
  if (vectors) store(c->out[1], o->i, 2 * n * n, o->w[2]);
  return RNN_OK;
}
static rnn_status eig_forward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t n = rows_of(c->in[0]);
  RNNI_TRY(OUTPUT(0, RNN_FLOAT, n, 2));
  if (c->nout == 2) RNNI_TRY(OUTPUT(1, RNN_FLOAT, n, n, 2));
  return EACH(eig_one, count_of(c->in[0]), 0, n * n, 2 * n, c->nout == 2 ? 2 * n * n : 0);
}
const rnn_op rnni_op_eig = {.name = "linalg.eig", .args = "T", .doc = "(a). See rnn.linalg.eig.", .shape = eig_shape,
                            .forward = eig_forward, .lengths = RNNI_LENGTHS_REFUSE, .outputs = two};
const rnn_op rnni_op_eigvals = {.name = "linalg.eigvals", .args = "T", .doc = "(a). See rnn.linalg.eigvals.",
                                .shape = eig_shape, .forward = eig_forward, .lengths = RNNI_LENGTHS_REFUSE};

/* ---- lstsq ---- */

static rnn_status lstsq_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(need_matrices(ctx, c, 0, false));
  RNNI_TRY(sides_shape(ctx, c, columns_of(c->in[0])));
  c->args.i[0] = c->out_ndim; /* of X; forward makes both outputs */
  c->out_ndim = -1;
  return RNN_OK;
}
static rnn_status lstsq_one(rnn_ctx *ctx, rnni_call *c, const one *o) {
  const rnn_tensor *a = c->in[0], *b = c->in[1], *x = c->out[0];
  const int64_t m = rows_of(a), n = columns_of(a), k = width_of(b);
  int64_t rank;
  load(a, place_of(a, 2, x, sides_of(b), o->i), m * n, o->w[0]);
  load(b, place_of(b, sides_of(b), x, sides_of(b), o->i), m * k, o->w[1]);
  RNNI_TRY(rnni_lstsq(ctx, o->what, m, n, k, o->w[0], o->w[1], o->w[2], &rank));
  store(x, o->i, n * k, o->w[2]);
  rnni_i(c->out[1])[o->i] = (int32_t)rank;
  if (rank < RNNI_MIN(m, n)) c->args.i[1] = o->i + 1, c->args.i[2] = rank; /* for backward */
  return RNN_OK;
}
static rnn_status lstsq_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *a = c->in[0], *b = c->in[1];
  const int64_t m = rows_of(a), n = columns_of(a), k = width_of(b);
  const int ndim = (int)c->args.i[0];
  RNNI_TRY(rnn_tensor_new(ctx, RNN_FLOAT, ndim, c->out_dims, &c->out[0]));
  RNNI_TRY(rnn_tensor_new(ctx, RNN_INT, ndim - sides_of(b), c->out_dims, &c->out[1]));
  c->args.i[1] = 0;
  if (c->wants && !c->wants[0]) c->saves = RNNI_SAVE_IN0;
  if (m == 0) return RNN_OK; /* nothing asks for more than 0 */
  return EACH(lstsq_one, solutions_of(c->out[0], n, k), 0, m * n, m * k, RNNI_MAX(m, n) * k);
}
/* With G = dX. Full column rank (Golub, Pereyra 1973): Z = (A'A)^-1 G, dB = A Z, dA = (B - A X) Z' - dB X'. Full row rank,
   X = A'Y, Y = (AA')^-1 B: Z = (AA')^-1 A G, dB = Z, dA = Y (G - A'Z)' - Z X'. */
static rnn_status lstsq_one_backward(rnn_ctx *ctx, rnni_call *c, const one *o) {
  const rnn_tensor *ta = c->in[0], *tb = c->in[1], *tx = c->out[0];
  const int64_t m = rows_of(ta), n = columns_of(ta), k = width_of(tb), few = RNNI_MIN(m, n), most = RNNI_MAX(m, n);
  const int64_t pa = place_of(ta, 2, tx, sides_of(tb), o->i), pb = place_of(tb, sides_of(tb), tx, sides_of(tb), o->i);
  double *a = o->w[0], *da = o->w[1], *q = o->w[2], *r = o->w[3], *g = o->w[4], *x = o->w[5], *b = o->w[6], *z = o->w[7],
         *db = o->w[8], *spare = o->w[9];
  const rnni_triangle upper = {.a = r, .ld = few}, lower = {.a = r, .ld = few, .transposed = true};
  load(ta, pa, m * n, a);
  if (c->wants[0]) {
    load(tb, pb, m * k, b);
    load(tx, o->i, n * k, x);
  }
  load(c->dout[0], o->i, n * k, g);
  if (m >= n) memcpy(da, a, (size_t)(m * n) * sizeof *a);
  else turn(m, n, a, da);
  RNNI_TRY(rnni_qr(ctx, o->what, most, few, da, q, r));
  if (m >= n) {
    memcpy(z, g, (size_t)(n * k) * sizeof *z);
    RNNI_TRY(rnni_own_triangle_solve(ctx, lower, n, k, z, k));
    RNNI_TRY(rnni_own_triangle_solve(ctx, upper, n, k, z, k));
    RNNI_TRY(product(ctx, "NN", m, k, n, a, z, NULL, db));
    if (c->wants[0]) {
      for (int64_t i = 0; i < n * k; i++) x[i] = -x[i];
      RNNI_TRY(rnni_own_product(ctx, m, k, n, a, n, 1, x, k, b, k)); /* B - A X */
      RNNI_TRY(product(ctx, "NT", m, n, k, b, z, spare, da));
      turn(n, k, x, spare);
      RNNI_TRY(rnni_own_product(ctx, m, n, k, db, k, 1, spare, n, da, n));
    }
  } else {
    RNNI_TRY(product(ctx, "NN", m, k, n, a, g, NULL, z));
    RNNI_TRY(rnni_own_triangle_solve(ctx, lower, m, k, z, k));
    RNNI_TRY(rnni_own_triangle_solve(ctx, upper, m, k, z, k));
    memcpy(db, z, (size_t)(m * k) * sizeof *z);
    if (c->wants[0]) {
      RNNI_TRY(rnni_own_triangle_solve(ctx, lower, m, k, b, k));
      RNNI_TRY(rnni_own_triangle_solve(ctx, upper, m, k, b, k)); /* Y */
      for (int64_t i = 0; i < m * k; i++) z[i] = -z[i];
      RNNI_TRY(rnni_own_product(ctx, n, k, m, a, 1, n, z, k, g, k)); /* G - A'Z */
      RNNI_TRY(product(ctx, "NT", m, n, k, b, g, spare, da));
      turn(n, k, x, spare);
      RNNI_TRY(rnni_own_product(ctx, m, n, k, z, k, 1, spare, n, da, n));
    }
  }
  if (c->wants[0]) add(c->din[0], pa, m * n, da);
  if (c->wants[1]) add(c->din[1], pb, m * k, db);
  return RNN_OK;
}
static rnn_status lstsq_backward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t m = rows_of(c->in[0]), n = columns_of(c->in[0]), k = width_of(c->in[1]);
  const int64_t few = RNNI_MIN(m, n), side = RNNI_MAX(m, n) * k;
  if (c->args.i[1])
    return rnni_fail(ctx, RNN_EARG, "backward of linalg.lstsq: matrix %lld has rank %lld, not full rank %lld: there is no "
                     "gradient", (long long)c->args.i[1], (long long)c->args.i[2], (long long)few);
  if (m == 0) return RNN_OK;
  return EACH(lstsq_one_backward, solutions_of(c->out[0], n, k), 0, m * n, m * n, m * n, few * few, n * k, n * k, m * k,
              side, m * k, side);
}
const rnn_op rnni_op_lstsq = {.name = "linalg.lstsq", .args = "TT", .doc = "(a, b). See rnn.linalg.lstsq.",
                              .shape = lstsq_shape, .forward = lstsq_forward, .backward = lstsq_backward,
                              .saves = RNNI_SAVE_INPUTS | RNNI_SAVE_OUT, .lengths = RNNI_LENGTHS_REFUSE, .outputs = two};
