/* tape.h: the record of one applied op, and what runs through such records. */
#ifndef RNNI_TAPE_H
#define RNNI_TAPE_H

#include "internal.h"

/* Where the gradient of an input goes: into an earlier record, or into a parameter. */
typedef struct rnni_edge {
  struct rnni_node *node;
  int output;
  rnn_tensor *leaf;
} rnni_edge;

/* A function that meets the gradient of an output of a record, or of a leaf; hooks.c. Owned by its list and by who may
   remove it. */
struct rnn_hook {
  rnn_ctx *ctx;
  rnn_hook *next;
  int refs, output;
  rnn_hook_call *call; /* NULL when it was removed */
  void (*free)(void *self);
  void *self;
};

/* Owned by its output tensors and by the edges of later records; it owns its edges and what it saved. */
typedef struct rnni_node {
  int refs;
  uint64_t seq;   /* order of recording: inputs always have smaller numbers */
  bool consumed;  /* backward passed; only shapes are left */
  uint64_t mark;  /* the backward run that has queued it */
  uint64_t seen;  /* the run of rnn_grad that has looked at it; what it found: */
  bool needed;    /* a way leads from here to a tensor whose gradient is asked for */
  bool asked;     /* a result of this record is one of these tensors */
  rnni_call call; /* in, out: saved values or shells; dout: gradients that have arrived */
  bool *wants;
  uint32_t *versions; /* of the storages of the inputs, then of the outputs, when recorded */
  rnni_edge *edges;
  rnn_tensor **results; /* the live tensors of each output that asked to retain their gradient; borrowed */
  rnn_recurrent recurrent;
  rnn_custom custom; /* of an op of the user's */
  rnn_form low; /* ctx->low in forward */
  rnn_hook *hooks;
  struct rnni_node *next_dead;
  char *where; /* in the program, while results are checked; else NULL */
} rnni_node;

extern const rnn_op rnni_op_assign; /* assign.c */

/* Records c, whose inputs and single result are those of an op that has been computed, as the history of result. */
RNN_MUST_USE rnn_status rnni_record(rnn_ctx *ctx, const rnni_call *c, rnn_tensor *result);
/* Records c as the history of its new results; *node is owned by them, NULL where none is float. */
RNN_MUST_USE rnn_status rnni_record_new(rnn_ctx *ctx, const rnni_call *c, rnni_node **node);
/* Lets go of saved values and of earlier records; the record itself stays as long as its results do. */
void rnni_node_empty(rnn_ctx *ctx, rnni_node *node);
void rnni_node_release(rnn_ctx *ctx, rnni_node *node);
void rnni_free_all(rnn_tensor **t, int n); /* and makes them NULL */
/* Does c have to be recorded? */
RNN_MUST_USE rnn_status rnni_check_inputs(rnn_ctx *ctx, const rnni_call *c, bool *record);
/* Inputs of what is recorded must not have a history that is used up. */
RNN_MUST_USE rnn_status rnni_check_fresh(rnn_ctx *ctx, const rnni_call *c, rnn_tensor *const *in);
/* A view's own history, also under no_grad. */
RNN_MUST_USE rnn_status rnni_history_of(rnn_ctx *ctx, rnn_tensor *t);
/* Has the hooks of this output meet *grad, which they may replace. */
RNN_MUST_USE rnn_status rnni_hooks_run(rnn_ctx *ctx, rnn_hook *list, int output, rnn_tensor *lengths, rnn_tensor **grad);
void rnni_hooks_add(rnn_ctx *ctx, rnn_hook **list, rnn_hook *h);
void rnni_hooks_free(rnn_hook **list);
/* RNN_ESHAPE, RNN_ETYPE when grad is none of a tensor; name is whose message it is. */
RNN_MUST_USE rnn_status rnni_check_gradient(rnn_ctx *ctx, const char *name, const rnn_tensor *grad, const rnn_tensor *of);

#endif
