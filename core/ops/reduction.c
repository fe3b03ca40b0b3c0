/* reduction.c: reduces lines to one value each, with vectors and threads.
 *
 * The order in which elements meet depends on the shape alone, not on the instruction set or the number of threads. Lines
 * beside each other are columns, cut into strips; few of them, and int32, are cut into rows of up to LANES elements, which
 * makes more columns. Long lines are cut into pieces, whose results meet in their order (kernels.h: fold, extreme,
 * fold_lines, extreme_lines). Sums and products are carried in double, those of int32 in 64 bits. */
#include "reduction.h"

#define LANES 64                 /* at most, side by side in a line */
#define FEW_LANES 16             /* for extremes, whose order says nothing: as many as a vector has */
#define STRIP 512                /* columns */
#define PIECE ((int64_t)1 << 16) /* elements */

/* Of the columns of a strip: a sum, or an extreme and the row where it lies. */
typedef struct rnni_state {
  union {
    double sum[STRIP];
    int64_t whole[STRIP];
    real top[STRIP];
  };
  rnni_row row[STRIP];
} state;

static bool folds(const rnni_reduction *r) { return r->sums || r->ints; }

/* ---- int32 ---- */

static int64_t times(int64_t a, int64_t b) {
  int64_t y;
  if (a == 0 || b == 0) return 0;
  return a == INT64_MAX || b == INT64_MAX || __builtin_mul_overflow(a, b, &y) ? INT64_MAX : y;
}

static void take_ints(const rnni_reduction *r, int64_t rows, int64_t n, const int32_t *x, int64_t ld, int64_t first,
                      state *s) {
  int64_t start = !folds(r) ? (r->smallest ? INT64_MAX : INT64_MIN) : r->how == RNNI_PRODUCT;
  for (int64_t i = 0; i < n; i++) s->whole[i] = start;
  for (int64_t i = 0; i < n && r->place; i++) s->row[i] = -1;
  for (int64_t k = 0; k < rows; k++, x += ld)
    if (folds(r) && r->how == RNNI_PRODUCT)
      for (int64_t i = 0; i < n; i++) s->whole[i] = times(s->whole[i], x[i]);
    else if (folds(r))
      for (int64_t i = 0; i < n; i++) s->whole[i] += x[i];
    else
      for (int64_t i = 0; i < n; i++)
        if (r->smallest ? x[i] < s->whole[i] : x[i] > s->whole[i]) {
          s->whole[i] = x[i];
          if (r->place) s->row[i] = (rnni_row)(first + k);
        }
}

static void merge_ints(const rnni_reduction *r, int64_t n, state *a, const state *b, int64_t at) {
  for (int64_t i = 0; i < n; i++) {
    int64_t *u = &a->whole[i], v = b->whole[at + i];
    if (folds(r)) {
      *u = r->how == RNNI_PRODUCT ? times(*u, v) : *u + v;
    } else if ((r->smallest ? v < *u : v > *u) || (r->place && v == *u && b->row[at + i] < a->row[i])) {
      *u = v;
      if (r->place) a->row[i] = b->row[at + i];
    }
  }
}

/* ---- states of n columns ---- */

/* Does v, in row j, come before u in row i? NaN before all, the first of equals, and row -1 is none. */
static bool precedes(bool smallest, real v, rnni_row j, real u, rnni_row i) {
  if (i < 0 || j < 0) return j >= 0;
  if ((smallest ? v < u : v > u) || (v != v && u == u)) return true;
  return (v == u || (v != v && u != u)) && j < i;
}

/* One line of n elements. */
static void take_line(const rnni_reduction *r, int64_t n, const real *x, int64_t first, const double *shift, state *s) {
  if (folds(r)) rnni_kernel->fold_lines(r->how, 1, n, x, n, shift, s->sum);
  else rnni_kernel->extreme_lines(r->smallest, 1, n, x, n, (rnni_row)first, s->top, r->place ? s->row : NULL);
}

