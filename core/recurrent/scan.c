/* scan.c: the op "scan": a program that runs once a time step, forwards, and one that goes back through it. Programs are
 * what the plan of a cell (stdlib/rnn/nn/plan.lua) leaves in the loop: the rest of a step runs over all steps at once, by
 * ordinary ops. Everything is time-major: the rows of a step, one for each sample, lie together.
 *
 * Instructions that go element by element are run in pieces of TILE elements, one after the other on the same piece, so
 * that what passes from one to the next stays in the first cache. A value that only such a run uses is one register of
 * that size; others have a row for each sample, or for each sample and step when the way back needs them. Where no
 * instruction needs whole rows, the loops are turned around: all steps of one piece, then the next piece. */
#include <math.h>

#include "program.h"

#define TILE 512

typedef struct loop {
  rnn_ctx *ctx;
  const rnni_code *code;
  const rnn_program *p;
  int64_t N, T;
  bool reverse, backward;
  const int32_t *lengths;
  struct place {
    real *base;         /* of its rows at the first step in time; NULL: a register */
    ptrdiff_t step;     /* from there to the next step */
    rnni_panels panels; /* of a matrix */
    real *sums;         /* the gradient of a constant, (N, width) */
  } *at;                /* of each value */
  struct side {
    real *all;                  /* all places of the state, forwards */
    real *gradients;            /* backwards: three blocks (N, width), two that take turns and one of padding */
  } *state;
  const real **above; /* backwards: the gradient of each result, or NULL */
  double *figures;    /* of a watch */
  int tasks;
  real *registers; /* of each task, count * TILE */
} loop;

/* Rows [r0, r1), columns [c0, c1) of values of one width: whole rows, or a part of one. */
typedef struct piece {
  int64_t r0, r1, c0, c1;
} piece;

/* As many rows as fit; of a wide value, a part of one. */
static int64_t rows_of_piece(int64_t width) { return RNNI_MAX(1, TILE / width); }

static int64_t before(const loop *j, int64_t t) { return j->reverse ? t + 1 : t; }
static int64_t after(const loop *j, int64_t t) { return j->reverse ? t : t + 1; }
static bool padding(const loop *j, int64_t n, int64_t t) { return j->lengths && t >= j->lengths[n]; }

/* Of the two blocks of a state's gradient that take turns, the one that arrives at step s in order, or leaves it. */
static real *turn(const loop *j, int k, int64_t t, bool leaving) {
  int64_t s = j->reverse ? t : j->T - 1 - t;
  return j->state[k].gradients + ((s + leaving) % 2) * j->N * j->p->state_widths[k];
}
static real *aside(const loop *j, int k) { return j->state[k].gradients + 2 * j->N * j->p->state_widths[k]; }

/* Where the elements of a value begin at step t, for a piece of it. */
static real *locate(const loop *j, int id, int64_t t, const piece *q, real *registers) {
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
  if (!j->at[id].base) return registers + j->code->homes[id] * TILE;
  return j->at[id].base + t * j->at[id].step + q->r0 * v->width + column;
}

/* From a row of a value to the next, where whole rows are at hand. */
static int64_t pitch(const loop *j, int id) { return j->p->values[rnni_whole(j->p->values, id)].width; }

/* ---- element by element ---- */

