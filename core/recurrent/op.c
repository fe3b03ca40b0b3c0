/* op.c: the op "recurrent": runs a layer over a sequence, segment by segment.
 *
 * Usually a recorded call has one segment and keeps it all. With recompute it keeps the states between segments, and
 * backward runs each segment again before it goes through it. A call that is not recorded keeps nothing, so it uses one
 * segment's memory for a sequence of any length. */
#include "engine.h"

static int outputs(const rnn_args *args) { return 1 + rnn_recurrent_states(args->recurrent); }

static rnn_status recurrent_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_recurrent *r = c->args.recurrent;
  int wanted = rnni_tensors(r);
  if (c->nin != wanted) return rnni_fail(ctx, RNN_EARG, "recurrent: expected %d tensors, got %d", wanted, c->nin);
  const rnn_tensor *x = c->in[0], *w = c->in[1];
  if (!c->in[0]) return rnni_fail(ctx, RNN_EARG, "recurrent: expected x, got nothing");
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  int64_t D = w && w->ndim == 2 ? w->dims[1] : -1;
  if (x->ndim != 3 || (D >= 0 && x->dims[2] != D))
    return rnni_fail(ctx, RNN_ESHAPE, "recurrent: expected input (N, T, %lld), got %s", (long long)D, RNNI_SHAPE(x));
  RNNI_TRY(rnni_check_layer(ctx, r, c->in, x->dims[0], x->dims[2]));
  /* The sizes in rnni_lay_out: a batch without steps may have any number of rows, and no memory says so. */
  if (((double)x->dims[1] + 1) * (double)x->dims[0] * ((double)x->dims[2] + 32 * (double)r->units) > 0x1p60)
    return rnni_fail(ctx, RNN_ESHAPE, "recurrent: input %s is too large for %lld units", RNNI_SHAPE(x),
                     (long long)r->units);
  c->out_ndim = -1; /* several outputs: forward makes them */
  return RNN_OK;
}

/* ---- segments ---- */

enum { KEPT, BOUNDARIES }; /* scratch: a whole run; (segments, N, H [+ H]) states */

typedef struct run {
  rnn_ctx *ctx;
  const rnni_call *c;
  rnni_layer l;
  int64_t steps, count; /* of a segment; segments */
  real *buffer;         /* of one segment */
  real *boundaries;     /* NULL, or the states before each segment */
} run;

/* Without a recording, segments of about this many bytes stay in the second cache, with rows enough for the products. */
#define SEGMENT_BYTES ((int64_t)1 << 20)
#define SEGMENT_ROWS 96

static int64_t segment_steps(const rnn_recurrent *r, int64_t N, int64_t T, int64_t D, bool keep) {
  if (keep && !r->recompute) return RNNI_MAX(T, 1);
  if (!keep) {
    int64_t rows = RNNI_MAX(SEGMENT_BYTES / (int64_t)sizeof(real) / (6 * r->units + D), SEGMENT_ROWS);
    return (rows + RNNI_MAX(N, 1) - 1) / RNNI_MAX(N, 1);
  }
  int64_t block = rnni_block_steps(N), wanted = r->recompute;
  return (wanted + block - 1) / block * block;
}

static void run_init(rnn_ctx *ctx, const rnni_call *c, bool keep, run *q) {
  const rnn_tensor *x = c->in[0];
  const rnn_recurrent *r = c->args.recurrent;
  int64_t N = x->dims[0], T = x->dims[1];
  *q = (run){.ctx = ctx, .c = c, .steps = segment_steps(r, N, T, x->dims[2], keep)};
  rnni_layer_init(&q->l, r, N, T, x->dims[2], c->in);
  q->l.lengths = x->lengths ? rnni_i(x->lengths) : NULL;
  q->count = RNNI_MAX((T + q->steps - 1) / q->steps, 1);
}

static int64_t state_size(const rnni_layer *l) { return rnn_recurrent_states(l->r) * l->N * l->H; }

/* Segment number s in the order of computation, laid out in the buffer; its place in time. */
static void enter_segment(run *q, int64_t s) {
  int64_t at = (q->l.r->reverse ? q->count - 1 - s : s) * q->steps;
  rnni_lay_out(&q->l, at, RNNI_MIN(q->steps, q->l.all - at), q->buffer);
}

/* Sequences between their own order (N, all, width), of the user, and the engine's (T, N, width). */
typedef struct turn {
  const rnni_layer *l;
  int64_t width;
  real *batch, *steps; /* at this segment's first step */
  bool in;
  int tasks;
} turn;