/* Adds what map makes of the rows, or compares it; of extremes no places. */
static void take_mapped(const rnni_reduction *r, int64_t rows, int64_t n, const real *x, int64_t ld,
                        const double *shift, state *s) {
  real y[RNNI_PIECE], top[STRIP];
  int64_t most = RNNI_PIECE / n, count;
  for (; rows > 0; rows -= count, x += count * ld) {
    count = RNNI_MIN(rows, most);
    r->map(r, count, n, x, ld, shift, false, y);
    if (folds(r)) {
      rnni_kernel->fold(r->how, count, n, y, n, NULL, s->sum);
      continue;
    }
    rnni_kernel->extreme(r->smallest, count, n, y, n, 0, top, NULL);
    for (int64_t i = 0; i < n; i++)
      if (precedes(r->smallest, top[i], 0, s->top[i], 0)) s->top[i] = top[i];
  }
}

static void take(const rnni_reduction *r, int64_t rows, int64_t n, const void *x, int64_t ld, int64_t first,
                 const double *shift, state *s) {
  if (r->type == RNN_INT) {
    take_ints(r, rows, n, x, ld, first, s);
  } else if (n == 1 && ld == 1 && rows > 0 && !r->map) {
    take_line(r, rows, x, first, shift, s);
  } else if (folds(r)) {
    for (int64_t i = 0; i < n; i++) s->sum[i] = r->how == RNNI_PRODUCT;
    if (r->map) take_mapped(r, rows, n, x, ld, shift, s);
    else rnni_kernel->fold(r->how, rows, n, x, ld, shift, s->sum);
  } else if (rows > 0 && !r->map) {
    rnni_kernel->extreme(r->smallest, rows, n, x, ld, (rnni_row)first, s->top, r->place ? s->row : NULL);
  } else {
    for (int64_t i = 0; i < n; i++) s->top[i] = (real)(r->smallest ? INFINITY : -INFINITY);
    for (int64_t i = 0; i < n && r->place; i++) s->row[i] = -1;
    if (r->map) take_mapped(r, rows, n, x, ld, shift, s);
  }
}

/* n columns of a take in those of b from at on. */
static void merge(const rnni_reduction *r, int64_t n, state *a, const state *b, int64_t at) {
  if (r->type == RNN_INT) {
    merge_ints(r, n, a, b, at);
  } else if (folds(r) && r->how == RNNI_PRODUCT) {
    for (int64_t i = 0; i < n; i++) a->sum[i] *= b->sum[at + i];
  } else if (folds(r)) {
    for (int64_t i = 0; i < n; i++) a->sum[i] += b->sum[at + i];
  } else if (r->place) {
    for (int64_t i = 0; i < n; i++)
      if (precedes(r->smallest, b->top[at + i], b->row[at + i], a->top[i], a->row[i])) {
        a->top[i] = b->top[at + i];
        a->row[i] = b->row[at + i];
      }
  } else {
    for (int64_t i = 0; i < n; i++)
      if (precedes(r->smallest, b->top[at + i], 0, a->top[i], 0)) a->top[i] = b->top[at + i];
  }
}

/* ---- a strip of a line ---- */

typedef struct strip {
  int64_t line, count;     /* its first line, and how many it has */
  int64_t width, ld, rows; /* of the rows of all lanes */
  int64_t rest;            /* elements in a last row that is not full */
  const char *x;
  double shifts[STRIP];
  const double *shift; /* of every column of every lane */
} strip;

