/* rnn.h: the one public header of the core, and its manual.
 *
 * The core is tensors, automatic differentiation, a recurrent engine, optimisers and files. It is a C11
 * library that can be used without Lua (tests/c/test_example.c is a complete program); it never includes lua.h,
 * prints nothing, exits never, and keeps no global state but the table of kernels for this processor, a count of forks
 * and the libraries that it has opened.
 *
 * Alphabet: N batch, T time, D input features, H units, V vocabulary. Sequences are batch-first, (N, T, D).
 * dx is the gradient of x. Gates are i f g o (LSTM) and r z n (GRU), in that order in every weight, as in PyTorch.
 *
 * Errors. Every fallible function returns an rnn_status; results come through trailing pointers and are set only
 * on success. After a failure rnn_message(ctx) says what happened, with shapes; it needs no memory.
 *
 * Precision. rnn_real is float, or double when compiled with -DRNN_DOUBLE; nothing else differs.
 *
 * Contexts. Each has its own memory, random numbers, tape, settings and threads, and knows nothing of others: two of
 * them may be used by two threads at the same time. Tensors, steppers and event files belong to the context that they
 * were made with, and meet those of another only as copied values.
 *
 * Threads. A context, with all that belongs to it, is used by one thread at a time. Only rnn_ctx_interrupt may be called
 * from elsewhere.
 *
 * fork. The new process has a copy of every context that no other thread was using at that moment, and may go on with
 * it or free it: the threads of the pool are started again when they are wanted. Random numbers go on alike in both
 * processes (rnn_seed tells them apart). Files are shared: only one of the two should use or close an open event file,
 * and the lock of rnn_file_lock is held until both have let go of it.
 */
#ifndef RNN_H
#define RNN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define RNN_VERSION "0.1.0"
#define RNN_VERSION_NUMBER 100 /* major * 10000 + minor * 100 + patch */

#ifdef RNN_DOUBLE
typedef double rnn_real;
#define RNN_PRECISION "double"
#define rnn_ctx_new rnn_ctx_new_double /* so that a program of one precision does not link with a core of the other */
#else
typedef float rnn_real;
#define RNN_PRECISION "float"
#endif

#define RNN_MUST_USE __attribute__((warn_unused_result))
#define RNN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

typedef enum rnn_status {
  RNN_OK = 0,
  RNN_ENOMEM,  /* out of memory, or over the context's limit */
  RNN_ESHAPE,  /* shapes do not fit together */
  RNN_ETYPE,   /* float where int32 was expected, or the reverse */
  RNN_EARG,    /* an argument out of its range */
  RNN_ESTALE,  /* a tensor whose history was already consumed by backward */
  RNN_EIO,     /* the operating system refused: no file, full disk ... */
  RNN_EFORMAT, /* a file's content is not what its format says */
  RNN_ENAN,    /* a value that is not finite, while rnn_ctx_check_finite is on */
  RNN_EINTR    /* rnn_ctx_interrupt was called; the computation stopped cleanly */
} rnn_status;

/* "ENOMEM" ... for a status; never NULL. */
const char *rnn_status_name(rnn_status status);

/* ---- context ------------------------------------------------------------------------------------------ */

typedef struct rnn_ctx rnn_ctx;

/* A new context: own allocator, random numbers, tape and threads. Threads start at the number of processors
   this process may use, or RNNLUA_THREADS; the pool itself is only started by work that is worth it. */
RNN_MUST_USE rnn_status rnn_ctx_new(rnn_ctx **ctx);

/* Frees the context. Every tensor made from it must have been released before. NULL is allowed. */
void rnn_ctx_free(rnn_ctx *ctx);

/* Text of the last failure in this context. */
const char *rnn_message(const rnn_ctx *ctx);

/* On: every result of an op, and every gradient that one makes, must be finite; the first that is not is RNN_ENAN, and
   the message names op, element and, for gradients, where in the program the op was applied: what the last
   rnn_ctx_note said before it. Slow; for finding out where a NaN comes from. */
void rnn_ctx_check_finite(rnn_ctx *ctx, bool on);
bool rnn_ctx_checks_finite(const rnn_ctx *ctx);
void rnn_ctx_note(rnn_ctx *ctx, const char *where);
/* Stops the running computation at its next check, with RNN_EINTR. Async-signal-safe. */
void rnn_ctx_interrupt(rnn_ctx *ctx);

/* Forgets a pending interrupt; true when there was one. */
bool rnn_ctx_clear_interrupt(rnn_ctx *ctx);

/* RNN_EINTR when one is pending: for long loops of one's own. */
RNN_MUST_USE rnn_status rnn_ctx_poll(rnn_ctx *ctx);

int rnn_ctx_threads(const rnn_ctx *ctx);
RNN_MUST_USE rnn_status rnn_ctx_set_threads(rnn_ctx *ctx, int threads); /* 1..256 */
/* What is cut into tasks runs one task after the other, and how long each took is recorded, until it is switched off: what
   more cores would give can be told from it. Times are seconds of the processor. */
#define RNN_REGIONS 64
typedef struct rnn_region {
  const char *name;      /* of its place in the source */
  int64_t calls, tasks;  /* altogether */
  double work, longest;  /* of all tasks; of the longest one of each call, summed */
} rnn_region;
RNN_MUST_USE rnn_status rnn_ctx_measure(rnn_ctx *ctx, bool on);
const rnn_region *rnn_ctx_regions(const rnn_ctx *ctx); /* RNN_REGIONS of them, those without calls last; NULL when off */

typedef struct rnn_memory {
  size_t live;        /* bytes now in use */
  size_t peak;        /* largest live since the start or rnn_memory_reset_peak */
  size_t cached;      /* bytes kept for reuse */
  uint64_t allocated; /* bytes handed out since the start; the bindings press Lua's collector by it */
} rnn_memory;

void rnn_memory_read(const rnn_ctx *ctx, rnn_memory *m);
void rnn_memory_reset_peak(rnn_ctx *ctx);
void rnn_memory_set_limit(rnn_ctx *ctx, size_t bytes); /* 0: no limit */

/* Fault injection for tests: allocation number nth from now (1 = the next) and the count - 1 after it fail.
   nth 0 switches it off. Returns how many allocations were asked for since the last call. */
uint64_t rnn_memory_fail(rnn_ctx *ctx, uint64_t nth, uint64_t count);

/* "OpenBLAS 0.3.21 ...": the library behind linear algebra, which this opens; NULL when there is none. */
const char *rnn_blas_version(rnn_ctx *ctx);
/* Large products of floats by OpenBLAS instead of our own kernels: not the same bits on every machine, nor for every
   number of threads. At the start only on where no set of our kernels was made for the processor. RNN_EARG with
   RNNLUA_DETERMINISTIC=1. */
RNN_MUST_USE rnn_status rnn_ctx_set_openblas(rnn_ctx *ctx, bool on);
bool rnn_ctx_openblas(const rnn_ctx *ctx);

/* "x86-64-v4" ...: the kernels chosen for this processor (RNNLUA_ISA forces a lesser one). */
const char *rnn_isa(void);
/* Multiply-adds a second that one core does when nothing else is in the way: measured on the spot, 20 milliseconds. */
double rnn_peak(void);

/* ---- random numbers ------------------------------------------------------------------------------------ */

/* Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): key = seed, counter =
   position. The same numbers on every machine, in both precisions (a float is its double cut to 24 bits). */
void rnn_seed(rnn_ctx *ctx, uint64_t seed);

typedef struct rnn_random_state {
  uint64_t seed, position;
} rnn_random_state;

rnn_random_state rnn_random_get(const rnn_ctx *ctx);
void rnn_random_set(rnn_ctx *ctx, rnn_random_state state);

/* ---- tensors -------------------------------------------------------------------------------------------- */

#define RNN_MAX_DIMS 6

typedef enum rnn_type { RNN_FLOAT, RNN_INT } rnn_type; /* rnn_real, int32_t */

/* A reference-counted array of up to 6 axes. One rule says what is a view: slice, select, transpose, permute, reshape,
   squeeze, unsqueeze, detach and rnn_tensor_rows share memory with the tensor that they were given, so that a write into
   either is seen by both; every other op gives values of its own. (gather, and reshape of what does not lie in rows, copy: writing into their results
   is RNN_EARG, for it would not reach the tensor that they were taken from.) A tensor may know the lengths of its
   sequences (N int32 values for an (N, T, ...) tensor); ops carry them along or refuse to lose them. */
