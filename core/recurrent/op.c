/* op.c: the op "recurrent": checks a stack of layers, lays out its memory, and runs the engine layer by layer. */
#include "engine.h"

enum { W_IH, W_HH, B_IH, B_HH, WEIGHTS };

static int states_of(const rnn_args *args) { return args->recurrent->layers * rnn_cell_states(args->recurrent->cell); }
static int outputs(const rnn_args *args) { return 1 + states_of(args); }
static int weight_index(int layer, int which) { return 1 + layer * WEIGHTS + which; }
static int state_index(const rnn_recurrent *r, int layer, int which) {
  return 1 + r->layers * WEIGHTS + layer * rnn_cell_states(r->cell) + which;
}

static rnn_status expect(rnn_ctx *ctx, const rnn_tensor *t, const char *what, int layer, int ndim, int64_t a,
                         int64_t b) {
  int64_t dims[2] = {a, b};
  if (t && t->type == RNN_FLOAT && t->ndim == ndim && t->dims[0] == a && (ndim < 2 || t->dims[1] == b)) return RNN_OK;
  return rnni_fail(ctx, RNN_ESHAPE, "recurrent: layer %d: expected %s %s float, got %s %s", layer + 1, what,
                   rnni_shape_text(ndim, dims), t ? RNNI_SHAPE(t) : "nothing", t ? rnni_type_text(t->type) : "");
}

static rnn_status recurrent_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_recurrent *r = c->args.recurrent;
  if (!r || r->layers < 1 || r->units < 1 || outputs(&c->args) > RNN_MAX_OUTPUTS)
    return rnni_fail(ctx, RNN_EARG, "recurrent: expected 1 to %d layers of at least one unit", (RNN_MAX_OUTPUTS - 1) / 2);
  int64_t H = r->units, G = rnn_cell_gates(r->cell);
  int wanted = 1 + r->layers * WEIGHTS + (r->has_state ? states_of(&c->args) : 0);
  if (c->nin != wanted)
    return rnni_fail(ctx, RNN_EARG, "recurrent: expected %d tensors, got %d", wanted, c->nin);
  const rnn_tensor *x = c->in[0], *w = c->in[1];
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  int64_t D = w && w->ndim == 2 ? w->dims[1] : -1;
  if (x->ndim != 3 || (D >= 0 && x->dims[2] != D))
    return rnni_fail(ctx, RNN_ESHAPE, "recurrent: expected input (N, T, %lld), got %s", (long long)D, RNNI_SHAPE(x));
  int64_t N = x->dims[0];
  for (int i = 0; i < r->layers; i++) {
    RNNI_TRY(expect(ctx, c->in[weight_index(i, W_IH)], "weight_ih", i, 2, G * H, i ? H : x->dims[2]));
    RNNI_TRY(expect(ctx, c->in[weight_index(i, W_HH)], "weight_hh", i, 2, G * H, H));
    RNNI_TRY(expect(ctx, c->in[weight_index(i, B_IH)], "bias_ih", i, 1, G * H, 0));
    RNNI_TRY(expect(ctx, c->in[weight_index(i, B_HH)], "bias_hh", i, 1, G * H, 0));
    for (int s = 0; r->has_state && s < rnn_cell_states(r->cell); s++)
      RNNI_TRY(expect(ctx, c->in[state_index(r, i, s)], s ? "state c" : "state h", i, 2, N, H));
  }
  c->out_ndim = -1; /* several outputs: forward makes them */
  return RNN_OK;
}

/* Everything forward keeps, in one block: x time-major, then for each layer a, h and c. */
static int64_t layer_size(const rnn_recurrent *r, int64_t N, int64_t T) {
  return T * N * rnni_layer_kept(r->cell, r->units) + (T + 1) * N * r->units * rnn_cell_states(r->cell);
}

