/* op.c: the op "recurrent": checks its tensors, lays out the memory of a layer, and runs it. */
#include "engine.h"

/* ---- which tensors there are ---- */

static bool present(const rnn_recurrent *r, int which) {
  bool lstm = r->cell == RNN_CELL_LSTM;
  switch (which) {
    case RNNI_GAIN_IH:
    case RNNI_GAIN_HH: return r->layer_norm;
    case RNNI_GAIN_C:
    case RNNI_BIAS_C: return r->layer_norm && lstm;
    case RNNI_PEEPHOLE: return r->peepholes;
    case RNNI_W_HR: return r->projection > 0;
    case RNNI_H0: return r->has_state;
    case RNNI_C0: return r->has_state && lstm;
    default: return true;
  }
}

/* place[which]: its index among the op's inputs, or -1. Returns how many there are. */
static int find_places(const rnn_recurrent *r, int *place) {
  int n = 0;
  for (int which = 0; which < RNNI_TENSORS; which++) place[which] = present(r, which) ? n++ : -1;
  return n;
}

static int outputs(const rnn_args *args) { return 1 + rnn_recurrent_states(args->recurrent); }

/* ---- checks ---- */

static const char *const names[RNNI_TENSORS] = {"x",       "weight_ih", "weight_hh", "bias_ih",   "bias_hh",
                                                "gain_ih", "gain_hh",   "gain_c",    "bias_c",    "peephole",
                                                "weight_hr", "state h", "state c"};

static rnn_status expect(rnn_ctx *ctx, const rnn_tensor *t, int which, int ndim, int64_t a, int64_t b) {
  int64_t dims[2] = {a, b};
  if (t && t->type == RNN_FLOAT && t->ndim == ndim && t->dims[0] == a && (ndim < 2 || t->dims[1] == b)) return RNN_OK;
  return rnni_fail(ctx, RNN_ESHAPE, "recurrent: expected %s %s float, got %s %s", names[which],
                   rnni_shape_text(ndim, dims), t ? RNNI_SHAPE(t) : "nothing", t ? rnni_type_text(t->type) : "");
}

static rnn_status check_options(rnn_ctx *ctx, const rnn_recurrent *r) {
  if (r->units < 1) return rnni_fail(ctx, RNN_EARG, "recurrent: expected at least one unit, got %lld", (long long)r->units);
  bool lstm = r->cell == RNN_CELL_LSTM;
  if (!lstm && (r->projection || r->peepholes || r->coupled || r->zoneout_c > 0))
    return rnni_fail(ctx, RNN_EARG, "recurrent: projection, peepholes, coupled gates and zoneout of c are for the LSTM");
  if (r->reset_before && r->cell != RNN_CELL_GRU)
    return rnni_fail(ctx, RNN_EARG, "recurrent: reset_before is for the GRU");
  if (r->projection < 0 || r->projection > INT32_MAX)
    return rnni_fail(ctx, RNN_EARG, "recurrent: impossible projection %lld", (long long)r->projection);
  const double rates[] = {r->recurrent_dropout, r->zoneout_h, r->zoneout_c};
  for (int i = 0; i < 3; i++)
    if (!(rates[i] >= 0 && rates[i] < 1))
      return rnni_fail(ctx, RNN_EARG, "recurrent: expected a rate from 0 up to but not 1, got %g", rates[i]);
  return RNN_OK;
}

static rnn_status recurrent_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_recurrent *r = c->args.recurrent;
  int place[RNNI_TENSORS];
  if (!r) return rnni_fail(ctx, RNN_EARG, "recurrent: expected a description of the layer");
  RNNI_TRY(check_options(ctx, r));
  int64_t H = r->units, R = r->projection ? r->projection : H, GH = rnn_recurrent_gates(r) * H;
  int wanted = find_places(r, place);
  if (c->nin != wanted) return rnni_fail(ctx, RNN_EARG, "recurrent: expected %d tensors, got %d", wanted, c->nin);
  const rnn_tensor *x = c->in[0], *w = c->in[1];
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  int64_t D = w && w->ndim == 2 ? w->dims[1] : -1;
  if (x->ndim != 3 || (D >= 0 && x->dims[2] != D))
    return rnni_fail(ctx, RNN_ESHAPE, "recurrent: expected input (N, T, %lld), got %s", (long long)D, RNNI_SHAPE(x));
  int64_t N = x->dims[0];
  const struct {
    int which, ndim;
    int64_t a, b;
  } shapes[] = {{RNNI_W_IH, 2, GH, D},    {RNNI_W_HH, 2, GH, R},  {RNNI_B_IH, 1, GH, 0},   {RNNI_B_HH, 1, GH, 0},
                {RNNI_GAIN_IH, 1, GH, 0}, {RNNI_GAIN_HH, 1, GH, 0}, {RNNI_GAIN_C, 1, H, 0},  {RNNI_BIAS_C, 1, H, 0},
                {RNNI_PEEPHOLE, 2, 3, H}, {RNNI_W_HR, 2, R, H},   {RNNI_H0, 2, N, R},      {RNNI_C0, 2, N, H}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    if (place[shapes[i].which] >= 0)
      RNNI_TRY(expect(ctx, c->in[place[shapes[i].which]], shapes[i].which, shapes[i].ndim, shapes[i].a, shapes[i].b));
  c->out_ndim = -1; /* several outputs: forward makes them */
  return RNN_OK;
}

