/* internal.h: what the files of the core share. rnni_ names cross files inside the core and are not public. */
#ifndef RNN_INTERNAL_H
#define RNN_INTERNAL_H

#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/types.h>

#include "rnn.h"

typedef rnn_real real; /* short, as it stands in every line of arithmetic */

/* sqrt, fabs and floor in the working precision: exact in every C library. Others are rnni_exp ... or the kernels'. */
#ifdef RNN_DOUBLE
#define RNNI_M(name) name
#else
#define RNNI_M(name) name##f
#endif

#define RNNI_TRY(expression)                     \
  do {                                           \
    rnn_status try_status = (expression);        \
    if (try_status != RNN_OK) return try_status; \
  } while (0)
/* The same for a function that holds something: status is its variable, done its label. */
#define RNNI_GOTO(expression)                    \
  do {                                           \
    if ((status = (expression)) != RNN_OK) goto done; \
  } while (0)

#define RNNI_MIN(a, b) ((a) < (b) ? (a) : (b))
#define RNNI_MAX(a, b) ((a) > (b) ? (a) : (b))

/* ---- context ---- */

typedef struct rnni_block rnni_block; /* a cached free block, mem.c */
typedef struct rnni_watch rnni_watch; /* of a recurrent layer, recurrent/watch.c */
typedef struct rnni_pool rnni_pool;   /* the threads, thread.c */

#define RNNI_SMALL_CLASSES 97 /* sizes of blocks, below a megabyte and from there to a terabyte: mem.c */
#define RNNI_CLASSES (RNNI_SMALL_CLASSES + 20 * 64)

struct rnn_ctx {
  char message[512];
  /* mem.c */
  rnn_memory memory;
  size_t limit;
  uint64_t asked, fail_at, fail_count;
  rnni_block *free_blocks[RNNI_CLASSES];
  /* philox.c */
  rnn_random_state random;
  /* tape.c */
  bool recording;
  uint64_t next_seq;
  struct rnni_node *dead; /* nodes whose last owner went; freed without recursion */
  bool reaping;
  int runs; /* of backward, one inside the other, that are going on */
  /* thread.c */
  int threads;
  rnni_pool *pool;
  rnn_region *regions; /* NULL, or what rnn_ctx_measure records, RNN_REGIONS of them */
  int64_t last_row; /* when rnni_threads_used was called last, in nanoseconds */
  atomic_bool interrupted;
  /* finite.c */
  bool checks_finite;
  bool openblas; /* for large products; product.c */
  bool bf16;     /* asked for: all products of ops that have some are in bf16 */
  rnn_form low;  /* of the op that runs: what its products are in */
  char where[128];
  /* recurrent/watch.c */
  rnni_watch *watches;
  void (*drop_watches)(rnn_ctx *ctx); /* set with the first; so are the next two */
  void (*drop_hooks)(rnn_hook **list);  /* hooks.c */
  void (*drop_node)(rnn_tensor *t);     /* tape.c: t, one of its results, dies */
  /* trace.c */
  rnn_trace *trace; /* the one that goes on */
  uint64_t traces;  /* how many have begun */
  uint64_t storages; /* how many have been made */
  bool trace_wrote; /* values that were there before it have changed in place */
};

/* Writes the message and returns status. */
RNN_PRINTF(3, 4) rnn_status rnni_fail(rnn_ctx *ctx, rnn_status status, const char *format, ...);
/* Public functions check what they are given: RNN_EARG, which names the function and the argument. */
#define RNNI_NEED(ctx, condition, what)                                        \
  do {                                                                         \
    if (!(ctx) || !(condition)) return rnni_misused(ctx, __func__, what);      \
  } while (0)
