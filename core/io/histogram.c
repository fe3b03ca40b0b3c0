/* histogram.c: how the values of a tensor are distributed, in the buckets that TensorBoard's histograms have. */
#include <float.h>

#include "../internal.h"

/* Upper limits, ascending: -DBL_MAX, -1e20 ... -1e-12, 0, 1e-12 ... 1e20, DBL_MAX, each 10 % further from 0 than the
   one before, multiplied up as in TensorFlow's histogram.cc, so that they are the same doubles. */
static void make_limits(double *limits) {
  const int middle = RNN_HISTOGRAM_BUCKETS / 2;
  limits[middle] = 0;
  double v = 1e-12;
  for (int i = 1; i < middle; i++, v *= 1.1) {
    limits[middle + i] = v;
    limits[middle - i] = -v;
  }
  limits[2 * middle] = DBL_MAX;
  limits[0] = -DBL_MAX;
}

/* The first bucket whose limit is above v. */
static int bucket_of(const double *limits, double v) {
  int low = 0, high = RNN_HISTOGRAM_BUCKETS - 1;
  while (low < high) {
    int middle = (low + high) / 2;
    if (limits[middle] > v) high = middle;
    else low = middle + 1;
  }
  return low;
}

static void add(rnn_histogram *h, double v) {
  if (!isfinite(v)) {
    h->not_finite++;
    return;
  }
  if (h->count == 0 || v < h->min) h->min = v;
  if (h->count == 0 || v > h->max) h->max = v;
  h->count++;
  h->sum += v;
  h->sum_squares += v * v;
  h->counts[bucket_of(h->limits, v)] += 1;
}

/* Keeps the buckets from the first to the last that has something, an empty one to their left, which gives the first its
   lower limit, and of a run of empty ones only the last. */
static void pack(rnn_histogram *h) {
  int first = 0, last = RNN_HISTOGRAM_BUCKETS - 1, n = 0;
  if (h->count > 0) {
    while (h->counts[first] == 0) first++;
    while (h->counts[last] == 0) last--;
    if (first > 0) first--;
  } else {
    first = last;
  }
  for (int i = first; i <= last; i++) {
    if (n > 0 && h->counts[i] == 0 && h->counts[n - 1] == 0) n--;
    h->limits[n] = h->limits[i];
    h->counts[n++] = h->counts[i];
  }
  h->buckets = n;
}

void rnn_histogram_count(const rnn_tensor *t, rnn_histogram *h) {
  *h = (rnn_histogram){0};
  make_limits(h->limits);
  int64_t width, rows = rnni_valid_rows(t, &width);
  for (int64_t row = 0; row < rows; row++) {
    if (!rnni_is_valid_row(t, row)) continue;
    for (int64_t i = row * width; i < (row + 1) * width; i++) {
      if (i % RNNI_BLOCK == RNNI_BLOCK - 1 && rnni_interrupted(t->ctx)) break; /* nobody waits for the answer */
      add(h, t->type == RNN_INT ? (double)rnni_i(t)[i] : (double)rnni_f(t)[i]);
    }
  }
  pack(h);
}
