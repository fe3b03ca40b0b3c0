/* layout.c: the tensors, sizes and memory of a layer. */
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

int rnni_places(const rnn_recurrent *r, int *place) {
  int n = 0;
  for (int which = 0; which < RNNI_TENSORS; which++) place[which] = present(r, which) ? n++ : -1;
  return n;
}

/* ---- checks ---- */

static const char *const names[RNNI_TENSORS] = {"x",       "weight_ih", "weight_hh", "bias_ih",   "bias_hh",
                                                "gain_ih", "gain_hh",   "gain_c",    "bias_c",    "peephole",
                                                "weight_hr", "state h", "state c"};

const char *rnni_layer_tensor_name(const rnn_recurrent *r, int input) {
  int place[RNNI_TENSORS];
  rnni_places(r, place);
  for (int which = 0; which < RNNI_TENSORS; which++)
    if (place[which] == input) return names[which];
  return "a tensor too many";
}

static rnn_status expect(rnn_ctx *ctx, const rnn_tensor *t, int which, int ndim, int64_t a, int64_t b) {
  int64_t dims[2] = {a, b};
  if (t && t->type == RNN_FLOAT && t->ndim == ndim && t->dims[0] == a && (ndim < 2 || t->dims[1] == b)) return RNN_OK;
  return rnni_fail(ctx, RNN_ESHAPE, "recurrent: expected %s %s float, got %s %s", names[which],
                   rnni_shape_text(ndim, dims), t ? RNNI_SHAPE(t) : "nothing", t ? rnni_type_text(t->type) : "");
}

static rnn_status check_options(rnn_ctx *ctx, const rnn_recurrent *r) {
  if ((unsigned)r->cell > RNN_CELL_GRU) return rnni_fail(ctx, RNN_EARG, "recurrent: there is no cell %d", (int)r->cell);
  if ((unsigned)r->activation > RNN_IDENTITY || (unsigned)r->gate_activation > RNN_IDENTITY)
    return rnni_fail(ctx, RNN_EARG, "recurrent: there is no activation %d", (int)RNNI_MAX(r->activation, r->gate_activation));
  if (r->units < 1 || r->units > INT32_MAX)
    return rnni_fail(ctx, RNN_EARG, "recurrent: option units: expected 1 to %d, got %lld", INT32_MAX, (long long)r->units);
  bool lstm = r->cell == RNN_CELL_LSTM;
  if (!lstm && (r->projection || r->peepholes || r->coupled || r->zoneout_c > 0))
    return rnni_fail(ctx, RNN_EARG, "recurrent: projection, peepholes, coupled gates and zoneout of c are for the LSTM");
  if (r->reset_before && r->cell != RNN_CELL_GRU)
    return rnni_fail(ctx, RNN_EARG, "recurrent: reset_before is for the GRU");
  if (r->projection < 0 || r->projection > INT32_MAX)
    return rnni_fail(ctx, RNN_EARG, "recurrent: impossible projection %lld", (long long)r->projection);
  if (r->recompute < 0 || r->recompute > INT32_MAX)
    return rnni_fail(ctx, RNN_EARG, "recurrent: recompute takes the steps of a segment, got %lld", (long long)r->recompute);
  const double rates[] = {r->recurrent_dropout, r->zoneout_h, r->zoneout_c};
  for (int i = 0; i < 3; i++)
    if (!(rates[i] >= 0 && rates[i] < 1))
      return rnni_fail(ctx, RNN_EARG, "recurrent: expected a rate from 0 up to but not 1, got %s",
                       rnni_number_text(rates[i]));
  return RNN_OK;
}

rnn_status rnni_check_layer(rnn_ctx *ctx, const rnn_recurrent *r, rnn_tensor *const *in, int64_t N, int64_t D) {
  RNNI_TRY(check_options(ctx, r));
  int place[RNNI_TENSORS];
  rnni_places(r, place);
  int64_t H = r->units, R = r->projection ? r->projection : H, GH = rnn_recurrent_gates(r) * H;
  const struct {
    int which, ndim;
    int64_t a, b;
  } shapes[] = {{RNNI_W_IH, 2, GH, D},    {RNNI_W_HH, 2, GH, R},    {RNNI_B_IH, 1, GH, 0},  {RNNI_B_HH, 1, GH, 0},
                {RNNI_GAIN_IH, 1, GH, 0}, {RNNI_GAIN_HH, 1, GH, 0}, {RNNI_GAIN_C, 1, H, 0}, {RNNI_BIAS_C, 1, H, 0},
                {RNNI_PEEPHOLE, 2, 3, H}, {RNNI_W_HR, 2, R, H},     {RNNI_H0, 2, N, R},     {RNNI_C0, 2, N, H}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    if (place[shapes[i].which] >= 0)
      RNNI_TRY(expect(ctx, in[place[shapes[i].which]], shapes[i].which, shapes[i].ndim, shapes[i].a, shapes[i].b));
  return RNN_OK;
}

/* ---- sizes and memory ---- */

void rnni_layer_init(rnni_layer *l, const rnn_recurrent *r, int64_t N, int64_t all, int64_t D, rnn_tensor *const *in) {
  int64_t H = r->units;
  bool lstm = r->cell == RNN_CELL_LSTM;
  int place[RNNI_TENSORS];
  rnni_places(r, place);
  *l = (rnni_layer){.r = r, .N = N, .all = all, .D = D, .H = H, .R = r->projection ? r->projection : H,
                    .G = rnn_recurrent_gates(r) * H, .A = r->cell == RNN_CELL_RNN ? H : 4 * H,
                    .first = lstm && r->coupled ? H : 0};
  for (int which = RNNI_W_IH; which < RNNI_H0; which++)
    if (place[which] >= 0) l->p[which] = rnni_f(in[place[which]]);
  l->gates = (rnni_gates){.units = H, .act = r->activation, .gate = r->gate_activation, .coupled = r->coupled,
                          .peephole = l->p[RNNI_PEEPHOLE], .apart = lstm && r->layer_norm};
}

/* The next n elements; without memory, only their number counts. */
static real *take(real *kept, int64_t *used, int64_t n) {
  real *p = kept ? kept + *used : NULL;
  *used += n;
  return p;
}

int64_t rnni_lay_out(rnni_layer *l, int64_t t0, int64_t T, real *kept) {
  const rnn_recurrent *r = l->r;
  int64_t N = l->N, H = l->H, rows = T * N;
  bool lstm = r->cell == RNN_CELL_LSTM, own = r->cell != RNN_CELL_RNN || r->zoneout_h > 0;
  l->t0 = t0;
  l->T = T;
  int64_t used = 0;
  l->x = take(kept, &used, rows * l->D);
  if (own) l->a = take(kept, &used, rows * l->A);
  l->h = take(kept, &used, rows * l->R + N * l->R);
  if (lstm) l->c = take(kept, &used, rows * H + N * H);
  if (lstm && r->zoneout_c > 0) l->fresh = take(kept, &used, rows * H);
  if (r->projection) l->m = take(kept, &used, rows * H);
  if (r->layer_norm) {
    l->nx = take(kept, &used, rows * l->G);
    l->sx = take(kept, &used, rows);
    l->nh = take(kept, &used, rows * l->G);
    l->sh = take(kept, &used, rows * 2);
    if (lstm) {
      l->nc = take(kept, &used, rows * H);
      l->sc = take(kept, &used, rows);
    }
  }
  return used;
}
