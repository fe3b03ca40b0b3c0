/* ctc.c: connectionist temporal classification (Graves et al. 2006): the likelihood of labels without times, summed
   over all their alignments with the frames. */
#include "../internal.h"
#include "../kernels/kernels.h"

/* Logits (N, T, C), labels (N, S) int32; zeros among the labels are left out. An alignment gives each frame a label or
   the blank; repeated classes and then blanks are dropped to read it. With the labels l[1..S] and blanks before,
   between and behind them, l' of L = 2S+1 places, and p[t][k] the softmax of frame t,

     a[t][s] = p[t][l'[s]] (a[t-1][s] + a[t-1][s-1] + a[t-1][s-2] where l'[s] is neither blank nor l'[s-2])
     b[t][s] = p[t][l'[s]] (b[t+1][s] + b[t+1][s+1] + b[t+1][s+2] where l'[s+2] is neither blank nor l'[s])
     P = a[T][L-1] + a[T][L],      d -log P / d x[t][k] = p[t][k] - sum over l'[s] = k of a[t][s] b[t][s] / p[t][k] / P

   in logarithms and in double. The gradient comes with the loss; scratch 0 keeps it when the call is recorded. */

typedef struct ctc_job {
  const rnn_tensor *logits, *labels;
  int64_t blank;   /* from 0 */
  real *gradient;  /* (N, T, C) or NULL */
  double *losses;  /* N */
  int64_t *counts; /* N: labels without the zeros, and then 0 for sequences that are left out */
  int tasks;
  int64_t room; /* bytes of a task's working memory */
  char *memory;
} ctc_job;

static int64_t frames_of(const rnn_tensor *x, int64_t n) { return x->lengths ? rnni_i(x->lengths)[n] : x->dims[1]; }

static const int32_t *labels_of(const rnn_tensor *labels, int64_t n, int64_t *length) {
  *length = frames_of(labels, n);
  return rnni_i(labels) + n * labels->dims[1];
}

/* Frames that the labels of sequence n need: one each, and a blank between two equal ones. */
static int64_t needed(const rnn_tensor *labels, int64_t n, int64_t *count) {
  int64_t length, frames = 0;
  const int32_t *l = labels_of(labels, n, &length);
  int32_t before = 0;
  *count = 0;
  for (int64_t i = 0; i < length; i++) {
    if (l[i] == 0) continue;
    frames += 1 + (l[i] == before);
    before = l[i];
    ++*count;
  }
  return frames;
}

#define SAMPLE_WEIGHTS 2
#define REDUCTION 3

static rnn_status ctc_loss_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *labels = c->in[1];
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  RNNI_TRY(rnni_need_int(ctx, c, 1));
  if (x->ndim != 3 || labels->ndim != 2 || x->dims[0] != labels->dims[0] || x->dims[2] < 1)
    return rnni_fail(ctx, RNN_ESHAPE, "ctc_loss: expected logits (N, T, C) and labels (N, S), got %s and %s",
                     RNNI_SHAPE(x), RNNI_SHAPE(labels));
  if (!c->args.i[2]) RNNI_TRY(rnni_need_no_padding(ctx, c, labels, labels));
  int64_t classes = x->dims[2];
  if (c->args.i[0] == -1) c->args.i[0] = classes;
  if (c->args.i[0] < 1 || c->args.i[0] > classes)
    return rnni_fail(ctx, RNN_EARG, "ctc_loss: the blank, class %lld, is not within 1 to %lld", (long long)c->args.i[0],
                     (long long)classes);
  int64_t done = 0;
  for (int64_t n = 0; n < labels->dims[0]; n++) {
    int64_t length, count, frames = needed(labels, n, &count);
    RNNI_TRY(rnni_pace(ctx, &done, labels->dims[1]));
    const int32_t *l = labels_of(labels, n, &length);
    for (int64_t i = 0; i < length; i++)
      if (l[i] < 0 || l[i] > classes || l[i] == c->args.i[0])
        return rnni_fail(ctx, RNN_EARG,
                         "ctc_loss: label %d of sequence %lld is not within 0 to %lld, or is the blank, %lld", l[i],
                         (long long)n + 1, (long long)classes, (long long)c->args.i[0]);
    if (frames > frames_of(x, n) && !c->args.i[1])
      return rnni_fail(ctx, RNN_EARG, "ctc_loss: sequence %lld has %lld frames; its %lld labels need %lld",
                       (long long)n + 1, (long long)frames_of(x, n), (long long)count, (long long)frames);
  }
  return rnni_loss_shape(ctx, c, SAMPLE_WEIGHTS, REDUCTION, 1, labels->dims);
}

/* log(e^a + e^b) */
static double log_add(double a, double b) {
  if (a < b) {
    double swap = a;
    a = b;
    b = swap;
  }
  return b == -INFINITY ? a : a + rnni_log1p(rnni_exp(b - a));
}