static void turn_task(void *arg, int task) {
  const turn *j = arg;
  int64_t N = j->l->N, T = j->l->T, w = j->width, n0 = N * task / j->tasks, n = N * (task + 1) / j->tasks - n0;
  real *batch = j->batch + n0 * j->l->all * w, *steps = j->steps + n0 * w;
  if (j->in) rnni_kernel->swap_axes(n, T, w, batch, j->l->all * w, steps, N * w);
  else rnni_kernel->swap_axes(T, n, w, steps, N * w, batch, j->l->all * w);
}

static void turn_over(rnn_ctx *ctx, turn j) {
  double elements = (double)j.l->N * (double)j.l->T * (double)j.width;
  j.tasks = (int)RNNI_MIN(rnni_threads_for_elements(ctx, elements / 4), RNNI_MAX(j.l->N, 1)); /* they are only copied */
  rnni_parallel(ctx, j.tasks, turn_task, &j);
}

/* The steps of this segment, time-major, with 0 for padding: so nothing in the engine meets what that held. */
static void take_input(rnn_ctx *ctx, const rnni_layer *l, const rnn_tensor *x) {
  turn_over(ctx, (turn){.l = l, .width = l->D, .batch = rnni_f(x) + l->t0 * l->D, .steps = l->x, .in = true});
  for (int64_t n = 0; l->lengths && n < l->N; n++)
    for (int64_t t = RNNI_MAX(l->lengths[n] - l->t0, 0); t < l->T; t++)
      memset(l->x + (t * l->N + n) * l->D, 0, (size_t)l->D * sizeof *l->x);
}

/* The states at place in h and c, as one row of boundaries. */
static void save_state(const rnni_layer *l, int64_t place, real *to) {
  int64_t n = l->N * l->H;
  memcpy(to, l->h + place * n, (size_t)n * sizeof *to);
  if (l->c) memcpy(to + n, l->c + place * n, (size_t)n * sizeof *to);
}

static void load_state(const rnni_layer *l, int64_t place, const real *from) {
  int64_t n = l->N * l->H;
  memcpy(l->h + place * n, from, (size_t)n * sizeof *from);
  if (l->c) memcpy(l->c + place * n, from + n, (size_t)n * sizeof *from);
}

/* ---- forward ---- */

static void put_output(rnn_ctx *ctx, const rnni_layer *l, real *y) {
  int64_t N = l->N, H = l->H, row = l->all * H;
  turn_over(ctx, (turn){.l = l, .width = H, .batch = y + l->t0 * H, .steps = l->h + rnni_after(l, 0) * N * H});
  for (int64_t n = 0; l->lengths && n < N; n++)
    for (int64_t t = RNNI_MAX(l->lengths[n] - l->t0, 0); t < l->T; t++)
      memset(y + n * row + (l->t0 + t) * H, 0, (size_t)H * sizeof *y);
}

static rnn_status make_outputs(rnn_ctx *ctx, rnni_call *c, const rnni_layer *l) {
  bool last = l->r->last_only;
  int64_t dims[3] = {l->N, last ? l->H : l->all, l->H};
  RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, last ? 2 : 3, dims, &c->out[0]));
  for (int k = 1; k <= rnn_recurrent_states(l->r); k++)
    RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 2, (int64_t[]){l->N, l->H}, &c->out[k]));
  return last ? RNN_OK : rnni_carry_lengths(ctx, c, true);
}

static bool empty(const rnni_layer *l, int64_t n) { return l->all == 0 || (l->lengths && l->lengths[n] == 0); }

static void finish_outputs(const rnni_call *c, const rnni_layer *l, const real *state) {
  int64_t size = l->N * l->H;
  for (int k = 0; k < rnn_recurrent_states(l->r); k++)
    memcpy(c->out[k + 1]->data, state + k * size, (size_t)size * sizeof *state);
  if (!l->r->last_only) return;
  real *y = rnni_f(c->out[0]);
  memcpy(y, state, (size_t)size * sizeof *y);
  for (int64_t n = 0; n < l->N; n++) /* the last output of an empty sequence is 0, not its initial state */
    if (empty(l, n)) memset(y + n * l->H, 0, (size_t)l->H * sizeof *y);
}