typedef struct rnn_tensor rnn_tensor;

bool rnn_tensor_finite(const rnn_tensor *t); /* no NaN, no infinity; int32 always */

/* A new tensor filled with zeros; the caller owns one reference. Sizes may be 0; ndim 0 is a scalar. */
RNN_MUST_USE rnn_status rnn_tensor_new(rnn_ctx *ctx, rnn_type type, int ndim, const int64_t *dims, rnn_tensor **out);
rnn_tensor *rnn_tensor_ref(rnn_tensor *t);
void rnn_tensor_free(rnn_tensor *t); /* drops one reference; NULL is allowed */

rnn_type rnn_tensor_type(const rnn_tensor *t);
int rnn_tensor_ndim(const rnn_tensor *t);
const int64_t *rnn_tensor_dims(const rnn_tensor *t);
int64_t rnn_tensor_count(const rnn_tensor *t);  /* number of elements */
/* The elements row by row; NULL when the type is another one, or for a view that does not lie so (a column, a
   transposed matrix): rnn_tensor_contiguous. After writing through them, rnn_tensor_changed: see there. */
rnn_real *rnn_tensor_floats(rnn_tensor *t);
int32_t *rnn_tensor_ints(rnn_tensor *t);
/* Any tensor: its first element, and how many elements further the next place of each axis is. */
void *rnn_tensor_data(rnn_tensor *t);
const int64_t *rnn_tensor_strides(const rnn_tensor *t);
/* The same values without history, row by row: sharing memory where t lies so, else a copy. */
RNN_MUST_USE rnn_status rnn_tensor_contiguous(rnn_ctx *ctx, rnn_tensor *t, rnn_tensor **out);
/* Says that memory of t has been written to; every path that changes values ends here. Backward refuses to use values that
   it saved and that changed since, and products keep weights packed: without this call they go on with the old values. */
void rnn_tensor_changed(rnn_tensor *t);
uint32_t rnn_tensor_version(const rnn_tensor *t); /* another number after every change of this memory */
/* "(32, 56, 1) float" into buf; returns buf. */
char *rnn_tensor_describe(const rnn_tensor *t, char *buf, size_t size);

/* Elements [from, to) of the first axis, sharing memory. */
RNN_MUST_USE rnn_status rnn_tensor_rows(rnn_ctx *ctx, rnn_tensor *t, int64_t from, int64_t to, rnn_tensor **out);
/* The same values without history, sharing memory. */
RNN_MUST_USE rnn_status rnn_tensor_detach(rnn_ctx *ctx, rnn_tensor *t, rnn_tensor **out);
/* A copy of the values without history. */
RNN_MUST_USE rnn_status rnn_tensor_copy(rnn_ctx *ctx, const rnn_tensor *t, rnn_tensor **out);
/* Place index[0], index[1] ... index[n - 1] (from 0) of the first n axes, as a view of the other axes, to write to: it has
   no history of its own. n = ndim gives one element. */
RNN_MUST_USE rnn_status rnn_tensor_part(rnn_ctx *ctx, rnn_tensor *t, int n, const int64_t *index, rnn_tensor **out);
/* Copies the values of src, of equal type, broadcast to dst's shape, into dst. While recording, a write of values with a
   history, or over values with one, is recorded: afterwards what was overwritten has no gradient, and src has that of
   its new place. A parameter takes numbers only (RNN_EARG for values with a history). An interrupt may come in the middle
   of a write that is not recorded: the message says how far it came. The same for what follows, which writes values
   without history. */
RNN_MUST_USE rnn_status rnn_tensor_assign(rnn_ctx *ctx, rnn_tensor *dst, rnn_tensor *src);
RNN_MUST_USE rnn_status rnn_tensor_fill(rnn_ctx *ctx, rnn_tensor *t, double value);
/* Fills the part that rnn_tensor_part gives; one element without a history is written at once. */
RNN_MUST_USE rnn_status rnn_tensor_fill_part(rnn_ctx *ctx, rnn_tensor *t, int n, const int64_t *index, double value);
/* The places of x that the n entries of which choose from axes of x, from axis on, and writing y, broadcast to their shape,
   into them, as by assign. An entry is int32 ids of an axis, from 1, of which the last counts where one occurs twice;
   several are broadcast and choose together, one place for each of their elements, and their axes take the place of
   those of x. Or it is a float mask of 0 and 1 with the axes of x from there on, which become one: on axis 0, one of x's
   own shape chooses elements. Beside other entries a mask has one axis. */
RNN_MUST_USE rnn_status rnn_tensor_pick(rnn_ctx *ctx, rnn_tensor *x, int axis, int n, rnn_tensor *const *which,
                                        rnn_tensor **out);
RNN_MUST_USE rnn_status rnn_tensor_put(rnn_ctx *ctx, rnn_tensor *x, int axis, int n, rnn_tensor *const *which,
                                       rnn_tensor *y);
RNN_MUST_USE rnn_status rnn_tensor_uniform(rnn_ctx *ctx, rnn_tensor *t, double low, double high);
RNN_MUST_USE rnn_status rnn_tensor_normal(rnn_ctx *ctx, rnn_tensor *t, double mean, double deviation);
RNN_MUST_USE rnn_status rnn_tensor_exponential(rnn_ctx *ctx, rnn_tensor *t, double rate);
/* A normal distribution of which only what is from low to high is drawn. */
RNN_MUST_USE rnn_status rnn_tensor_truncated_normal(rnn_ctx *ctx, rnn_tensor *t, double mean, double deviation, double low,
                                                    double high);
/* 1 with the probability p, float and broadcast to t, else 0, also behind the lengths of p. */
RNN_MUST_USE rnn_status rnn_tensor_bernoulli(rnn_ctx *ctx, rnn_tensor *t, rnn_tensor *p);
/* Integers from low to high, both included, into an int32 tensor. */
RNN_MUST_USE rnn_status rnn_tensor_randint(rnn_ctx *ctx, rnn_tensor *t, int64_t low, int64_t high);
/* n places (from 1) for each row of weights (..., K), which need not add up to 1: int32 (..., n); 0 behind lengths.
   RNN_EARG for weights that are negative, not finite or all 0. */
RNN_MUST_USE rnn_status rnn_multinomial(rnn_ctx *ctx, rnn_tensor *weights, int64_t n, bool replacement, rnn_tensor **out);
/* A random permutation of 1..n into an int32 tensor of n elements (Fisher-Yates). */
RNN_MUST_USE rnn_status rnn_tensor_shuffle(rnn_ctx *ctx, rnn_tensor *t);
/* Random orthogonal rows or columns, whichever are fewer: QR of a normal matrix (Saxe et al. 2014).
   A (k*H, H) matrix with blocks = k gets k independent blocks, as the gates of an LSTM want. */
RNN_MUST_USE rnn_status rnn_tensor_orthogonal(rnn_ctx *ctx, rnn_tensor *t, int64_t blocks, double gain);

/* lengths: int32 (N) with 0 <= length <= T, for a tensor of at least two axes; NULL removes them. What is behind them
   reaches no result and no gradient, whatever it holds, NaN and infinity included: a gradient there that is not finite is
   0, and what sums over steps leaves padding out or refuses it. The tensor's values stay as they are. */
RNN_MUST_USE rnn_status rnn_tensor_set_lengths(rnn_ctx *ctx, rnn_tensor *t, rnn_tensor *lengths);
rnn_tensor *rnn_tensor_lengths(const rnn_tensor *t); /* borrowed; NULL without lengths */

/* ---- automatic differentiation ----------------------------------------------------------------------------- */

/* Leaves that require a gradient are parameters: float tensors made by the user, not results of ops. */
RNN_MUST_USE rnn_status rnn_tensor_set_requires_grad(rnn_ctx *ctx, rnn_tensor *t, bool on);
bool rnn_tensor_is_leaf(const rnn_tensor *t); /* not the recorded result of an op */
bool rnn_tensor_requires_grad(const rnn_tensor *t); /* also true for results that depend on a parameter */
rnn_tensor *rnn_tensor_grad(const rnn_tensor *t);   /* borrowed; NULL before backward reached t */
void rnn_tensor_clear_grad(rnn_tensor *t);
/* RNN_EARG where x is the recorded result of a softmax or sigmoid, or a view of one, and a loss, fname, takes that itself,
   which learns badly without a word. taken: "softmax", "sigmoid", or "log" where x shall be logarithms. */