/* One sequence: T frames, S labels; what it needs of memory lies in work. */
typedef struct ctc_work {
  const rnn_ctx *ctx;
  int64_t T, S, L, C, blank;
  const real *x; /* (T, C) */
  double *alpha; /* (T, L) */
  double *beta;  /* (2, L) */
  double *skip;  /* L: chances two places before, where the place can follow at once */
  double *lse;   /* T */
  double *share; /* C: how much of P each class has at a frame, in logarithms */
  real *e;       /* C */
  int32_t *l;    /* S, from 0 */
} ctc_work;

static int64_t class_at(const ctc_work *w, int64_t s) { return s % 2 ? w->l[s / 2] : w->blank; }
/* The place s can follow s - 2 at once. */
static bool skips(const ctc_work *w, int64_t s) { return s % 2 && s >= 3 && w->l[s / 2] != w->l[s / 2 - 1]; }
static double log_p(const ctc_work *w, int64_t t, int64_t s) {
  return (double)w->x[t * w->C + class_at(w, s)] - w->lse[t];
}

static void log_sums(ctc_work *w) {
  for (int64_t t = 0; t < w->T; t++) {
    real top;
    double sum = rnni_exponentials(w->ctx, w->C, w->x + t * w->C, 1, w->e, &top);
    w->lse[t] = (double)top + rnni_log(sum);
  }
}

/* log P */
static double run_forward(ctc_work *w) {
  int64_t L = w->L;
  for (int64_t s = 0; s < L; s++) w->alpha[s] = s < 2 ? log_p(w, 0, s) : -INFINITY;
  for (int64_t t = 1; t < w->T; t++) {
    const double *from = w->alpha + (t - 1) * L;
    double *to = w->alpha + t * L;
    if (rnni_interrupted(w->ctx)) return 0;
    for (int64_t s = 0; s < L; s++) {
      to[s] = from[s];
      w->skip[s] = skips(w, s) ? from[s - 2] : -INFINITY;
    }
    rnni_kernel->log_add(L - 1, from, to + 1);
    rnni_kernel->log_add(L, w->skip, to);
    for (int64_t s = 0; s < L; s++)
      if (to[s] != -INFINITY) to[s] += log_p(w, t, s);
  }
  const double *end = w->alpha + (w->T - 1) * L;
  return L > 1 ? log_add(end[L - 1], end[L - 2]) : end[0];
}

/* The gradient of -log P; nothing when P is 0. */
static void run_backward(ctc_work *w, double log_total, real *gradient) {
  int64_t L = w->L, C = w->C;
  for (int64_t t = w->T - 1; t >= 0; t--) {
    double *to = w->beta + t % 2 * L;
    const double *from = w->beta + (t + 1) % 2 * L;
    if (rnni_interrupted(w->ctx)) return;
    for (int64_t k = 0; k < C; k++) w->share[k] = -INFINITY;
    for (int64_t s = 0; s < L; s++) {
      to[s] = t == w->T - 1 ? (s >= L - 2 ? 0 : -INFINITY) : from[s];
      w->skip[s] = t < w->T - 1 && s + 2 < L && skips(w, s + 2) ? from[s + 2] : -INFINITY;
    }
    if (t < w->T - 1) rnni_kernel->log_add(L - 1, from + 1, to);
    rnni_kernel->log_add(L, w->skip, to);
    for (int64_t s = 0; s < L; s++) {
      int64_t k = class_at(w, s);
      w->share[k] = log_add(w->share[k], w->alpha[t * L + s] + to[s]);
      if (to[s] != -INFINITY) to[s] += log_p(w, t, s);
    }
    real *d = gradient + t * C;
    for (int64_t k = 0; k < C; k++) d[k] = (real)((double)w->x[t * C + k] - w->lse[t]);
    rnni_kernel->exp(C, d, d);
    for (int64_t k = 0; k < C; k++)
      if (w->share[k] != -INFINITY) d[k] -= (real)rnni_exp(w->share[k] - log_total);
  }
}

static int64_t room_for(int64_t T, int64_t S, int64_t C) {
  int64_t L = 2 * S + 1, doubles = (T + 3) * L + T + C;
  return (doubles * (int64_t)sizeof(double) + C * (int64_t)sizeof(real) + S * (int64_t)sizeof(int32_t) + 63) / 64 * 64;
}

static void run_sequence(const ctc_job *j, int64_t n, char *memory) {
  const rnn_tensor *x = j->logits;
  int64_t length, count;
  ctc_work w = {.ctx = x->ctx, .T = frames_of(x, n), .C = x->dims[2], .blank = j->blank,
                .x = rnni_f(x) + n * x->dims[1] * x->dims[2]};
  j->losses[n] = 0;
  if (needed(j->labels, n, &count) > w.T || w.T == 0) return;
  w.S = j->counts[n] = count;
  w.L = 2 * w.S + 1;
  w.alpha = (double *)(void *)memory;
  w.beta = w.alpha + w.T * w.L;
  w.skip = w.beta + 2 * w.L;
  w.lse = w.skip + w.L;
  w.share = w.lse + w.T;
  w.e = (real *)(void *)(w.share + w.C);
  w.l = (int32_t *)(void *)(w.e + w.C);
  const int32_t *l = labels_of(j->labels, n, &length);
  for (int64_t i = 0, k = 0; i < length; i++)
    if (l[i]) w.l[k++] = l[i] - 1;
  log_sums(&w);
  double log_total = run_forward(&w);
  j->losses[n] = -log_total;
  if (j->gradient && log_total != -INFINITY)
    run_backward(&w, log_total, j->gradient + n * x->dims[1] * x->dims[2]);
}

