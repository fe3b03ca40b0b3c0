/* run.c: runs the instructions of a program over all time steps, forwards or back, on several threads.
 *
 * Instructions that go element by element are run in pieces of RNNI_TILE elements, one after the other on the same piece,
 * so that what passes from one to the next stays in the first cache. A value that only such a run uses is one register of
 * that size; others have a row for each sample, or for each sample and step when the way back needs them. Where no
 * instruction needs whole rows, the loops are turned around: all steps of one piece, then the next piece. */
#include <math.h>

#include "scan.h"

/* Rows [r0, r1), columns [c0, c1) of values of one width: whole rows, or a part of one. */
typedef struct piece {
  int64_t r0, r1, c0, c1;
} piece;

static bool padding(const rnni_loop *j, int64_t n, int64_t t) { return j->lengths && t >= j->lengths[n]; }

/* Of the two blocks of a state's gradient that take turns, the one that arrives at step s in order, or leaves it. */
static real *turn(const rnni_loop *j, int k, int64_t t, bool leaving) {
  int64_t s = j->reverse ? t : j->T - 1 - t;
  return j->state[k].gradients + ((s + leaving) % 2) * j->N * j->p->state_widths[k];
}
static real *aside(const rnni_loop *j, int k) { return j->state[k].gradients + 2 * j->N * j->p->state_widths[k]; }

/* Where the elements of a value begin at step t, for a piece of it. */
static real *locate(const rnni_loop *j, int id, int64_t t, const piece *q, real *registers) {
  const rnn_value *v = &j->p->values[id];
  int64_t column = q->c0;
  if (v->kind == RNN_PART) {
    column += v->from;
    id = v->index;
    v = &j->p->values[id];
  }
  if (v->kind == RNN_MATRIX) return NULL; /* its panels are all there is */
  if (v->kind == RNN_CONSTANT && v->form != RNN_SAMPLES) return j->at[id].base + column;
  if (v->kind == RNN_D_AFTER || v->kind == RNN_D_BEFORE)
    return turn(j, v->index, t, v->kind == RNN_D_BEFORE) + q->r0 * v->width + column;
  if (!j->at[id].base) return registers + j->code->homes[id] * RNNI_TILE;
  return j->at[id].base + t * j->at[id].step + q->r0 * v->width + column;
}

/* ---- element by element ---- */

static void add_to_sums(const rnni_loop *j, const rnni_instruction *i, int64_t t, const piece *q, real *registers) {
  const rnn_value *v = &j->p->values[i->in[0]];
  const real *a = locate(j, i->in[0], t, q, registers), *b = i->inputs > 1 ? locate(j, i->in[1], t, q, registers) : NULL;
  real *to = j->at[i->to].sums + q->r0 * v->width + q->c0;
  int64_t columns = q->c1 - q->c0, pa = rnni_pitch(j, i->in[0]), pb = b ? rnni_pitch(j, i->in[1]) : 0;
  bool at_once = !j->lengths && !i->parts; /* then all rows lie together */
  int64_t rows = at_once ? 1 : q->r1 - q->r0, n = at_once ? (q->r1 - q->r0) * columns : columns;
  for (int64_t r = 0; r < rows; r++, to += v->width) {
    if (padding(j, q->r0 + r, t)) continue;
    if (b) rnni_kernel->multiply_add(n, a + r * pa, b + r * pb, to, to);
    else rnni_kernel->add(n, a + r * pa, to);
  }
}

static void run_elements(const rnni_instruction *i, int64_t n, const real *a, const real *b, const real *c, real *to) {
  switch (i->kind) {
    case RNNI_DO_PAIR: rnni_kernel->elements->real[i->pair](n, a, 1, b, 1, to); break;
    case RNNI_DO_WHERE: rnni_kernel->elements->where[RNN_FLOAT](n, a, b, c, to); break;
    case RNNI_DO_FMA: rnni_kernel->multiply_add(n, a, b, c, to); break;
    case RNNI_DO_COPY: memcpy(to, a, (size_t)n * sizeof *to); break;
    case RNNI_DO_VALUE: i->op->value(n, a, to, i->numbers); break;
    case RNNI_DO_SLOPE:
      memset(to, 0, (size_t)n * sizeof *to);
      i->op->slope(n, a, b, c, to, i->numbers);
      break;
    default: break;
  }
}