static void first_state(const rnni_call *c, const rnni_layer *l, real *state) {
  int64_t size = l->N * l->H;
  memset(state, 0, (size_t)state_size(l) * sizeof *state);
  for (int k = 0; l->r->has_state && k < rnn_recurrent_states(l->r); k++)
    memcpy(state + k * size, c->in[RNNI_H0 + k]->data, (size_t)size * sizeof *state);
}

static rnn_status run_segments(run *q, const rnni_packed_layer *k, real *state) {
  rnni_layer *l = &q->l;
  for (int64_t s = 0; s < q->count; s++) {
    enter_segment(q, s);
    if (q->boundaries) memcpy(q->boundaries + s * state_size(l), state, (size_t)state_size(l) * sizeof *state);
    take_input(q->ctx, l, q->c->in[0]);
    load_state(l, rnni_start(l), state);
    RNNI_TRY(rnni_layer_forward(q->ctx, l, k, q->c->keep));
    if (!l->r->last_only) put_output(q->ctx, l, rnni_f(q->c->out[0]));
    save_state(l, rnni_end(l), state);
  }
  return RNN_OK;
}

/* Parameters that rest are packed once: their packed form stays with the storage of U until one of them changes. A call
   that is recorded keeps none, for they will change. */
static rnn_status packed_parameters(rnn_ctx *ctx, const rnni_call *c, const rnni_layer *l, rnni_packed_layer **k) {
  rnni_storage *home = c->in[RNNI_W_HH]->storage;
  uint64_t shape = (uint64_t)l->H << 32 | (uint64_t)ctx->low << 8 | (uint64_t)l->r->cell << 1 |
                   (uint64_t)(rnni_cuts_of(ctx, l, true).units > 1) << 16 | rnni_is_few(l, ctx->low);
  rnni_made_of made_of = {shape, (uint64_t)l->D};
  for (int i = RNNI_W_IH; i < RNNI_H0; i++) {
    made_of[2 * i] = c->in[i]->storage->id ^ (uint64_t)((char *)c->in[i]->data - (char *)c->in[i]->storage->data) << 32;
    made_of[2 * i + 1] = c->in[i]->storage->version;
  }
  if ((*k = rnni_kept(ctx, home, made_of))) return RNN_OK;
  RNNI_TRY(rnni_pack_forward(ctx, l, c->keep ? RNNI_PACK_ONCE : RNNI_PACK_SEGMENTS, k));
  memcpy((*k)->made_of, made_of, sizeof made_of);
  if (!c->keep) home->kept = &(*k)->made_of;
  return RNN_OK;
}

static rnn_status recurrent_forward(rnn_ctx *ctx, rnni_call *c) {
  run q;
  run_init(ctx, c, c->keep, &q);
  rnni_packed_layer *k = NULL;
  real *state = NULL, *own = NULL;
  bool whole = c->keep && !c->args.recurrent->recompute;
  int64_t size = rnni_lay_out(&q.l, 0, q.steps, NULL), states = state_size(&q.l);
  rnn_status status;
  RNNI_GOTO(make_outputs(ctx, c, &q.l));
  RNNI_GOTO(rnni_array(ctx, states, sizeof *state, &state));
  if (whole) {
    RNNI_GOTO(rnni_tensor_raw(ctx, RNN_FLOAT, 1, &size, &c->scratch[KEPT]));
    q.buffer = rnni_f(c->scratch[KEPT]);
    c->saves &= ~(unsigned)RNNI_SAVE_IN0; /* its values lie, time-major, in the buffer */
  } else {
    RNNI_GOTO(rnni_array(ctx, size, sizeof *own, &own));
    q.buffer = own;
  }
  if (c->keep && !whole) {
    RNNI_GOTO(rnni_tensor_raw(ctx, RNN_FLOAT, 2, (int64_t[]){q.count, states}, &c->scratch[BOUNDARIES]));
    q.boundaries = rnni_f(c->scratch[BOUNDARIES]);
  }
  RNNI_GOTO(packed_parameters(ctx, c, &q.l, &k));
  first_state(c, &q.l, state);
  RNNI_GOTO(run_segments(&q, k, state));
  finish_outputs(c, &q.l, state);
done:
  if (k && &k->made_of != c->in[RNNI_W_HH]->storage->kept) rnni_free(ctx, k);
  rnni_free(ctx, own);
  rnni_free(ctx, state);
  return status;
}

/* ---- backward ---- */

static const real *arrived(const rnni_call *c, int output) {
  return output < c->nout && c->dout[output] ? rnni_f(c->dout[output]) : NULL;
}