static void add_to_sums(const loop *j, const rnni_instruction *i, int64_t t, const piece *q, real *registers) {
  const rnn_value *v = &j->p->values[i->in[0]];
  const real *a = locate(j, i->in[0], t, q, registers), *b = i->inputs > 1 ? locate(j, i->in[1], t, q, registers) : NULL;
  real *to = j->at[i->to].sums + q->r0 * v->width + q->c0;
  int64_t columns = q->c1 - q->c0, pa = pitch(j, i->in[0]), pb = b ? pitch(j, i->in[1]) : 0;
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

static void run_piece(const loop *j, const rnni_run *run, int64_t t, const piece *q, real *registers) {
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
    int64_t pa = pitch(j, i->in[0]), pb = b ? pitch(j, i->in[1]) : 0, pc = c ? pitch(j, i->in[2]) : 0, pt = pitch(j, i->to);
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

static void run_rows(const loop *j, const rnni_instruction *i, int64_t t, int64_t r0, int64_t r1) {
  const rnn_value *v = j->p->values;
  const piece q = {r0, r1, 0, 0};
  int64_t rows = r1 - r0, n = v[i->to].width, w = v[i->in[0]].width;
  const real *a = locate(j, i->in[0], t, &q, NULL);
  real *b = i->inputs > 1 ? locate(j, i->in[1], t, &q, NULL) : NULL;
  const real *c = i->inputs > 2 ? locate(j, i->in[2], t, &q, NULL) : NULL;
  real *to = locate(j, i->to, t, &q, NULL);
  int64_t pa = pitch(j, i->in[0]), pc = c ? pitch(j, i->in[2]) : 0, pt = pitch(j, i->to);
  double sum;
  switch (i->kind) {
    case RNNI_DO_PRODUCT: { /* a W [+ what is there]; a bias, or a sum to go on from, is the third */
      bool on = i->add, bias = c && v[i->in[2]].kind == RNN_CONSTANT && v[i->in[2]].form == RNN_ROW;
      if (c && !bias)
        for (int64_t r = 0; r < rows; r++) memcpy(to + r * pt, c + r * pc, (size_t)n * sizeof *to);
      rnni_multiply(rows, n, w, a, pa, 1, j->at[i->in[1]].panels, bias ? c : NULL, to, pt, on || (c && !bias));
      break;
    }
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
      for (int64_t r = 0; r < rows; r++) softmax_back(n, a + r * pa, b + r * pitch(j, i->in[1]), to + r * pt);
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
static void make_finite(const loop *j, int id, int64_t t, int64_t n, const piece *q) {
  piece row = part_of_row(q, n, j->p->values[id].width);
  real *x = locate(j, id, t, &row, NULL) - row.c0;
  for (int64_t k = row.c0; k < row.c1; k++)
    if (!isfinite(x[k])) x[k] = 0;
}

/* Where a sequence has ended, its states go on unchanged. */
static void carry(const loop *j, int64_t t, const piece *q) {
  for (int64_t n = q->r0; j->lengths && n < q->r1; n++) {
    if (!padding(j, n, t)) continue;
    for (int k = 0; k < j->p->states; k++) {
      int64_t w = j->p->state_widths[k];
      piece row = part_of_row(q, n, w);
      copy_row(j->state[k].all + after(j, t) * j->N * w, j->state[k].all + before(j, t) * j->N * w, n, w, &row);
    }
    for (int i = 0; i < j->p->count; i++)
      if (j->code->writes[i] && j->p->values[rnni_whole(j->p->values, i)].kind == RNN_SAVED) make_finite(j, i, t, n, q);
  }
}

/* Where the gradient of a result for sample n at step t lies. */
static const real *from_above(const loop *j, int k, int64_t n, int64_t t) {
  int64_t w = j->p->values[j->p->result[k].value].width;
  return j->above[k] + (j->p->result[k].batch ? n * j->T + t : t * j->N + n) * w;
}

/* Backwards: the gradients of results arrive, those of states after a step at these. None counts in padding. */
static void arrive(const loop *j, int64_t t, const piece *q) {
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

static void clear(const loop *j, int id, int64_t t, int64_t n, const piece *q) {
  piece row = part_of_row(q, n, j->p->values[id].width);
  memset(locate(j, id, t, &row, NULL), 0, (size_t)(row.c1 - row.c0) * sizeof(real));
}

/* Of padding nothing arrives at the step; what would have is put aside for the state before. */
static void put_aside(const loop *j, int64_t t, const piece *q) {
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
static void take_back(const loop *j, int64_t t, const piece *q) {
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

static void watch(const loop *j, int64_t t, const piece *q) {
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
static void run_step(const loop *j, int64_t t, const piece *q, real *registers) {
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
      int64_t rows = rows_of_piece(run->width);
      for (int64_t r = q->r0; r < q->r1; r += rows)
        for (int64_t c = 0; c < run->width; c += TILE)
          run_piece(j, run, t, &(piece){r, RNNI_MIN(r + rows, q->r1), c, RNNI_MIN(c + TILE, run->width)}, registers);
    }
  }
  if (j->figures) watch(j, t, q);
  if (!j->backward) carry(j, t, q);
  else take_back(j, t, q);
}

static int64_t step_number(const loop *j, int64_t s) {
  bool last_first = j->reverse != j->backward;
  return last_first ? j->T - 1 - s : s;
}

static void run_steps(const loop *j, const piece *q, int task) {
  real *registers = j->registers + task * j->code->registers * TILE;
  for (int64_t s = 0; s < j->T && !rnni_interrupted(j->ctx); s++) run_step(j, step_number(j, s), q, registers);
}

/* All steps of as many samples as take some milliseconds a step, so that an interrupt is seen, then of the next. */
static void run_slice(void *arg, int task) {
  const loop *j = arg;
  int64_t from = j->N * task / j->tasks, to = j->N * (task + 1) / j->tasks;
  int64_t rows = (int64_t)(3e8 / (j->code->work + 1e3 * j->code->count + 1)) + 1; /* short rows cost as long ones */
  for (int64_t r = from; r < to; r += rows) run_steps(j, &(piece){r, RNNI_MIN(r + rows, to), 0, 0}, task);
}

/* With the loops turned around: all steps of one piece after the other. */
static void run_turned(void *arg, int task) {
  const loop *j = arg;
  int64_t width = j->code->width, rows = rows_of_piece(width), across = (width + TILE - 1) / TILE;
  int64_t pieces = (j->N + rows - 1) / rows * across;
  for (int64_t k = pieces * task / j->tasks; k < pieces * (task + 1) / j->tasks; k++) {
    int64_t r = k / across * rows, c = k % across * TILE;
    run_steps(j, &(piece){r, RNNI_MIN(r + rows, j->N), c, RNNI_MIN(c + TILE, width)}, task);
  }
}

static rnn_status run_loop(loop *j) {
  bool turned = j->code->width > 0 && !j->figures;
  double work = (double)j->T * (double)j->N * j->code->work;
  int64_t most = j->N;
  if (turned) {
    int64_t rows = rows_of_piece(j->code->width);
    most = (j->N + rows - 1) / rows * ((j->code->width + TILE - 1) / TILE);
  }
  j->tasks = (int)RNNI_MIN(rnni_threads_for(j->ctx, work), RNNI_MAX(most, 1));
  RNNI_TRY(rnni_array(j->ctx, (int64_t)j->tasks * j->code->registers * TILE, sizeof(real), &j->registers));
  rnni_parallel(j->ctx, j->tasks, turned ? run_turned : run_slice, j);
  rnni_free(j->ctx, j->registers);
  return rnni_poll(j->ctx);
}

/* ---- memory ---- */

/* Constants that are numbers or rows are spread over as many rows as a piece has. */
static rnn_status spread(loop *j, int id, const rnn_tensor *x, real **block) {
  const rnn_value *v = &j->p->values[id];
  int64_t rows = rows_of_piece(v->width);
  real *to = *block;
  *block += rows * v->width;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t k = 0; k < v->width; k++) to[r * v->width + k] = rnni_f(x)[v->form == RNN_NUMBER ? 0 : k];
  j->at[id].base = to;
  return RNN_OK;
}

static int64_t spread_size(const rnn_program *p) {
  int64_t size = 0;
  for (int i = 0; i < p->count; i++)
    if (p->values[i].kind == RNN_CONSTANT && p->values[i].form != RNN_SAMPLES)
      size += rows_of_piece(p->values[i].width) * p->values[i].width;
  return size;
}

/* Inputs of the op: streams, constants and matrices, then first states. */
static rnn_tensor *input_of(const rnni_call *c, const rnn_program *p, const rnn_value *v) {
  return c->in[v->kind == RNN_BEFORE || v->kind == RNN_AFTER ? p->inputs + v->index : v->index];
}

static rnn_status begin(rnn_ctx *ctx, const rnni_call *c, bool backward, loop *j) {
  const rnn_program *p = c->args.program;
  *j = (loop){.ctx = ctx, .p = p, .code = backward ? &p->backward : &p->forward, .backward = backward,
              .T = c->args.i[0], .reverse = c->args.i[1], .N = c->in[p->inputs]->dims[0]};
  const rnn_tensor *lengths = c->in[p->inputs + p->states];
  j->lengths = lengths ? rnni_i(lengths) : NULL;
  size_t values = (size_t)p->count * sizeof *j->at, states = (size_t)p->states * sizeof *j->state;
  RNNI_TRY(rnni_calloc(ctx, values + states + (size_t)p->results * sizeof *j->above, &j->at));
  j->state = (struct side *)(j->at + p->count);
  j->above = (const real **)(j->state + p->states);
  return RNN_OK;
}

/* Values that lie in the op's inputs and outputs. states and saved: of forward. */
static rnn_status place_values(loop *j, const rnni_call *c, real *saved, real **block) {
  const rnn_program *p = j->p;
  for (int i = 0; i < p->count; i++) {
    const rnn_value *v = &p->values[i];
    int64_t step = j->N * v->width;
    j->at[i].step = step;
    switch (v->kind) {
      case RNN_STREAM: j->at[i].base = rnni_f(input_of(c, p, v)); break;
      case RNN_CONSTANT:
        if (v->form == RNN_SAMPLES) {
          j->at[i].base = rnni_f(input_of(c, p, v));
          j->at[i].step = 0;
        } else {
          RNNI_TRY(spread(j, i, input_of(c, p, v), block));
        }
        break;
      case RNN_BEFORE: j->at[i].base = j->state[v->index].all + before(j, 0) * step; break;
      case RNN_AFTER: j->at[i].base = j->state[v->index].all + after(j, 0) * step; break;
      case RNN_SAVED:
        j->at[i].base = saved;
        saved += j->T * step;
        break;
      default: break;
    }
  }
  return RNN_OK;
}

/* What products with a matrix are in; int8 has a scale for each row of the tensor, which x W' needs. */
static rnn_form form_of(const loop *j, const rnni_call *c, int id) {
  if (j->ctx->low != RNN_FORM_INT8) return j->ctx->low;
  bool int8 = j->code->packs[id] == RNNI_PLAIN && rnn_tensor_form(input_of(c, j->p, &j->p->values[id])) == RNN_FORM_INT8;
  return int8 ? RNN_FORM_INT8 : RNN_FORM_FLOAT;
}

/* Memory of the code's own: values that are neither in registers nor anywhere else. */
static int64_t own_size(const loop *j, const rnni_call *c) {
  int64_t size = 0;
  for (int i = 0; i < j->p->count; i++) {
    const rnn_value *v = &j->p->values[i];
    if (v->kind == RNN_D_PRODUCT && j->backward) size += j->T * j->N * v->width;
    if (v->kind == RNN_TEMPORARY && j->code->homes[i] == RNNI_ROWS) size += j->N * v->width;
    if (v->kind == RNN_MATRIX && j->code->packs[i]) {
      int64_t k = j->code->packs[i] == RNNI_TURNED ? v->rows : v->width, n = j->code->packs[i] == RNNI_TURNED ? v->width : v->rows;
      size += rnni_panels_size(form_of(j, c, i), k, n);
    }
  }
  return size;
}

static void place_own(loop *j, const rnni_call *c, real **block) {
  for (int i = 0; i < j->p->count; i++) {
    const rnn_value *v = &j->p->values[i];
    if (v->kind == RNN_MATRIX && j->code->packs[i]) {
      /* the tensor is (rows, width); x W' takes it as it is, and x W turned */
      bool turned = j->code->packs[i] == RNNI_TURNED;
      const real *w = rnni_f(input_of(c, j->p, v));
      rnn_form form = form_of(j, c, i);
      if (turned) j->at[i].panels = rnni_pack_into(j->ctx, form, block, v->rows, v->width, w, v->width, 1);
      else j->at[i].panels = rnni_pack_into(j->ctx, form, block, v->width, v->rows, w, 1, v->width);
    } else if (v->kind == RNN_D_PRODUCT && j->backward) {
      j->at[i].base = rnni_take(block, j->T * j->N * v->width);
    } else if (v->kind == RNN_TEMPORARY && j->code->homes[i] == RNNI_ROWS) {
      j->at[i].base = rnni_take(block, j->N * v->width);
      j->at[i].step = 0;
    }
  }
}

/* ---- the op ---- */

enum { KEPT };

static int scan_outputs(const rnn_args *args) { return args->program->states + args->program->results; }

static rnn_status wrong(rnn_ctx *ctx, int input, const rnn_tensor *t) {
  return rnni_fail(ctx, RNN_ESHAPE, "scan: tensor %d does not fit the program: %s", input + 1, t ? RNNI_SHAPE(t) : "nothing");
}

static rnn_status scan_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_program *p = c->args.program;
  int64_t T = c->args.i[0];
  if (c->nin != p->inputs + p->states + 1)
    return rnni_fail(ctx, RNN_EARG, "scan: expected %d tensors, got %d", p->inputs + p->states + 1, c->nin);
  if (T < 1) return rnni_fail(ctx, RNN_EARG, "scan: expected at least one step");
  const rnn_tensor *h = c->in[p->inputs], *lengths = c->in[p->inputs + p->states];
  int64_t N = h && h->ndim == 2 ? h->dims[0] : 0;
  double widths = 0; /* of everything that there is of a step */
  for (int i = 0; i < p->count; i++) widths += (double)p->values[i].width;
  if (((double)T + 1) * (double)N * widths > 1e15) return rnni_fail(ctx, RNN_ENOMEM, "scan: not enough memory for that many steps");
  for (int k = 0; k < p->states; k++) {
    const rnn_tensor *t = c->in[p->inputs + k];
    if (!t || t->type != RNN_FLOAT || t->ndim != 2 || t->dims[0] != N || t->dims[1] != p->state_widths[k])
      return wrong(ctx, p->inputs + k, t);
  }
  if (lengths && (lengths->type != RNN_INT || lengths->ndim != 1 || lengths->dims[0] != N))
    return wrong(ctx, p->inputs + p->states, lengths);
  for (int64_t n = 0; lengths && n < N; n++) {
    int32_t length = rnni_i(lengths)[n];
    if (length < 0 || length > T)
      return rnni_fail(ctx, RNN_EARG, "scan: length %d of sequence %lld is not within 0 to %lld", length, (long long)n + 1, (long long)T);
  }
  for (int i = 0; i < p->count; i++) {
    const rnn_value *v = &p->values[i];
    if (v->kind != RNN_STREAM && v->kind != RNN_CONSTANT && v->kind != RNN_MATRIX) continue;
    const rnn_tensor *t = c->in[v->index];
    int64_t rows = v->kind == RNN_STREAM ? T * N : v->kind == RNN_MATRIX ? v->rows : v->form == RNN_SAMPLES ? N : 1;
    int64_t count = rows * (v->kind == RNN_CONSTANT && v->form == RNN_NUMBER ? 1 : v->width);
    if (!t || t->type != RNN_FLOAT || t->count != count) return wrong(ctx, v->index, t);
  }
  c->out_ndim = -1;
  return RNN_OK;
}

/* Elements of what is kept for backward: saved values, and each state before and after every step. */
static int64_t kept_size(const rnn_program *p, int64_t N, int64_t T) {
  int64_t size = 0;
  for (int i = 0; i < p->count; i++)
    if (p->values[i].kind == RNN_SAVED) size += T * N * p->values[i].width;
  for (int k = 0; k < p->states; k++) size += (T + 1) * N * p->state_widths[k];
  return size;
}

/* The states lie first in what is kept; gives what is behind them. */
static real *place_states(loop *j, real *kept) {
  for (int k = 0; k < j->p->states; k++) {
    j->state[k].all = kept;
    kept += (j->T + 1) * j->N * j->p->state_widths[k];
  }
  return kept;
}

static rnn_status make_results(rnn_ctx *ctx, rnni_call *c, const loop *j) {
  const rnn_program *p = j->p;
  for (int k = 0; k < p->states; k++) {
    int64_t part = j->N * p->state_widths[k], last = j->reverse ? 0 : j->T;
    RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 2, (int64_t[]){j->N, p->state_widths[k]}, &c->out[k]));
    RNNI_TRY(rnni_copy(ctx, c->out[k]->data, j->state[k].all + last * part, (size_t)part * sizeof(real)));
  }
  for (int k = 0; k < p->results; k++) {
    int id = p->result[k].value;
    int64_t w = p->values[id].width, N = j->N, T = j->T;
    bool batch = p->result[k].batch;
    rnn_tensor **out = &c->out[p->states + k];
    RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, batch ? 3 : 2, batch ? (int64_t[]){N, T, w} : (int64_t[]){T * N, w}, out));
    real *y = rnni_f(*out);
    if (!batch) {
      RNNI_TRY(rnni_copy(ctx, y, j->at[id].base, (size_t)(T * N * w) * sizeof *y));
      continue;
    }
    rnni_kernel->swap_axes(T, N, w, j->at[id].base, N * w, y, T * w);
    for (int64_t n = 0; j->lengths && n < N; n++)
      for (int64_t t = j->lengths[n]; t < T; t++) memset(y + (n * T + t) * w, 0, (size_t)w * sizeof *y);
  }
  return RNN_OK;
}