static rnni_layer layer_at(const rnni_call *c, int i, real *kept) {
  const rnn_recurrent *r = c->args.recurrent;
  const rnn_tensor *x = c->in[0];
  int64_t N = x->dims[0], T = x->dims[1], H = r->units, first = T * N * x->dims[2], size = layer_size(r, N, T);
  rnni_layer l = {.cell = r->cell, .activation = r->activation, .N = N, .T = T, .D = i ? H : x->dims[2], .H = H,
                  .lengths = x->lengths ? rnni_i(x->lengths) : NULL,
                  .w_ih = rnni_f(c->in[weight_index(i, W_IH)]), .w_hh = rnni_f(c->in[weight_index(i, W_HH)]),
                  .b_ih = rnni_f(c->in[weight_index(i, B_IH)]), .b_hh = rnni_f(c->in[weight_index(i, B_HH)])};
  int64_t gates = T * N * rnni_layer_kept(r->cell, H);
  real *own = kept + first + i * size;
  l.a = gates ? own : NULL;
  l.h = own + gates;
  l.c = r->cell == RNN_CELL_LSTM ? l.h + (T + 1) * N * H : NULL;
  l.x = i ? own - size + gates + N * H : kept; /* the outputs of the layer below start after its initial state */
  return l;
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

static int64_t end_of(const rnni_layer *l, int64_t n) { return l->lengths ? l->lengths[n] : l->T; }

/* Row n of the state at the end of each sequence; states is h or c. */
static void take_end(const rnni_layer *l, const real *states, real *to) {
  for (int64_t n = 0; n < l->N; n++)
    memcpy(to + n * l->H, states + (end_of(l, n) * l->N + n) * l->H, (size_t)l->H * sizeof *to);
}

static void set_start(const rnni_layer *l, const rnn_tensor *from, real *states) {
  size_t size = (size_t)(l->N * l->H) * sizeof *states;
  if (from) memcpy(states, from->data, size);
  else memset(states, 0, size);
}

static rnn_status make_outputs(rnn_ctx *ctx, rnni_call *c, real *kept) {
  const rnn_recurrent *r = c->args.recurrent;
  int64_t N = c->in[0]->dims[0], T = c->in[0]->dims[1], H = r->units;
  rnni_layer top = layer_at(c, r->layers - 1, kept);
  if (r->last_only) {
    RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 2, (int64_t[]){N, H}, &c->out[0]));
    for (int64_t n = 0; n < N; n++) /* of a sequence of length 0 the last output is 0, not its initial state */
      if (end_of(&top, n) == 0) memset(rnni_f(c->out[0]) + n * H, 0, (size_t)H * sizeof(real));
      else memcpy(rnni_f(c->out[0]) + n * H, top.h + (end_of(&top, n) * N + n) * H, (size_t)H * sizeof(real));
  } else {
    RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 3, (int64_t[]){N, T, H}, &c->out[0]));
    swap_axes(top.h + N * H, T, N, H, rnni_f(c->out[0]), false);
    RNNI_TRY(rnni_carry_lengths(ctx, c, true));
  }
  for (int i = 0, k = 1; i < r->layers; i++) {
    rnni_layer l = layer_at(c, i, kept);
    for (int s = 0; s < rnn_cell_states(r->cell); s++, k++) {
      RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 2, (int64_t[]){N, H}, &c->out[k]));
      take_end(&l, s ? l.c : l.h, rnni_f(c->out[k]));
    }
  }
  return RNN_OK;
}

static rnn_status recurrent_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_recurrent *r = c->args.recurrent;
  const rnn_tensor *x = c->in[0];
  int64_t N = x->dims[0], T = x->dims[1];
  int64_t size = x->count + r->layers * layer_size(r, N, T);
  RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 1, &size, &c->scratch[0]));
  real *kept = rnni_f(c->scratch[0]);
  swap_axes(rnni_f(x), N, T, x->dims[2], kept, false);
  for (int i = 0; i < r->layers; i++) {
    rnni_layer l = layer_at(c, i, kept);
    set_start(&l, r->has_state ? c->in[state_index(r, i, 0)] : NULL, l.h);
    if (l.c) set_start(&l, r->has_state ? c->in[state_index(r, i, 1)] : NULL, l.c);
    RNNI_TRY(rnni_layer_forward(ctx, &l));
  }
  return make_outputs(ctx, c, kept);
}

