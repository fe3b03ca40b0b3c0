/* print.c: tensors as text, after NumPy: a line with shape and type, then rows; long axes are cut in the middle, and a
 * row that is too long for a line goes on in the next. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../binding.h"

#define EDGE 3       /* elements kept at each end of a cut axis */
#define COLUMNS 80     /* of a line, by default */
#define THRESHOLD 1000 /* elements up to which nothing is cut */

typedef struct printer {
  lua_State *L;
  luaL_Buffer b;
  rnn_tensor *t;
  bool cut;
  int width;
  int columns;  /* of a line */
  int64_t head; /* elements before the gap of a row that does not fit into a line; 0: such rows go on in the next */
  int64_t tail;
  bool exponents; /* numbers too unlike for fixed digits */
} printer;

static int format(const printer *p, int64_t at, char *out, size_t size) {
  if (rnn_tensor_type(p->t) == RNN_INT) return snprintf(out, size, "%d", rnn_tensor_ints(p->t)[at]);
  double v = (double)rnn_tensor_floats(p->t)[at];
  if (!isfinite(v)) return snprintf(out, size, "%s", isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
  return snprintf(out, size, p->exponents ? "%.4e" : "%.4f", v);
}

/* Is element i of an axis of n shown? */
static int shown(const printer *p, int64_t n, int64_t i) {
  return !p->cut || n <= 2 * EDGE || i < EDGE || i >= n - EDGE;
}

static void survey(printer *p, int level, int64_t at, double *low, double *high) {
  rnn_tensor *t = p->t;
  if (level == rnn_tensor_ndim(t)) {
    if (rnn_tensor_type(t) != RNN_FLOAT) return;
    double v = fabs((double)rnn_tensor_floats(t)[at]);
    if (!isfinite(v)) return;
    if (v > *high) *high = v;
    if (v != 0 && v < *low) *low = v;
    return;
  }
  int64_t n = rnn_tensor_dims(t)[level];
  for (int64_t i = 0; i < n; i++)
    if (shown(p, n, i)) survey(p, level + 1, at * n + i, low, high);
}

static void measure(printer *p, int level, int64_t at) {
  rnn_tensor *t = p->t;
  if (level == rnn_tensor_ndim(t)) {
    char text[64];
    int n = format(p, at, text, sizeof text);
    if (n > p->width) p->width = n;
    return;
  }
  int64_t n = rnn_tensor_dims(t)[level];
  for (int64_t i = 0; i < n; i++)
    if (shown(p, n, i)) measure(p, level + 1, at * n + i);
}

static void add_row(printer *p, int64_t at, int64_t n) {
  luaL_addstring(&p->b, "\n ");
  int column = 1;
  int64_t head = p->head && p->head + p->tail < n ? p->head : p->cut && n > 2 * EDGE ? EDGE : n;
  int64_t tail = head == n ? 0 : p->head && p->head + p->tail < n ? p->tail : EDGE;
  for (int64_t i = 0; i < n; i++) {
    if (i == head) {
      luaL_addstring(&p->b, " ...");
      column += 4;
      i = n - tail;
      if (i == n) break;
    }
    column += p->width + 1;
    if (column > p->columns && i > 0) { /* indented where other rows follow */
      luaL_addstring(&p->b, rnn_tensor_ndim(p->t) > 1 ? "\n   " : "\n ");
      column = p->width + (rnn_tensor_ndim(p->t) > 1 ? 4 : 2);
    }
    char text[64];
    int length = format(p, at + i, text, sizeof text);
    for (int k = length; k < p->width + 1; k++) luaL_addchar(&p->b, ' ');
    luaL_addstring(&p->b, text);
  }
}

/* Matrices one below the other, each headed by its place when there are several. */
static void add_level(printer *p, int level, int64_t at, const char *place) {
  rnn_tensor *t = p->t;
  int left = rnn_tensor_ndim(t) - level;
  int64_t n = rnn_tensor_dims(t)[level];
  if (left == 1) {
    add_row(p, at * n, n);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    if (!shown(p, n, i)) {
      luaL_addstring(&p->b, "\n  ...");
      i = n - EDGE - 1;
      continue;
    }
    char inner[160]; /* 5 places of at most 19 digits */
    if (snprintf(inner, sizeof inner, "%s%s%lld", place, *place ? ", " : "", (long long)i + 1) < 0) return;
    if (left == 3) {
      luaL_addstring(&p->b, "\n[");
      luaL_addstring(&p->b, inner);
      luaL_addstring(&p->b, "]");
    }
    add_level(p, level + 1, at * n + i, inner);
  }
}

/* Rows of matrices are cut in their middle when fitted, else they go on in the next line. */
static int print(lua_State *L, rnn_tensor *t, int columns, bool fitted) {
  rnn_tensor **rows = lrnn_box(L);
  lrnn_check(L, rnn_tensor_contiguous(lrnn_context(L), t, rows));
  printer p = {.L = L, .t = *rows, .columns = columns, .cut = rnn_tensor_count(t) > THRESHOLD};
  luaL_buffinit(L, &p.b);
  char text[64];
  int ndim = rnn_tensor_ndim(t);
  const char *times = lrnn_unicode(1) ? "×" : "x";
  for (int i = 0; i < ndim; i++) {
    snprintf(text, sizeof text, "%s%lld", i ? times : "", (long long)rnn_tensor_dims(t)[i]);
    luaL_addstring(&p.b, text);
  }
  luaL_addstring(&p.b, ndim ? " " : "scalar ");
  luaL_addstring(&p.b, rnn_tensor_type(t) == RNN_FLOAT ? RNN_PRECISION : "int32");
  if (rnn_tensor_requires_grad(t)) luaL_addstring(&p.b, " grad");
  if (rnn_tensor_lengths(t)) luaL_addstring(&p.b, " lengths");
  if (rnn_tensor_count(t) > 0) {
    double low = INFINITY, high = 0;
    survey(&p, 0, 0, &low, &high);
    p.exponents = high >= 1e8 || (high > 0 && high < 1e-3) || (low < 1e-4 && high / low > 1e8);
    measure(&p, 0, 0);
    int64_t room = (columns - 1) / (p.width + 1), n = ndim > 0 ? rnn_tensor_dims(p.t)[ndim - 1] : 0;
    if (p.cut && n > 2 * EDGE) n = 2 * EDGE;
    if (fitted && ndim > 1 && n > room) { /* " ..." takes four columns */
      room = (columns - 5) / (p.width + 1);
      p.head = room > 1 ? (room + 1) / 2 : 1;
      p.tail = room / 2;
    }
    if (ndim == 0) add_row(&p, 0, 1);
    else add_level(&p, 0, 0, "");
  }
  luaL_pushresult(&p.b);
  return 1;
}

int lrnn_print_tensor(lua_State *L) {
  rnn_tensor *t = lrnn_test_tensor(L, 1);
  if (t) return print(L, t, COLUMNS, false);
  lua_pushliteral(L, "rnn.Tensor (empty)");
  return 1;
}

/*--- rnn.tensor_text(x, columns) -> string
---
--- A tensor as text in lines of at most so many columns: rows of matrices that are longer are cut in their middle.
---@param x rnn.Tensor of any shape
---@param columns integer at least 20
---@return string */
static int lrnn_tensor_text(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "tensor_text", 1);
  lua_Integer columns = lrnn_check_integer(L, "tensor_text", 2, "columns");
  if (columns < 20 || columns > 100000) lrnn_argument_error(L, "tensor_text", 2, "columns", "20 to 100000 columns");
  return print(L, t, (int)columns, true);
}

const lrnn_function lrnn_print_functions[] = {{"tensor_text", lrnn_tensor_text, 2}, {NULL, NULL, 0}};