/* ---- memory ---- */

static real *take(real **next, int64_t n) {
  real *p = *next;
  *next += n;
  return p;
}

/* The layer of a call; what forward keeps lies one after the other from kept on. Returns the size of it all. */
static int64_t lay_out(const rnni_call *c, real *kept, rnni_layer *l) {
  const rnn_recurrent *r = c->args.recurrent;
  const rnn_tensor *x = c->in[0];
  int64_t N = x->dims[0], T = x->dims[1], H = r->units, R = r->projection ? r->projection : H;
  bool lstm = r->cell == RNN_CELL_LSTM, own = r->cell != RNN_CELL_RNN || r->zoneout_h > 0;
  int place[RNNI_TENSORS];
  find_places(r, place);
  *l = (rnni_layer){.r = r, .N = N, .T = T, .D = x->dims[2], .H = H, .R = R, .G = rnn_recurrent_gates(r) * H,
                    .A = r->cell == RNN_CELL_RNN ? H : 4 * H, .first = lstm && r->coupled ? H : 0,
                    .lengths = x->lengths ? rnni_i(x->lengths) : NULL,
                    .seed = (uint64_t)c->args.i[0], .position = (uint64_t)c->args.i[1]};
  for (int which = RNNI_W_IH; which < RNNI_H0; which++)
    if (place[which] >= 0) l->p[which] = rnni_f(c->in[place[which]]);
  l->gates = (rnni_gates){.units = H, .act = r->activation, .gate = r->gate_activation, .coupled = r->coupled,
                          .peephole = l->p[RNNI_PEEPHOLE], .apart = lstm && r->layer_norm};
  real *next = kept;
  l->x = take(&next, T * N * l->D);
  if (own) l->a = take(&next, T * N * l->A);
  l->h = take(&next, (T + 1) * N * R);
  if (lstm) l->c = take(&next, (T + 1) * N * H);
  if (lstm && r->zoneout_c > 0) l->fresh = take(&next, T * N * H);
  if (r->projection) l->m = take(&next, T * N * H);
  if (r->layer_norm) {
    l->nx = take(&next, T * N * l->G);
    l->sx = take(&next, T * N);
    l->nh = take(&next, T * N * l->G);
    l->sh = take(&next, T * N * 2);
    if (lstm) {
      l->nc = take(&next, T * N * H);
      l->sc = take(&next, T * N);
    }
  }
  if (r->training && r->recurrent_dropout > 0) l->mask = take(&next, N * R);
  return next - kept;
}

/* (A, B, width) to (B, A, width); add instead of copying for gradients. */
static void swap_axes(const real *from, int64_t A, int64_t B, int64_t width, real *to, bool add) {
  for (int64_t a = 0; a < A; a++)
    for (int64_t b = 0; b < B; b++) {
      const real *f = from + (a * B + b) * width;
      real *t = to + (b * A + a) * width;
      if (add) rnni_add(t, f, width);
      else memcpy(t, f, (size_t)width * sizeof *t);
    }
}

static void set_start(const rnni_layer *l, const rnn_tensor *from, real *states, int64_t width) {
  if (!states) return;
  real *at = states + rnni_start(l) * l->N * width;
  if (from) memcpy(at, from->data, (size_t)(l->N * width) * sizeof *at);
  else memset(at, 0, (size_t)(l->N * width) * sizeof *at);
}

/* One mask for all steps, and numbers set apart for zoneout. */
static void draw(rnn_ctx *ctx, rnni_call *c, const rnni_layer *l) {
  const rnn_recurrent *r = l->r;
  if (!r->training) return;
  if (l->mask)
    for (int64_t i = 0; i < l->N * l->R; i++) {
      double u = rnni_random_at(ctx->random.seed, ctx->random.position++);
      l->mask[i] = u >= r->recurrent_dropout ? (real)(1 / (1 - r->recurrent_dropout)) : 0;
    }
  c->args.i[0] = (int64_t)ctx->random.seed;
  c->args.i[1] = (int64_t)ctx->random.position;
  if (r->zoneout_h > 0 || r->zoneout_c > 0) ctx->random.position += (uint64_t)(l->T * l->N * (l->R + l->H));
}

/* ---- forward ---- */