/* The gradients of the final states; with last_only that of y is one of h, except where a sequence is empty. */
static void last_gradients(const rnni_call *c, const rnni_layer *l, real *dh, real *dc) {
  const real *y = arrived(c, 0), *h = arrived(c, 1), *cell = arrived(c, 2);
  int64_t H = l->H, size = l->N * H;
  memset(dh, 0, (size_t)size * sizeof *dh);
  memset(dc, 0, (size_t)size * sizeof *dc);
  if (h) rnni_add(dh, h, size);
  if (cell) rnni_add(dc, cell, size);
  for (int64_t n = 0; y && l->r->last_only && n < l->N; n++)
    if (!empty(l, n)) rnni_add(dh + n * H, y + n * H, H);
}

static rnn_status back_through_segments(run *q, const rnni_packed_layer *k, rnni_layer_gradients *g) {
  rnni_layer *l = &q->l;
  const real *dy = l->r->last_only ? NULL : arrived(q->c, 0);
  for (int64_t s = q->count - 1; s >= 0; s--) {
    enter_segment(q, s);
    if (q->boundaries) {
      take_input(q->ctx, l, q->c->in[0]);
      load_state(l, rnni_start(l), q->boundaries + s * state_size(l));
      RNNI_TRY(rnni_layer_forward(q->ctx, l, k, true));
    }
    g->row = l->all * l->H;
    g->step = l->H;
    g->dy = dy ? dy + l->t0 * l->H : NULL;
    g->dx = q->c->wants[0] ? rnni_f(q->c->din[0]) + l->t0 * l->D : NULL;
    g->dx_row = l->all * l->D;
    RNNI_TRY(rnni_layer_backward(q->ctx, l, g));
  }
  return RNN_OK;
}

static rnn_status recurrent_backward(rnn_ctx *ctx, rnni_call *c) {
  run q;
  run_init(ctx, c, true, &q);
  rnni_layer *l = &q.l;
  rnni_packed_layer *k = NULL;
  rnni_layer_gradients g = {0};
  real *own = NULL, *ends = NULL;
  int64_t size = l->N * l->H;
  rnn_status status;
  RNNI_GOTO(rnni_array(ctx, 2 * size, sizeof *ends, &ends));
  if (c->scratch[KEPT] && !c->keep) {
    q.buffer = rnni_f(c->scratch[KEPT]); /* becomes that of the gradients */
  } else if (c->scratch[KEPT]) {
    RNNI_GOTO(rnni_array(ctx, c->scratch[KEPT]->count, sizeof *own, &own));
    RNNI_GOTO(rnni_copy(ctx, own, c->scratch[KEPT]->data, (size_t)c->scratch[KEPT]->count * sizeof *own));
    q.buffer = own;
  } else {
    RNNI_GOTO(rnni_array(ctx, rnni_lay_out(l, 0, q.steps, NULL), sizeof *own, &own));
    RNNI_GOTO(rnni_pack_forward(ctx, l, RNNI_PACK_SEGMENTS, &k));
    q.buffer = own;
    q.boundaries = rnni_f(c->scratch[BOUNDARIES]);
  }
  for (int which = RNNI_W_IH; which < RNNI_H0; which++)
    if (c->wants[which]) g.d[which] = rnni_f(c->din[which]);
  RNNI_GOTO(rnni_watch_begin(ctx, l, &g.figures));
  g.dh = ends;
  g.dc = ends + size;
  last_gradients(c, l, g.dh, g.dc);
  RNNI_GOTO(back_through_segments(&q, k, &g));
  for (int which = RNNI_H0; which < rnni_tensors(l->r); which++)
    if (c->wants[which]) rnni_add(rnni_f(c->din[which]), which == RNNI_H0 ? g.dh : g.dc, size);
done:
  rnni_free(ctx, k);
  rnni_free(ctx, own);
  rnni_free(ctx, ends);
  return status;
}

const rnn_op rnni_op_recurrent = {.name = "recurrent", .args = "R",
                                  .doc = "({cell, units, ...}, x, weights [, state]) -> y, state. A recurrent layer over whole sequences; see rnn.h.",
                                  .shape = recurrent_shape, .forward = recurrent_forward,
                                  .backward = recurrent_backward, .saves = RNNI_SAVE_INPUTS,
                                  .lengths = RNNI_LENGTHS_OWN, .products = true, .integers = true, .outputs = outputs,
                                  .input_name = rnni_layer_input_name};
