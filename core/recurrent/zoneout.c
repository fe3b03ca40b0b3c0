/* zoneout.c: zoneout (Krueger et al. 2017). Nothing is stored: backward draws the same numbers again. */
#include "engine.h"

bool rnni_zoned(const rnni_layer *l, int which) {
  return (which == RNNI_ZONE_H ? l->r->zoneout_h : l->r->zoneout_c) > 0;
}

typedef struct zone {
  double rate;
  bool training;
  uint64_t seed, position;
} zone;

static zone zone_of(const rnni_layer *l, int which, int64_t t, int64_t r0) {
  int64_t width = which == RNNI_ZONE_H ? l->R : l->H;
  uint64_t start = which == RNNI_ZONE_H ? 0 : (uint64_t)(l->all * l->N * l->R);
  return (zone){.rate = which == RNNI_ZONE_H ? l->r->zoneout_h : l->r->zoneout_c, .training = l->r->training,
                .seed = l->seed, .position = l->position + start + (uint64_t)(((l->t0 + t) * l->N + r0) * width)};
}

static real share(const zone *z, int64_t i) {
  if (!z->training) return (real)z->rate;
  return rnni_random_at(z->seed, z->position + (uint64_t)i) < z->rate;
}

void rnni_zone(const rnni_layer *l, int which, int64_t t, int64_t r0, int64_t rows, const real *before,
               const real *fresh, real *after) {
  zone z = zone_of(l, which, t, r0);
  int64_t n = rows * (which == RNNI_ZONE_H ? l->R : l->H);
  for (int64_t i = 0; i < n; i++) {
    real k = share(&z, i);
    after[i] = k * before[i] + (1 - k) * fresh[i];
  }
}

void rnni_zone_backward(const rnni_layer *l, int which, int64_t t, int64_t r0, int64_t rows, real *d, real *kept) {
  zone z = zone_of(l, which, t, r0);
  int64_t n = rows * (which == RNNI_ZONE_H ? l->R : l->H);
  for (int64_t i = 0; i < n; i++) {
    real k = share(&z, i);
    kept[i] = k * d[i];
    d[i] = (1 - k) * d[i];
  }
}