#define RNNI_NEED_TENSOR(ctx, t) RNNI_NEED(ctx, rnni_is_tensor(ctx, t), #t " is no tensor of this context")
#define RNNI_NEED_TENSORS(ctx, t, count) RNNI_NEED(ctx, rnni_are_tensors(ctx, t, count), #t " are no tensors of this context")
rnn_status rnni_misused(rnn_ctx *ctx, const char *function, const char *what);
bool rnni_is_tensor(const rnn_ctx *ctx, const rnn_tensor *t);
bool rnni_are_tensors(const rnn_ctx *ctx, rnn_tensor *const *t, int64_t count);
/* Is an interrupt pending? Tasks that see it leave early; rnni_poll then says so. */
static inline bool rnni_interrupted(const rnn_ctx *ctx) {
  return atomic_load_explicit(&ctx->interrupted, memory_order_relaxed);
}
/* RNN_EINTR when an interrupt is pending; loops call it every few milliseconds of work. */
RNN_MUST_USE rnn_status rnni_poll(rnn_ctx *ctx);
/* For loops over elements: adds what is about to be done to *done and, every RNNI_BLOCK elements, polls. */
#define RNNI_BLOCK ((int64_t)1 << 18)
#define RNNI_ROW 16 /* beginning a row takes as long as so many elements of it */
RNN_MUST_USE static inline rnn_status rnni_pace(rnn_ctx *ctx, int64_t *done, int64_t elements) {
  if ((*done += elements) < RNNI_BLOCK) return RNN_OK;
  *done = 0;
  return rnni_poll(ctx);
}
/* for (RNNI_PIECES(n, from, to)) goes over [0, n) in pieces that a cache holds, between which there is time to look. */
#define RNNI_PIECE ((int64_t)1 << 12)
#define RNNI_PIECES(n, from, to)                   \
  int64_t from = 0, to;                            \
  to = RNNI_MIN(from + RNNI_PIECE, n), from < (n); \
  from = to
/* memcpy, or without from memset to 0, of any size. */
RNN_MUST_USE rnn_status rnni_copy(rnn_ctx *ctx, void *to, const void *from, size_t size);

/* ---- memory: the one gate; every byte of the core passes here ---- */

/* 64-byte aligned, not cleared. size 0 gives a block of its own. */
RNN_MUST_USE rnn_status rnni_alloc(rnn_ctx *ctx, size_t size, void *out);
RNN_MUST_USE rnn_status rnni_calloc(rnn_ctx *ctx, size_t size, void *out);
/* Grows or shrinks *block (NULL: a new one), keeping its content; on failure it stays as it was. */
RNN_MUST_USE rnn_status rnni_realloc(rnn_ctx *ctx, size_t size, void *block);
void rnni_free(rnn_ctx *ctx, void *block); /* NULL is allowed */
RNN_MUST_USE rnn_status rnni_strdup(rnn_ctx *ctx, const char *text, char **out);
/* count * size, or an error instead of an overflow. */
RNN_MUST_USE rnn_status rnni_array(rnn_ctx *ctx, int64_t count, size_t size, void *out);
void rnni_memory_trim(rnn_ctx *ctx); /* gives the cache back to the system */
/* rnn_numbers that owns values, from rnni_alloc, once it is made; numbers.c */
RNN_MUST_USE rnn_status rnni_numbers_of(rnn_ctx *ctx, bool whole, int64_t count, void *values, rnn_numbers **out);

/* ---- functions of doubles, the same on every machine; math.c ---- */

double rnni_exp(double x);
double rnni_log(double x);
void rnni_logs(int64_t n, double *x); /* each of x becomes its logarithm, quicker than one by one */
double rnni_log1p(double x);
double rnni_log10(double x); /* of a positive number */
double rnni_sin(double x);
double rnni_cos(double x);
double rnni_pow(double x, double y);
double rnni_fmod(double x, double y); /* with the sign of x, exact */
/* The sum of x^2, in eight lanes, so that its order never depends on the machine. */
double rnni_squares(const real *x, int64_t n);

/* ---- random: philox.c ---- */

uint64_t rnni_random_bits(rnn_ctx *ctx);                 /* 64 bits, one position */
double rnni_random_at(uint64_t seed, uint64_t position); /* [0, 1), of one position */
void rnni_random_bits_at(uint64_t seed, uint64_t position, int64_t n, uint64_t *bits); /* those of n positions */
static inline double rnni_to_unit(uint64_t bits) { return (double)(bits >> 11) * 0x1p-53; } /* [0, 1) */