static void strip_of(const rnni_reduction *r, int64_t item, strip *s) {
  const rnni_lines *l = r->l;
  int64_t o = item / r->strips, column = item % r->strips * STRIP, n = rnni_line_valid(l, o);
  s->line = o * l->inner + column;
  s->count = RNNI_MIN(STRIP, l->inner - column);
  s->width = s->count * r->lanes;
  s->ld = l->inner * r->lanes;
  s->rows = n / r->lanes;
  s->rest = n % r->lanes * s->count;
  s->x = (const char *)l->x + (size_t)(o * l->length * l->inner + column) * rnni_type_size(r->type);
  s->shift = r->shift ? s->shifts : NULL;
  for (int64_t i = 0; i < s->width && s->shift; i++) s->shifts[i] = r->shift[s->line + i % s->count];
}

static const void *row_at(const rnni_reduction *r, const strip *s, int64_t row) {
  return s->x + (size_t)(row * s->ld) * rnni_type_size(r->type);
}

static void take_piece(const rnni_reduction *r, const strip *s, int64_t piece, state *to) {
  int64_t from = piece * r->piece_rows, rows = RNNI_MAX(RNNI_MIN(r->piece_rows, s->rows - from), 0);
  take(r, rows, s->width, row_at(r, s, from), s->ld, from, s->shift, to);
}

static void put(const rnni_reduction *r, const strip *s, const state *from) {
  size_t n = (size_t)s->count;
  if (r->sums) memcpy(r->sums + s->line, from->sum, n * sizeof *from->sum);
  if (r->ints) memcpy(r->ints + s->line, from->whole, n * sizeof *from->whole);
  real *top = r->type == RNN_FLOAT && r->top ? (real *)r->top + s->line : NULL;
  int32_t *whole = r->type == RNN_INT && r->top ? (int32_t *)r->top + s->line : NULL;
  for (size_t i = 0; top && i < n; i++) top[i] = from->top[i] + 0; /* not -0 */
  for (size_t i = 0; whole && i < n; i++) whole[i] = (int32_t)from->whole[i];
  for (size_t i = 0; r->place && i < n; i++) r->place[s->line + (int64_t)i] = from->row[i];
}

static void finish_strip(const rnni_reduction *r, int64_t item) {
  state own, other, *all = &own;
  strip s;
  strip_of(r, item, &s);
  if (r->parts) all = &r->parts[item * r->pieces];
  else take_piece(r, &s, 0, all);
  for (int64_t p = 1; p * r->piece_rows < s.rows; p++) {
    if (rnni_interrupted(r->ctx)) return;
    if (!r->parts) take_piece(r, &s, p, &other);
    merge(r, s.width, all, r->parts ? &r->parts[item * r->pieces + p] : &other, 0);
  }
  if (s.rest > 0) {
    take(r, 1, s.rest, row_at(r, &s, s.rows), s.ld, s.rows, s.shift, &other);
    merge(r, s.rest, all, &other, 0);
  }
  if (r->place && r->lanes > 1) /* from the rows of lanes to the elements of a line */
    for (int64_t i = 0; i < s.width; i++)
      if (all->row[i] >= 0) all->row[i] = (rnni_row)(all->row[i] * r->lanes + i / s.count);
  for (int64_t lanes = r->lanes / 2; lanes > 0; lanes /= 2) merge(r, lanes * s.count, all, all, lanes * s.count);
  put(r, &s, all);
}

/* ---- all of them ---- */

/* Whole lines from o on. */
static void take_lines(const rnni_reduction *r, int64_t o, int64_t lines) {
  const rnni_lines *l = r->l;
  const real *x = (const real *)l->x + o * l->length;
  const double *shift = r->shift ? r->shift + o : NULL;
  int64_t n = rnni_line_valid(l, o);
  real mapped[RNNI_PIECE], top[STRIP];
  rnni_row row[STRIP];
  if (r->map) {
    r->map(r, lines, n, x, l->length, shift, true, mapped);
    x = mapped;
    shift = NULL;
  }
  if (folds(r)) {
    rnni_kernel->fold_lines(r->how, lines, n, x, l->length, shift, r->sums + o);
    return;
  }
  rnni_kernel->extreme_lines(r->smallest, lines, n, x, l->length, 0, r->top ? (real *)r->top + o : top,
                             r->place ? row : NULL);
  for (int64_t i = 0; i < lines && r->place; i++) r->place[o + i] = row[i];
}

