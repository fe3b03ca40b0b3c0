/* walk.c: see walk.h. The result is cut into runs, the last axes on which every input either moves on by one or stands
 * still. Short runs are put together: inputs that do not lie as the result does are copied into a piece before. */
#include "walk.h"

/* Elements of a run for which a piece of its own takes too long, and a row of a piece; of those where each run meets the
 * same, so that one copy does for all. */
enum { SHORT_PIECE = 32, SHORT_ROW = 6, STILL_PIECE = 128, STILL_ROW = 40 };

/* One input as the walk sees it. */
typedef struct input {
  const char *data;
  size_t size;  /* of an element */
  int step;     /* along a run */
  bool whole;   /* lies as the result does */
  bool still;   /* the same for each run */
  int64_t stride[RNN_MAX_DIMS];
} input;

typedef struct plan {
  const rnni_walk *w;
  rnn_ctx *ctx;
  int outer; /* axes before those of a run */
  int tasks;
  bool together; /* runs are short, so that several make a piece */
  int64_t count, run, unit; /* unit: tasks are cut between multiples of it */
  input in[RNNI_WALK_INPUTS];
  atomic_bool wrong;
} plan;

int64_t rnni_walk_place(const rnn_tensor *in, int64_t i, int ndim, const int64_t *dims) {
  int64_t stride[RNN_MAX_DIMS], place = 0;
  rnni_broadcast_strides(in, ndim, stride);
  for (int axis = ndim - 1; axis >= 0; axis--) {
    place += i % dims[axis] * stride[axis];
    i /= dims[axis];
  }
  return place;
}

/* Does every input move on with the result, so that one piece shows them as they are? */
static bool find_inputs(plan *p) {
  static const double nothing = 0;
  const rnni_walk *w = p->w;
  bool simple = true, all_move = true;
  for (int k = 0; k < w->inputs; k++) {
    const rnn_tensor *t = w->in[k];
    input *in = &p->in[k];
    in->data = t->storage ? t->data : &nothing;
    in->size = rnni_type_size(t->type);
    bool whole = t->storage && t->count == p->count, still = !t->storage || t->count == 1;
    in->whole = whole;
    in->still = still;
    in->step = whole;
    simple &= whole | still;
    all_move &= whole;
  }
  p->run = p->count;
  p->outer = 0;
  if (!simple) p->outer = w->ndim;
  return all_move;
}

/* The last axes along which no input changes between moving and standing still. */
static void find_run(plan *p) {
  const rnni_walk *w = p->w;
  int last = w->ndim - 1;
  for (int k = 0; k < w->inputs; k++)
    if (w->in[k]->storage) rnni_broadcast_strides(w->in[k], w->ndim, p->in[k].stride);
    else memset(p->in[k].stride, 0, sizeof p->in[k].stride);
  while (last > 0 && w->dims[last] == 1) last--; /* axes of one element say nothing about who moves */
  for (int k = 0; k < w->inputs; k++) p->in[k].step = p->in[k].stride[last] != 0;
  for (p->run = 1; p->outer > 0; p->outer--) {
    int i = p->outer - 1;
    bool same = true;
    for (int k = 0; k < w->inputs; k++) same &= p->in[k].stride[i] == (p->in[k].step ? p->run : 0);
    if (!same && w->dims[i] != 1) break;
    p->run *= w->dims[i];
  }
  bool still = true;
  for (int k = 0; k < w->inputs; k++) {
    p->in[k].still = true;
    for (int i = 0; i < p->outer; i++) p->in[k].still &= p->in[k].stride[i] == 0 || w->dims[i] == 1;
    still &= p->in[k].whole || p->in[k].still;
  }
  p->together = p->run < p->count && p->run <= (w->rows ? still ? STILL_ROW : SHORT_ROW : still ? STILL_PIECE : SHORT_PIECE);
}

/* A place in the result, as the number of its run, and that run's index of each outer axis. */
typedef struct place {
  int64_t run, index[RNN_MAX_DIMS];
} place;