static real *wanted(const rnni_call *c, int input) { return c->wants[input] ? rnni_f(c->din[input]) : NULL; }
static const real *arrived(const rnni_call *c, int output) { return c->dout[output] ? rnni_f(c->dout[output]) : NULL; }

/* Does anything at or below layer i want a gradient? */
static bool wanted_below(const rnni_call *c, int i) {
  if (c->wants[0]) return true;
  for (int k = 1; k < weight_index(i, 0); k++)
    if (c->wants[k]) return true;
  const rnn_recurrent *r = c->args.recurrent;
  for (int k = state_index(r, 0, 0); r->has_state && k < state_index(r, i, 0); k++)
    if (c->wants[k]) return true;
  return false;
}

/* With last_only the gradient of y is one of the top layer's final h, except where the length is 0. */
static rnn_status join_last(rnn_ctx *ctx, const rnni_call *c, const rnni_layer *top, rnn_tensor **out) {
  int64_t H = top->H;
  RNNI_TRY(rnn_tensor_new(ctx, RNN_FLOAT, 2, (int64_t[]){top->N, H}, out));
  const real *dy = arrived(c, 0), *dh = arrived(c, 1 + (c->args.recurrent->layers - 1) *
                                                          rnn_cell_states(c->args.recurrent->cell));
  for (int64_t n = 0; n < top->N; n++) {
    if (dh) rnni_add(rnni_f(*out) + n * H, dh + n * H, H);
    if (dy && end_of(top, n) > 0) rnni_add(rnni_f(*out) + n * H, dy + n * H, H);
  }
  return RNN_OK;
}

static rnn_status recurrent_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_recurrent *r = c->args.recurrent;
  real *kept = rnni_f(c->scratch[0]), *above = NULL, *below = NULL;
  int states = rnn_cell_states(r->cell);
  rnn_tensor *last = NULL;
  rnn_status status = RNN_OK;
  for (int i = r->layers - 1; i >= 0; i--) {
    rnni_layer l = layer_at(c, i, kept);
    rnni_layer_gradients g = {
        .dh_end = arrived(c, 1 + i * states), .dc_end = l.c ? arrived(c, 2 + i * states) : NULL,
        .dw_ih = wanted(c, weight_index(i, W_IH)), .dw_hh = wanted(c, weight_index(i, W_HH)),
        .db_ih = wanted(c, weight_index(i, B_IH)), .db_hh = wanted(c, weight_index(i, B_HH)),
        .dh0 = r->has_state ? wanted(c, state_index(r, i, 0)) : NULL,
        .dc0 = r->has_state && l.c ? wanted(c, state_index(r, i, 1)) : NULL};
    if (i < r->layers - 1) {
      g.dy = above, g.row = l.H, g.step = l.N * l.H;
    } else if (r->last_only) {
      RNNI_GOTO(join_last(ctx, c, &l, &last));
      g.dh_end = rnni_f(last);
    } else {
      g.dy = arrived(c, 0), g.row = l.T * l.H, g.step = l.H;
    }
    if (i > 0 ? wanted_below(c, i) : c->wants[0]) {
      RNNI_GOTO(rnni_array(ctx, l.T * l.N * l.D, sizeof *below, &below));
      g.dx = below;
    }
    RNNI_GOTO(rnni_layer_backward(ctx, &l, &g));
    if (i == 0 && g.dx) swap_axes(g.dx, l.T, l.N, l.D, rnni_f(c->din[0]), true);
    rnni_free(ctx, above);
    above = below;
    below = NULL;
    if (!above) break;
  }
done:
  rnn_tensor_free(last);
  rnni_free(ctx, above);
  rnni_free(ctx, below);
  return status;
}

const rnn_op rnni_op_recurrent = {.name = "recurrent", .args = "R",
                                  .doc = "({cell, units, ...}, x, weights [, state]) -> y, state. A stack of recurrent layers over whole sequences; see rnn.h.",
                                  .shape = recurrent_shape, .forward = recurrent_forward,
                                  .backward = recurrent_backward, .saves = RNNI_SAVE_INPUTS & ~(unsigned)RNNI_SAVE_IN0,
                                  .lengths = RNNI_LENGTHS_OWN, .outputs = outputs};
