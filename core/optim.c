/* optim.c: optimisers and clipping: flat loops over parameters, over threads where there are many. Formulas and defaults
 * as in the papers named; the places of epsilon as in PyTorch. */
#include "internal.h"

int rnn_optimizer_slots(rnn_optimizer kind) { return kind == RNN_SGD ? 1 : 2; }

/* What changes once a step, not once an element. */
typedef struct factors {
  real lr, momentum, beta1, beta2, epsilon, decay, shrink;
  real rest1, rest2; /* 1 - beta, rounded once: 1 - (float)0.999 would be wrong in the fifth digit */
  real c1, c1_next, c2; /* bias corrections */
  bool nesterov;
} factors;

/* v = momentum v + g; p -= lr v, or, after Nesterov, lr (g + momentum v)  (Sutskever et al. 2013) */
static void sgd(int64_t n, const factors *f, real *restrict p, const real *restrict g, real *restrict v) {
  for (int64_t i = 0; i < n; i++) {
    real d = g[i] + f->decay * p[i];
    v[i] = f->momentum * v[i] + d;
    p[i] -= f->lr * (f->nesterov ? d + f->momentum * v[i] : v[i]);
  }
}

/* s = beta2 s + (1-beta2) g^2; v = momentum v + g/(sqrt(s)+eps); p -= lr v  (Hinton, Coursera lecture 6e) */
static void rmsprop(int64_t n, const factors *f, real *restrict p, const real *restrict g, real *restrict v,
                    real *restrict s) {
  for (int64_t i = 0; i < n; i++) {
    real d = g[i] + f->decay * p[i];
    s[i] = f->beta2 * s[i] + f->rest2 * d * d;
    v[i] = f->momentum * v[i] + d / (RNNI_M(sqrt)(s[i]) + f->epsilon);
    p[i] -= f->lr * v[i];
  }
}

/* Adam (Kingma and Ba 2015); AdamW shrinks the weights instead of adding to g (Loshchilov and Hutter 2019);
   Nadam looks one step ahead (Dozat 2016), mu as in PyTorch: c1 and c1_next weigh g and m. */
static void adam(int64_t n, const factors *f, real *restrict p, const real *restrict g, real *restrict m,
                 real *restrict v) {
  for (int64_t i = 0; i < n; i++) {
    real d = g[i] + f->decay * p[i];
    m[i] = f->beta1 * m[i] + f->rest1 * d;
    v[i] = f->beta2 * v[i] + f->rest2 * d * d;
    p[i] = p[i] * f->shrink - f->lr * (f->c1_next * m[i] + f->c1 * d) / (RNNI_M(sqrt)(v[i]) * f->c2 + f->epsilon);
  }
}

/* Nadam's momentum of a step, which rises from beta1 / 2 to beta1. */
static double mu_of(double beta1, double step) { return beta1 * (1 - 0.5 * rnni_pow(0.96, step * 0.004)); }

static factors factors_of(const rnn_optimizer_options *o) {
  double step = (double)o->step, b1 = 1 - rnni_pow(o->beta1, step), b2 = 1 - rnni_pow(o->beta2, step);
  bool decoupled = o->kind == RNN_ADAMW;
  factors f = {.lr = (real)o->lr, .momentum = (real)o->momentum, .beta1 = (real)o->beta1, .beta2 = (real)o->beta2,
               .rest1 = (real)(1 - o->beta1), .rest2 = (real)(1 - o->beta2), .epsilon = (real)o->epsilon,
               .decay = decoupled ? 0 : (real)o->weight_decay,
               .shrink = decoupled ? (real)(1 - o->lr * o->weight_decay) : 1, .nesterov = o->nesterov,
               .c2 = (real)(1 / sqrt(b2)), .c1_next = (real)(1 / b1)};
  if (o->kind == RNN_NADAM) {
    /* A product below 1e-20 changes nothing in 1 - product: some seventy steps at most. */
    double mu = mu_of(o->beta1, step), next = mu_of(o->beta1, step + 1), product = 1;
    for (int64_t i = 1; i <= o->step && product > 1e-20; i++) product *= mu_of(o->beta1, (double)i);
    f.c1_next = (real)(next / (1 - product * next));
    f.c1 = (real)((1 - mu) / (1 - product));
  }
  return f;
}

