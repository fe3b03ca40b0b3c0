/* elements.h: the element types of files of tensors, by their names in safetensors files, and what ours make of them:
 * floats of any size become float, as rnn_real_refuses allows; integers become int32 where they fit; booleans a mask,
 * float 0 and 1. */
#ifndef RNNI_ELEMENTS_H
#define RNNI_ELEMENTS_H

#include "../internal.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "values are copied between memory and file as they are: both must be little-endian"
#endif

/* Bytes converted at a time; a multiple of every element's size. */
#define RNNI_CHUNK ((size_t)64 << 10)

typedef struct rnni_element {
  const char *name; /* "F64" */
  size_t size;
  rnn_type type; /* what it becomes */
  /* n little-endian elements of the file into ours. Returns n, or the first element that has no place in ours. */
  size_t (*convert)(void *dst, const void *src, size_t n);
} rnni_element;

const rnni_element *rnni_element_find(const char *name); /* NULL: a type that is not read */
/* The one that a type of ours is written as: its memory is the file's. */
const char *rnni_element_written(rnn_type type);
/* Why ours cannot hold the element at bytes, as the end of a sentence that names it; type: how messages call e. */
const char *rnni_element_refused(const rnni_element *e, const char *type, const void *bytes, char *text, size_t size);

#endif