static void run_piece(const rnni_loop *j, const rnni_run *run, int64_t t, const piece *q, real *registers) {
  int64_t rows = q->r1 - q->r0, columns = q->c1 - q->c0;
  for (int k = run->from; k < run->to; k++) {
    const rnni_instruction *i = &j->code->list[k];
    if (i->kind == RNNI_DO_ACCUMULATE) {
      add_to_sums(j, i, t, q, registers);
      continue;
    }
    const real *a = locate(j, i->in[0], t, q, registers);
    const real *b = i->inputs > 1 ? locate(j, i->in[1], t, q, registers) : NULL;
    const real *c = i->inputs > 2 ? locate(j, i->in[2], t, q, registers) : NULL;
    real *to = locate(j, i->to, t, q, registers);
    if (!i->parts || rows == 1) {
      run_elements(i, rows * columns, a, b, c, to);
      continue;
    }
    int64_t pa = rnni_pitch(j, i->in[0]), pb = b ? rnni_pitch(j, i->in[1]) : 0, pc = c ? rnni_pitch(j, i->in[2]) : 0, pt = rnni_pitch(j, i->to);
    for (int64_t r = 0; r < rows; r++)
      run_elements(i, columns, a + r * pa, b ? b + r * pb : NULL, c ? c + r * pc : NULL, to + r * pt);
  }
}

/* ---- whole rows ---- */

static void softmax_row(int64_t n, const real *x, real *y) {
  real top = (real)-INFINITY;
  double sum = 0;
  for (int64_t k = 0; k < n; k++)
    if (x[k] > top) top = x[k];
  for (int64_t k = 0; k < n; k++) y[k] = x[k] - top;
  rnni_kernel->exp(n, y, y);
  for (int64_t k = 0; k < n; k++) sum += (double)y[k];
  real scale = (real)(1 / sum);
  for (int64_t k = 0; k < n; k++) y[k] = y[k] * scale;
}

/* d y of the softmax y and the gradient d: y (d - sum of y d) */
static void softmax_back(int64_t n, const real *y, const real *d, real *dx) {
  double dot = 0;
  for (int64_t k = 0; k < n; k++) dot += (double)y[k] * (double)d[k];
  for (int64_t k = 0; k < n; k++) dx[k] = y[k] * (d[k] - (real)dot);
}

