/* test_interrupt.c: an interrupt is seen at once by everything that runs over data, whatever its size, and what it ends
 * has changed nothing but what it was asked to fill.
 *
 * Each case is built so large that it works for longer than a moment. A thread interrupts it after DELAY; then it must
 * end within WITHIN of its own processor time (other processes do not count, nor how late the thread was), interrupted or,
 * when it was quick, done. A host that takes the memory or the processor away counts as processor time here: what was
 * late is done again, and TRIES times late is a fault. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rnn.h"
#include "program_parse.h"
#include "program_texts.h"

#define DELAY 0.005
#define WITHIN 0.1 /* seconds; what is promised is 0.2, and others share the processor's cache */
#define TRIES 3
#define SIZE ((int64_t)(1 << 26) / (int64_t)sizeof(rnn_real)) /* 64 MB */

static rnn_ctx *ctx;
static double delay = DELAY;

static clockid_t worker;
static double worker_time(void) {
  struct timespec t;
  clock_gettime(worker, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* from: the worker's time when it began; sent: its time when the interrupt came, which a busy machine delays. */
typedef struct sending {
  double from, sent;
} sending;

static void *interrupter(void *arg) {
  sending *s = arg;
  do nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
  while (worker_time() - s->from < delay);
  s->sent = worker_time();
  rnn_ctx_interrupt(ctx);
  return NULL;
}

typedef rnn_status work(void *arg);

/* Runs f, after prepare where it is given, with an interrupt on its way. */
static rnn_status interrupted(const char *name, work *prepare, work *f, void *arg) {
  for (int k = 1;; k++) {
    if (prepare) assert_int_equal(prepare(arg), RNN_OK);
    pthread_t thread;
    sending s = {.from = worker_time()};
    pthread_create(&thread, NULL, interrupter, &s);
    rnn_status status = f(arg);
    double end = worker_time();
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    rnn_ctx_clear_interrupt(ctx);
    if (status != RNN_OK && status != RNN_EINTR) fail_msg("%s: %s", name, rnn_message(ctx));
    double late = s.sent > 0 ? end - s.sent : 0;
    printf("  %-28s %5.0f ms, %3.0f of it after the interrupt: %s\n", name, (end - s.from) * 1e3, late * 1e3,
           status == RNN_OK ? "done" : "interrupted");
    if (late <= WITHIN) return status;
    if (k == TRIES) fail_msg("%s: went on for %.0f ms after the interrupt", name, late * 1e3);
  }
}

static void ok(rnn_status status) {
  if (status != RNN_OK) fail_msg("%s: %s", rnn_status_name(status), rnn_message(ctx));
}

static rnn_tensor *make(rnn_type type, int ndim, const int64_t *dims) {
  rnn_tensor *t;
  ok(rnn_tensor_new(ctx, type, ndim, dims, &t));
  return t;
}
#define FLOATS(...) make(RNN_FLOAT, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})
#define INTS(...) make(RNN_INT, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})

/* ---- ops ---- */

/* f: a line of SIZE numbers, b: of zeros and ones; m: (SIZE/4, 4); w: (4, SIZE/4); i: SIZE ids 1 .. 4, o: (SIZE/4, 4),
   d: SIZE/4, j: one less; q: (1500, 1500); s: (64, SIZE/256, 4), t: (8, SIZE/1024, 4); v: 4 floats; h: 4096; u: SIZE/4
   floats; k: (4, 4); l: (8, 40) ids; e: a line of zeros, int32; c: (32, 4, 3); y: (SIZE/2, 2);
   x: (SIZE/256, 8, 8), positive definite in their symmetric part */
typedef struct large_case {
  const char *op, *inputs;
  int64_t i[4];
  double n[3];
  int nshape;
  int64_t shape[RNN_MAX_DIMS];
} large_case;

static const large_case cases[] = {
    {.op= "clamp", .inputs = "f", .n = {0, 1}},
    {.op= "round", .inputs = "f", .i = {1}},
    {.op= "leaky_relu", .inputs = "f", .n = {0.1}},
    {.op= "sum", .inputs = "f"},
    {.op= "sum", .inputs = "m", .nshape = 1, .shape = {0}},
    {.op= "sum", .inputs = "m", .nshape = 1, .shape = {1}},
    {.op= "mean", .inputs = "f"},
    {.op= "mean", .inputs = "m", .nshape = 1, .shape = {1}},
    {.op= "sum", .inputs = "s", .nshape = 2, .shape = {0, 2}},
    {.op= "prod", .inputs = "f"},
    {.op= "prod", .inputs = "m", .nshape = 1, .shape = {0}},
    {.op= "sum", .inputs = "i"},
    {.op= "max", .inputs = "f"},
    {.op= "max", .inputs = "m", .nshape = 1, .shape = {1}},
    {.op= "min", .inputs = "w", .nshape = 1, .shape = {1}},
    {.op= "argmax", .inputs = "m", .i = {1}},
    {.op= "argmax", .inputs = "w", .i = {1}},
    {.op= "argmin", .inputs = "f", .i = {0}},
    {.op= "any", .inputs = "e"},
    {.op= "all", .inputs = "e"},
    {.op= "var", .inputs = "f", .i = {0, 1}},
    {.op= "std", .inputs = "m", .i = {0, 1}, .nshape = 1, .shape = {1}},
    {.op= "norm", .inputs = "f", .n = {2}},
    {.op= "norm", .inputs = "f", .n = {HUGE_VAL}},
    {.op= "norm", .inputs = "m", .n = {3}, .nshape = 1, .shape = {0}},
    {.op= "logsumexp", .inputs = "f"},
    {.op= "logsumexp", .inputs = "m", .nshape = 1, .shape = {1}},
    {.op= "cumsum", .inputs = "f", .i = {0}},
    {.op= "cumsum", .inputs = "m", .i = {0}},
    {.op= "cumprod", .inputs = "f", .i = {0}},
    {.op= "cumprod", .inputs = "w", .i = {0}},
    {.op= "cummax", .inputs = "f", .i = {0}},
    {.op= "cummin", .inputs = "w", .i = {0}},
    {.op= "matmul", .inputs = "qq"},
    {.op= "matmul", .inputs = "mk"},
    {.op= "rfft", .inputs = "f", .i = {INT32_MIN}},
    {.op= "rfft", .inputs = "f", .i = {SIZE / 8 - 1}},
    {.op= "rfft", .inputs = "m", .i = {INT32_MIN}},
    {.op= "irfft", .inputs = "y", .i = {INT32_MIN}},
    {.op= "linear", .inputs = "mkv"},
    {.op= "linalg.cholesky", .inputs = "x"},
    {.op= "linalg.solve", .inputs = "xx"},
    {.op= "linalg.solve_triangular", .inputs = "xx"},
    {.op= "linalg.inv", .inputs = "x"},
    {.op= "linalg.det", .inputs = "x"},
    {.op= "linalg.slogdet", .inputs = "x"},
    {.op= "linalg.qr", .inputs = "x"},
    {.op= "linalg.svd", .inputs = "x"},
    {.op= "linalg.eigh", .inputs = "x"},
    {.op= "linalg.eig", .inputs = "x"},
    {.op= "linalg.eigvals", .inputs = "x"},
    {.op= "linalg.lstsq", .inputs = "xx"},
    {.op= "conv1d", .inputs = "sc", .i = {1, 1, 2}},
    {.op= "softmax", .inputs = "m", .i = {1}},
    {.op= "softmax", .inputs = "w", .i = {1}},
    {.op= "log_softmax", .inputs = "m", .i = {1}},
    {.op= "log_softmax", .inputs = "m", .i = {0}},
    {.op= "reshape", .inputs = "f", .nshape = 2, .shape = {2, -1}},
    {.op= "transpose", .inputs = "m", .i = {0, 1}},
    {.op= "unsqueeze", .inputs = "m", .i = {2}},
    {.op= "squeeze", .inputs = "m", .i = {-1}},
    {.op= "permute", .inputs = "m", .nshape = 2, .shape = {1, 0}},
    {.op= "slice", .inputs = "f", .i = {0, 2, SIZE - 1, 1}},
    {.op= "slice", .inputs = "f", .i = {0, -1, 1, -2}},
    {.op= "select", .inputs = "m", .i = {1, 2}},
    {.op= "concat", .inputs = "ff", .i = {0}},
    {.op= "stack", .inputs = "ff", .i = {1}},
    {.op= "stack", .inputs = "ff", .i = {2}},
    {.op= "broadcast_to", .inputs = "v", .nshape = 2, .shape = {SIZE / 4, 4}},
    {.op= "flip", .inputs = "f"},
    {.op= "flip", .inputs = "m", .nshape = 1, .shape = {0}},
    {.op= "roll", .inputs = "m", .i = {1, -1}},
    {.op= "roll", .inputs = "w", .i = {1, 0}},
    {.op= "pad", .inputs = "f", .i = {0, 5, 5, 2}},
    {.op= "pad", .inputs = "v", .i = {0, SIZE, 5}},
    {.op= "tile", .inputs = "v", .nshape = 2, .shape = {SIZE / 4, 1}},
    {.op= "repeat_interleave", .inputs = "m", .i = {2, 1}},
    {.op= "tril", .inputs = "m"},
    {.op= "triu", .inputs = "w"},
    {.op= "diag", .inputs = "q"},
    {.op= "diag", .inputs = "h"},
    {.op= "gather", .inputs = "vi", .i = {0}},
    {.op= "index_put", .inputs = "vif"},
    {.op= "take_along_axis", .inputs = "mo", .i = {1}},
    {.op= "scatter", .inputs = "mom", .i = {1}},
    {.op= "scatter_add", .inputs = "mom", .i = {1}},
    {.op= "index_add", .inputs = "vif", .i = {0}},
    {.op= "zero_padding", .inputs = "m"},
    {.op= "mask", .inputs = "w"},
    {.op= "last", .inputs = "m"},
    {.op= "reverse_steps", .inputs = "m"},
    {.op= "reverse_steps", .inputs = "w"},
    {.op= "embedding", .inputs = "ki"},
    {.op= "one_hot", .inputs = "i", .i = {4}},
    {.op= "windows", .inputs = "mj", .i = {2}},
    {.op= "nonzero", .inputs = "f"},
    {.op= "nonzero", .inputs = "m"},
    {.op= "sort", .inputs = "f", .i = {0}},
    {.op= "sort", .inputs = "m", .i = {1}},
    {.op= "argsort", .inputs = "w", .i = {1, 1}},
    {.op= "unique", .inputs = "f"},
    {.op= "quantile", .inputs = "f", .n = {0.9}},
    {.op= "median", .inputs = "m", .nshape = 1, .shape = {1}},
    {.op= "searchsorted", .inputs = "vf"},
    {.op= "bincount", .inputs = "i", .i = {4}},
    {.op= "histogram", .inputs = "f", .i = {100}},
    {.op= "topk", .inputs = "f", .i = {100}},
    {.op= "topk", .inputs = "f", .i = {SIZE}},
    {.op= "topk", .inputs = "m", .i = {2}},
    {.op= "dropout", .inputs = "f", .n = {0.5}},
    {.op= "layer_norm", .inputs = "mvv", .n = {1e-5}},
    {.op= "layer_norm", .inputs = "wuu", .n = {1e-5}},
    {.op= "batch_norm", .inputs = "mvvvv", .i = {1}, .n = {0.9, 1e-5}},
    {.op= "batch_norm", .inputs = "mvvvv", .i = {0}, .n = {0.9, 1e-5}},
    {.op= "mse", .inputs = "ff"},
    {.op= "mae", .inputs = "ff"},
    {.op= "huber", .inputs = "ff", .n = {1}},
    {.op= "quantile_loss", .inputs = "fff", .n = {0.3}},
    {.op= "binary_cross_entropy", .inputs = "fg"},
    {.op= "kl_div", .inputs = "fff"},
    {.op= "poisson_nll", .inputs = "ff", .i = {RNN_NONE}},
    {.op= "gaussian_nll", .inputs = "ffff", .i = {RNN_NONE}},
    {.op= "cross_entropy", .inputs = "md"},
    {.op= "linear_cross_entropy", .inputs = "mdkv"},
    {.op= "cross_entropy", .inputs = "mdv", .n = {0.1}},
    {.op= "ctc_loss", .inputs = "tl", .i = {1}},
    {.op= "add", .inputs = "fv4"},
    {.op= "logical_and", .inputs = "bb"},
    {.op= "logical_or", .inputs = "bb"},
    {.op= "logical_xor", .inputs = "bb"},
    {.op= "logical_not", .inputs = "b"},
    {.op= "where", .inputs = "bff"},
    {.op= "fma", .inputs = "fff"},
    {.op= "floor_div", .inputs = "ii"},
    {.op= "mod", .inputs = "ii"},
    {.op= "mod", .inputs = "ff"},
    {.op= "lt", .inputs = "if"},
    {.op= "mul", .inputs = "mv"},
};

static rnn_tensor *input(char kind) {
  rnn_tensor *t;
  switch (kind) {
    case 'm': t = FLOATS(SIZE / 4, 4); break;
    case 'w': t = FLOATS(4, SIZE / 4); break;
    case 'y': t = FLOATS(SIZE / 2, 2); break;
    case 'q': t = FLOATS(1500, 1500); break;
    case 's': t = FLOATS(64, SIZE / 256, 4); break;
    case 't': t = FLOATS(8, SIZE / 1024, 4); break;
    case 'v': t = FLOATS(4); break;
    case 'h': t = FLOATS(4096); break;
    case 'u': t = FLOATS(SIZE / 4); break;
    case 'k': t = FLOATS(4, 4); break;
    case 'x': t = FLOATS(SIZE / 256, 8, 8); break;
    case 'c': t = FLOATS(32, 4, 3); break;
    case 'i': t = INTS(SIZE); break;
    case 'o': t = INTS(SIZE / 4, 4); break;
    case 'j': t = INTS(SIZE / 4 - 1); break;
    case 'd': t = INTS(SIZE / 4); break;
    case 'l': t = INTS(8, 40); break;
    case 'e': return FLOATS(SIZE);
    default: t = FLOATS(SIZE);
  }
  int64_t n = rnn_tensor_count(t);
  uint32_t state = 1;
  for (int64_t i = 0; i < n; i++) {
    state = state * 1664525 + 1013904223;
    if (rnn_tensor_type(t) == RNN_INT) rnn_tensor_ints(t)[i] = kind == 'l' ? 2 + (int32_t)(state >> 31) : 1 + (int32_t)(state >> 30);
    else if (kind == 'b') rnn_tensor_floats(t)[i] = (rnn_real)(state >> 31);
    else rnn_tensor_floats(t)[i] = (rnn_real)((double)(state >> 8) * 0x1p-24 * 0.98 + 0.01);
  }
  for (int64_t i = 0; kind == 'x' && i < n; i += i % 64 == 63 ? 1 : 9) rnn_tensor_floats(t)[i] += 16;
  return t;
}

typedef struct application {
  const rnn_op *op;
  rnn_args args;
  rnn_tensor *in[8], *out[RNN_MAX_OUTPUTS];
} application;

static rnn_status apply(void *arg) {
  application *a = arg;
  for (int i = 0; i < RNN_MAX_OUTPUTS; i++) rnn_tensor_free(a->out[i]);
  memset(a->out, 0, sizeof a->out);
  return rnn_apply(ctx, a->op, &a->args, a->out);
}
/* What backward needs: a recorded result, and in[7], the gradient of it. */
static rnn_status recorded(void *arg) {
  application *a = arg;
  rnn_status status = apply(a);
  if (status != RNN_OK || a->in[7]) return status;
  return rnn_tensor_new(ctx, RNN_FLOAT, rnn_tensor_ndim(a->out[0]), rnn_tensor_dims(a->out[0]), &a->in[7]);
}
static rnn_status backward(void *arg) {
  application *a = arg;
  return rnn_backward(ctx, a->out[0], a->in[7]);
}

static uint64_t checksum(const rnn_tensor *t) {
  uint64_t sum = 0;
  rnn_tensor *x = (rnn_tensor *)(uintptr_t)t;
  bool ints = rnn_tensor_type(t) == RNN_INT;
  const uint32_t *words = ints ? (const void *)rnn_tensor_ints(x) : (const void *)rnn_tensor_floats(x);
  uint64_t n = (uint64_t)rnn_tensor_count(t) * (ints ? 1 : sizeof(rnn_real) / sizeof *words);
  for (uint64_t i = 0; i < n; i++) sum += words[i] * (2 * i + 1);
  return sum;
}

/* Input number i and its checksum. Those that most cases have are made once, for making them takes longer than the op. */
static rnn_tensor *borrow(char kind, int i, uint64_t *sum) {
  static const char often[] = "fmw f"; /* as the first, as the second */
  static struct {
    rnn_tensor *t;
    uint64_t sum;
  } kept[sizeof often];
  const char *at = i == 0 ? memchr(often, kind, 3) : i == 1 && kind == 'f' ? often + 4 : NULL;
  if (at && !kept[at - often].t) {
    kept[at - often].t = input(kind);
    kept[at - often].sum = checksum(kept[at - often].t);
  }
  rnn_tensor *t = at ? rnn_tensor_ref(kept[at - often].t) : input(kind);
  *sum = at ? kept[at - often].sum : checksum(t);
  return t;
}

static void run_case(const large_case *c, const char *inputs) {
  application a = {.op = rnn_op_find(c->op)};
  uint64_t before[8];
  char name[80];
  bool differentiable = rnn_op_differentiable(a.op);
  if (strcmp(inputs, "fv4") == 0) inputs = "mv"; /* broadcast: a line beside its rows of 4 */
  for (const char *p = inputs; *p && *p != '4'; p++) {
    a.in[a.args.nt] = borrow(*p, a.args.nt, &before[a.args.nt]);
    a.args.nt++;
  }
  bool first = rnn_tensor_type(a.in[0]) == RNN_FLOAT && differentiable;
  if (first) ok(rnn_tensor_set_requires_grad(ctx, a.in[0], true));
  a.args.t = a.in;
  memcpy(a.args.i, c->i, sizeof c->i);
  memcpy(a.args.n, c->n, sizeof c->n);
  memcpy(a.args.shape, c->shape, sizeof c->shape);
  a.args.nshape = c->nshape;
  rnn_random_state random = rnn_random_get(ctx);
  snprintf(name, sizeof name, "%s(%s)", c->op, inputs);
  rnn_status status = interrupted(name, NULL, apply, &a);
  if (status == RNN_EINTR && rnn_random_get(ctx).position != random.position) fail_msg("%s: random numbers went on", name);
  for (int i = 0; i < a.args.nt; i++)
    if (status == RNN_EINTR && checksum(a.in[i]) != before[i]) fail_msg("%s: input %d has changed", name, i + 1);
  if (first) {
    snprintf(name, sizeof name, "backward of %s(%s)", c->op, inputs);
    interrupted(name, recorded, backward, &a);
    rnn_tensor_free(a.in[7]);
  }
  for (int i = 0; i < RNN_MAX_OUTPUTS; i++) rnn_tensor_free(a.out[i]);
  if (first) {
    rnn_tensor_clear_grad(a.in[0]);
    ok(rnn_tensor_set_requires_grad(ctx, a.in[0], false));
  }
  for (int i = 0; i < a.args.nt; i++) rnn_tensor_free(a.in[i]);
}

/* Every op has a case here, or takes one or two tensors of any shape. */
static void every_op(void **state) {
  (void)state;
  const char *only = getenv("RNNLUA_OP");
  for (int i = 0; rnn_op_at(i); i++) {
    const char *name = rnn_op_name(rnn_op_at(i)), *signature = rnn_op_signature(rnn_op_at(i));
    bool found = strcmp(name, "recurrent") == 0 || strcmp(name, "scan") == 0; /* programs, below */
    if (only && strcmp(only, name) != 0) continue;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
      if (strcmp(cases[k].op, name) == 0) {
        run_case(&cases[k], cases[k].inputs);
        found = true;
      }
    if (!found && strcmp(signature, "t") == 0) run_case(&(large_case){.op = name}, "f");
    else if (!found && strcmp(signature, "tt") == 0) run_case(&(large_case){.op = name}, "ff");
    else if (!found) fail_msg("op %s has no case", name);
  }
}

/* ---- programs of a loop ---- */

/* A program of program_texts.h whose values, of width 3, 6 ... there, are as many times as wide as said; 0: as they are. */
static const struct loop_case {
  const char *name;
  int64_t width, T, N;
} loop_cases[] = {
    {"Elman", 256, 512, 64},       {"Elman", 1024, 1, 1 << 14},      {"minGRU", 64, 1024, 256},
    {"minGRU", 0, 1, 1 << 22},     {"LSTM", 0, 1 << 18, 1},          {"LSTM with layer norm", 0, 1, 1 << 19},
    {"Mixed", 0, 1, 1 << 18},      {"Mixed", 0, 1 << 9, 1 << 9},
};

static void run_loop_case(const struct loop_case *l) {
  static parsed p;
  static char text[1 << 14];
  enum { MOST = 64, PARTS = 3 };
  static const double parts[PARTS] = {0.05, 0.5, 0.9};
  rnn_tensor *in[MOST];
  application a = {.op = rnn_op_find("scan")};
  char name[80];
  for (size_t i = 0; i < sizeof program_texts / sizeof *program_texts; i++)
    if (strcmp(program_texts[i].name, l->name) == 0) snprintf(text, sizeof text, "%s", program_texts[i].text);
  parse_program(text, &p);
  for (int i = 0; l->width && i < p.text.value_count; i++) {
    rnn_value *v = &p.values[i];
    int64_t *sizes[] = {&v->width, &v->rows, &v->from};
    for (int k = 0; k < 3; k++)
      if (*sizes[k] % 3 == 0) *sizes[k] = *sizes[k] / 3 * l->width;
  }
  ok(rnn_program_new(ctx, &p.text, &a.args.program));
  a.args.i[0] = l->T;
  a.args.t = in;
  a.args.nt = p.text.inputs + p.text.states + 1;
  for (int i = 0; i < a.args.nt; i++) {
    int64_t dims[2];
    in[i] = NULL;
    if (parsed_shape(&p.text, i, l->T, l->N, dims) < 0) continue;
    in[i] = make(RNN_FLOAT, 2, dims);
    ok(rnn_tensor_uniform(ctx, in[i], -0.1, 0.1));
    ok(rnn_tensor_set_requires_grad(ctx, in[i], true));
  }
  snprintf(name, sizeof name, "backward of %s %d, %d x %d", l->name, (int)l->width, (int)l->T, (int)l->N);
  double took[2] = {0}; /* without an interrupt, forward and backward; then it comes at several parts of that */
  for (int k = 0; k <= PARTS; k++)
    for (int back = 0; back < 2; back++) {
      application b = a;
      double begun = worker_time();
      delay = k ? parts[k - 1] * took[back] : 0;
      rnn_status status = k && !back ? interrupted(name + strlen("backward of "), NULL, apply, &b) : apply(&b);
      if (!back && k == 0) took[0] = worker_time() - begun;
      if (back) {
        ok(rnn_tensor_new(ctx, RNN_FLOAT, 2, rnn_tensor_dims(b.out[0]), &b.in[7]));
        ok(rnn_tensor_fill(ctx, b.in[7], 1));
        begun = worker_time();
        if (k) interrupted(name, apply, backward, &b);
        else ok(backward(&b));
        if (k == 0) took[1] = worker_time() - begun;
        rnn_tensor_free(b.in[7]);
      }
      for (int i = 0; i < RNN_MAX_OUTPUTS && status == RNN_OK; i++) rnn_tensor_free(b.out[i]);
    }
  delay = DELAY;
  for (int i = 0; i < a.args.nt; i++) rnn_tensor_free(in[i]);
  rnn_program_free(a.args.program);
}

static void loops(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof loop_cases / sizeof *loop_cases; i++) run_loop_case(&loop_cases[i]);
}

/* ---- all else ---- */

static rnn_tensor *target, *source;

#define WORK(name, expression)               \
  static rnn_status name(void *arg) {        \
    (void)arg;                               \
    return expression;                       \
  }
WORK(uniform, rnn_tensor_uniform(ctx, target, 0, 1))
WORK(normal, rnn_tensor_normal(ctx, target, 0, 1))
WORK(exponential, rnn_tensor_exponential(ctx, target, 1))
WORK(truncated_normal, rnn_tensor_truncated_normal(ctx, target, 0, 1, 1, 2))
WORK(bernoulli, rnn_tensor_bernoulli(ctx, target, source))
WORK(randint, rnn_tensor_randint(ctx, target, 1, 6))
static rnn_status draw(int64_t n, bool replacement) {
  rnn_tensor *t;
  rnn_status status = rnn_multinomial(ctx, target, n, replacement, &t);
  if (status == RNN_OK) rnn_tensor_free(t);
  return status;
}
WORK(draw_each, draw(SIZE, true))
WORK(draw_distinct, draw(SIZE / 2, false))
WORK(orthogonal, rnn_tensor_orthogonal(ctx, target, 1, 1))
WORK(shuffle, rnn_tensor_shuffle(ctx, target))
WORK(assign, rnn_tensor_assign(ctx, target, source))
WORK(fill, rnn_tensor_fill(ctx, target, 1))
static rnn_numbers *numbers;
static rnn_status argsort(void *arg) {
  rnn_tensor *t;
  (void)arg;
  rnn_status status = rnn_numbers_argsort(numbers, &t);
  if (status == RNN_OK) rnn_tensor_free(t);
  return status;
}
WORK(all_finite, ((void)rnn_tensor_finite(target), RNN_OK))
static rnn_status copy(void *arg) {
  rnn_tensor *t;
  (void)arg;
  rnn_status status = rnn_tensor_copy(ctx, target, &t);
  if (status == RNN_OK) rnn_tensor_free(t);
  return status;
}
static rnn_status zeros(void *arg) {
  rnn_tensor *t;
  (void)arg;
  rnn_status status = rnn_tensor_new(ctx, RNN_FLOAT, 1, (int64_t[]){4 * SIZE}, &t);
  if (status == RNN_OK) rnn_tensor_free(t);
  return status;
}
static rnn_status histogram(void *arg) {
  static rnn_histogram h;
  (void)arg;
  rnn_histogram_count(target, &h);
  return RNN_OK;
}

static void fills_and_copies(void **state) {
  (void)state;
  struct {
    const char *name;
    work *f;
    bool random;
  } all[] = {{"uniform", uniform, true}, {"normal", normal, true}, {"exponential", exponential, true},
             {"truncated_normal", truncated_normal, true}, {"bernoulli", bernoulli, true}, {"fill", fill, false}, {"assign", assign, false},
             {"copy", copy, false}, {"zeros", zeros, false}, {"finite", all_finite, false}, {"histogram", histogram, false}};
  target = FLOATS(2 * SIZE);
  source = FLOATS(2 * SIZE);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    rnn_random_state before = rnn_random_get(ctx);
    rnn_status status = interrupted(all[i].name, NULL, all[i].f, NULL);
    if (status == RNN_EINTR) assert_int_equal(rnn_random_get(ctx).position, before.position);
    if (all[i].random) assert_int_equal(status, RNN_EINTR);
  }
  rnn_tensor_free(target);
  rnn_tensor_free(source);
  rnn_random_state before = rnn_random_get(ctx);
  target = FLOATS(2048, 2048);
  assert_int_equal(interrupted("orthogonal", NULL, orthogonal, NULL), RNN_EINTR);
  assert_int_equal(rnn_random_get(ctx).position, before.position);
  rnn_tensor_free(target);
  target = input('f');
  assert_int_equal(interrupted("multinomial with replacement", NULL, draw_each, NULL), RNN_EINTR);
  assert_int_equal(interrupted("multinomial without", NULL, draw_distinct, NULL), RNN_EINTR);
  assert_int_equal(rnn_random_get(ctx).position, before.position);
  rnn_tensor_free(target);
  target = INTS(SIZE);
  assert_int_equal(interrupted("randint", NULL, randint, NULL), RNN_EINTR);
  assert_int_equal(interrupted("shuffle", NULL, shuffle, NULL), RNN_EINTR);
  assert_int_equal(rnn_random_get(ctx).position, before.position);
  rnn_tensor_free(target);
}

