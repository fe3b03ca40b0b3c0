/* layout.c: the tensors, sizes and memory of a layer. */
#include "engine.h"

/* ---- checks ---- */

int rnni_tensors(const rnn_recurrent *r) { return RNNI_H0 + (r->has_state ? rnn_recurrent_states(r) : 0); }

static const char *const names[RNNI_TENSORS] = {"x", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "state h", "state c"};

const char *rnni_layer_input_name(const rnni_call *c, int input) {
  return input < rnni_tensors(c->args.recurrent) ? names[input] : "a tensor too many";
}

static rnn_status expect(rnn_ctx *ctx, const rnn_tensor *t, int which, int ndim, int64_t a, int64_t b) {
  int64_t dims[2] = {a, b};
  if (t && t->type == RNN_FLOAT && t->ndim == ndim && t->dims[0] == a && (ndim < 2 || t->dims[1] == b)) return RNN_OK;
  return rnni_fail(ctx, RNN_ESHAPE, "recurrent: expected %s %s float, got %s %s", names[which],
                   rnni_shape_text(ndim, dims), t ? RNNI_SHAPE(t) : "nothing", t ? rnni_type_text(t->type) : "");
}

static rnn_status check_options(rnn_ctx *ctx, const rnn_recurrent *r) {
  if ((unsigned)r->cell > RNN_CELL_GRU) return rnni_fail(ctx, RNN_EARG, "recurrent: there is no cell %d", (int)r->cell);
  if (r->activation != RNN_TANH && !(r->activation == RNN_RELU && r->cell == RNN_CELL_RNN))
    return rnni_fail(ctx, RNN_EARG, "recurrent: the activation is tanh, or relu of the simple RNN");
  if (r->units < 1 || r->units > INT32_MAX)
    return rnni_fail(ctx, RNN_EARG, "recurrent: option units: expected 1 to %d, got %lld", INT32_MAX, (long long)r->units);
  if (r->recompute < 0 || r->recompute > INT32_MAX)
    return rnni_fail(ctx, RNN_EARG, "recurrent: recompute takes the steps of a segment, got %lld", (long long)r->recompute);
  return RNN_OK;
}

rnn_status rnni_check_layer(rnn_ctx *ctx, const rnn_recurrent *r, rnn_tensor *const *in, int64_t N, int64_t D) {
  RNNI_TRY(check_options(ctx, r));
  int64_t H = r->units, GH = rnn_recurrent_gates(r) * H;
  RNNI_TRY(expect(ctx, in[RNNI_W_IH], RNNI_W_IH, 2, GH, D));
  RNNI_TRY(expect(ctx, in[RNNI_W_HH], RNNI_W_HH, 2, GH, H));
  RNNI_TRY(expect(ctx, in[RNNI_B_IH], RNNI_B_IH, 1, GH, 0));
  RNNI_TRY(expect(ctx, in[RNNI_B_HH], RNNI_B_HH, 1, GH, 0));
  for (int which = RNNI_H0; which < rnni_tensors(r); which++) RNNI_TRY(expect(ctx, in[which], which, 2, N, H));
  return RNN_OK;
}

/* ---- sizes and memory ---- */

void rnni_layer_init(rnni_layer *l, const rnn_recurrent *r, int64_t N, int64_t all, int64_t D, rnn_tensor *const *in) {
  int64_t H = r->units;
  *l = (rnni_layer){.r = r, .N = N, .all = all, .D = D, .H = H, .G = rnn_recurrent_gates(r) * H,
                    .A = r->cell == RNN_CELL_RNN ? H : 4 * H};
  for (int which = RNNI_W_IH; which < RNNI_H0; which++) l->p[which] = rnni_f(in[which]);
}

/* The next n elements; without memory, only their number counts. */
static real *take(real *kept, int64_t *used, int64_t n) {
  real *p = kept ? kept + *used : NULL;
  *used += n;
  return p;
}

int64_t rnni_lay_out(rnni_layer *l, int64_t t0, int64_t T, real *kept) {
  int64_t rows = T * l->N, states = (rows + l->N) * l->H, used = 0;
  l->t0 = t0;
  l->T = T;
  l->x = take(kept, &used, rows * l->D);
  if (l->r->cell != RNN_CELL_RNN) l->a = take(kept, &used, rows * l->A);
  l->h = take(kept, &used, states);
  if (l->r->cell == RNN_CELL_LSTM) l->c = take(kept, &used, states);
  return used;
}
