/* program.h: a compiled program of a cell, as run.c runs it and program.c makes it from what rnn.h describes. */
#ifndef RNNI_PROGRAM_H
#define RNNI_PROGRAM_H

#include "engine.h"

typedef enum rnni_kind {
  /* element by element: */
  RNNI_DO_PAIR,
  RNNI_DO_WHERE,
  RNNI_DO_FMA,
  RNNI_DO_COPY,
  RNNI_DO_VALUE, /* of an op of one tensor, and d times its slope, of (x, y, d) */
  RNNI_DO_SLOPE,
  RNNI_DO_ACCUMULATE, /* a value, or the product of two, to the sums of a constant's gradient */
  /* of whole rows: */
  RNNI_DO_PRODUCT,
  RNNI_DO_DOT, /* of a sample's own matrix (m, n) and vectors (n), (m): A b, A' c, and c b' */
  RNNI_DO_MIX,
  RNNI_DO_OUTER,
  RNNI_DO_EXPAND,
  RNNI_DO_ROW_SUM,
  RNNI_DO_ROW_MAX,
  RNNI_DO_SOFTMAX,
  RNNI_DO_SOFTMAX_BACK,
  RNNI_DO_NORM,
  RNNI_DO_NORM_BACK
} rnni_kind;

typedef struct rnni_instruction {
  rnni_kind kind;
  rnni_pair pair;
  const rnn_op *op;
  int to, in[3], inputs;
  double numbers[2];
  bool add;   /* a product goes on from what is there */
  bool parts; /* some of its values are parts */
} rnni_instruction;

/* Instructions from .. to, element by element over rows of width; or one of whole rows, width 0. */
typedef struct rnni_run {
  int from, to;
  int64_t width;
} rnni_run;

enum { RNNI_ROWS = -1, RNNI_ELSEWHERE = -2 };   /* homes that are no register */
enum { RNNI_UNUSED, RNNI_PLAIN, RNNI_TURNED };  /* how a matrix is packed: for x W', for x W */

typedef struct rnni_code {
  rnni_instruction *list;
  rnni_run *run;
  int *homes, *packs; /* of each value */
  bool *writes;
  int count, runs, registers;
  int64_t width; /* of all its instructions, which go element by element; 0: of several, or some of whole rows */
  double work;   /* multiply-adds for a sample and step, about */
} rnni_code;

struct rnn_program {
  rnn_ctx *ctx;
  int refs;
  int count, inputs, states, results, products, watched, flow;
  rnn_value *values;
  rnn_program_product *product;
  rnn_program_result *result;
  rnn_watched_value *watch;
  int64_t *state_widths;
  int *back;  /* of each result, the value of its gradient, or -1 */
  bool *sums; /* which constants have instructions that accumulate */
  real *ones; /* as many as the widest value */
  rnni_code forward, backward;
};

/* The value whose rows those of a value lie in. */
static inline int rnni_whole(const rnn_value *values, int id) { return values[id].kind == RNN_PART ? values[id].index : id; }

#endif