/* ---- threads ---- */

/* Runs fn(arg, i) for every i in [0, tasks), in any order, on the threads of the context. */
void rnni_parallel_named(rnn_ctx *ctx, int tasks, void (*fn)(void *arg, int task), void *arg, const char *name);
#define rnni_parallel(ctx, tasks, fn, arg) rnni_parallel_named(ctx, tasks, fn, arg, __FILE__ ":" #fn)
void rnni_threads_stop(rnn_ctx *ctx);
/* The floating-point mode of this thread; tasks inherit it. */
uint64_t rnni_float_mode(void);
void rnni_set_float_mode(uint64_t mode);
/* Numbers too small to be normal (float: below 1.2e-38) become 0, where the processor can do so: a multiply-add on one
   takes as long as a hundred others. */
void rnni_flush_subnormals(void);
/* How many threads this many multiply-adds are worth. */
int rnni_threads_for(const rnn_ctx *ctx, double multiply_adds);
/* The same for work that passes once over elements of memory: each takes as long as some forty multiply-adds. */
int rnni_threads_for_elements(const rnn_ctx *ctx, double elements);
/* Did a row's work end a moment ago (rnni_threads_used), so that other threads still wait for more? Some microseconds of
   work are not worth waking them: a stream whose steps come slowly is faster on one. */
bool rnni_threads_warm(const rnn_ctx *ctx);
void rnni_threads_used(rnn_ctx *ctx);
/* Where a task's share of n begins: at a multiple of unit. That of task number tasks is the end. */
static inline int64_t rnni_cut(int64_t n, int64_t unit, int64_t task, int64_t tasks) {
  int64_t units = (n + unit - 1) / unit;
  return RNNI_MIN(n, units * task / tasks * unit);
}

/* ---- tensors ---- */

/* At the head of what is kept: whose values, and which of them, it was made of. */
typedef uint64_t rnni_made_of[10];

typedef struct rnni_storage {
  _Alignas(64) int refs;
  uint32_t version; /* raised by every change in place (rnn_tensor_changed), so that backward notices one that came too
                       early */
  int64_t count;
  void *data;
  uint64_t trace; /* during which it was made, or 0 */
  size_t mapped;  /* bytes of a file, from the beginning of a page on, in which data lies; 0: it is memory of ours */
  uint64_t id;    /* no other storage of the context has had it */
  rnni_made_of *kept; /* what a product made of the values and keeps for the next one, in one block, or NULL */
  uint32_t asked;     /* the values, and the way through them, of the last product that would have kept panels */
} rnni_storage;

/* A tensor has memory of its own, or is a view: a part of its base, to which it may write (assign.c). A base is no view,
   so it lies in one piece, row by row. */
struct rnn_tensor {
  rnn_ctx *ctx;
  int refs;
  rnn_type type;
  int ndim;
  int64_t dims[RNN_MAX_DIMS];
  int64_t strides[RNN_MAX_DIMS]; /* in elements, from one place of an axis to the next */
  int64_t count;
  bool contiguous;       /* row by row without gaps, so that element i is data[i]; every tensor that an op meets is */
  bool copied;           /* a copy that looks like a view (rnni_op_gather): writing into it is an error */
  rnni_storage *storage; /* NULL for a shell: shape without values, kept where backward needs no more */
  void *data;
  rnn_tensor *base;      /* of a view; NULL for others */
  int64_t offset;        /* of a view: where it begins in base */
  uint32_t writes;       /* of a base: recorded writes into it; of a view: as many as its history knows of */
  uint64_t mark;         /* the backward run that makes its gradient, at this place of its list */
  int64_t slot;
  rnn_tensor *lengths;
  bool requires_grad;
  rnn_tensor *grad;
  rnn_hook *hooks;        /* of a leaf */
  struct rnni_node *node; /* NULL for leaves */
  int output;             /* which output of node */
  int place;              /* in a formula, from 1 */
  rnn_form form;          /* what products with it are in, and files */
  uint64_t formula;       /* the trace of which it is a tensor without values, or 0 */
};