RNN_MUST_USE rnn_status rnn_check_logits(rnn_ctx *ctx, const char *fname, const rnn_tensor *x, const char *taken);
/* Keep the gradient of a result, too, when backward passes it. */
RNN_MUST_USE rnn_status rnn_tensor_retain_grad(rnn_ctx *ctx, rnn_tensor *t);

/* Adds d(loss)/d(parameter) to the gradient of every parameter that loss depends on. loss has one element, or
   dloss gives its gradient, of equal shape. Consumes the recorded history: results used in it become stale,
   and using one in a further op that would record is RNN_ESTALE (detach it first); a part of a parameter stays one.
   After a failure no gradient has changed; the history is consumed as far as it went, so the losses must be computed
   again. */
RNN_MUST_USE rnn_status rnn_backward(rnn_ctx *ctx, rnn_tensor *loss, rnn_tensor *dloss);

/* The gradients of loss by tensors, parameters or results on the way, as values: out[i] has the shape and lengths of
   tensors[i], and no rnn_tensor_grad changes. dloss as above. Only what lies between loss and tensors is computed, and
   only its history is consumed; with retain it stays, and may be gone through again. A tensor that loss does not depend
   on is RNN_EARG; with allow_unused its gradient is zeros. */
RNN_MUST_USE rnn_status rnn_grad(rnn_ctx *ctx, rnn_tensor *loss, rnn_tensor *dloss, rnn_tensor *const *tensors,
                                 int count, bool retain, bool allow_unused, rnn_tensor **out);

/* Functions of one's own in a backward pass are called without recording, and may apply ops and run backward over other
   computations. Whatever they return but RNN_OK ends the pass, which returns it.

   An operation with a gradient of one's own: backward is given the gradient of each result, with its lengths: zeros where
   none has arrived, NULL for int32. Into dx[i], which is NULL, it puts a new reference to the gradient of input i, of its
   shape, or leaves it, for none; where wants[i] is false, it is not needed. free, or NULL, is called when the history is
   let go of. */
typedef struct rnn_custom {
  const char *name; /* for messages; it lives until free */
  rnn_status (*backward)(void *self, rnn_tensor *const *dy, const bool *wants, rnn_tensor **dx);
  void (*free)(void *self);
  void *self;
} rnn_custom;

/* out: new tensors with the values of y, which were computed from x without recording, and a history that says so. They
   have the memory of y where that is not the memory of an x or a parameter, so y is read only from then on. When there is
   nothing to record, free is called at once; after a failure it is not called at all. */
RNN_MUST_USE rnn_status rnn_record(rnn_ctx *ctx, const rnn_custom *custom, rnn_tensor *const *x, int nx,
                                   rnn_tensor *const *y, int ny, rnn_tensor **out);

/* A hook of t is called once in every pass that reaches t, when its whole gradient is there, in a tensor of the hook's
   own; in *out, which is NULL, it may put a new reference to another gradient of equal shape, with which the pass goes on.
   A result loses its hooks with its history, and they do not follow it when it is written to; those of a parameter
   stay. */
typedef rnn_status rnn_hook_call(void *self, rnn_tensor *grad, rnn_tensor **out);
typedef struct rnn_hook rnn_hook;
RNN_MUST_USE rnn_status rnn_tensor_on_grad(rnn_ctx *ctx, rnn_tensor *t, rnn_hook_call *call, void (*release)(void *self),
                                           void *self, rnn_hook **out);
void rnn_hook_remove(rnn_hook *hook); /* release, or NULL, is called with self now, or when t loses the hook */
void rnn_hook_free(rnn_hook *hook);   /* lets go of hook, which stays in effect; NULL is allowed */

/* Switches recording; returns what it was. */
bool rnn_ctx_set_recording(rnn_ctx *ctx, bool on);
bool rnn_ctx_recording(const rnn_ctx *ctx);

/* ---- ops ------------------------------------------------------------------------------------------------------ */

/* Every differentiable function is an op of one table (core/ops/ops.def). What its arguments mean says rnn_op_doc, in the
 * words of Lua. In C axes count from 0 (all: -1); places along an axis (slice, select), ids, labels and the new axis of
 * stack count from 1, as there. rnn_apply checks args against the signature: a number of tensors, an axis or a shape that
 * does not fit is RNN_EARG or RNN_ESHAPE, and nothing has happened.
 * The signature string has a letter for each argument in Lua's order:
 *   t tensor or number   T tensor (no number)   m mask, a float tensor of 0 and 1   L list of tensors
 *   i integer   n number   b boolean   x axis   X axis or nil (all: -1)   s shape   a axes
 *   A axis, table of axes, or nil (all)   c one of the op's choices, from 0 (rnn_op_choices)
 *   a lower-case letter after '?' is optional
 * Integers, booleans, single axes and choices land in i[], numbers in n[], shapes and lists of axes (A: none for all) in
 * shape[]. */
typedef struct rnn_recurrent rnn_recurrent;

enum { RNN_MEAN, RNN_SUM, RNN_NONE }; /* the choices of losses: their reduction */

typedef struct rnn_args {
  rnn_tensor *const *t; /* tensors; entries of optional ones may be NULL */
  int nt;
  int64_t i[6];
  double n[4];
  int64_t shape[RNN_MAX_DIMS];
  int nshape;
  const rnn_recurrent *recurrent; /* for the op "recurrent" only */
  struct rnn_program *program;    /* for the op "scan" only */
} rnn_args;

typedef struct rnn_op rnn_op;

const rnn_op *rnn_op_find(const char *name); /* NULL when there is none */
const rnn_op *rnn_op_at(int index);          /* NULL past the last */
const char *rnn_op_name(const rnn_op *op);
const char *rnn_op_signature(const rnn_op *op);
const char *rnn_op_doc(const rnn_op *op); /* "(x, axis) -> tensor. What it computes." */
int rnn_op_outputs(const rnn_op *op, const rnn_args *args);
bool rnn_op_differentiable(const rnn_op *op);
/* What the first optional integer or number is when it is not given; the others are 0. In C each is always given. */
int rnn_op_absent(const rnn_op *op);
const char *const *rnn_op_choices(const rnn_op *op); /* the names of its choices, ended by NULL */

#define RNN_MAX_OUTPUTS 32

/* Applies an op: checks, computes, and records when recording is on and an argument requires a gradient.
   out receives rnn_op_outputs(op, args) new references. */
RNN_MUST_USE rnn_status rnn_apply(rnn_ctx *ctx, const rnn_op *op, const rnn_args *args, rnn_tensor **out);

/* ---- formulas -------------------------------------------------------------------------------------------------- */

/* While a trace goes on, ops on its tensors are noted and not computed: tensors (samples, ...) that have a shape and no
   values. Ops on other tensors compute as always, and the formula captures those that it uses. An op that has no rule, or
   whose rows mix, is RNN_EARG; so is a tensor of another trace. One trace at a time. */
typedef struct rnn_trace rnn_trace;

#define RNN_TRACE_INPUTS 8

typedef struct rnn_trace_node {
  const rnn_op *op; /* NULL: an input */
  rnn_args args;    /* without tensors */
  int nt;
  int inputs[RNN_TRACE_INPUTS]; /* the place of a node, from 1, or minus that of a captured tensor; 0: absent */
  int ndim;
  int64_t dims[RNN_MAX_DIMS];
  bool each; /* goes element by element, so that a part of the result is the op of parts */
  char where[128]; /* in the program, when the trace asks for lines */
} rnn_trace_node;

RNN_MUST_USE rnn_status rnn_trace_begin(rnn_ctx *ctx, int64_t samples, bool lines, rnn_trace **out);
bool rnn_ctx_wants_lines(const rnn_ctx *ctx); /* rnn_ctx_note before each op: results are checked, or a trace asks */
RNN_MUST_USE rnn_status rnn_trace_input(rnn_trace *t, int ndim, const int64_t *dims, rnn_tensor **out);
void rnn_trace_end(rnn_trace *t);    /* ops compute again */
void rnn_trace_forget(rnn_trace *t); /* lets go of captured tensors */
void rnn_trace_free(rnn_trace *t);   /* ends it, too; NULL is allowed */
bool rnn_tensor_is_formula(const rnn_tensor *t);
/* What happened since the trace began that running once instead of once a step would get wrong, or NULL. */
const char *rnn_trace_side_effect(const rnn_trace *t);
/* Makes the places of these tensors a part of the structure: they are its results. */
RNN_MUST_USE rnn_status rnn_trace_results(rnn_trace *t, rnn_tensor *const *results, int count);
/* All of the structure as bytes: ops, arguments, what is whose input, shapes without the number of samples. Two formulas
   with equal ones differ in the values of captured tensors alone. */