static rnn_status scan_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_program *p = c->args.program;
  loop j;
  RNNI_TRY(begin(ctx, c, false, &j));
  real *block = NULL, *next, *saved;
  int64_t kept = kept_size(p, j.N, j.T);
  rnn_status status;
  RNNI_GOTO(rnni_tensor_raw(ctx, RNN_FLOAT, 1, &kept, &c->scratch[KEPT]));
  saved = place_states(&j, rnni_f(c->scratch[KEPT]));
  for (int k = 0; k < p->states; k++) {
    int64_t part = j.N * p->state_widths[k];
    RNNI_GOTO(rnni_copy(ctx, j.state[k].all + (j.reverse ? j.T : 0) * part, c->in[p->inputs + k]->data, (size_t)part * sizeof(real)));
  }
  RNNI_GOTO(rnni_array(ctx, spread_size(p) + own_size(&j, c), sizeof *block, &block));
  next = block;
  RNNI_GOTO(place_values(&j, c, saved, &next));
  place_own(&j, c, &next);
  RNNI_GOTO(run_loop(&j));
  status = make_results(ctx, c, &j);
done:
  rnni_free(ctx, block);
  rnni_free(ctx, j.at);
  return status;
}

/* dW += dY' A over all rows. */
static rnn_status weight_gradients(loop *j, const rnni_call *c) {
  const rnn_program *p = j->p;
  for (int k = 0; k < p->products; k++) {
    const rnn_program_product *q = &p->product[k];
    const rnn_value *w = &p->values[q->matrix], *d = &p->values[q->gradient];
    if (!c->wants[w->index]) continue;
    const piece all = {0};
    int64_t rows = j->T * j->N, m = d->width, n = p->values[q->left].width, pd = pitch(j, q->gradient), pa = pitch(j, q->left);
    const real *dy = locate(j, q->gradient, 0, &all, NULL), *a = locate(j, q->left, 0, &all, NULL);
    real *dw = rnni_f(c->din[w->index]);
    if (q->turned) RNNI_TRY(rnni_gemm(j->ctx, n, m, rows, a, 1, pa, dy, pd, 1, NULL, dw, m, true));
    else RNNI_TRY(rnni_gemm(j->ctx, m, n, rows, dy, 1, pd, a, pa, 1, NULL, dw, n, true));
  }
  return RNN_OK;
}