static void run_rows(const rnni_loop *j, const rnni_instruction *i, int64_t t, int64_t r0, int64_t r1) {
  const rnn_value *v = j->p->values;
  const piece q = {r0, r1, 0, 0};
  int64_t rows = r1 - r0, n = v[i->to].width, w = v[i->in[0]].width;
  const real *a = locate(j, i->in[0], t, &q, NULL);
  real *b = i->inputs > 1 ? locate(j, i->in[1], t, &q, NULL) : NULL;
  const real *c = i->inputs > 2 ? locate(j, i->in[2], t, &q, NULL) : NULL;
  real *to = locate(j, i->to, t, &q, NULL);
  int64_t pa = rnni_pitch(j, i->in[0]), pb = b ? rnni_pitch(j, i->in[1]) : 0, pc = c ? rnni_pitch(j, i->in[2]) : 0;
  int64_t pt = rnni_pitch(j, i->to);
  double sum;
  switch (i->kind) {
    case RNNI_DO_PRODUCT: { /* a W [+ what is there]; a bias, or a sum to go on from, is the third */
      bool on = i->add, bias = c && v[i->in[2]].kind == RNN_CONSTANT && v[i->in[2]].form == RNN_ROW;
      if (c && !bias)
        for (int64_t r = 0; r < rows; r++) memcpy(to + r * pt, c + r * pc, (size_t)n * sizeof *to);
      rnni_multiply(rows, n, w, a, pa, 1, j->at[i->in[1]].panels, bias ? c : NULL, to, pt, on || (c && !bias));
      break;
    }
    case RNNI_DO_DOT:
      for (int64_t r = 0; r < rows; r++) rnni_kernel->dots(n, w / n, a + r * pa, b + r * pb, c ? c + r * pc : NULL, to + r * pt);
      break;
    case RNNI_DO_MIX:
      for (int64_t r = 0; r < rows; r++) rnni_kernel->mix(w / n, n, a + r * pa, b + r * pb, to + r * pt);
      break;
    case RNNI_DO_OUTER:
      for (int64_t r = 0; r < rows; r++) rnni_kernel->outer(w, n / w, a + r * pa, b + r * pb, to + r * pt);
      break;
    case RNNI_DO_EXPAND: /* (rows, 1) to (rows, n) */
      for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < n; k++) to[r * pt + k] = a[r * pa];
      break;
    case RNNI_DO_ROW_SUM:
      for (int64_t r = 0; r < rows; r++) {
        rnni_kernel->fold_lines(RNNI_SUM, 1, w, a + r * pa, w, NULL, &sum);
        to[r * pt] = (real)(i->numbers[0] == 0 ? sum : sum / (double)w); /* the mean */
      }
      break;
    case RNNI_DO_ROW_MAX:
      for (int64_t r = 0; r < rows; r++)
        rnni_kernel->extreme_lines(i->numbers[0] != 0, 1, w, a + r * pa, w, 0, to + r * pt, NULL);
      break;
    case RNNI_DO_SOFTMAX:
      for (int64_t r = 0; r < rows; r++) softmax_row(n, a + r * pa, to + r * pt);
      break;
    case RNNI_DO_SOFTMAX_BACK:
      for (int64_t r = 0; r < rows; r++) softmax_back(n, a + r * pa, b + r * pb, to + r * pt);
      break;
    case RNNI_DO_NORM: /* (a - mean) b, b = 1 / the standard deviation; gain and bias are instructions of their own */
      rnni_kernel->norm_forward(rows, n, i->numbers[0], a, pa, to, b);
      break;
    case RNNI_DO_NORM_BACK: /* of its result a, b, and the gradient c */
      rnni_kernel->norm_backward(rows, n, c, pc, j->p->ones, a, b, to);
      break;
    default: break;
  }
}

/* ---- a step ---- */

static void copy_row(real *to, const real *from, int64_t n, int64_t width, const piece *q) {
  memcpy(to + n * width + q->c0, from + n * width + q->c0, (size_t)(q->c1 - q->c0) * sizeof *to);
}

/* The columns of a piece, or of whole rows all. */
static piece part_of_row(const piece *q, int64_t n, int64_t width) {
  return q->c1 ? (piece){n, n + 1, q->c0, q->c1} : (piece){n, n + 1, 0, width};
}

/* What is not finite there becomes 0: a gradient of 0 times that would be NaN. */
static void make_finite(const rnni_loop *j, int id, int64_t t, int64_t n, const piece *q) {
  piece row = part_of_row(q, n, j->p->values[id].width);
  real *x = locate(j, id, t, &row, NULL) - row.c0;
  for (int64_t k = row.c0; k < row.c1; k++)
    if (!isfinite(x[k])) x[k] = 0;
}

/* Where a sequence has ended, its states go on unchanged. */
static void carry(const rnni_loop *j, int64_t t, const piece *q) {
  for (int64_t n = q->r0; j->lengths && n < q->r1; n++) {
    if (!padding(j, n, t)) continue;
    for (int k = 0; k < j->p->states; k++) {
      int64_t w = j->p->state_widths[k];
      piece row = part_of_row(q, n, w);
      copy_row(j->state[k].all + rnni_place_after(j, t) * j->N * w, j->state[k].all + rnni_place_before(j, t) * j->N * w, n, w, &row);
    }
    for (int i = 0; i < j->p->count; i++)
      if (j->code->writes[i] && j->p->values[rnni_whole(j->p->values, i)].kind == RNN_SAVED) make_finite(j, i, t, n, q);
  }
}