/* Many short lines, a few of which go together: they have no time for strips. */
static void lines_task(void *arg, int task) {
  const rnni_reduction *r = arg;
  int64_t end = rnni_cut(r->l->outer, 1, task + 1, r->tasks), next;
  int64_t most = RNNI_MAX(RNNI_MIN(RNNI_PIECE / r->l->length, STRIP), 1);
  for (int64_t o = rnni_cut(r->l->outer, 1, task, r->tasks); o < end && !rnni_interrupted(r->ctx); o = next) {
    next = r->l->lengths ? o + 1 : RNNI_MIN(end, o + most);
    take_lines(r, o, next - o);
  }
}

static void strips_task(void *arg, int task) {
  const rnni_reduction *r = arg;
  int64_t items = r->l->outer * r->strips, end = rnni_cut(items, 1, task + 1, r->tasks);
  for (int64_t i = rnni_cut(items, 1, task, r->tasks); i < end && !rnni_interrupted(r->ctx); i++) finish_strip(r, i);
}

static void pieces_task(void *arg, int task) {
  const rnni_reduction *r = arg;
  int64_t all = r->l->outer * r->strips * r->pieces, end = rnni_cut(all, 1, task + 1, r->tasks);
  strip s;
  for (int64_t i = rnni_cut(all, 1, task, r->tasks); i < end && !rnni_interrupted(r->ctx); i++) {
    strip_of(r, i / r->pieces, &s);
    take_piece(r, &s, i % r->pieces, &r->parts[i]);
  }
}

rnn_status rnni_reduce(rnni_reduction *r) {
  const rnni_lines *l = r->l;
  int64_t elements = l->outer * l->length * l->inner;
  rnn_status status = RNN_OK;
  if (r->place && l->length > INT32_MAX)
    return rnni_fail(r->ctx, RNN_EARG, "places in lines of at most %d elements, got %lld", INT32_MAX,
                     (long long)l->length);
  bool single = l->inner == 1 && r->type == RNN_FLOAT;
  bool whole = single && l->length > 0 && l->length <= (r->map ? RNNI_PIECE : PIECE) && (folds(r) || !l->lengths);
  r->lanes = 1;
  if (whole && elements <= RNNI_PIECE) {
    r->tasks = 1;
    lines_task(r, 0);
    return rnni_poll(r->ctx);
  }
  int64_t most = folds(r) ? LANES : FEW_LANES;
  while (!whole && !(single && !r->map) && r->lanes * 2 * l->inner <= most && r->lanes * 2 <= l->length) r->lanes *= 2;
  r->strips = (l->inner + STRIP - 1) / STRIP;
  r->piece_rows = PIECE / RNNI_MAX(RNNI_MIN(STRIP, l->inner) * r->lanes, 1);
  r->pieces = RNNI_MAX((l->length / r->lanes + r->piece_rows - 1) / r->piece_rows, 1);
  int64_t items = l->outer * r->strips;
  int threads = rnni_threads_for_elements(r->ctx, (double)elements * (r->map ? 3 : 1) + RNNI_ROW * (double)items);
  if (threads > 1 && items < 8 * threads && r->pieces > 1) {
    RNNI_TRY(rnni_array(r->ctx, items * r->pieces, sizeof *r->parts, &r->parts));
    r->tasks = threads;
    rnni_parallel(r->ctx, threads, pieces_task, r);
    RNNI_GOTO(rnni_poll(r->ctx));
  }
  r->tasks = RNNI_MIN(items, threads);
  rnni_parallel(r->ctx, (int)r->tasks, whole ? lines_task : strips_task, r);
  status = rnni_poll(r->ctx);
done:
  rnni_free(r->ctx, r->parts);
  return status;
}