static rnn_status constant_gradients(const loop *j, const rnni_call *c) {
  for (int i = 0; i < j->p->count; i++) {
    const rnn_value *v = &j->p->values[i];
    if (!j->at[i].sums || !c->wants[v->index]) continue;
    RNNI_TRY(rnni_poll(j->ctx));
    real *to = rnni_f(c->din[v->index]);
    if (v->form == RNN_SAMPLES) {
      rnni_add(to, j->at[i].sums, j->N * v->width);
    } else if (v->form == RNN_ROW) {
      rnni_kernel->sum_columns(j->N, v->width, j->at[i].sums, v->width, NULL, 0, to);
    } else {
      double sum = 0;
      rnni_kernel->fold_lines(RNNI_SUM, 1, j->N * v->width, j->at[i].sums, j->N * v->width, NULL, &sum);
      to[0] += (real)sum;
    }
  }
  return RNN_OK;
}

/* Of a stream whose gradient tensor has no values yet, the program writes it there. */
static bool writes_there(const rnni_call *c, const rnn_value *v) {
  return v->kind == RNN_D_STREAM && c->wants[v->index] && c->raw[v->index];
}

static int64_t gradients_size(const loop *j, const rnni_call *c) {
  const rnn_program *p = j->p;
  int64_t size = 0;
  for (int k = 0; k < p->states; k++) size += 3 * j->N * p->state_widths[k];
  for (int i = 0; i < p->count; i++) {
    const rnn_value *v = &p->values[i];
    if (p->sums[i]) size += j->N * v->width;
    if (v->kind == RNN_D_RESULT) size += j->N * v->width;
    if (v->kind == RNN_D_STREAM && !writes_there(c, v)) size += j->T * j->N * v->width;
  }
  return size;
}