/* A write that was interrupted says how many elements it has written; one that is recorded, or made of random numbers,
   is done as a whole. */
static void writes_say_how_far(void **state) {
  (void)state;
  for (int k = 0; k < 2; k++) {
    long long of, width, written;
    target = FLOATS(3, SIZE);
    source = FLOATS(3, SIZE);
    ok(rnn_tensor_fill(ctx, source, 1));
    rnn_ctx_interrupt(ctx);
    assert_int_equal(k ? rnn_tensor_fill(ctx, target, 1) : rnn_tensor_assign(ctx, target, source), RNN_EINTR);
    rnn_ctx_clear_interrupt(ctx);
    assert_int_equal(sscanf(rnn_message(ctx), "the first %lld of the %lld elements of (3, %lld) have been written: int",
                            &written, &of, &width), 3);
    assert_int_equal(width, SIZE);
    assert_int_equal(of, 3 * SIZE);
    assert_true(written > 0 && written < of);
    for (int64_t i = 0; i < of; i++)
      if (rnn_tensor_floats(target)[i] != (i < written)) fail_msg("element %lld of %lld", (long long)i, written);
    rnn_tensor_free(source);

    source = FLOATS(1);
    ok(rnn_tensor_set_requires_grad(ctx, source, true));
    rnn_ctx_interrupt(ctx);
    ok(rnn_tensor_assign(ctx, target, source));
    rnn_ctx_clear_interrupt(ctx);
    assert_true(rnn_tensor_floats(target)[3 * SIZE - 1] == 0);
    rnn_tensor_free(source);
    rnn_tensor_free(target);
  }
}

/* The digits of a sort are many places in new memory, and the halves of its keys lie anywhere. */
static void columns(void **state) {
  (void)state;
  uint64_t next = 1;
  ok(rnn_numbers_new(ctx, true, SIZE, &numbers));
  for (int64_t i = 0; i < SIZE; i++) {
    next = next * 6364136223846793005u + 1442695040888963407u;
    numbers->integers[i] = (int64_t)(next >> 3);
  }
  assert_int_equal(interrupted("argsort of int64", NULL, argsort, NULL), RNN_EINTR);
  rnn_numbers_free(numbers);
}

int main(void) {
#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
  return 77; /* it is about time */
#endif
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_op), cmocka_unit_test(loops), cmocka_unit_test(fills_and_copies),
                                     cmocka_unit_test(writes_say_how_far), cmocka_unit_test(columns)};
  const char *only = getenv("RNNLUA_TEST");
  if (only) cmocka_set_test_filter(only);
  if (rnn_ctx_new(&ctx) != RNN_OK) return 1;
  pthread_getcpuclockid(pthread_self(), &worker);
  int failures = cmocka_run_group_tests(tests, NULL, NULL);
  rnn_ctx_free(ctx);
  return failures;
}