static place seek(const plan *p, int64_t run) {
  place at = {.run = run};
  for (int i = p->outer - 1; i >= 0; i--) {
    at.index[i] = run % p->w->dims[i];
    run /= p->w->dims[i];
  }
  return at;
}

static void next_run(const plan *p, place *at) {
  at->run++;
  for (int i = p->outer - 1; i >= 0 && ++at->index[i] == p->w->dims[i]; i--) at->index[i] = 0;
}

static const char *start_of(const plan *p, const input *in, const place *at) {
  int64_t start = 0;
  for (int i = 0; i < p->outer; i++) start += at->index[i] * in->stride[i];
  return in->data + start * (int64_t)in->size;
}

static void do_piece(plan *p, const rnni_piece *piece) {
  if (!p->w->piece(p->w->arg, piece)) atomic_store_explicit(&p->wrong, true, memory_order_relaxed);
}

/* Small walks are over before anybody could want to interrupt them. */
static bool stopped(const plan *p) { return p->count >= RNNI_BLOCK && rnni_interrupted(p->ctx); }

/* n times the element at from. */
static void repeat(size_t size, const void *from, int64_t n, uint64_t *out) {
  uint32_t *narrow = (uint32_t *)out;
  if (size == 4)
    for (int64_t i = 0; i < n; i++) narrow[i] = *(const uint32_t *)from;
  else
    for (int64_t i = 0; i < n; i++) out[i] = *(const uint64_t *)from;
}

/* Calls piece for what is left of one run, within elements of which are done; *from goes on to its end, or to to, unless
   stopped. */
static void one_run(plan *p, int64_t within, int64_t *from, int64_t to, const char *const *start, const int *step,
                    const int *shown_step) {
  for (; within < p->run && *from < to && !stopped(p); within += RNNI_PIECE) {
    rnni_piece piece = {.at = *from, .n = RNNI_MIN(RNNI_MIN(p->run - within, to - *from), RNNI_PIECE), .rows = 1};
    for (int k = 0; k < p->w->inputs; k++) {
      piece.step[k] = shown_step[k];
      piece.in[k] = start[k] + step[k] * within * (int64_t)p->in[k].size;
    }
    do_piece(p, &piece);
    *from += piece.n;
  }
}

/* The rows of a matrix, each a piece, one after the other; or several. */
static void rows(plan *p, int64_t from, int64_t to) {
  rnni_piece piece;
  int64_t run = from / p->run, within = from % p->run, most = p->w->rows ? RNNI_PIECE / p->run : 1;
  for (int k = 0; k < p->w->inputs; k++) piece.step[k] = p->in[k].step, piece.ld[k] = p->in[k].stride[0];
  for (; from < to && !stopped(p); from += piece.rows * piece.n, run += piece.rows, within = 0) {
    piece.at = from;
    piece.n = RNNI_MIN(p->run - within, to - from);
    piece.rows = piece.n < p->run ? 1 : RNNI_MIN(most, (to - from) / p->run);
    for (int k = 0; k < p->w->inputs; k++)
      piece.in[k] = p->in[k].data + (run * p->in[k].stride[0] + piece.step[k] * within) * (int64_t)p->in[k].size;
    do_piece(p, &piece);
  }
}

static void long_runs(plan *p, int64_t from, int64_t to) {
  if (p->outer == 1 && p->run <= RNNI_PIECE) {
    rows(p, from, to);
    return;
  }
  place at = seek(p, from / p->run);
  int step[RNNI_WALK_INPUTS];
  for (int k = 0; k < p->w->inputs; k++) step[k] = p->in[k].step;
  for (int64_t within = from % p->run; from < to && !stopped(p); next_run(p, &at), within = 0) {
    const char *start[RNNI_WALK_INPUTS];
    for (int k = 0; k < p->w->inputs; k++) start[k] = start_of(p, &p->in[k], &at);
    one_run(p, within, &from, to, start, step, step);
  }
}