const char *rnn_trace_signature(const rnn_trace *t, size_t *size);
bool rnn_trace_alike(const rnn_trace *a, const rnn_trace *b); /* of equal structure */
bool rnn_trace_same(const rnn_trace *a, const rnn_trace *b);  /* and with the same values */
int rnn_trace_place(const rnn_trace *t, const rnn_tensor *x); /* of a tensor of the formula, from 1; 0 for others */
int rnn_trace_count(const rnn_trace *t);
const rnn_trace_node *rnn_trace_node_at(const rnn_trace *t, int place);
int rnn_trace_captured_count(const rnn_trace *t);
rnn_tensor *rnn_trace_captured(const rnn_trace *t, int k); /* borrowed; k from 1 */
/* Computes the op of a node on other tensors, of any number of rows. */
RNN_MUST_USE rnn_status rnn_trace_apply(rnn_trace *t, int place, rnn_tensor *const *in, int count, rnn_tensor **out);

/* ---- programs --------------------------------------------------------------------------------------------------- */

/* What the op "scan" runs at each time step, forwards and back: instructions on values, which have a row for each sample.
   Everything lies time-major: T blocks of N rows. The op takes the tensors of the program's inputs, then the first state of
   each, (N, width), then lengths, int32 (N), or NULL; i[0] = T, i[1] = 1 in reverse, i[2] a watch or 0. It gives of each
   state the last one, (N, width), and results: values at all steps, (T N, width), or as a batch, (N, T, width), which is 0
   behind the lengths; there others may be anything, and no gradient that arrives there counts. What streams hold there
   does not count either, unless it is the first factor of a product. */
typedef enum rnn_value_kind {
  RNN_STREAM,    /* an input tensor (T N, width) */
  RNN_CONSTANT,  /* an input tensor: one number, a row of width, or (N, width), as form says */
  RNN_MATRIX,    /* an input tensor (rows, width) */
  RNN_BEFORE,    /* a state before the step, and after it: written by forward once */
  RNN_AFTER,
  RNN_SAVED,     /* written by forward and kept for all steps */
  RNN_TEMPORARY, /* of one step of the code that writes it */
  RNN_D_AFTER,   /* backward: gradients of states, given and to be written */
  RNN_D_BEFORE,
  RNN_D_RESULT,  /* given, of a result that is no state after a step: those are in D_AFTER */
  RNN_D_STREAM,  /* to be written */
  RNN_D_PRODUCT, /* to be written: of the result of a product, from which that of its matrix is made */
  RNN_PART       /* columns from .. of another value that has rows and is no part: read and written where they lie */
} rnn_value_kind;

typedef enum rnn_constant_form { RNN_NUMBER, RNN_ROW, RNN_SAMPLES } rnn_constant_form;

typedef struct rnn_value {
  rnn_value_kind kind;
  int index; /* from 0: of the input, the state, the result, the value */
  int64_t width, rows, from;
  rnn_constant_form form;
} rnn_value;

/* name: an op that is element by element (add, tanh ...), "tanh_slope" (x, y, d) and the like for d times its slope, or copy,
   accumulate (one value, or the product of two), product, dot, mix and outer (A b [+ c], c A and c b' of a sample's own matrix A
   (m, n), flat, and vectors b (n), c (m)), expand, row_sum, row_mean, row_max, row_min, softmax, softmax_back, norm, which writes its second
   value, too, (N, 1): 1 / the standard deviation, and norm_back (result, that, gradient). */
typedef struct rnn_instruction {
  const char *name;
  int to, in[3]; /* values, from 0; -1: none */
  double numbers[2];
  bool add;     /* product: go on from what is there */
  bool turned;  /* product: x W instead of x W' */
} rnn_instruction;

typedef struct rnn_program_product {
  int left, matrix, gradient; /* values: the first factor of all steps, the matrix, RNN_D_PRODUCT or RNN_D_STREAM */
  bool turned;
} rnn_program_product;

typedef struct rnn_program_result {
  int value; /* RNN_BEFORE, RNN_AFTER, RNN_SAVED or RNN_STREAM */
  bool batch;
} rnn_program_result;

typedef struct rnn_watched_value {
  int value; /* RNN_SAVED */
  int function; /* an rnn_activation */
  bool gate;
} rnn_watched_value;

typedef struct rnn_program_text {
  const rnn_value *values;
  const rnn_instruction *forward, *backward;
  const rnn_program_product *products;
  const rnn_program_result *results;
  const rnn_watched_value *watched;
  int value_count, inputs, states, result_count, forward_count, backward_count, product_count, watched_count;
  int flow; /* the RNN_D_PRODUCT or RNN_D_STREAM that is the whole gradient of state 0 after the step, for a watch; -1: none */
} rnn_program_text;

typedef struct rnn_program rnn_program;

/* Checks and compiles; what would reach outside of a value, or read one that nobody wrote, is RNN_EARG. */
RNN_MUST_USE rnn_status rnn_program_new(rnn_ctx *ctx, const rnn_program_text *text, rnn_program **out);
void rnn_program_free(rnn_program *p); /* drops one reference; NULL is allowed */

/* ---- the recurrent engine -------------------------------------------------------------------------------------- */

typedef enum rnn_cell { RNN_CELL_RNN, RNN_CELL_LSTM, RNN_CELL_GRU } rnn_cell;

/* Functions whose saturation a watch counts; RNN_TANH and RNN_RELU are what the simple RNN may apply. */
typedef enum rnn_activation { RNN_TANH, RNN_RELU, RNN_SIGMOID, RNN_HARD_SIGMOID, RNN_SOFTSIGN } rnn_activation;

/* One recurrent layer in one direction, run over whole sequences by the op "recurrent". Stacks, both directions, residual
 * connections are compositions of it with other ops; variants are programs, which the op "scan" runs.
 *
 *   RNN:  h = act(W x + b + U h + b')                                              (Elman 1990)
 *   LSTM: i f o = sigmoid(...), g = tanh(...), c = f c + i g, h = o tanh(c)        (Hochreiter, Schmidhuber 1997; Gers 2000)
 *   GRU:  r z = sigmoid(...), n = tanh(W x + b + r (U h + b')), h = (1-z) n + z h  (Cho et al. 2014, reset after the product)
 *
 * Tensors, in this order; G = 1, 4, 3 gates, H units:
 *   x (N, T, D), weight_ih (G*H, D), weight_hh (G*H, H), bias_ih (G*H), bias_hh (G*H);
 *   has_state:  h (N, H) and, LSTM, c (N, H).
 * Outputs: y, (N, T, H) or, with last_only, (N, H): the output of the last valid step (reverse: the step that is
 * computed last, the first one); then the final h and c. Lengths on x are honoured: steps past a sequence's length
 * give 0 and leave its state alone; reverse begins at the last valid step. */
struct rnn_recurrent {
  rnn_cell cell;
  rnn_activation activation; /* RNN_TANH; of the simple RNN also RNN_RELU */
  int64_t units;
  bool has_state, last_only, reverse;
  int64_t recompute;       /* 0, or the steps of a segment: forward keeps only the states between segments and backward
                              runs each of them again, so memory grows with T/recompute + recompute (Chen et al. 2016) */
  int64_t watch;           /* 0, or a number of your own by which rnn_watched gives what backward met */
};

/* What the last backward pass through the layer with this number met: (T, 3), for each step the Euclidean norm of the
   loss's gradient by h_t over the batch, the share of gate elements that are saturated (sigmoid below 0.05 or above
   0.95) and that of the activations (tanh beyond 0.95, ReLU at 0). NULL when there was none since the last reading. */
RNN_MUST_USE rnn_status rnn_watched(rnn_ctx *ctx, int64_t id, rnn_tensor **out);