static rnn_status check_state(rnn_ctx *ctx, const rnn_tensor *p, const rnn_tensor *s, int i) {
  RNNI_TRY(rnni_need_rows(ctx, "optimizer_step", p));
  if (s) RNNI_NEED(ctx, s->ctx == ctx, "state is of another context");
  if (s) RNNI_TRY(rnni_need_rows(ctx, "optimizer_step", s));
  char text[160] = "missing";
  if (s && s->type == RNN_FLOAT && rnni_same_shape(p, s)) return RNN_OK;
  return rnni_fail(ctx, RNN_ESHAPE, "optimizer_step: the state of parameter %d should be %s %s, but is %s", i + 1,
                   RNNI_SHAPE(p), RNN_PRECISION, s ? rnn_tensor_describe(s, text, sizeof text) : text);
}

/* ---- over threads ---- */

static int tasks_for(const rnn_ctx *ctx, rnn_tensor *const *params, int count) {
  double elements = 0;
  for (int i = 0; i < count; i++) elements += (double)params[i]->count;
  return rnni_threads_for_elements(ctx, elements);
}

/* A step over all parameters, of which each task takes its share. */
typedef struct step {
  rnn_optimizer kind;
  factors f;
  rnn_tensor *const *params, *const *state;
  int count, slots, tasks;
} step;

static void step_task(void *arg, int task) {
  const step *s = arg;
  for (int i = 0; i < s->count; i++) {
    rnn_tensor *p = s->params[i];
    if (!p->grad) continue;
    int64_t from = rnni_cut(p->count, 16, task, s->tasks), n = rnni_cut(p->count, 16, task + 1, s->tasks) - from;
    real *w = rnni_f(p) + from, *s0 = rnni_f(s->state[i * s->slots]) + from;
    real *s1 = s->slots > 1 ? rnni_f(s->state[i * s->slots + 1]) + from : NULL;
    const real *g = rnni_f(p->grad) + from;
    if (s->kind == RNN_SGD) sgd(n, &s->f, w, g, s0);
    else if (s->kind == RNN_RMSPROP) rmsprop(n, &s->f, w, g, s0, s1);
    else adam(n, &s->f, w, g, s0, s1);
  }
}

static rnn_tensor *nth(rnn_tensor *const *params, int count, rnn_tensor *const *state, int i) {
  return i < count ? params[i] : state[i - count];
}

/* Do two of them lie in one storage? Parts of one may overlap, and then it matters who comes first. */
static bool any_shared(rnn_tensor *const *params, int count, rnn_tensor *const *state, int slots) {
  int all = count * (1 + slots);
  for (int i = 0; i < all; i++) {
    const rnni_storage *mine = nth(params, count, state, i)->storage;
    for (int k = 0; mine->refs > 1 && k < i; k++)
      if (nth(params, count, state, k)->storage == mine) return true;
  }
  return false;
}

