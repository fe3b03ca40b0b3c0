/* fft.h: discrete Fourier transforms of real sequences of any length. */
#ifndef RNNI_FFT_H
#define RNNI_FFT_H

#include "internal.h"

typedef struct rnni_complex {
  double re, im;
} rnni_complex;

typedef struct rnni_fft rnni_fft; /* what all sequences of one length share */

/* n >= 1 */
RNN_MUST_USE rnn_status rnni_fft_plan(rnn_ctx *ctx, int64_t n, rnni_fft **out);
void rnni_fft_free(rnn_ctx *ctx, rnni_fft *f); /* NULL is allowed */

/* X[k] = sum over j of x[j] e^(-2 pi i j k / n), for k from 0 to n / 2: the others are the conjugates of these. The
   imaginary parts of X[0] and, where n is even, X[n / 2] are 0. */
RNN_MUST_USE rnn_status rnni_fft_forward(rnn_ctx *ctx, rnni_fft *f, const double *x, rnni_complex *spectrum);
/* x[j] = sum over all k of X[k] e^(2 pi i j k / n), the others being the conjugates: n times the inverse. Imaginary parts
   that should be 0 are not looked at. */
RNN_MUST_USE rnn_status rnni_fft_backward(rnn_ctx *ctx, rnni_fft *f, const rnni_complex *spectrum, double *x);

#endif
