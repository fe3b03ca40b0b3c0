/* lapack.c: OpenBLAS, opened at its first use. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../library.h"
#include "linalg.h"

#ifdef RNNLUA_OPENBLAS
#define OLDEST 321 /* 0.3.21: older ones are wrong on processors newer than they are (OpenBLAS #5267) */

static rnni_lapack functions;

#define FUNCTION(name) {#name, (void **)&functions.name}
static const rnni_symbol symbols[] = {FUNCTION(openblas_get_config),
                                      FUNCTION(dpotrf_),
                                      FUNCTION(dgetrf_),
                                      FUNCTION(dgetrs_),
                                      FUNCTION(dgelqf_),
                                      FUNCTION(dorglq_),
                                      FUNCTION(dgesdd_),
                                      FUNCTION(dgesvd_),
                                      FUNCTION(dsyevd_),
                                      FUNCTION(dgeev_),
                                      FUNCTION(dgelsd_),
#ifdef RNN_DOUBLE
                                      {"dgemm_", (void **)&functions.gemm},
#else
                                      {"sgemm_", (void **)&functions.gemm},
#endif
                                      {NULL, NULL}};

static rnni_library library = {"libopenblas.so.0", "libopenblas0", symbols, false,
                               ": this OpenBLAS was built without LAPACK, or is another library; Debian's package "
                               "libopenblas0 has LAPACK"};

/* OpenBLAS starts a thread for each processor when it is loaded, before it can be told otherwise (#4361): the variable is
   there for that moment only, so that programs that this one starts do not get it. */
static rnn_status open_library(rnn_ctx *ctx, const char *what) {
  static const char name[] = "OPENBLAS_NUM_THREADS";
  const bool ours = !getenv(name);
  int major, minor, patch;
  if (ours) setenv(name, "1", 1);
  rnn_status status = rnni_library_need(ctx, what, &library);
  if (ours) unsetenv(name);
  RNNI_TRY(status);
  const char *config = functions.openblas_get_config(); /* "OpenBLAS 0.3.21 DYNAMIC_ARCH ..." */
  if (sscanf(config, "OpenBLAS %d.%d.%d", &major, &minor, &patch) == 3 && major * 10000 + minor * 100 + patch >= OLDEST)
    return RNN_OK;
  return rnni_fail(ctx, RNN_EIO, "%s: needs OpenBLAS 0.3.21 or newer, as older ones give wrong results on newer "
                   "processors; this is: %.100s", what, config);
}

rnn_status rnni_lapack_need(rnn_ctx *ctx, const char *what, const rnni_lapack **out) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static bool ready;
  pthread_mutex_lock(&mutex);
  rnn_status status = ready ? RNN_OK : open_library(ctx, what);
  ready = status == RNN_OK;
  pthread_mutex_unlock(&mutex);
  *out = &functions;
  return status;
}
#else
rnn_status rnni_lapack_need(rnn_ctx *ctx, const char *what, const rnni_lapack **out) {
  (void)out;
  return rnni_library_missing(ctx, what, "OpenBLAS", "libopenblas-dev");
}
#endif

const char *rnn_blas_version(rnn_ctx *ctx) {
  const rnni_lapack *lapack;
  return rnni_lapack_need(ctx, "OpenBLAS", &lapack) == RNN_OK ? lapack->openblas_get_config() : NULL;
}