/* A layer that runs one step at a time: weights packed once, buffers made once, nothing allocated in a step. */
typedef struct rnn_stepper rnn_stepper;

/* weights: as for the op, from weight_ih on, without x and state; batch: N. They are read now: a stepper does not
   follow later changes (rnn_stepper_made_of). Forward only: returns and reverse do not apply. */
RNN_MUST_USE rnn_status rnn_stepper_new(rnn_ctx *ctx, const rnn_recurrent *r, rnn_tensor *const *weights, int count,
                                        int64_t batch, rnn_stepper **out);
void rnn_stepper_free(rnn_stepper *s); /* NULL is allowed */
/* Was it made of these tensors, and have they kept their values since? */
bool rnn_stepper_made_of(const rnn_stepper *s, rnn_tensor *const *weights, int count);
/* Is x (N, D), as run expects it? */
bool rnn_stepper_takes(const rnn_stepper *s, const rnn_tensor *x);
/* The state before the next step: h (N, H) and, for the LSTM, c (N, H); NULL for zeros. They are read now. */
bool rnn_stepper_gives(const rnn_stepper *s, const rnn_tensor *h); /* is h what run may write h or c to? */
RNN_MUST_USE rnn_status rnn_stepper_load(rnn_stepper *s, rnn_tensor *h, rnn_tensor *c);
/* x (N, D) -> h (N, H) and, for the LSTM, c (N, H), from the state that was loaded. sum, when it is not NULL, gets
   h + x. Tensors must have these shapes; nothing is recorded. */
RNN_MUST_USE rnn_status rnn_stepper_run(rnn_stepper *s, rnn_tensor *x, rnn_tensor *h, rnn_tensor *c, rnn_tensor *sum);

int rnn_recurrent_gates(const rnn_recurrent *r);  /* G */
int rnn_recurrent_states(const rnn_recurrent *r); /* 1, or 2 for the LSTM */

/* ---- low precision ----------------------------------------------------------------------------------------------- */

/* Products of float tensors in bf16 from now on: of linear, matmul, conv1d and recurrent layers, and of their gradients
   (that of a weight of conv1d stays in float). Factors are rounded to bfloat16, sums are float, and so is all the rest.
   The same bits on every machine; kernels/bf16.c says which. RNN_EARG in double precision. */
RNN_MUST_USE rnn_status rnn_ctx_set_bf16(rnn_ctx *ctx, bool on);
bool rnn_ctx_bf16(const rnn_ctx *ctx);
/* The form of a float tensor, in which products with it are computed and files hold it. Its values lie in memory as floats
   that the form has: setting one rounds them. RNN_EARG in double precision, RNN_ETYPE for int32. A view has that of its
   base. */
typedef enum rnn_form {
  RNN_FORM_FLOAT,
  RNN_FORM_BF16,
  RNN_FORM_INT8 /* of a weight (units, inputs): whole numbers of -127 to 127 times a scale for each row. linear and recurrent
                   compute in integers with it when nothing is recorded, other ops in float; kernels/int8.c says how */
} rnn_form;
RNN_MUST_USE rnn_status rnn_tensor_set_form(rnn_ctx *ctx, rnn_tensor *t, rnn_form form);
rnn_form rnn_tensor_form(const rnn_tensor *t);
/* "amx", "avx512-dot", "x86-64-v4" ...: what computes products in these forms; RNNLUA_ISA forces a lesser one. */
const char *rnn_low_isa(void);

/* ---- optimisers ------------------------------------------------------------------------------------------------ */

typedef enum rnn_optimizer { RNN_SGD, RNN_RMSPROP, RNN_ADAM, RNN_ADAMW, RNN_NADAM } rnn_optimizer;

typedef struct rnn_optimizer_options {
  rnn_optimizer kind;
  bool nesterov;       /* SGD */
  double lr, momentum; /* momentum: SGD and RMSprop */
  double beta1, beta2; /* Adam's; beta2 is RMSprop's decay */
  double epsilon, weight_decay;
  int64_t step;        /* 1 for the first update */
} rnn_optimizer_options;

int rnn_optimizer_slots(rnn_optimizer kind); /* state tensors for each parameter: 1 (SGD) or 2 */

/* One update of count parameters from their gradients. state holds slots * count tensors, parameter by parameter,
   shaped like their parameter and zero before the first step. Parameters without a gradient are left alone. */
RNN_MUST_USE rnn_status rnn_optimizer_step(rnn_ctx *ctx, const rnn_optimizer_options *o, rnn_tensor *const *params,
                                           int count, rnn_tensor *const *state);

/* Euclidean norm of all gradients together; when max_norm > 0 and it is larger, scales them to exactly max_norm
   (Pascanu et al. 2013). norm may be NULL. A norm that is not finite scales nothing. */
RNN_MUST_USE rnn_status rnn_clip_grad_norm(rnn_ctx *ctx, rnn_tensor *const *params, int count, double max_norm,
                                           double *norm);
/* Clamps every gradient element to [-limit, limit]; counts those that were outside. */
RNN_MUST_USE rnn_status rnn_clip_grad_value(rnn_ctx *ctx, rnn_tensor *const *params, int count, double limit,
                                            int64_t *clipped);
/* Multiplies all gradients by factor. */
RNN_MUST_USE rnn_status rnn_scale_grad(rnn_ctx *ctx, rnn_tensor *const *params, int count, double factor);
/* averages = decay averages + (1 - decay) live, element by element; tensors of int32 are copied. */
RNN_MUST_USE rnn_status rnn_average_step(rnn_ctx *ctx, rnn_tensor *const *averages, rnn_tensor *const *live, int count,
                                         double decay);

/* A batch in shards, whose gradients are added up in an order of the caller's. A sum is a float tensor with the elements
   of all parameters, and behind them those of the buffers: how far the shard has moved each of before, times its rows.
   there has a byte for each parameter and buffer: has it a gradient, has it moved? rnn_shard_take puts gradients and
   buffers into sum, or with adds adds them to it; the gradients are then gone, and the buffers what they were before. */
RNN_MUST_USE rnn_status rnn_shard_take(rnn_ctx *ctx, rnn_tensor *const *params, int count, rnn_tensor *const *buffers,
                                       rnn_tensor *const *before, int buffer_count, double rows, bool adds,
                                       rnn_tensor *sum, char *there);
RNN_MUST_USE rnn_status rnn_shard_add(rnn_ctx *ctx, rnn_tensor *sum, const rnn_tensor *other); /* sum += other */
/* The gradients of params become those of a sum; buffers, the last of it, move by its part of them over rows. */
RNN_MUST_USE rnn_status rnn_shard_gradients(rnn_ctx *ctx, rnn_tensor *const *params, int count, const rnn_tensor *sum,
                                            const char *there);
RNN_MUST_USE rnn_status rnn_shard_buffers(rnn_ctx *ctx, rnn_tensor *const *buffers, int count, const rnn_tensor *sum,
                                          const char *there, double rows);

/* ---- least squares ---------------------------------------------------------------------------------------------- */

/* Linear forecasts: a linear model with a constant says y from windows of x, fitted to those at starts by least squares
   and applied to those at new_starts; nothing is recorded. x (L, D), y (M, K), new_x (L', D) float; starts (N) and
   new_starts (N') int32, from 1; the window at s is the length rows of x from s on, its target row s of y; out (N', K).
   With length 1 rows are told from rows. Computed in double by Householder QR, window after window, so memory is
   8 P (P + K) bytes for P = length * D and does not grow with N; time is about 2 N P (P + K) multiply-adds. Each column
   is centred and divided by its largest distance from the mean; then |X w - y|^2 + 1e-20 N |w|^2 is minimised: columns
   that are constant, that others make up, or that are more than the windows get the least weights that do. Fails with
   RNN_ETYPE, RNN_ESHAPE, or RNN_EARG for windows that lie beyond a tensor, or for none to fit. */
RNN_MUST_USE rnn_status rnn_linear_forecast(rnn_ctx *ctx, const rnn_tensor *x, const rnn_tensor *starts, int64_t length,
                                            const rnn_tensor *y, const rnn_tensor *new_x, const rnn_tensor *new_starts,
                                            rnn_tensor **out);