/* Where the gradient of a result for sample n at step t lies. */
static const real *from_above(const rnni_loop *j, int k, int64_t n, int64_t t) {
  int64_t w = j->p->values[j->p->result[k].value].width;
  return j->above[k] + (j->p->result[k].batch ? n * j->T + t : t * j->N + n) * w;
}

/* Backwards: the gradients of results arrive, those of states after a step at these. None counts in padding. */
static void arrive(const rnni_loop *j, int64_t t, const piece *q) {
  for (int k = 0; k < j->p->results; k++) {
    const rnn_value *v = &j->p->values[j->p->result[k].value];
    bool state = v->kind == RNN_AFTER;
    int back = state ? -1 : j->p->back[k];
    if (state ? !j->above[k] : back < 0) continue;
    int64_t w = v->width, from = q->c1 ? q->c0 : 0, columns = q->c1 ? q->c1 - q->c0 : w;
    real *to = state ? turn(j, v->index, t, false) : j->at[back].base;
    for (int64_t n = q->r0; n < q->r1; n++) {
      bool none = !j->above[k] || padding(j, n, t);
      real *row = to + n * w + from;
      if (state && !none) rnni_kernel->add(columns, from_above(j, k, n, t) + from, row);
      if (state) continue;
      if (none) memset(row, 0, (size_t)columns * sizeof *row);
      else memcpy(row, from_above(j, k, n, t) + from, (size_t)columns * sizeof *row);
    }
  }
}

static void clear(const rnni_loop *j, int id, int64_t t, int64_t n, const piece *q) {
  piece row = part_of_row(q, n, j->p->values[id].width);
  memset(locate(j, id, t, &row, NULL), 0, (size_t)(row.c1 - row.c0) * sizeof(real));
}

/* Of padding nothing arrives at the step; what would have is put aside for the state before. */
static void put_aside(const rnni_loop *j, int64_t t, const piece *q) {
  for (int64_t n = q->r0; j->lengths && n < q->r1; n++) {
    if (!padding(j, n, t)) continue;
    for (int k = 0; k < j->p->states; k++) {
      int64_t w = j->p->state_widths[k];
      piece row = part_of_row(q, n, w);
      real *d = turn(j, k, t, false);
      copy_row(aside(j, k), d, n, w, &row);
      memset(d + n * w + row.c0, 0, (size_t)(row.c1 - row.c0) * sizeof *d);
    }
  }
}

/* And it has no part in any product or input. */
static void take_back(const rnni_loop *j, int64_t t, const piece *q) {
  for (int64_t n = q->r0; j->lengths && n < q->r1; n++) {
    if (!padding(j, n, t)) continue;
    for (int k = 0; k < j->p->states; k++) {
      piece row = part_of_row(q, n, j->p->state_widths[k]);
      copy_row(turn(j, k, t, true), aside(j, k), n, j->p->state_widths[k], &row);
    }
    for (int i = 0; i < j->p->count; i++) {
      rnn_value_kind k = j->p->values[rnni_whole(j->p->values, i)].kind;
      if (j->code->writes[i] && (k == RNN_D_STREAM || k == RNN_D_PRODUCT)) clear(j, i, t, n, q);
    }
  }
}

static void watch(const rnni_loop *j, int64_t t, const piece *q) {
  int64_t w = j->p->state_widths[0];
  for (int64_t n = q->r0; n < q->r1; n++) {
    if (padding(j, n, t)) continue;
    int flow = j->p->flow;
    const real *d = flow < 0 ? turn(j, 0, t, false) : j->at[flow].base + t * j->at[flow].step;
    double *f = rnni_watch_at(j->figures, j->N, t, n, d + n * w, w);
    for (int k = 0; k < j->p->watched; k++) {
      const rnn_watched_value *v = &j->p->watch[k];
      const struct place *at = &j->at[v->value];
      int64_t width = j->p->values[v->value].width;
      rnni_watch_count(f, v->gate, (rnn_activation)v->function, at->base + t * at->step + n * width, width);
    }
  }
}

