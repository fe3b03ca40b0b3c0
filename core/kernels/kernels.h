/* kernels.h: the table of inner loops, one for each instruction set; also the seam for another back end.
 *
 * kernels.c is compiled once per instruction set and exports one table; choose.c picks one at start. Kernels are pure:
 * plain pointers and sizes in, no allocation, no context, no failure. Every element of a product is one chain of
 * multiply-adds over k in order, so no cut of rows or columns changes a bit. */
#ifndef RNNI_KERNELS_H
#define RNNI_KERNELS_H

#include "../rnn.h"

/* B (k, n) in panels of tile_cols columns: row p of panel j starts at at + j*panel + p*step. Packed panels have step
   tile_cols and panel k*tile_cols; rows of B as they lie (n a multiple of tile_cols) have step ldb, panel tile_cols. */
typedef struct rnni_panels {
  const rnn_real *at;
  ptrdiff_t step, panel;
} rnni_panels;

typedef struct rnni_kernels {
  const char *isa;
  int tile_rows, tile_cols; /* of the product's micro-kernel */

  /* B (k, n), element (p, j) at b[p*rs + j*cs], into panels of tile_cols columns: [panel][k][tile_cols], zero-padded.
     out has rnni_packed_size(k, n) elements. */
  void (*pack)(int64_t k, int64_t n, const rnn_real *b, ptrdiff_t rs, ptrdiff_t cs, rnn_real *out);
  /* C (m, n) = A B [+ C] [+ bias]; element (i, p) of A at a[i*ars + p*acs]. */
  void (*product)(int64_t m, int64_t n, int64_t k, const rnn_real *a, ptrdiff_t ars, ptrdiff_t acs,
                  rnni_panels b, const rnn_real *bias, rnn_real *c, ptrdiff_t ldc, bool accumulate);

  /* y = f(x) over n elements; x and y may be the same. */
  void (*exp)(int64_t n, const rnn_real *x, rnn_real *y);
  void (*tanh)(int64_t n, const rnn_real *x, rnn_real *y);
  void (*sigmoid)(int64_t n, const rnn_real *x, rnn_real *y);

  /* One time step for rows samples. Buffers are (rows, units) or (rows, gates*units), packed unless an ld is given.
     LSTM: a holds i f g o before, and after, their activations; c and h are written. */
  void (*lstm_forward)(int64_t rows, int64_t units, rnn_real *a, const rnn_real *c_before, rnn_real *c, rnn_real *h);
  /* dh arrives from the next step, dy (ld lddy, may be NULL) from above; a becomes the gradient of the gates before
     activation, dc becomes the gradient of c_before. */
  void (*lstm_backward)(int64_t rows, int64_t units, rnn_real *a, const rnn_real *c_before, const rnn_real *c,
                        const rnn_real *dh, const rnn_real *dy, ptrdiff_t lddy, rnn_real *dc);
  /* GRU: a holds r z n and, fourth, U_n h + b'_n; r z n become activations. */
  void (*gru_forward)(int64_t rows, int64_t units, rnn_real *a, const rnn_real *h_before, rnn_real *h);
  /* a becomes dr dz dn and, fourth, the gradient of U_n h + b'_n; dh becomes its direct part z dh. */
  void (*gru_backward)(int64_t rows, int64_t units, rnn_real *a, const rnn_real *h_before, rnn_real *dh,
                       const rnn_real *dy, ptrdiff_t lddy);
} rnni_kernels;

extern const rnni_kernels *rnni_kernel; /* chosen by rnni_kernels_choose, the same for every context */
void rnni_kernels_choose(void);

static inline rnni_panels rnni_packed(const rnn_real *packed, int64_t k) {
  return (rnni_panels){packed, rnni_kernel->tile_cols, k * rnni_kernel->tile_cols};
}

static inline int64_t rnni_packed_size(int64_t k, int64_t n) {
  int64_t w = rnni_kernel->tile_cols;
  return (n + w - 1) / w * w * k;
}

#endif
