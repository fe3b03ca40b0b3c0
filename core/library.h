/* library.h: libraries that few programs need. They are opened at their first use, not linked: libsndfile alone brings
 * eight others and cairo twenty, which would double the time the program takes to start. The build needs their headers
 * only. */
#ifndef RNNI_LIBRARY_H
#define RNNI_LIBRARY_H

#include "rnn.h"

typedef struct rnni_symbol {
  const char *name;
  void **function; /* where its address goes */
} rnni_symbol;

typedef struct rnni_library {
  const char *file;    /* "libsndfile.so.1" */
  const char *package; /* of Debian: "libsndfile1" */
  const rnni_symbol *symbols; /* ended by a NULL name */
  bool ready;
  const char *lacking; /* what it means when a function is missing; NULL: nothing more than that */
} rnni_library;

/* RNN_EIO when the library or one of its functions is not there; what names the task: "audio.read". */
RNN_MUST_USE rnn_status rnni_library_need(rnn_ctx *ctx, const char *what, rnni_library *library);
/* The same for a build that found no header. */
RNN_MUST_USE rnn_status rnni_library_missing(rnn_ctx *ctx, const char *what, const char *name, const char *package);

#endif