/* All instructions at step t of a piece; of whole rows when its columns are 0 to 0. */
static void run_step(const rnni_loop *j, int64_t t, const piece *q, real *registers) {
  const rnni_code *code = j->code;
  if (j->backward) {
    arrive(j, t, q);
    put_aside(j, t, q);
    for (int k = 0; code->count == 0 && k < j->p->states; k++) /* of rows that are no padding nothing goes back */
      memset(turn(j, k, t, true) + q->r0 * j->p->state_widths[k], 0, (size_t)((q->r1 - q->r0) * j->p->state_widths[k]) * sizeof(real));
  }
  for (int k = 0; k < code->runs; k++) {
    const rnni_run *run = &code->run[k];
    if (run->width == 0) {
      run_rows(j, &code->list[run->from], t, q->r0, q->r1);
    } else if (q->c1) {
      run_piece(j, run, t, q, registers);
    } else {
      int64_t rows = rnni_rows_of_piece(run->width);
      for (int64_t r = q->r0; r < q->r1; r += rows)
        for (int64_t c = 0; c < run->width; c += RNNI_TILE)
          run_piece(j, run, t, &(piece){r, RNNI_MIN(r + rows, q->r1), c, RNNI_MIN(c + RNNI_TILE, run->width)}, registers);
    }
  }
  if (j->figures) watch(j, t, q);
  if (!j->backward) carry(j, t, q);
  else take_back(j, t, q);
}

static int64_t step_number(const rnni_loop *j, int64_t s) {
  bool last_first = j->reverse != j->backward;
  return last_first ? j->T - 1 - s : s;
}

static void run_steps(const rnni_loop *j, const piece *q, int task) {
  real *registers = j->registers + task * j->code->registers * RNNI_TILE;
  for (int64_t s = 0; s < j->T && !rnni_interrupted(j->ctx); s++) run_step(j, step_number(j, s), q, registers);
}

/* All steps of as many samples as take some milliseconds a step, so that an interrupt is seen, then of the next. */
static void run_slice(void *arg, int task) {
  const rnni_loop *j = arg;
  int64_t from = j->N * task / j->tasks, to = j->N * (task + 1) / j->tasks;
  int64_t rows = (int64_t)(3e8 / (j->code->work + 1e3 * j->code->count + 1)) + 1; /* short rows cost as long ones */
  for (int64_t r = from; r < to; r += rows) run_steps(j, &(piece){r, RNNI_MIN(r + rows, to), 0, 0}, task);
}

/* With the loops turned around: all steps of one piece after the other. */
static void run_turned(void *arg, int task) {
  const rnni_loop *j = arg;
  int64_t width = j->code->width, rows = rnni_rows_of_piece(width), across = (width + RNNI_TILE - 1) / RNNI_TILE;
  int64_t pieces = (j->N + rows - 1) / rows * across;
  for (int64_t k = pieces * task / j->tasks; k < pieces * (task + 1) / j->tasks; k++) {
    int64_t r = k / across * rows, c = k % across * RNNI_TILE;
    run_steps(j, &(piece){r, RNNI_MIN(r + rows, j->N), c, RNNI_MIN(c + RNNI_TILE, width)}, task);
  }
}

rnn_status rnni_run_loop(rnni_loop *j) {
  bool turned = j->code->width > 0 && !j->figures;
  double work = (double)j->T * (double)j->N * j->code->work;
  int64_t most = j->N;
  if (turned) {
    int64_t rows = rnni_rows_of_piece(j->code->width);
    most = (j->N + rows - 1) / rows * ((j->code->width + RNNI_TILE - 1) / RNNI_TILE);
  }
  j->tasks = (int)RNNI_MIN(rnni_threads_for(j->ctx, work), RNNI_MAX(most, 1));
  RNNI_TRY(rnni_array(j->ctx, (int64_t)j->tasks * j->code->registers * RNNI_TILE, sizeof(real), &j->registers));
  rnni_parallel(j->ctx, j->tasks, turned ? run_turned : run_slice, j);
  rnni_free(j->ctx, j->registers);
  return rnni_poll(j->ctx);
}