static inline real *rnni_f(const rnn_tensor *t) { return t->data; }
static inline int32_t *rnni_i(const rnn_tensor *t) { return t->data; }

/* Was it there before the trace that goes on? */
static inline bool rnni_trace_keeps(const rnn_tensor *t) { return t->storage->trace != t->ctx->traces; }

static inline size_t rnni_type_size(rnn_type type) { return type == RNN_FLOAT ? sizeof(real) : sizeof(int32_t); }
/* As rnn_tensor_new without clearing. */
RNN_MUST_USE rnn_status rnni_tensor_raw(rnn_ctx *ctx, rnn_type type, int ndim, const int64_t *dims, rnn_tensor **out);
/* A tensor whose elements stay in a file, at that offset, and are read when they are used; what is written to them stays
   in memory. RNN_EFORMAT where they do not lie at a multiple of their size. */
RNN_MUST_USE rnn_status rnni_tensor_mapped(rnn_ctx *ctx, const char *path, int fd, int64_t offset, rnn_type type, int ndim,
                                           const int64_t *dims, rnn_tensor **out);
/* A view of t with these axes, whose first element is offset elements behind that of t; no history, no lengths. */
RNN_MUST_USE rnn_status rnni_tensor_view(rnn_ctx *ctx, rnn_tensor *t, int ndim, const int64_t *dims,
                                         const int64_t *strides, int64_t offset, rnn_tensor **out);
/* Strides of a contiguous tensor. */
void rnni_row_strides(int ndim, const int64_t *dims, int64_t *strides);
/* Strides of t seen from the ndim axes of what it is broadcast to: 0 where it has one place for all. */
void rnni_broadcast_strides(const rnn_tensor *t, int ndim, int64_t *strides);
/* t itself, with a further reference, when it is contiguous, else a copy that is, with its history and lengths. */
RNN_MUST_USE rnn_status rnni_tensor_stand_in(rnn_ctx *ctx, rnn_tensor *t, rnn_tensor **out);
/* dst = src, dst += src (float; of gradients: an interrupt ends it, and the caller polls), src broadcast to dst's shape;
   any strides, no overlap. */
void rnni_move(const rnn_tensor *dst, const rnn_tensor *src);
void rnni_move_add(const rnn_tensor *dst, const rnn_tensor *src);
/* dst = src; how many elements have been written, row by row: all, or with stop fewer after an interrupt. */
int64_t rnni_move_until(const rnn_tensor *dst, const rnn_tensor *src, bool add, const rnn_ctx *stop);
/* The same into new memory, which an interrupt may leave half filled: RNN_EINTR. */
RNN_MUST_USE rnn_status rnni_move_new(rnn_ctx *ctx, const rnn_tensor *dst, const rnn_tensor *src);
/* The elements of t, row by row, into memory of that size; into new memory. */
void rnni_read_rows(const rnn_tensor *t, void *to);
RNN_MUST_USE rnn_status rnni_copy_rows(rnn_ctx *ctx, const rnn_tensor *t, void *to);
/* RNN_EARG when t does not lie in rows. */
RNN_MUST_USE rnn_status rnni_need_rows(rnn_ctx *ctx, const char *name, const rnn_tensor *t);
/* Writes what make gives, in a contiguous tensor like t, into t. All or nothing, random numbers included. */
RNN_MUST_USE rnn_status rnni_fill_by(rnn_ctx *ctx, rnn_tensor *t, rnn_status (*make)(rnn_ctx *, rnn_tensor *, void *),
                                     void *arg);
/* The history of a view, made again when its base was written to since, or is a parameter and it is used up; assign.c. */
RNN_MUST_USE rnn_status rnni_refresh(rnn_ctx *ctx, rnn_tensor *t);
RNN_MUST_USE rnn_status rnni_tensor_shell(rnn_ctx *ctx, const rnn_tensor *t, rnn_tensor **out);
bool rnni_same_shape(const rnn_tensor *a, const rnn_tensor *b);
/* The strings of a shape for messages: "(32, 64)". Each call uses one of 8 slots in turn. */
const char *rnni_shape_text(int ndim, const int64_t *dims);
#define RNNI_SHAPE(t) rnni_shape_text((t)->ndim, (t)->dims)
#define RNNI_EXACT_MOST 0x1p53 /* beyond it doubles have gaps, and a number is an approximation anyway */
const char *rnni_type_text(rnn_type type); /* "float", "int32" */
/* A number for a message, "nan" whatever its sign; 4 slots in turn. */
const char *rnni_number_text(double value);