static rnn_status place_gradients(loop *j, const rnni_call *c, real **block) {
  const rnn_program *p = j->p;
  int64_t all = j->T * j->N;
  for (int i = 0; i < p->count; i++) {
    const rnn_value *v = &p->values[i];
    if (p->sums[i]) {
      j->at[i].sums = rnni_take(block, j->N * v->width);
      RNNI_TRY(rnni_copy(j->ctx, j->at[i].sums, NULL, (size_t)(j->N * v->width) * sizeof(real)));
    }
    if (v->kind == RNN_D_RESULT) {
      j->at[i].base = rnni_take(block, j->N * v->width);
      j->at[i].step = 0;
    }
    if (v->kind == RNN_D_STREAM) j->at[i].base = writes_there(c, v) ? rnni_f(c->din[v->index]) : rnni_take(block, all * v->width);
  }
  for (int k = 0; k < p->states; k++) {
    int64_t part = j->N * p->state_widths[k];
    j->state[k].gradients = rnni_take(block, 3 * part);
    RNNI_TRY(rnni_copy(j->ctx, j->state[k].gradients, c->dout[k] ? c->dout[k]->data : NULL, (size_t)part * sizeof(real)));
  }
  for (int k = 0; k < p->results; k++) j->above[k] = c->dout[p->states + k] ? rnni_f(c->dout[p->states + k]) : NULL;
  return RNN_OK;
}

