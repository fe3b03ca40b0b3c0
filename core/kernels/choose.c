/* choose.c: picks the table of kernels for this processor, once; RNNLUA_ISA names a lesser one to force it. All sets with
 * fused multiply-adds give the same bits; with RNNLUA_DETERMINISTIC=1 the plain one fuses in software to give them too. */
#include "kernels.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern const rnni_kernels rnni_kernels_plain, rnni_kernels_exact;
#ifdef __x86_64__
extern const rnni_kernels rnni_kernels_v3, rnni_kernels_v4;
#endif

const rnni_kernels *rnni_kernel = NULL;

static bool always(void) { return true; }

#ifdef __x86_64__
static bool has_v3(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}
static bool has_v4(void) {
  return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
}
#endif

/* Best first. */
static const struct {
  const rnni_kernels *table;
  bool (*supported)(void);
} sets[] = {
#ifdef __x86_64__
    {&rnni_kernels_v4, has_v4},
    {&rnni_kernels_v3, has_v3},
#endif
    {&rnni_kernels_plain, always},
};

bool rnni_deterministic(void) {
  const char *same = getenv("RNNLUA_DETERMINISTIC");
  return same && strcmp(same, "1") == 0;
}

bool rnni_has_vector_set(void) {
  bool has = false;
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    has = has || (sets[i].table != &rnni_kernels_plain && sets[i].supported());
#ifdef __aarch64__
  has = true; /* the plain set has vectors and fused multiply-adds there */
#endif
  return has;
}

static const rnni_kernels *choose(void) {
  const char *forced = getenv("RNNLUA_ISA");
  const rnni_kernels *best = NULL;
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    if (!sets[i].supported()) continue;
    if (!best) best = sets[i].table;
    if (forced && strcmp(forced, sets[i].table->isa) == 0) {
      best = sets[i].table;
      break;
    }
  }
  if (best == &rnni_kernels_plain && rnni_deterministic()) best = &rnni_kernels_exact;
  return best;
}

void rnni_kernels_choose(void) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&lock);
  if (!rnni_kernel) rnni_kernel = choose();
  pthread_mutex_unlock(&lock);
}

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double rnn_peak(void) {
  rnn_real numbers[32] = {0};
  double best = 0;
  rnni_kernels_choose();
  for (int i = 0; i < 20; i++) { /* about a millisecond each */
    double start = seconds();
    int64_t done = rnni_kernel->peak(rnni_kernel == &rnni_kernels_exact ? 1000 : 200000, numbers);
    double rate = (double)done / (seconds() - start);
    if (rate > best) best = rate;
  }
  return best;
}

const char *rnn_isa(void) {
  rnni_kernels_choose();
  return rnni_kernel->isa;
}