/* ---- ops ---- */

#define RNNI_MAX_SCRATCH 4

/* One application of an op, forward or backward. */
typedef struct rnni_call {
  const rnn_op *op;
  rnn_args args;        /* args.t is in */
  int nin, nout;
  rnn_tensor **in;      /* forward: the arguments; backward: values or shells, as op->saves says */
  rnn_tensor **out;     /* forward: allocated after shape(); backward: values or shells */
  /* set by shape() for each output before allocation: */
  rnn_type out_type;
  int out_ndim;
  int64_t out_dims[RNN_MAX_DIMS];
  /* what forward keeps for backward beside its inputs and outputs */
  rnn_tensor *scratch[RNNI_MAX_SCRATCH];
  bool flat;            /* set by shape(): this call has no gradient, whatever others of the op have */
  bool keep;            /* forward: this call is recorded, so scratch is worth keeping; backward: scratch stays as it is */
  unsigned saves;       /* starts as op->saves; forward may clear what this call needs less */
  const bool *wants;    /* backward: which inputs want a gradient; forward: which require one (when keep) */
  /* backward: */
  rnn_tensor **dout;    /* gradients of the outputs; NULL where none arrived */
  rnn_tensor **din;     /* gradients of wanted inputs: backward ADDS to them */
  const bool *raw;      /* of an op that fills: which of them have no values yet, and are written instead */
} rnni_call;

enum {
  RNNI_SAVE_NONE = 0,
  RNNI_SAVE_IN0 = 1, /* values of input 0, 1, 2, ... */
  RNNI_SAVE_IN1 = 2,
  RNNI_SAVE_IN2 = 4,
  RNNI_SAVE_INPUTS = 0xffff,
  RNNI_SAVE_OUT = 0x10000 /* values of every output */
};
/* For products: each of inputs 0 and 1 is kept only when the other wants a gradient. */
static inline void rnni_save_factors(rnni_call *c) {
  if (!c->wants) return;
  if (!c->wants[0]) c->saves &= ~(unsigned)RNNI_SAVE_IN1;
  if (!c->wants[1]) c->saves &= ~(unsigned)RNNI_SAVE_IN0;
}

typedef enum rnni_lengths {
  RNNI_LENGTHS_REFUSE, /* an input with lengths is an error: they would be lost silently */
  RNNI_LENGTHS_KEEP,   /* the output keeps (N, T, ...): lengths of the inputs must agree and are carried over */
  RNNI_LENGTHS_OWN     /* forward reads them and decides (losses, engine, reductions over time) */
} rnni_lengths;

/* What becomes of int32 among the inputs that are no masks; a conversion that would round is an error. */
typedef enum rnni_mix {
  RNNI_AS_GIVEN,
  RNNI_MIXES, /* beside a float tensor it becomes float */
  RNNI_FLOATS /* it becomes float */
} rnni_mix;

/* Of an op of one tensor, element by element: y = f(x); dx += dy df. n is at most RNNI_PIECE. */
typedef void rnni_value_fn(int64_t n, const real *restrict x, real *restrict y, const double *numbers);
typedef void rnni_slope_fn(int64_t n, const real *restrict x, const real *restrict y, const real *restrict dy,
                           real *restrict dx, const double *numbers);