/* out[i], w (P, K) with the least |X w - Y|^2 + penalties[i] |w|^2 for x (R, P) and y (R, K), for each of count penalties;
   nothing is recorded. Normal equations in double, once for all, and a Cholesky decomposition of each: 16 P (P + K) bytes,
   R P (P + K) multiply-adds and P^3 / 6 for each penalty, the same bits on every machine. RNN_EARG for a penalty that is
   not positive, or too small beside the rounding of X'X, and for numbers that are not finite. */
RNN_MUST_USE rnn_status rnn_ridge(rnn_ctx *ctx, const rnn_tensor *x, const rnn_tensor *y, const double *penalties,
                                  int count, rnn_tensor **out);

/* ---- files -------------------------------------------------------------------------------------------------------- */

/* safetensors (github.com/huggingface/safetensors): read with every check of the reference implementation. */
typedef struct rnn_archive {
  int count;
  char **names;
  rnn_tensor **tensors; /* F32, F64, F16, BF16 become float, as rnn_real_refuses allows; I64, I32, I16, I8, U64, U32,
                           U16, U8, BOOL become int32 */
  int unread_count;
  char **unread; /* name, type, name, type ... of tensors of other types, which are not read */
  int metadata_count;
  char **metadata; /* key, value, key, value ... */
  bool in_forms;   /* of one to be written: tensors in their forms, BF16; else floats as F32 (F64) */
} rnn_archive;

RNN_MUST_USE rnn_status rnn_safetensors_read(rnn_ctx *ctx, const char *path, rnn_archive *out);
/* Writes a temporary file beside path, syncs it and renames it: path is always the old file or the whole new one.
   float is written as F32 (F64 in the double build), int32 as I32. */
RNN_MUST_USE rnn_status rnn_safetensors_write(rnn_ctx *ctx, const char *path, const rnn_archive *a);
void rnn_archive_free(rnn_ctx *ctx, rnn_archive *a);
/* The same without reading the values: they stay in the file, which may be larger than memory and must not change while
   they are used, and are read when they are needed. What is written to such a tensor stays in memory. Only F32 (F64 in the
   double build) and I32 lie in the file as in memory; others are among the unread. */
RNN_MUST_USE rnn_status rnn_safetensors_map(rnn_ctx *ctx, const char *path, rnn_archive *out);

/* size bytes, little-endian elements of a type of safetensors files, row by row, as a tensor of a shape. RNN_EFORMAT for
   another type, another number of bytes, and an element that ours cannot hold. */
RNN_MUST_USE rnn_status rnn_tensor_of_bytes(rnn_ctx *ctx, const char *type, const void *bytes, size_t size, int ndim,
                                            const int64_t *dims, rnn_tensor **out);

/* NumPy's files, to the same rules: .npy, one array, and .npz, arrays by name. Versions 1.0 to 3.0, C and Fortran order,
   either order of bytes; float16, float32, float64 become float, int8 to int64, uint8 to uint64 and bool int32. Of other
   types an .npy file is not read (RNN_EFORMAT names the type), and an array of an .npz file is among the unread. */
RNN_MUST_USE rnn_status rnn_npy_read(rnn_ctx *ctx, const char *path, rnn_tensor **out);
RNN_MUST_USE rnn_status rnn_npy_map(rnn_ctx *ctx, const char *path, rnn_tensor **out); /* as rnn_safetensors_map */
RNN_MUST_USE rnn_status rnn_npy_write(rnn_ctx *ctx, const char *path, rnn_tensor *tensor);
RNN_MUST_USE rnn_status rnn_npz_read(rnn_ctx *ctx, const char *path, rnn_archive *out);
/* a's metadata have no place in the file. compress: by deflate, as numpy.savez_compressed does. */
RNN_MUST_USE rnn_status rnn_npz_write(rnn_ctx *ctx, const char *path, const rnn_archive *a, bool compress);

/* Whole files in one ZIP archive. Reading refuses names that lead elsewhere, are the same but for capitals, or are no
   UTF-8; links and folders; what is no member; and more than most bytes, or than the file's size bears out; of a
   foreign archive, folders and what is no member are passed over. Equal bundles are equal bytes. */
typedef struct rnn_bundle_file {
  const char *name;
  const void *bytes; /* read: with a NUL behind them */
  size_t size;
  bool compress;
} rnn_bundle_file;
typedef struct rnn_bundle {
  int count;
  rnn_bundle_file *files;
} rnn_bundle;
RNN_MUST_USE rnn_status rnn_bundle_read(rnn_ctx *ctx, const char *path, int64_t most, bool foreign,
                                        rnn_bundle *out);
RNN_MUST_USE rnn_status rnn_bundle_write(rnn_ctx *ctx, const char *path, const rnn_bundle *b);
void rnn_bundle_free(rnn_ctx *ctx, rnn_bundle *b);

/* The size bytes that a stream of zlib's stands for; RNN_EFORMAT where it is damaged or stands for more or fewer. */
RNN_MUST_USE rnn_status rnn_inflate(rnn_ctx *ctx, const void *packed, size_t packed_size, void *bytes, size_t size);

/* The whole of a file that ends: a regular one, or a pipe that is open already, like /dev/stdin. */
RNN_MUST_USE rnn_status rnn_file_read(rnn_ctx *ctx, const char *path, char **bytes, size_t *size);
void rnn_file_read_free(rnn_ctx *ctx, char *bytes);
/* What a file is that begins with these bytes, "compressed by gzip", when it is one of those that are taken for text by
   mistake; else NULL. */
const char *rnn_file_kind(const void *bytes, size_t size);

/* Writes size bytes to path by the same temporary file, sync and rename. */
RNN_MUST_USE rnn_status rnn_file_write(rnn_ctx *ctx, const char *path, const void *bytes, size_t size);

/* Makes a folder and those above it that are missing; one that is there already is no failure. */
RNN_MUST_USE rnn_status rnn_folder_make(rnn_ctx *ctx, const char *path);

/* The names in a folder, in order by bytes, each with a 0 behind it and a folder's with a / before that; what is behind a
   link counts. Free them with rnn_file_read_free. id is the same for two ways to one folder. */
RNN_MUST_USE rnn_status rnn_folder_list(rnn_ctx *ctx, const char *path, char **names, size_t *size, uint64_t *id);

/* Adds size bytes to the end of a file, which is made when it is missing, and syncs it: after a failure the file has
   none of them. end becomes the file's size. */
RNN_MUST_USE rnn_status rnn_file_append(rnn_ctx *ctx, const char *path, const void *bytes, size_t size, int64_t *end);
/* Cuts a file to size bytes; RNN_EFORMAT when it is shorter. A missing file has 0. */
RNN_MUST_USE rnn_status rnn_file_truncate(rnn_ctx *ctx, const char *path, int64_t size);
/* Opens path, made when it is missing, and locks it against other processes that do the same, until the unlocking or
   the end of the process. Removing what killed processes left of writes to path is right only under such a lock. */
RNN_MUST_USE rnn_status rnn_file_lock(rnn_ctx *ctx, const char *path, int *fd);
void rnn_file_unlock(int fd);
void rnn_file_sweep(const char *path);
/* 64 bits that are others as soon as the bytes are, or a tensor's type, shape or values. */
uint64_t rnn_checksum(const void *bytes, size_t size);
RNN_MUST_USE rnn_status rnn_tensor_checksum(rnn_ctx *ctx, rnn_tensor *t, uint64_t *out);

/* SHA-256 (FIPS 180-4), which no two different things are known to share: of bytes, of a file as it lies on the disk, of
   the elements of a tensor in rows, each in the order of bytes of a safetensors file. */
#define RNN_SHA256_TEXT 65 /* in hexadecimal digits, with a NUL */
void rnn_sha256(const void *bytes, size_t size, char out[RNN_SHA256_TEXT]);
RNN_MUST_USE rnn_status rnn_file_sha256(rnn_ctx *ctx, const char *path, char out[RNN_SHA256_TEXT], int64_t *size);
RNN_MUST_USE rnn_status rnn_tensor_sha256(rnn_ctx *ctx, rnn_tensor *t, char out[RNN_SHA256_TEXT]);

/* A file of events for TensorBoard, folder/events.out.tfevents.SECONDS.HOST.PID.N, new and later in the order of names
   than every other in that folder. A record is the bytes of one Event of TensorFlow's event.proto. */
typedef struct rnn_events rnn_events;