rnn_status rnn_optimizer_step(rnn_ctx *ctx, const rnn_optimizer_options *o, rnn_tensor *const *params, int count,
                              rnn_tensor *const *state) {
  RNNI_NEED(ctx, o, "o is NULL");
  RNNI_NEED_TENSORS(ctx, params, count);
  RNNI_NEED(ctx, (unsigned)o->kind <= RNN_NADAM, "there is no such kind of optimiser");
  RNNI_NEED(ctx, state || count == 0, "state is NULL");
  int slots = rnn_optimizer_slots(o->kind);
  if (o->step < 1) return rnni_fail(ctx, RNN_EARG, "optimizer_step: steps count from 1, got %lld", (long long)o->step);
  for (int i = 0; i < count; i++)
    for (int k = 0; k < slots; k++) RNNI_TRY(check_state(ctx, params[i], state[i * slots + k], i));
  RNNI_TRY(rnni_poll(ctx)); /* a step that has begun is finished: half of one would be lost work */
  for (int i = 0; i < count; i++)
    if (params[i]->grad) {
      rnn_tensor_changed(params[i]);
      for (int k = 0; k < slots; k++) rnn_tensor_changed(state[i * slots + k]);
    }
  int tasks = tasks_for(ctx, params, count);
  if (tasks > 1 && any_shared(params, count, state, slots)) tasks = 1;
  step s = {.kind = o->kind, .f = factors_of(o), .params = params, .state = state, .count = count, .slots = slots,
            .tasks = tasks};
  rnni_parallel(ctx, s.tasks, step_task, &s);
  return RNN_OK;
}

/* The norm is a sum over chunks of each gradient, so that no number of threads changes it. */
#define CHUNK ((int64_t)1 << 15)

typedef struct norms {
  const rnn_ctx *ctx;
  rnn_tensor *const *params;
  int count, tasks;
  double *squares; /* of each chunk */
} norms;

static int64_t chunks_of(const rnn_tensor *p) { return p->grad ? (p->grad->count + CHUNK - 1) / CHUNK : 0; }

static void norm_task(void *arg, int task) {
  const norms *s = arg;
  int64_t first = 0;
  for (int i = 0; i < s->count; i++) {
    int64_t chunks = chunks_of(s->params[i]);
    for (int64_t c = chunks * task / s->tasks; c < chunks * (task + 1) / s->tasks && !rnni_interrupted(s->ctx); c++)
      s->squares[first + c] = rnni_squares(rnni_f(s->params[i]->grad) + c * CHUNK,
                                           RNNI_MIN(CHUNK, s->params[i]->grad->count - c * CHUNK));
    first += chunks;
  }
}

static rnn_status sum_of_squares(rnn_ctx *ctx, rnn_tensor *const *params, int count, double *sum) {
  int64_t chunks = 0;
  for (int i = 0; i < count; i++) chunks += chunks_of(params[i]);
  norms s = {.ctx = ctx, .params = params, .count = count, .tasks = tasks_for(ctx, params, count)};
  RNNI_TRY(rnni_array(ctx, chunks, sizeof *s.squares, &s.squares));
  rnni_parallel(ctx, s.tasks, norm_task, &s);
  *sum = 0;
  for (int64_t c = 0; c < chunks; c++) *sum += s.squares[c];
  rnni_free(ctx, s.squares);
  return rnni_poll(ctx);
}

/* Gradients times a factor, of which each task takes its share. */
typedef struct scaling {
  rnn_tensor *const *params;
  int count, tasks;
  real by;
} scaling;

static void scale_task(void *arg, int task) {
  const scaling *s = arg;
  for (int i = 0; i < s->count; i++) {
    rnn_tensor *g = s->params[i]->grad;
    int64_t end = g ? rnni_cut(g->count, 16, task + 1, s->tasks) : 0;
    for (int64_t k = g ? rnni_cut(g->count, 16, task, s->tasks) : 0; k < end; k++) rnni_f(g)[k] *= s->by;
  }
}

static void scale_all(rnn_ctx *ctx, rnn_tensor *const *params, int count, real by) {
  scaling s = {.params = params, .count = count, .tasks = tasks_for(ctx, params, count), .by = by};
  rnni_parallel(ctx, s.tasks, scale_task, &s);
}

static void gradients_change(rnn_tensor *const *params, int count) {
  for (int i = 0; i < count; i++)
    if (params[i]->grad) rnn_tensor_changed(params[i]->grad);
}

