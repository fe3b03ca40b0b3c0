/* stepper.c: a layer that runs one step at a time: streaming. Weights are packed once and all memory is made at the
 * start, so a step is a product or two and a pass over the gates. */
#include "engine.h"

struct rnn_stepper {
  rnn_ctx *ctx;
  rnn_recurrent r;
  rnni_layer l;
  rnni_packed_layer *packed;
  real *buffer;
  int count;
  rnn_tensor **weights; /* with an empty place for x in front */
  uint32_t *versions;
  rnn_form low; /* what they are packed in */
};

void rnn_stepper_free(rnn_stepper *s) {
  if (!s) return;
  rnn_ctx *ctx = s->ctx;
  for (int i = 1; s->weights && i <= s->count; i++) rnn_tensor_free(s->weights[i]);
  rnni_free(ctx, s->weights);
  rnni_free(ctx, s->versions);
  rnni_free(ctx, s->packed);
  rnni_free(ctx, s->buffer);
  rnni_free(ctx, s);
}

static rnn_status build(rnn_stepper *s, rnn_tensor *const *weights, int count, int64_t batch) {
  rnn_ctx *ctx = s->ctx;
  RNNI_TRY(rnni_calloc(ctx, ((size_t)count + 1) * sizeof *s->weights, &s->weights));
  RNNI_TRY(rnni_array(ctx, count + 1, sizeof *s->versions, &s->versions));
  for (int i = 1; i <= count; i++) {
    RNNI_TRY(rnni_need_rows(ctx, "stepper", weights[i - 1]));
    s->weights[i] = rnn_tensor_ref(weights[i - 1]);
    s->versions[i] = weights[i - 1]->storage->version;
    s->count = i;
  }
  int64_t D = weights[0]->ndim == 2 ? weights[0]->dims[1] : -1;
  RNNI_TRY(rnni_check_layer(ctx, &s->r, s->weights, batch, D));
  rnni_layer_init(&s->l, &s->r, batch, 1, D, s->weights);
  RNNI_TRY(rnni_array(ctx, rnni_lay_out(&s->l, 0, 1, NULL), sizeof *s->buffer, &s->buffer));
  rnni_lay_out(&s->l, 0, 1, s->buffer);
  const rnn_form low = ctx->low;
  ctx->low = s->low = rnni_products_form(ctx, s->weights + 1, count, true);
  rnn_status status = rnni_pack_forward(ctx, &s->l, RNNI_PACK_STEPS, &s->packed);
  ctx->low = low;
  return status;
}

rnn_status rnn_stepper_new(rnn_ctx *ctx, const rnn_recurrent *r, rnn_tensor *const *weights, int count, int64_t batch,
                           rnn_stepper **out) {
  rnn_stepper *s;
  RNNI_NEED(ctx, r && out, "r or out is NULL");
  RNNI_NEED_TENSORS(ctx, weights, count);
  RNNI_NEED(ctx, batch > 0 && batch <= INT32_MAX, "batch is not within 1 to 2147483647");
  RNNI_TRY(rnni_calloc(ctx, sizeof *s, &s));
  s->ctx = ctx;
  s->r = *r;
  s->r.has_state = s->r.last_only = s->r.reverse = false;
  int wanted = rnni_tensors(&s->r) - 1;
  rnn_status status = count == wanted ? build(s, weights, count, batch)
                                      : rnni_fail(ctx, RNN_EARG, "stepper: expected %d weights, got %d", wanted, count);
  if (status != RNN_OK) rnn_stepper_free(s);
  else *out = s;
  return status;
}

bool rnn_stepper_made_of(const rnn_stepper *s, rnn_tensor *const *weights, int count) {
  if (count != s->count || s->low != rnni_products_form(s->ctx, weights, count, true)) return false;
  for (int i = 1; i <= count; i++)
    if (s->weights[i] != weights[i - 1] || s->weights[i]->storage->version != s->versions[i]) return false;
  return true;
}

static bool is_batch(const rnn_stepper *s, const rnn_tensor *t, int64_t width) {
  return t->type == RNN_FLOAT && t->ndim == 2 && t->dims[0] == s->l.N && t->dims[1] == width;
}

bool rnn_stepper_takes(const rnn_stepper *s, const rnn_tensor *x) { return is_batch(s, x, s->l.D); }

bool rnn_stepper_gives(const rnn_stepper *s, const rnn_tensor *h) { return is_batch(s, h, s->l.H) && h->contiguous; }

static rnn_status need(rnn_stepper *s, const rnn_tensor *t, const char *what, int64_t width) {
  if (is_batch(s, t, width)) return RNN_OK;
  int64_t dims[2] = {s->l.N, width};
  return rnni_fail(s->ctx, RNN_ESHAPE, "step: expected %s %s float, got %s %s", what, rnni_shape_text(2, dims),
                   RNNI_SHAPE(t), rnni_type_text(t->type));
}

static void set(real *to, const rnn_tensor *from, int64_t n) {
  if (from && from->contiguous) memcpy(to, from->data, (size_t)n * sizeof *to);
  else if (from) rnni_read_rows(from, to);
  else memset(to, 0, (size_t)n * sizeof *to);
}

rnn_status rnn_stepper_load(rnn_stepper *s, rnn_tensor *h, rnn_tensor *c) {
  RNNI_NEED(s ? s->ctx : NULL, true, "");
  rnni_layer *l = &s->l;
  if (h) RNNI_TRY(need(s, h, "state h", l->H));
  if (c && l->c) RNNI_TRY(need(s, c, "state c", l->H));
  set(l->h, h, l->N * l->H);
  if (l->c) set(l->c, c, l->N * l->H);
  return RNN_OK;
}

rnn_status rnn_stepper_run(rnn_stepper *s, rnn_tensor *x, rnn_tensor *h, rnn_tensor *c, rnn_tensor *sum) {
  RNNI_NEED(s ? s->ctx : NULL, true, "");
  RNNI_NEED_TENSOR(s->ctx, x);
  RNNI_NEED_TENSOR(s->ctx, h);
  rnni_layer *l = &s->l;
  int64_t n = l->N * l->H;
  RNNI_TRY(need(s, x, "input", l->D));
  RNNI_TRY(need(s, h, "output h", l->H));
  if (l->c && !c) return rnni_fail(s->ctx, RNN_EARG, "step: expected a place for the state c of an LSTM, got nothing");
  if (l->c) RNNI_TRY(need(s, c, "output c", l->H));
  if (sum) {
    RNNI_TRY(need(s, x, "input, to which h is added,", l->H));
    RNNI_TRY(need(s, sum, "a place for the sum", l->H));
  }
  set(l->x, x, l->N * l->D);
  RNNI_TRY(rnni_layer_forward(s->ctx, l, s->packed, false));
  memcpy(h->data, l->h + n, (size_t)n * sizeof(real));
  rnn_tensor_changed(h);
  if (l->c) {
    memcpy(c->data, l->c + n, (size_t)n * sizeof(real));
    rnn_tensor_changed(c);
  }
  if (sum) {
    memcpy(rnni_f(sum), l->x, (size_t)n * sizeof(real)); /* x itself may be where h has been written */
    rnni_add(rnni_f(sum), l->h + n, n);
    rnn_tensor_changed(sum);
  }
  return RNN_OK;
}