RNN_MUST_USE rnn_status rnn_events_open(rnn_ctx *ctx, const char *folder, rnn_events **out);
const char *rnn_events_path(const rnn_events *e);
/* Records wait in memory until they are 64 KB or a second old. What a full disk refuses is tried again with the next
   record or flush, and is lost beyond 1 MB; the file always ends with a whole record. */
RNN_MUST_USE rnn_status rnn_events_record(rnn_events *e, const void *bytes, size_t size);
RNN_MUST_USE rnn_status rnn_events_flush(rnn_events *e);
RNN_MUST_USE rnn_status rnn_events_close(rnn_events *e); /* flushes, and frees e in any case; NULL is allowed */

#define RNN_HISTOGRAM_BUCKETS 1551

/* How values are distributed. Bucket i holds those in [limits[i-1], limits[i]). */
typedef struct rnn_histogram {
  int64_t count, not_finite; /* values that are numbers, and the others, which nothing else includes */
  double min, max, sum, sum_squares;
  int buckets;
  double limits[RNN_HISTOGRAM_BUCKETS], counts[RNN_HISTOGRAM_BUCKETS];
} rnn_histogram;

/* TensorBoard's own buckets, which grow by 10 %: those that hold something, one empty one where there is a gap, and one
   to the left of all, which tells where the first begins. Padding does not count. */
void rnn_histogram_count(const rnn_tensor *t, rnn_histogram *out);

/* A tensor (H, W) or (H, W, C), C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA, as a PNG file in memory; floats from 0 to 1,
   integers from 0 to 255, what is beyond is cut off, NaN is 0. into has room for rnn_png_bound(t) bytes, which is 0 when
   t is no picture. */
size_t rnn_png_bound(const rnn_tensor *t);
RNN_MUST_USE rnn_status rnn_png_encode(rnn_ctx *ctx, const rnn_tensor *t, void *into, size_t *size);

/* ---- numbers of files ----------------------------------------------------------------------------------------- */

/* The one rule for numbers that become elements of float tensors: a whole number up to 2^53 stays itself and what is
   finite stays finite, or it is refused; fractions are rounded, inf and nan pass. NULL when v passes, else what is
   wrong with it, written to text ("16777217 is a whole number that float would round to 16777216"). */
const char *rnn_real_refuses(double v, char *text, size_t size);

#define RNN_MISSING INT64_MIN /* in integers; in doubles it is NaN */

/* Numbers in a row, exact as a file has them: doubles, or integers when all are whole and some of them are beyond 2^53,
   where doubles have gaps. */
typedef struct rnn_numbers {
  rnn_ctx *ctx;
  bool whole; /* integers, not doubles */
  int64_t count;
  union {
    double *doubles;
    int64_t *integers;
  };
} rnn_numbers;

RNN_MUST_USE rnn_status rnn_numbers_new(rnn_ctx *ctx, bool whole, int64_t count, rnn_numbers **out); /* not cleared */
void rnn_numbers_free(rnn_numbers *x);
bool rnn_numbers_missing_at(const rnn_numbers *x, int64_t i); /* from 0 */
/* The numbers at the places ids (int32, one axis, from 1); 0 gives a missing one. */
RNN_MUST_USE rnn_status rnn_numbers_gather(const rnn_numbers *x, const rnn_tensor *ids, rnn_numbers **out);
/* The places (from 1) that put x into ascending order: stable, missing ones last. */
RNN_MUST_USE rnn_status rnn_numbers_argsort(const rnn_numbers *x, rnn_tensor **out);
RNN_MUST_USE rnn_status rnn_numbers_missing(const rnn_numbers *x, rnn_tensor **out); /* 1 where missing, else 0 */
/* ((x - whole) - offset) / scale as doubles; the difference of integers is exact. */
RNN_MUST_USE rnn_status rnn_numbers_scale(const rnn_numbers *x, int64_t whole, double offset, double scale,
                                          rnn_numbers **out);
/* Of an int32 or float tensor of one axis, where missing (int32) or NaN is a missing one. */
RNN_MUST_USE rnn_status rnn_numbers_of(const rnn_tensor *t, int32_t missing, rnn_numbers **out);

typedef enum rnn_numbers_op {
  RNN_NUMBERS_ADD, RNN_NUMBERS_SUB, RNN_NUMBERS_MUL, RNN_NUMBERS_DIV, RNN_NUMBERS_FLOOR_DIV, RNN_NUMBERS_MOD,
  RNN_NUMBERS_POW,
  RNN_NUMBERS_EQ, RNN_NUMBERS_NE, RNN_NUMBERS_LT, RNN_NUMBERS_LE, RNN_NUMBERS_GT, RNN_NUMBERS_GE
} rnn_numbers_op;

/* One operand: numbers, or when they are NULL one number for all rows, an integer or not. */
typedef struct rnn_numbers_operand {
  const rnn_numbers *numbers;
  bool whole;
  int64_t integer;
  double real;
} rnn_numbers_operand;

/* One number, or when it is NULL the one before, in place of each missing number. RNN_EARG for a fraction among integers,
   and for an integer among doubles that none of them is. */
RNN_MUST_USE rnn_status rnn_numbers_fill(const rnn_numbers *x, const rnn_numbers_operand *value, rnn_numbers **out);
/* Row by row. Integers with integers give integers, as in Lua, but for /; RNN_EARG when one overflows or is divided by
   0. Where one is missing, so is the result. */
RNN_MUST_USE rnn_status rnn_numbers_combine(rnn_ctx *ctx, rnn_numbers_op op, rnn_numbers_operand x,
                                            rnn_numbers_operand y, rnn_numbers **out);
/* 1 where it holds, else 0; nothing holds of a missing one but that it is not equal. */
RNN_MUST_USE rnn_status rnn_numbers_compare(rnn_ctx *ctx, rnn_numbers_op op, rnn_numbers_operand x,
                                            rnn_numbers_operand y, rnn_tensor **out);

typedef enum rnn_numbers_sum {
  RNN_SUM_COUNT, RNN_SUM_SUM, RNN_SUM_MEAN, RNN_SUM_MIN, RNN_SUM_MAX, RNN_SUM_STD, RNN_SUM_VAR, RNN_SUM_MEDIAN,
  RNN_SUM_FIRST, RNN_SUM_LAST
} rnn_numbers_sum;

/* What the numbers in rows first[i] .. last[i] (int32, from 1) come to; missing ones do not count, and where none is left
   the result is missing, but a count is 0. Deviations are those of a sample, with n - 1. */
RNN_MUST_USE rnn_status rnn_numbers_ranges(const rnn_numbers *x, const rnn_tensor *first, const rnn_tensor *last,
                                           rnn_numbers_sum how, rnn_numbers **out);
/* For each of y the first place (from 1) of that number in x, 0 where there is none; int32. Kinds must agree. */
RNN_MUST_USE rnn_status rnn_numbers_match(const rnn_numbers *x, const rnn_numbers *y, rnn_tensor **out);

/* Each number less the one before, one fewer than x has; missing where either is. */
RNN_MUST_USE rnn_status rnn_numbers_diff(const rnn_numbers *x, rnn_numbers **out);
/* Which numbers there are, in ascending order, and how often (int64 both); RNN_EARG when there are more than
   RNN_DISTINCT. Of integers only. */
RNN_MUST_USE rnn_status rnn_numbers_counts(const rnn_numbers *x, rnn_numbers **values, rnn_numbers **counts);

typedef struct rnn_numbers_summary {
  int64_t missing, distinct; /* distinct: not counted beyond RNN_DISTINCT, then -1 */
  int64_t least, most;       /* places from 0 of the first least and the first greatest; -1 where none is there */
  double mean;
} rnn_numbers_summary;
#define RNN_DISTINCT 65536
RNN_MUST_USE rnn_status rnn_numbers_describe(const rnn_numbers *x, rnn_numbers_summary *out);

/* Times are integers: microseconds since 1970-01-01. A zone is "UTC", an offset like "+02:00", or a name of the time zone
   database, like "Europe/Berlin", for which the C library is asked; RNN_EARG when there is none of that name. */
RNN_MUST_USE rnn_status rnn_times_to_wall(const rnn_numbers *x, const char *zone, rnn_numbers **out);
/* Of times of the wall clock. One that exists twice, when clocks go back, is the later one where the row before is not
   earlier, as the rows are in order, ascending or descending. RNN_EARG for a time that was skipped when clocks went
   forward, and for one that is there more often than twice in a row. */