/* What the program does not write has to be added to. */
static rnn_status clear_raw(rnn_ctx *ctx, const rnni_call *c) {
  const rnn_program *p = c->args.program;
  for (int i = 0; i < c->nin; i++) {
    bool written = false;
    for (int k = 0; k < p->count && !written; k++) written = p->values[k].index == i && writes_there(c, &p->values[k]);
    if (c->wants[i] && c->raw[i] && !written)
      RNNI_TRY(rnni_copy(ctx, c->din[i]->data, NULL, (size_t)c->din[i]->count * sizeof(real)));
  }
  return RNN_OK;
}

static rnn_status scan_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_program *p = c->args.program;
  loop j;
  RNNI_TRY(begin(ctx, c, true, &j));
  real *block = NULL, *next, *saved;
  uint64_t mode = rnni_float_mode();
  rnn_status status;
  rnni_flush_subnormals();
  saved = place_states(&j, rnni_f(c->scratch[KEPT]));
  RNNI_GOTO(clear_raw(ctx, c));
  RNNI_GOTO(rnni_array(ctx, spread_size(p) + own_size(&j, c) + gradients_size(&j, c), sizeof *block, &block));
  next = block;
  RNNI_GOTO(place_values(&j, c, saved, &next));
  place_own(&j, c, &next);
  RNNI_GOTO(place_gradients(&j, c, &next));
  if (c->args.i[2]) {
    int64_t sizes[2] = {0, 0}; /* activations, gates */
    for (int k = 0; k < p->watched; k++) sizes[p->watch[k].gate] += p->values[p->watch[k].value].width;
    RNNI_GOTO(rnni_watch_open(ctx, c->args.i[2], j.N, j.T, sizes[0], sizes[1], &j.figures));
  }
  RNNI_GOTO(run_loop(&j));
  for (int k = 0; k < p->states; k++) {
    int64_t part = j.N * p->state_widths[k];
    if (c->wants[p->inputs + k]) rnni_add(rnni_f(c->din[p->inputs + k]), j.state[k].gradients + j.T % 2 * part, part);
  }
  for (int i = 0; i < p->count; i++) {
    const rnn_value *v = &p->values[i];
    if (v->kind != RNN_D_STREAM || !c->wants[v->index] || c->raw[v->index]) continue;
    RNNI_GOTO(rnni_poll(ctx));
    rnni_add(rnni_f(c->din[v->index]), j.at[i].base, j.T * j.N * v->width);
  }
  RNNI_GOTO(constant_gradients(&j, c));
  RNNI_GOTO(weight_gradients(&j, c));
done:
  rnni_set_float_mode(mode);
  rnni_free(ctx, block);
  rnni_free(ctx, j.at);
  return status;
}

const rnn_op rnni_op_scan = {.name = "scan", .args = "P",
                             .doc = "(program, tensors, steps). A program of a recurrent cell over all time steps; see rnn.h.",
                             .shape = scan_shape, .forward = scan_forward, .backward = scan_backward,
                             .saves = RNNI_SAVE_INPUTS, .lengths = RNNI_LENGTHS_OWN, .fills = true, .products = true,
                             .integers = true,
                             .outputs = scan_outputs};