struct rnn_op {
  const char *name;
  const char *args; /* signature, see rnn.h */
  const char *doc;
  /* Checks and sets out_*; ops with several outputs of their own shapes leave out_ndim -1 and allocate in forward. */
  rnn_status (*shape)(rnn_ctx *ctx, rnni_call *c);
  rnn_status (*forward)(rnn_ctx *ctx, rnni_call *c);
  rnn_status (*backward)(rnn_ctx *ctx, rnni_call *c); /* NULL: not differentiable */
  unsigned saves;
  rnni_lengths lengths;
  bool adds_steps; /* backward adds up products over the steps of its float inputs: it gets them clean (padding.c) */
  int (*outputs)(const rnn_args *args); /* NULL: one */
  rnni_mix mixes;
  bool fills;                           /* its backward writes gradients that are raw, and adds to others */
  bool products;                        /* has products: ctx->low says in forward and backward what they are in, float, bf16 */
  bool integers;                        /*   or, in forward, int8 */
  bool view;                            /* takes tensors of any strides and gives views of them */
  /* What changes anything but results, the tensors t that the op was applied to; called when nothing can fail any more. */
  void (*commit)(rnni_call *c, rnn_tensor *const *t);
  int absent; /* the first optional integer or number when it is not given */
  const char *const *choices; /* the names of its letter c, ended by NULL; the first when it is not given */
  const char *logits; /* of a loss: what it takes of its first input itself, as rnn_check_logits says */
  const char *(*input_name)(const rnni_call *c, int input); /* NULL: as the signature says */
  rnni_value_fn *value;       /* of an op that is element by element; for programs (recurrent/run.c) */
  rnni_slope_fn *slope;
};

extern const char *const rnni_reductions[]; /* the choices of a loss, in the order of RNN_MEAN, RNN_SUM, RNN_NONE; rules.c */
/* RNN_EARG when args do not have what op's signature says; rules.c. */
RNN_MUST_USE rnn_status rnni_check_args(rnn_ctx *ctx, const rnn_op *op, const rnn_args *args);
/* Shape rules and helpers shared by the families. */
rnn_status rnni_shape_same(rnn_ctx *ctx, rnni_call *c);      /* one float input, output alike */
rnn_status rnni_shape_broadcast(rnn_ctx *ctx, rnni_call *c); /* NumPy broadcasting of inputs 0 and 1 */
rnn_status rnni_broadcast_dims(rnn_ctx *ctx, const char *name, const rnn_tensor *a, const rnn_tensor *b, int *ndim,
                               int64_t *dims);
/* e = exp(x - top) of n elements of x that lie step apart, top the largest of them: their sum, of which softmax and the
 * logarithm of sums of exponentials are made. An interrupt ends it, and the caller polls; softmax.c. */
double rnni_exponentials(const rnn_ctx *ctx, int64_t n, const real *x, int64_t step, real *e, real *top);
/* How messages call an input: "argument 3", as the signature has it; "tensor 2" of a list; "state h" of a layer. */
const char *rnni_input_name(const rnni_call *c, int input);
/* No NaN, no infinity; finite.c. */
bool rnni_all_finite(const real *x, int64_t n);
/* RNN_ENAN when a result of the call, or a gradient that its backward made, is not finite; finite.c. */
RNN_MUST_USE rnn_status rnni_check_results(rnn_ctx *ctx, const rnni_call *c);
RNN_MUST_USE rnn_status rnni_check_gradients(rnn_ctx *ctx, const rnni_call *c, const char *where);
/* RNN_EARG for an input that is not all finite; finite.c. */
RNN_MUST_USE rnn_status rnni_need_finite(rnn_ctx *ctx, const rnni_call *c, int input);
RNN_MUST_USE rnn_status rnni_need_float(rnn_ctx *ctx, const rnni_call *c, int input);
/* Masks are float tensors of 0 and 1, in padding of anything; binary.c. */
RNN_MUST_USE rnn_status rnni_need_mask(rnn_ctx *ctx, const rnni_call *c, int input);
/* The first element of a float tensor, lying in rows, that no mask has; -1 when it is one. */
RNN_MUST_USE rnn_status rnni_no_mask_at(rnn_ctx *ctx, const rnn_tensor *t, int64_t *at);
RNN_MUST_USE rnn_status rnni_need_int(rnn_ctx *ctx, const rnni_call *c, int input);
RNN_MUST_USE rnn_status rnni_need_ndim(rnn_ctx *ctx, const rnni_call *c, int input, int ndim);
/* dst (shape of an input) += src (broadcast shape) summed over the broadcast axes. */
void rnni_add_reduced(rnn_tensor *dst, const rnn_tensor *src);
/* dst += src, of equal count. */
void rnni_add(real *dst, const real *src, int64_t n);
RNN_MUST_USE rnn_status rnni_add_tensor(rnn_ctx *ctx, rnn_tensor *dst, const rnn_tensor *src); /* polls */
/* Labels that are not said to be padded have no 0, but behind the lengths of 'of'. (loss.c) */
RNN_MUST_USE rnn_status rnni_need_no_padding(rnn_ctx *ctx, const rnni_call *c, const rnn_tensor *labels,
                                             const rnn_tensor *of);