RNN_MUST_USE rnn_status rnn_times_to_utc(const rnn_numbers *x, const char *zone, rnn_numbers **out);

typedef enum rnn_date_part { RNN_YEAR, RNN_MONTH, RNN_DAY, RNN_DAY_OF_YEAR, RNN_WEEK } rnn_date_part;
/* A part of days since 1970-01-01 (integers): the year, month 1 .. 12, day 1 .. 31, day 1 .. 366, ISO week 1 .. 53. */
RNN_MUST_USE rnn_status rnn_days_part(const rnn_numbers *days, rnn_date_part part, rnn_numbers **out);

/* As a float tensor, NaN where missing; RNN_EARG when rnn_real would not hold one: the message is what and its row. */
RNN_MUST_USE rnn_status rnn_numbers_tensor(const rnn_numbers *x, const char *what, rnn_tensor **out);

typedef enum rnn_csv_type { RNN_CSV_AUTO, RNN_CSV_NUMBER, RNN_CSV_DATE, RNN_CSV_TEXT } rnn_csv_type;

typedef struct rnn_csv_column {
  char *name;
  rnn_csv_type type;
  rnn_numbers *numbers; /* number: as the file has them; date with times of day: integers, microseconds since
                           1970-01-01 UTC, or of the wall clock when not zoned; else NULL */
  rnn_tensor *values;   /* (rows): date without times of day: int32 days since 1970-01-01, INT32_MIN where missing; text:
                           int32 ids into words, 0 where missing; else NULL */
  bool zoned;           /* date: its cells have offsets from UTC, of which all are offset seconds to the east, or */
  bool offsets_differ;  /* they differ, and offset is 0 */
  int32_t offset;
  int word_count;     /* text: the distinct words in the order of their first appearance; id 1 is words[0] */
  char **words;
  int64_t odd_row; /* text that AUTO found: the row of the file with the first cell that made it text; else 0 */
  int32_t odd_id;  /* what stands there, as an id into words */
} rnn_csv_column;

typedef struct rnn_csv {
  int64_t rows;
  int count;
  rnn_csv_column *columns;
  char separator; /* that the file was read with */
} rnn_csv;

typedef enum rnn_csv_header { RNN_CSV_NAMES, RNN_CSV_ANY_NAMES, RNN_CSV_NO_NAMES } rnn_csv_header;

/* Strings are borrowed until the file is closed. */
typedef struct rnn_csv_options {
  char separator;                /* 0: the one of , ; tab | that cuts the first lines into equally many cells */
  const char *const *columns;    /* names to keep, which is also the order of the result; NULL: all, as in the file */
  const rnn_csv_type *types;     /* one for each name in columns, or NULL: all RNN_CSV_AUTO */
  const char *const *formats;    /* one for each name in columns, of dates like "%d/%m/%Y", or seconds, milliseconds,
                                    microseconds, nanoseconds: numbers since 1970; or NULL; NULL: none */
  int column_count;
  bool others;                   /* keep the columns that are not named, too, as RNN_CSV_AUTO; order of the file */
  rnn_csv_header header;         /* names in row 1: unless all are values; whatever they are; none: column1, column2 ... */
  char decimal;                  /* 0: a point */
  const char *thousands;         /* between groups of three digits, a space: any blank; NULL: a point where decimal is a comma, else nothing */
  char comment;                  /* lines that begin with it are skipped; 0: none */
  const char *const *missing;    /* cells that mean missing, beside those below, without blanks around; of numbers
                                    all ways to write them */
  int missing_count;
  const char *encoding;          /* as iconv of the C library knows it; NULL: UTF-8 */
} rnn_csv_options;

/* A CSV file whose first row names its columns: RFC 4180 quoting, CRLF or LF, BOM; options NULL: the defaults.
   What gzip wrote is unpacked; /dev/stdin and other pipes that are open already are read, other devices are refused.
   The file is streamed; memory grows with the columns kept, not with the others.
     number  -1, +.5, 12., 1.5e-3 whatever the locale, correctly rounded; inf, infinity. No hexadecimal, nothing beyond
             the range of a double, no whole number that neither a double nor an int64 holds.
             Missing: empty, or nan, -nan, na, n/a, #n/a, <na>, null, none in letters of either case.
     date    what rnni_cell_stamp (io/cell.h) reads, in the same order of its parts in all of the column, with an offset
             from UTC in all cells or in none. A column whose days all are 12 or less is RNN_EFORMAT unless a format says
             which number is the month. Missing: as in numbers.
     text    UTF-8 without NUL. Missing: only the empty cell.
     AUTO    decided by the first 1000 cells of the column that are not empty: the first of date, number, text that fits
             them all. A later cell that does not fit is an error that tells how to name the type.
   Blanks around a cell that is not quoted do not belong to it; quotation marks inside it do. Rows without any cell are
   skipped. Every other row must have as many cells as the first. A cell has at most 16 MB. Content that breaks these
   rules, or a column that is not there, is RNN_EFORMAT; the message names file, row (the header is row 1; skipped rows
   count) and column. So is a guessed separator where several would do, or with which a column would be numbers if they
   had a decimal comma, or where points may be decimal or between thousands. A first line sep=; names the separator. Names
   in row 1 that are values of the same kind as those below them are RNN_EFORMAT, unless header says that they are names. */
RNN_MUST_USE rnn_status rnn_csv_read(rnn_ctx *ctx, const char *path, const rnn_csv_options *options, rnn_csv *out);

/* The same in parts. Each has least rows or a few more, but for the last; then come parts of 0 rows. Words keep their
   ids: every part has all words so far. Types are those of the first part. After an error only close is left. */
typedef struct rnn_csv_stream rnn_csv_stream;
RNN_MUST_USE rnn_status rnn_csv_open(rnn_ctx *ctx, const char *path, const rnn_csv_options *options,
                                     rnn_csv_stream **out);
RNN_MUST_USE rnn_status rnn_csv_next(rnn_csv_stream *stream, int64_t least, rnn_csv *out);
void rnn_csv_close(rnn_csv_stream *stream);
void rnn_csv_free(rnn_ctx *ctx, rnn_csv *csv);
/* Is the text a date, perhaps with a time of day, as a column of dates may have it? Then where that is, in microseconds
   since 1970-01-01 UTC, or of the wall clock where it has no offset: with the month first, and with the day first, as in
   3/4/2024; RNN_MISSING for an order in which it is none. Both are the same where the order is not open. */
bool rnn_date_read(const char *text, size_t size, int64_t *month_first, int64_t *day_first);

/* ---- audio --------------------------------------------------------------------------------------------------------- */

/* Recordings are float tensors (L), or (L, channels), mostly from -1 to 1. Reading, writing and resampling need a
   library, which is opened when it is first called; without it they are RNN_EIO, and the message names it. */

/* Any file that libsndfile knows: WAV, FLAC, Ogg ... A file cut short is RNN_EFORMAT. rate: samples a second. */
RNN_MUST_USE rnn_status rnn_audio_read(rnn_ctx *ctx, const char *path, rnn_tensor **out, int *rate);
/* A WAV file of 16 bits, by a temporary file, sync and rename. What is beyond -1 and 1 is cut off. */
RNN_MUST_USE rnn_status rnn_audio_write(rnn_ctx *ctx, const char *path, const rnn_tensor *x, int rate);
/* The same sound at another rate, ceil(L to / from) samples (libsamplerate). */
RNN_MUST_USE rnn_status rnn_audio_resample(rnn_ctx *ctx, const rnn_tensor *x, double from, double to, rnn_tensor **out);

typedef struct rnn_features {
  double rate;           /* of the samples */
  int64_t window, hop;   /* in samples: what a frame sees, from one frame to the next */
  int64_t fft;           /* even, at least window: beyond it zeros */
  int64_t bands;         /* on the mel scale from fmin to fmax */
  int64_t coefficients;  /* 0: log-mel spectra; otherwise so many cepstral coefficients */
  double fmin, fmax;     /* Hz */
  double top_db;         /* decibels below the loudest value are raised to this distance; INFINITY: none */
} rnn_features;

/* x (L) -> (1 + L / hop, bands or coefficients), as librosa 0.11 defines them; not differentiable. */
RNN_MUST_USE rnn_status rnn_audio_features(rnn_ctx *ctx, const rnn_features *o, const rnn_tensor *x, rnn_tensor **out);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
