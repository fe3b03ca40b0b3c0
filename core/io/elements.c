/* elements.c: the element types of elements.h. */
#include <stdio.h>

#include "elements.h"

/* IEEE 754 half precision; ldexp is exact here. */
static real half_value(uint16_t h) {
  int exponent = h >> 10 & 31, fraction = h & 1023;
  double v;
  if (exponent == 31) v = fraction ? NAN : INFINITY;
  else if (exponent == 0) v = ldexp(fraction, -24);
  else v = ldexp(1024 + fraction, exponent - 25);
  return (real)(h >> 15 ? -v : v);
}

/* bfloat16: the upper half of a float. */
static real brain_value(uint16_t h) {
  uint32_t bits = (uint32_t)h << 16;
  float v;
  memcpy(&v, &bits, sizeof v);
  return (real)v;
}

#define CONVERT(name, to, from, expression)                        \
  static size_t name(void *dst, const void *src, size_t n) {       \
    for (size_t i = 0; i < n; i++) {                               \
      from x;                                                      \
      memcpy(&x, (const char *)src + i * sizeof x, sizeof x);      \
      ((to *)dst)[i] = expression;                                 \
    }                                                              \
    return n;                                                      \
  }

CONVERT(from_f32, real, float, (real)x)
CONVERT(from_f16, real, uint16_t, half_value(x))
CONVERT(from_bf16, real, uint16_t, brain_value(x))
CONVERT(from_i32, int32_t, int32_t, x)
CONVERT(from_i16, int32_t, int16_t, x)
CONVERT(from_u16, int32_t, uint16_t, x)
CONVERT(from_i8, int32_t, int8_t, x)
CONVERT(from_u8, int32_t, uint8_t, x)
CONVERT(from_bool, real, uint8_t, x != 0)

static size_t from_f64(void *dst, const void *src, size_t n) {
  char text[160];
  for (size_t i = 0; i < n; i++) {
    double x;
    memcpy(&x, (const char *)src + i * sizeof x, sizeof x);
    if (rnn_real_refuses(x, text, sizeof text)) return i;
    ((real *)dst)[i] = (real)x;
  }
  return n;
}

#define CONVERT_INTEGER(name, from)                                \
  static size_t name(void *dst, const void *src, size_t n) {       \
    for (size_t i = 0; i < n; i++) {                               \
      from x;                                                      \
      memcpy(&x, (const char *)src + i * sizeof x, sizeof x);      \
      if (__builtin_add_overflow(x, 0, &((int32_t *)dst)[i])) return i; \
    }                                                              \
    return n;                                                      \
  }

CONVERT_INTEGER(from_i64, int64_t)
CONVERT_INTEGER(from_u64, uint64_t)
CONVERT_INTEGER(from_u32, uint32_t)

static const rnni_element elements[] = {
    {"F64", 8, RNN_FLOAT, from_f64}, {"F32", 4, RNN_FLOAT, from_f32}, {"F16", 2, RNN_FLOAT, from_f16},
    {"BF16", 2, RNN_FLOAT, from_bf16}, {"I64", 8, RNN_INT, from_i64}, {"I32", 4, RNN_INT, from_i32},
    {"I16", 2, RNN_INT, from_i16},   {"I8", 1, RNN_INT, from_i8},     {"U64", 8, RNN_INT, from_u64},
    {"U32", 4, RNN_INT, from_u32},   {"U16", 2, RNN_INT, from_u16},   {"U8", 1, RNN_INT, from_u8},
    {"BOOL", 1, RNN_FLOAT, from_bool},
};

const char *rnni_element_written(rnn_type type) { return type == RNN_INT ? "I32" : sizeof(real) == 8 ? "F64" : "F32"; }

const rnni_element *rnni_element_find(const char *name) {
  for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
    if (strcmp(elements[i].name, name) == 0) return &elements[i];
  return NULL;
}

const char *rnni_element_refused(const rnni_element *e, const char *type, const void *bytes, char *text, size_t size) {
  char why[160];
  if (e->type == RNN_FLOAT) {
    double v;
    memcpy(&v, bytes, sizeof v);
    snprintf(text, size, ": %s; --double holds it", rnn_real_refuses(v, why, sizeof why));
  } else {
    uint64_t whole = 0;
    memcpy(&whole, bytes, e->size);
    snprintf(why, sizeof why, e->name[0] == 'I' ? "%lld" : "%llu", (long long)whole);
    snprintf(text, size, " is %s, outside int32, the type that %s becomes", why, type);
  }
  return text;
}

rnn_status rnn_tensor_of_bytes(rnn_ctx *ctx, const char *type, const void *bytes, size_t size, int ndim,
                               const int64_t *dims, rnn_tensor **out) {
  const rnni_element *e = rnni_element_find(type);
  if (!e) return rnni_fail(ctx, RNN_EFORMAT, "elements of type %s cannot be read", type);
  int64_t wanted = (int64_t)e->size;
  for (int i = 0; i < ndim; i++)
    if (dims[i] < 0 || __builtin_mul_overflow(wanted, dims[i], &wanted))
      return rnni_fail(ctx, RNN_EFORMAT, "a shape that is none");
  if ((size_t)wanted != size)
    return rnni_fail(ctx, RNN_EFORMAT, "a shape that takes %lld bytes, and there are %zu", (long long)wanted, size);
  RNNI_TRY(rnn_tensor_new(ctx, e->type, ndim, dims, out));
  size_t n = size / e->size, done = e->convert(rnn_tensor_data(*out), bytes, n);
  if (done == n) return RNN_OK;
  char text[256];
  rnn_tensor_free(*out);
  *out = NULL;
  return rnni_fail(ctx, RNN_EFORMAT, "element %zu%s", done + 1,
                   rnni_element_refused(e, type, (const char *)bytes + done * e->size, text, sizeof text));
}
