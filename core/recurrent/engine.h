/* engine.h: one recurrent layer over whole sequences, as the op (op.c) asks the time loop (engine.c) to run it.
 *
 * Inside the engine everything is time-major, (T, N, ...): the rows of a step lie together, and the whole sequence is
 * one matrix for the input product and for dW. */
#ifndef RNNI_ENGINE_H
#define RNNI_ENGINE_H

#include "../internal.h"

typedef struct rnni_layer {
  rnn_cell cell;
  rnn_activation activation;
  int64_t N, T, D, H;
  const int32_t *lengths; /* (N) or NULL */
  const real *w_ih, *w_hh, *b_ih, *b_hh;
  const real *x; /* (T, N, D) */
  /* What forward leaves for backward: */
  real *a; /* (T, N, 4H) activated gates; the GRU's fourth part is U_n h + b'_n. NULL for the simple RNN */
  real *h; /* (T+1, N, H): initial state, then every step's output (0 on padding) */
  real *c; /* (T+1, N, H), LSTM only */
} rnni_layer;

typedef struct rnni_layer_gradients {
  const real *dy;          /* from above, NULL when none; of sample n at step t: dy + n*row + t*step */
  ptrdiff_t row, step;
  const real *dh_end, *dc_end; /* (N, H) of the final states, NULL when none */
  real *dh0, *dc0;         /* (N, H) added to; NULL when not wanted, like all below */
  real *dw_ih, *dw_hh, *db_ih, *db_hh;
  real *dx;                /* (T, N, D), written, not added to */
} rnni_layer_gradients;

/* Columns of a: what one sample keeps for one step. 0 for the simple RNN. */
int64_t rnni_layer_kept(rnn_cell cell, int64_t units);

/* h and c hold the initial states in their first N*H elements. */
RNN_MUST_USE rnn_status rnni_layer_forward(rnn_ctx *ctx, const rnni_layer *l);
/* Overwrites a with the gradients of the gates. */
RNN_MUST_USE rnn_status rnni_layer_backward(rnn_ctx *ctx, const rnni_layer *l, const rnni_layer_gradients *g);

#endif