static rnn_status make_output(rnn_ctx *ctx, rnni_call *c, const rnni_layer *l) {
  int64_t N = l->N, T = l->T, R = l->R;
  const real *end = l->h + rnni_end(l) * N * R;
  if (l->r->last_only) {
    RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 2, (int64_t[]){N, R}, &c->out[0]));
    real *y = rnni_f(c->out[0]);
    memcpy(y, end, (size_t)(N * R) * sizeof *y);
    for (int64_t n = 0; n < N; n++) /* the last output of an empty sequence is 0, not its initial state */
      if (T == 0 || rnni_padding(l, n, 0)) memset(y + n * R, 0, (size_t)R * sizeof *y);
    return RNN_OK;
  }
  RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 3, (int64_t[]){N, T, R}, &c->out[0]));
  real *y = rnni_f(c->out[0]);
  swap_axes(l->h + rnni_after(l, 0) * N * R, T, N, R, y, false);
  for (int64_t n = 0; l->lengths && n < N; n++)
    memset(y + (n * T + l->lengths[n]) * R, 0, (size_t)((T - l->lengths[n]) * R) * sizeof *y);
  return rnni_carry_lengths(ctx, c, true);
}

static rnn_status make_state(rnn_ctx *ctx, const rnni_layer *l, const real *states, int64_t width, rnn_tensor **out) {
  RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 2, (int64_t[]){l->N, width}, out));
  memcpy((*out)->data, states + rnni_end(l) * l->N * width, (size_t)(l->N * width) * sizeof *states);
  return RNN_OK;
}

static rnn_status recurrent_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  rnni_layer l;
  int place[RNNI_TENSORS];
  find_places(c->args.recurrent, place);
  int64_t size = lay_out(c, NULL, &l);
  RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 1, &size, &c->scratch[0]));
  lay_out(c, rnni_f(c->scratch[0]), &l);
  draw(ctx, c, &l);
  l.seed = (uint64_t)c->args.i[0];
  l.position = (uint64_t)c->args.i[1];
  swap_axes(rnni_f(x), l.N, l.T, l.D, l.x, false);
  set_start(&l, place[RNNI_H0] >= 0 ? c->in[place[RNNI_H0]] : NULL, l.h, l.R);
  set_start(&l, place[RNNI_C0] >= 0 ? c->in[place[RNNI_C0]] : NULL, l.c, l.H);
  RNNI_TRY(rnni_layer_forward(ctx, &l));
  RNNI_TRY(make_output(ctx, c, &l));
  RNNI_TRY(make_state(ctx, &l, l.h, l.R, &c->out[1]));
  return l.c ? make_state(ctx, &l, l.c, l.H, &c->out[2]) : RNN_OK;
}

/* ---- backward ---- */

static const real *arrived(const rnni_call *c, int output) {
  return output < c->nout && c->dout[output] ? rnni_f(c->dout[output]) : NULL;
}

/* With last_only the gradient of y is one of the final h, except where a sequence is empty. */
static rnn_status join_last(rnn_ctx *ctx, const rnni_call *c, const rnni_layer *l, rnn_tensor **out) {
  RNNI_TRY(rnn_tensor_new(ctx, RNN_FLOAT, 2, (int64_t[]){l->N, l->R}, out));
  const real *dy = arrived(c, 0), *dh = arrived(c, 1);
  real *to = rnni_f(*out);
  for (int64_t n = 0; n < l->N; n++, to += l->R) {
    if (dh) rnni_add(to, dh + n * l->R, l->R);
    if (dy && l->T > 0 && !rnni_padding(l, n, 0)) rnni_add(to, dy + n * l->R, l->R);
  }
  return RNN_OK;
}

static rnn_status recurrent_backward(rnn_ctx *ctx, rnni_call *c) {
  rnni_layer l;
  int place[RNNI_TENSORS];
  find_places(c->args.recurrent, place);
  lay_out(c, rnni_f(c->scratch[0]), &l);
  rnni_layer_gradients g = {.dh_end = arrived(c, 1), .dc_end = arrived(c, 2)};
  rnn_tensor *last = NULL;
  real *dx = NULL;
  rnn_status status = RNN_OK;
  for (int which = RNNI_W_IH; which < RNNI_TENSORS; which++)
    if (place[which] >= 0 && c->wants[place[which]]) g.d[which] = rnni_f(c->din[place[which]]);
  if (c->wants[0]) {
    RNNI_GOTO(rnni_array(ctx, l.T * l.N * l.D, sizeof *dx, &dx));
    g.d[RNNI_X] = dx;
  }
  if (l.r->last_only) {
    RNNI_GOTO(join_last(ctx, c, &l, &last));
    g.dh_end = rnni_f(last);
  } else {
    g.dy = arrived(c, 0), g.row = l.T * l.R, g.step = l.R;
  }
  RNNI_GOTO(rnni_layer_backward(ctx, &l, &g));
  if (dx) swap_axes(dx, l.T, l.N, l.D, rnni_f(c->din[0]), true);
done:
  rnn_tensor_free(last);
  rnni_free(ctx, dx);
  return status;
}

const rnn_op rnni_op_recurrent = {.name = "recurrent", .args = "R",
                                  .doc = "({cell, units, ...}, x, weights [, state]) -> y, state. A recurrent layer over whole sequences; see rnn.h.",
                                  .shape = recurrent_shape, .forward = recurrent_forward,
                                  .backward = recurrent_backward, .saves = RNNI_SAVE_INPUTS & ~(unsigned)RNNI_SAVE_IN0,
                                  .lengths = RNNI_LENGTHS_OWN, .outputs = outputs};
