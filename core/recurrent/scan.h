/* scan.h: a pass over a program: where its values lie, as scan.c places them and run.c reads and writes them. */
#ifndef RNNI_SCAN_H
#define RNNI_SCAN_H

#include "program.h"

#define RNNI_TILE 512

/* A pass over a program. */
typedef struct rnni_loop {
  rnn_ctx *ctx;
  const rnni_code *code;
  const rnn_program *p;
  int64_t N, T;
  bool reverse, backward;
  const int32_t *lengths;
  struct place {
    real *base;         /* of its rows at the first step in time; NULL: a register */
    ptrdiff_t step;     /* from there to the next step */
    rnni_panels panels; /* of a matrix */
    real *sums;         /* the gradient of a constant, (N, width) */
  } *at;                /* of each value */
  struct side {
    real *all;                  /* all places of the state, forwards */
    real *gradients;            /* backwards: three blocks (N, width), two that take turns and one of padding */
  } *state;
  const real **above; /* backwards: the gradient of each result, or NULL */
  double *figures;    /* of a watch */
  int tasks;
  real *registers; /* of each task, count * RNNI_TILE */
} rnni_loop;

/* As many rows as fit; of a wide value, a part of one. */
static inline int64_t rnni_rows_of_piece(int64_t width) { return RNNI_MAX(1, RNNI_TILE / width); }

static inline int64_t rnni_place_before(const rnni_loop *j, int64_t t) { return j->reverse ? t + 1 : t; }
static inline int64_t rnni_place_after(const rnni_loop *j, int64_t t) { return j->reverse ? t : t + 1; }

/* From a row of a value to the next, where whole rows are at hand; a constant row is the same for all. */
static inline int64_t rnni_pitch(const rnni_loop *j, int id) {
  const rnn_value *v = &j->p->values[rnni_whole(j->p->values, id)];
  return v->kind == RNN_CONSTANT && v->form != RNN_SAMPLES ? 0 : v->width;
}

/* All steps, forward or back; a status when memory is short or an interrupt came. */
rnn_status rnni_run_loop(rnni_loop *j);

#endif
