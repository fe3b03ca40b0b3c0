/* npy.h: what the two formats of NumPy share: an .npz file is a ZIP archive of .npy files. */
#ifndef RNNI_NPY_H
#define RNNI_NPY_H

#include "../internal.h"

/* An .npy file that is being read: a file of its own or a member of an archive. */
typedef struct rnni_npy_source {
  rnn_ctx *ctx;
  char where[340]; /* for messages: the path, and the name of the member */
  int64_t left;    /* bytes that are still to come */
  rnn_status (*take)(struct rnni_npy_source *s, void *bytes, size_t size); /* size is at most left */
  /* A tensor whose elements stay where they are, which is all that is left; NULL: they are read. */
  rnn_status (*map)(struct rnni_npy_source *s, rnn_type type, int ndim, const int64_t *dims, rnn_tensor **out);
} rnni_npy_source;

#define RNNI_NPY_KINDS "float16, float32, float64, int8 to int64, uint8 to uint64 and bool can"
#define RNNI_NPY_UNREAD 128 /* room for the type of an array that is not read */

/* Reads the whole source. *out is NULL for elements of a type that is not read: unread then says which. */
RNN_MUST_USE rnn_status rnni_npy_take(rnni_npy_source *s, rnn_tensor **out, char unread[RNNI_NPY_UNREAD]);

/* What stands before the elements of a tensor in rows. */
#define RNNI_NPY_HEAD 320
size_t rnni_npy_head(const rnn_tensor *t, char head[RNNI_NPY_HEAD]);
/* RNN_EARG for one with lengths, which has no place in such a file. */
RNN_MUST_USE rnn_status rnni_npy_need_writable(rnn_ctx *ctx, const char *function, const rnn_tensor *t);

#endif