/* The end of the shape rule of a loss that has a value for each place of dims: its sample weights are the input of that
   number, its reduction the integer of that number. (loss.c) */
RNN_MUST_USE rnn_status rnni_loss_shape(rnn_ctx *ctx, rnni_call *c, int input, int reduction, int ndim,
                                        const int64_t *dims);
/* The sample weights, or NULL; how many times place at of count counts. */
const rnn_tensor *rnni_sample_weights(const rnni_call *c, int input);
double rnni_sample_weight(const rnn_tensor *w, int64_t count, int64_t at);
#define RNNI_REDUCTION_DOC " sample_weights, with the first axes of the target, says how many times each part counts; " \
  "reduction \"mean\", \"sum\" or \"none\"."
rnn_status rnni_need_axis(rnn_ctx *ctx, const rnni_call *c, int64_t axis); /* of input 0 */
/* Fails when both have lengths and these differ. */
RNN_MUST_USE rnn_status rnni_need_same_lengths(rnn_ctx *ctx, const rnni_call *c, const rnn_tensor *a,
                                               const rnn_tensor *b);
/* For inputs whose steps the op would mix, padding included. */
RNN_MUST_USE rnn_status rnni_need_no_lengths(rnn_ctx *ctx, const rnni_call *c, int input);
/* For ops that own their lengths: the output takes those of input 0, or losing them is an error. */
RNN_MUST_USE rnn_status rnni_carry_lengths(rnn_ctx *ctx, rnni_call *c, bool keep);
/* A tensor seen as rows of width elements that are valid or padding as a whole: (N*T) rows, or one without lengths. */
int64_t rnni_valid_rows(const rnn_tensor *t, int64_t *width);
bool rnni_is_valid_row(const rnn_tensor *t, int64_t row);
/* Does element i of the result count, or is it padding of an input (whose first axes are those of the result)? */
bool rnni_counts(const rnni_call *c, int64_t i);
/* x rounded to bfloat16, to nearest even; NaN stays one. */
static inline uint16_t rnni_bf16_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
/* x as float, as to_float makes it; what is in the message before "element 3". */
RNN_MUST_USE rnn_status rnni_to_float(rnn_ctx *ctx, const char *what, const rnn_tensor *x, real *y);
/* x, laid out as the batch: what is not finite behind the lengths becomes 0. padding.c says why. */
void rnni_clear_padding(real *x, const rnn_tensor *batch);
/* Puts a copy with such padding in place of *t when *t needs it. */
RNN_MUST_USE rnn_status rnni_clean(rnn_ctx *ctx, rnn_tensor **t);
void rnni_out_like(rnni_call *c, const rnn_tensor *t);
/* outer * dims[axis] * inner = count */
void rnni_split_at(const rnn_tensor *t, int axis, int64_t *outer, int64_t *length, int64_t *inner);

/* What products of a call with these tensors are in; may_int8: the op has them in integers, and nothing is recorded. form.c */
rnn_form rnni_products_form(const rnn_ctx *ctx, rnn_tensor *const *t, int count, bool may_int8);
rnn_program *rnni_program_ref(const rnn_program *p); /* recurrent/program.c */

/* ---- formulas: trace.c ---- */

