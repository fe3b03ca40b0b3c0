/* tape.h: the record of one applied op, seen by tape.c and tensor.c only. */
#ifndef RNNI_TAPE_H
#define RNNI_TAPE_H

#include "internal.h"

/* Where the gradient of an input goes: into an earlier record, or into a parameter. */
typedef struct rnni_edge {
  struct rnni_node *node;
  int output;
  rnn_tensor *leaf;
} rnni_edge;

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
  struct rnni_node *next_dead;
  char *where; /* in the program, while results are checked; else NULL */
} rnni_node;

extern const rnn_op rnni_op_assign; /* assign.c */

/* Called when a tensor dies: drops its share in its record. */
void rnni_node_forget(rnn_tensor *t);
/* Gives t the history of from. */
void rnni_node_share(rnn_tensor *t, const rnn_tensor *from);
/* Records c, whose inputs and single result are those of an op that has been computed, as the history of result. */
RNN_MUST_USE rnn_status rnni_record(rnn_ctx *ctx, const rnni_call *c, rnn_tensor *result);

#endif
