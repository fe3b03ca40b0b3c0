/* choose.c: picks the table of kernels for this processor, once; RNNLUA_ISA names a lesser one to force it. All sets with
 * fused multiply-adds give the same bits; with RNNLUA_DETERMINISTIC=1 the plain one fuses in software to give them too. */
#include "kernels.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern const rnni_kernels rnni_kernels_plain, rnni_kernels_exact;
#ifdef __x86_64__
extern const rnni_kernels rnni_kernels_v3, rnni_kernels_v4;
#endif
#ifndef RNN_DOUBLE
extern const rnni_low rnni_bf16_plain, rnni_bf16_exact, rnni_int8_plain;
#ifdef __x86_64__
extern const rnni_low rnni_bf16_v3, rnni_bf16_v4, rnni_bf16_dot, rnni_bf16_amx;
extern const rnni_low rnni_int8_v3, rnni_int8_v4, rnni_int8_dot, rnni_int8_amx;
#endif
#endif

const rnni_kernels *rnni_kernel = NULL;
const rnni_low *rnni_lows[RNN_FORM_INT8 + 1] = {NULL};

static bool always(void) { return true; }

#ifdef __x86_64__
static bool has_v3(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}
static bool has_v4(void) {
  return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
}
#ifndef RNN_DOUBLE
/* Of leaf 7, sub-leaf 1: EAX; sub-leaf 0: EDX. */
static bool has_dot(void) {
  unsigned a = 0, b, c, d;
  return has_v4() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1) && __builtin_cpu_supports("avx512vnni");
}
/* The system saves tiles for those who ask. */
static bool has_amx(void) {
  unsigned a, b, c, d = 0;
  const unsigned tiles = 1u << 24 | 1u << 22 | 1u << 25; /* AMX-TILE, -BF16, -INT8 */
  return has_dot() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & tiles) == tiles &&
         syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* tile data */) == 0;
}
#endif
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

#ifndef RNN_DOUBLE
static const struct {
  const rnni_low *bf16, *int8;
  bool (*supported)(void);
} low_sets[] = {
#ifdef __x86_64__
    {&rnni_bf16_amx, &rnni_int8_amx, has_amx},
    {&rnni_bf16_dot, &rnni_int8_dot, has_dot},
    {&rnni_bf16_v4, &rnni_int8_v4, has_v4},
    {&rnni_bf16_v3, &rnni_int8_v3, has_v3},
#endif
    {&rnni_bf16_plain, &rnni_int8_plain, always},
};

static void choose_low(void) {
  const char *forced = getenv("RNNLUA_ISA");
  const rnni_low *bf16 = NULL, *int8 = NULL;
  for (size_t i = 0; i < sizeof low_sets / sizeof *low_sets; i++) {
    if (bf16 && !(forced && strcmp(forced, low_sets[i].bf16->isa) == 0)) continue;
    if (!low_sets[i].supported()) continue;
    bf16 = low_sets[i].bf16;
    int8 = low_sets[i].int8;
  }
  rnni_lows[RNN_FORM_BF16] = bf16 == &rnni_bf16_plain && rnni_deterministic() ? &rnni_bf16_exact : bf16;
  rnni_lows[RNN_FORM_INT8] = int8;
}
#endif

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
  if (!rnni_kernel) {
    rnni_kernel = choose();
#ifndef RNN_DOUBLE
    choose_low();
#endif
  }
  pthread_mutex_unlock(&lock);
}

const char *rnn_low_isa(void) {
  rnni_kernels_choose();
  return rnni_lows[RNN_FORM_BF16] ? rnni_lows[RNN_FORM_BF16]->isa : "none";
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