rnn_status rnn_clip_grad_norm(rnn_ctx *ctx, rnn_tensor *const *params, int count, double max_norm, double *norm) {
  RNNI_NEED_TENSORS(ctx, params, count);
  if (!(max_norm >= 0)) return rnni_fail(ctx, RNN_EARG, "clip_grad_norm: expected a norm of at least 0, got %s",
                     rnni_number_text(max_norm));
  double sum;
  RNNI_TRY(sum_of_squares(ctx, params, count, &sum));
  double total = sqrt(sum);
  if (norm) *norm = total;
  if (!(max_norm > 0 && total > max_norm) || !isfinite(total)) return RNN_OK;
  real scale = (real)(max_norm / total);
  gradients_change(params, count);
  scale_all(ctx, params, count, scale);
  return RNN_OK;
}

rnn_status rnn_clip_grad_value(rnn_ctx *ctx, rnn_tensor *const *params, int count, double limit, int64_t *clipped) {
  RNNI_NEED_TENSORS(ctx, params, count);
  RNNI_NEED(ctx, clipped, "clipped is NULL");
  if (!(limit > 0)) return rnni_fail(ctx, RNN_EARG, "clip_grad_value: expected a positive limit, got %s",
                     rnni_number_text(limit));
  real top = (real)limit;
  *clipped = 0;
  gradients_change(params, count);
  for (int i = 0; i < count; i++)
    for (int64_t k = 0; params[i]->grad && k < params[i]->grad->count; k++) {
      real *g = rnni_f(params[i]->grad) + k, was = *g;
      if (was > top) *g = top;
      if (was < -top) *g = -top;
      *clipped += was > top || was < -top;
    }
  return RNN_OK;
}

rnn_status rnn_scale_grad(rnn_ctx *ctx, rnn_tensor *const *params, int count, double factor) {
  RNNI_NEED_TENSORS(ctx, params, count);
  if (!isfinite(factor)) return rnni_fail(ctx, RNN_EARG, "scale_grad: expected a finite factor, got %s",
                     rnni_number_text(factor));
  real by = (real)factor;
  gradients_change(params, count);
  scale_all(ctx, params, count, by);
  return RNN_OK;
}

static void average(int64_t n, real keep, real add, real *restrict a, const real *restrict x) {
  for (int64_t i = 0; i < n; i++) a[i] = keep * a[i] + add * x[i];
}

rnn_status rnn_average_step(rnn_ctx *ctx, rnn_tensor *const *averages, rnn_tensor *const *live, int count,
                            double decay) {
  RNNI_NEED_TENSORS(ctx, averages, count);
  RNNI_NEED_TENSORS(ctx, live, count);
  if (!(decay >= 0 && decay <= 1))
    return rnni_fail(ctx, RNN_EARG, "average_step: expected a decay from 0 to 1, got %s",
                     rnni_number_text(decay));
  for (int i = 0; i < count; i++) {
    rnn_tensor *a = averages[i];
    if (a->storage == live[i]->storage)
      return rnni_fail(ctx, RNN_EARG, "average_step: average %d should be another tensor, but shares its memory with what it follows; x:copy()", i + 1);
    if (a->type != live[i]->type || !rnni_same_shape(a, live[i]))
      return rnni_fail(ctx, RNN_ESHAPE, "average_step: average %d should be %s %s, but is %s %s", i + 1,
                       RNNI_SHAPE(live[i]), rnni_type_text(live[i]->type), RNNI_SHAPE(a), rnni_type_text(a->type));
  }
  for (int i = 0; i < count; i++) {
    rnn_tensor *a = averages[i];
    rnn_tensor_changed(a);
    if (a->type == RNN_FLOAT) average(a->count, (real)decay, (real)(1 - decay), rnni_f(a), rnni_f(live[i]));
    else memcpy(a->data, live[i]->data, (size_t)a->count * rnni_type_size(a->type));
  }
  return RNN_OK;
}