/* Task k has the sequences k, k + tasks, ... Each is computed alone, so the result is that of one thread. */
static void run_task(void *arg, int task) {
  const ctc_job *j = arg;
  for (int64_t n = task; n < j->logits->dims[0]; n += j->tasks)
    run_sequence(j, n, j->memory + (int64_t)task * j->room);
}

static rnn_status ctc_loss_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *labels = c->in[1];
  int64_t N = x->dims[0], T = x->dims[1], S = labels->dims[1];
  ctc_job j = {.logits = x, .labels = labels, .blank = c->args.i[0] - 1};
  rnn_status status = RNN_OK;
  if (c->keep) {
    RNNI_TRY(rnn_tensor_new(ctx, RNN_FLOAT, 3, x->dims, &c->scratch[0]));
    j.gradient = rnni_f(c->scratch[0]);
  }
  j.tasks = rnni_threads_for(ctx, 50.0 * (double)(N * T * (2 * S + 1)) + (double)(20 * x->count)); /* exp and log */
  j.tasks = (int)RNNI_MIN(j.tasks, RNNI_MAX(N, 1));
  j.room = room_for(T, S, x->dims[2]);
  RNNI_GOTO(rnni_array(ctx, N, sizeof *j.losses, &j.losses));
  RNNI_GOTO(rnni_array(ctx, N, sizeof *j.counts, &j.counts));
  RNNI_GOTO(rnni_array(ctx, j.tasks, (size_t)j.room, &j.memory));
  for (int64_t n = 0; n < N; n++) j.counts[n] = 0;
  rnni_parallel(ctx, j.tasks, run_task, &j);
  RNNI_GOTO(rnni_poll(ctx));
  const rnn_tensor *w = rnni_sample_weights(c, SAMPLE_WEIGHTS);
  real *none = c->args.i[REDUCTION] == RNN_NONE ? rnni_f(c->out[0]) : NULL;
  double total = 0, count = 0;
  for (int64_t n = 0; n < N; n++) {
    double times = rnni_sample_weight(w, N, n), value = times > 0 ? times * j.losses[n] : 0;
    if (none) none[n] = (real)value;
    total += value;
    count += times * (double)j.counts[n];
  }
  if (c->args.i[REDUCTION] != RNN_MEAN || !(count > 0)) count = 1;
  if (!none) rnni_f(c->out[0])[0] = (real)(total / count);
  for (int64_t n = 0; n < N && j.gradient; n++) {
    double times = rnni_sample_weight(w, N, n);
    real *gradient = j.gradient + n * T * x->dims[2];
    for (int64_t i = 0; i < T * x->dims[2]; i++)
      gradient[i] = times > 0 ? (real)times * gradient[i] / (real)count : 0;
  }
done:
  rnni_free(ctx, j.memory);
  rnni_free(ctx, j.counts);
  rnni_free(ctx, j.losses);
  return status;
}

static rnn_status ctc_loss_backward(rnn_ctx *ctx, rnni_call *c) {
  const real *gradient = rnni_f(c->scratch[0]);
  const real *dout = rnni_f(c->dout[0]);
  int64_t done = 0, N = c->scratch[0]->dims[0], size = N ? c->scratch[0]->count / N : 0;
  for (int64_t n = 0; n < N; n++) {
    real *dx = rnni_f(c->din[0]) + n * size, dy = dout[c->args.i[REDUCTION] == RNN_NONE ? n : 0];
    for (RNNI_PIECES(size, from, to)) {
      RNNI_TRY(rnni_pace(ctx, &done, to - from));
      for (int64_t i = from; i < to; i++) dx[i] += dy * gradient[n * size + i];
    }
  }
  return RNN_OK;
}
const rnn_op rnni_op_ctc_loss = {.name = "ctc_loss", .args = "TT?i?i?b?T?c", .choices = rnni_reductions,
                            .doc = "(logits, labels [, blank = C [, skip = 0 [, padded = false [, sample_weights [, reduction = \"mean\"]]]]]). -log of the probability of labels (N, S) int32 without times, by logits (N, T, C) (Graves et al. 2006); the mean is that of a label, none gives the value of each sequence; skip 1 leaves out sequences with too few frames; label 0 is padding, which wants lengths that end before it or padded."
                               RNNI_REDUCTION_DOC
                               " Errors: a blank or labels outside 1 .. C, labels that need more frames than there are.",
                            .shape = ctc_loss_shape, .forward = ctc_loss_forward, .backward = ctc_loss_backward,
                            .saves = RNNI_SAVE_NONE, .lengths = RNNI_LENGTHS_OWN, .absent = -1};