bool rnni_is_traced(const rnn_args *args);
/* Notes c, which has a tensor of a formula, and makes its result. */
RNN_MUST_USE rnn_status rnni_trace_note(rnn_ctx *ctx, rnni_call *c);
rnn_status rnni_trace_refuse_write(rnn_ctx *ctx);
rnn_status rnni_trace_refuse_draw(rnn_ctx *ctx);

/* ---- products ---- */

/* C (m, n) = A (m, k) B (k, n) [+ C when accumulate]; element (i, j) of A at a[i*ars + j*acs], of B likewise.
   bias (n) or NULL is added to every row. Every element is one chain of multiply-adds over k in order, so the
   result does not depend on how rows and columns are cut among threads. Polls for interrupts. */
RNN_MUST_USE rnn_status rnni_gemm(rnn_ctx *ctx, int64_t m, int64_t n, int64_t k, const real *a, int64_t ars,
                                  int64_t acs, const real *b, int64_t brs, int64_t bcs, const real *bias, real *c,
                                  int64_t ldc, bool accumulate);

/* rnni_gemm with B a weight in w, which is not packed at every product: from the second one on, with the same values and
   strides, its panels stay with w. */
RNN_MUST_USE rnn_status rnni_gemm_weight(rnn_ctx *ctx, int64_t m, int64_t n, int64_t k, const real *a, const rnn_tensor *w,
                                         int64_t brs, int64_t bcs, const real *bias, real *c, bool accumulate);
/* What is kept with s, when it was made of these; else that is gone, and NULL. */
void *rnni_kept(rnn_ctx *ctx, rnni_storage *s, const rnni_made_of of);
/* B as the kernels' products want it (kernels.h), packed by all threads. out has rnni_panels_size(form, k, n) elements. */
void rnni_pack(rnn_ctx *ctx, rnn_form form, int64_t k, int64_t n, const real *b, int64_t rs, int64_t cs, real *out);

/* ---- files ---- */

/* Bytes of a file from a whole page on, as memory that may be written to and is not written back. */
RNN_MUST_USE rnn_status rnni_map(rnn_ctx *ctx, const char *path, int fd, int64_t offset, size_t size, char **out);
void rnni_unmap(char *start, size_t size);
extern atomic_bool rnni_files_cut;     /* was a part read of any such file that is not there any more? */
bool rnni_is_cut(const rnn_tensor *t); /* does it lie in one? */

/* open(2) with O_CLOEXEC that never gives 0, 1 or 2: where these are closed, what is printed would land in the file. */
int rnni_open(const char *path, int flags, mode_t mode);

/* Prepares "path.tmp-PID-N" for writing; finish syncs and renames, or removes it when !keep. */
typedef struct rnni_file {
  int fd;
  char *temporary;
  const char *path;
} rnni_file;
/* Opens a file for reading; the caller closes *fd. Nothing that could go on for ever: only a regular file, of *size
   bytes, or, where pipes are allowed, one that is open already, like /dev/stdin (*size is -1). RNN_EIO otherwise. */
RNN_MUST_USE rnn_status rnni_file_open(rnn_ctx *ctx, const char *path, bool pipes, int *fd, int64_t *size);
/* Reads until room is full or the file ends. */
RNN_MUST_USE rnn_status rnni_file_get(rnn_ctx *ctx, const char *path, int fd, void *bytes, size_t room, size_t *got);

RNN_MUST_USE rnn_status rnni_file_begin(rnn_ctx *ctx, const char *path, rnni_file *f);
RNN_MUST_USE rnn_status rnni_file_put(rnn_ctx *ctx, rnni_file *f, const void *bytes, size_t size);
/* Over what was put there before. */
RNN_MUST_USE rnn_status rnni_file_patch(rnn_ctx *ctx, rnni_file *f, int64_t at, const void *bytes, size_t size);
RNN_MUST_USE rnn_status rnni_file_finish(rnn_ctx *ctx, rnni_file *f, bool keep);

/* The place of the first byte that is no UTF-8 (RFC 3629), or size; io/csv_column.c. */
size_t rnni_utf8_length(const void *text, size_t size);

#endif