/* The same where every step has to be 1: what stands still is repeated before. */
static void long_runs_moving(plan *p, int64_t from, int64_t to) {
  _Alignas(64) uint64_t copies[RNNI_WALK_INPUTS][RNNI_PIECE];
  const int moves[RNNI_WALK_INPUTS] = {1, 1, 1};
  place at = seek(p, from / p->run);
  bool first = true;
  int step[RNNI_WALK_INPUTS];
  for (int k = 0; k < p->w->inputs; k++) step[k] = p->in[k].step;
  for (int64_t within = from % p->run; from < to && !stopped(p); next_run(p, &at), within = 0) {
    const char *start[RNNI_WALK_INPUTS];
    for (int k = 0; k < p->w->inputs; k++) {
      const input *in = &p->in[k];
      start[k] = start_of(p, in, &at);
      if (step[k]) continue;
      if (first || !in->still) repeat(in->size, start[k], RNNI_MIN(p->run, RNNI_PIECE), copies[k]);
      start[k] = (const char *)copies[k];
    }
    first = false;
    one_run(p, within, &from, to, start, step, moves);
  }
}

/* n elements, moving or standing still, of runs from *at on, one after the other. */
#define FILL(T)                                              \
  for (T *to = out, *end = to + n; to < end; next_run(p, at)) { \
    const T *from = (const T *)(const void *)start_of(p, in, at); \
    if (in->step)                                            \
      for (int64_t i = 0; i < p->run; i++) *to++ = from[i];  \
    else                                                     \
      for (int64_t i = 0; i < p->run; i++) *to++ = *from;    \
  }
static void fill(const plan *p, const input *in, place *at, int64_t n, void *out) {
  if (in->size == 4) FILL(uint32_t)
  else FILL(uint64_t)
}

static void short_runs(plan *p, int64_t from, int64_t to) {
  _Alignas(64) uint64_t copies[RNNI_WALK_INPUTS][RNNI_PIECE];
  int64_t most = RNNI_PIECE / p->run * p->run;
  bool filled[RNNI_WALK_INPUTS] = {false};
  for (; from < to && !stopped(p); from += most) {
    rnni_piece piece = {.at = from, .n = RNNI_MIN(to - from, most), .rows = 1};
    for (int k = 0; k < p->w->inputs; k++) {
      const input *in = &p->in[k];
      piece.step[k] = 1;
      piece.in[k] = in->whole ? in->data + from * (int64_t)in->size : (const void *)copies[k];
      if (in->whole || filled[k]) continue;
      place at = seek(p, from / p->run);
      fill(p, in, &at, piece.n, copies[k]);
      filled[k] = in->still;
    }
    do_piece(p, &piece);
  }
}

static void task(void *arg, int number) {
  plan *p = arg;
  int64_t from = rnni_cut(p->count, p->unit, number, p->tasks), to = rnni_cut(p->count, p->unit, number + 1, p->tasks);
  if (p->together) short_runs(p, from, to);
  else if (p->w->moving) long_runs_moving(p, from, to);
  else long_runs(p, from, to);
}

rnn_status rnni_walk_all(rnn_ctx *ctx, const rnni_walk *w, bool *right) {
  plan p;
  p.w = w;
  p.ctx = ctx;
  p.together = false;
  p.count = 1;
  atomic_init(&p.wrong, false);
  for (int i = 0; i < w->ndim; i++) p.count *= w->dims[i];
  *right = true;
  if (p.count == 0) return RNN_OK;
  bool all_move = find_inputs(&p);
  if (p.outer) find_run(&p);
  else if (p.count <= RNNI_PIECE && (all_move || !w->moving)) { /* one piece */
    rnni_piece piece = {.n = p.count, .rows = 1};
    for (int k = 0; k < w->inputs; k++) {
      piece.in[k] = p.in[k].data;
      piece.step[k] = p.in[k].step;
    }
    *right = w->piece(w->arg, &piece);
    return RNN_OK;
  }
  p.unit = p.together ? p.run : 16;
  p.tasks = rnni_threads_for_elements(ctx, (double)p.count * RNNI_MAX(w->cost, 1));
  if (p.tasks > 1) rnni_parallel(ctx, p.tasks, task, &p);
  else task(&p, 0);
  *right = !atomic_load_explicit(&p.wrong, memory_order_relaxed);
  return p.count >= RNNI_BLOCK ? rnni_poll(ctx) : RNN_OK;
}
