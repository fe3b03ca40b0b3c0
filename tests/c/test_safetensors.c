/* test_safetensors.c: what we write is what the reference writes, byte for byte; what it writes we read; and every
 * file that breaks a rule of the format is refused with the reason, without a leak.
 * tests/reference/make_safetensors.py made the files that come from the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "scratch.h"

#define DOUBLE (sizeof(real) == 8)

/* ---- tensors and archives made in one line ---- */

static rnn_tensor *tensor(rnn_ctx *ctx, rnn_type type, int ndim, const int64_t *dims, const double *values) {
  rnn_tensor *t;
  assert_ok(ctx, rnn_tensor_new(ctx, type, ndim, dims, &t));
  for (int64_t i = 0; i < t->count; i++)
    if (type == RNN_FLOAT) rnni_f(t)[i] = (real)values[i];
    else rnni_i(t)[i] = (int32_t)values[i];
  return t;
}
#define SHAPE(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}
#define VALUES(...) (const double[]){__VA_ARGS__}

static const rnn_tensor *named(const rnn_archive *a, const char *name) {
  for (int i = 0; i < a->count; i++)
    if (strcmp(a->names[i], name) == 0) return a->tensors[i];
  fail_msg("no tensor '%s'", name);
  return NULL;
}

static void assert_tensor(const rnn_archive *a, const char *name, rnn_type type, int ndim, const int64_t *dims,
                          const double *values) {
  const rnn_tensor *t = named(a, name);
  assert_int_equal(t->type, type);
  assert_int_equal(t->ndim, ndim);
  assert_memory_equal(t->dims, dims, (size_t)ndim * sizeof *dims);
  for (int64_t i = 0; i < t->count; i++) {
    double got = type == RNN_FLOAT ? (double)rnni_f(t)[i] : rnni_i(t)[i];
    double want = type == RNN_FLOAT ? (double)(real)values[i] : values[i];
    if (isnan(want) ? !isnan(got) : got != want || signbit(got) != signbit(want))
      fail_msg("%s[%d]: got %.17g, wanted %.17g", name, (int)i, got, want);
  }
}

/* A file made by hand: a header's length, the header, and size bytes counted up from 0. */
static const char *made_by_hand(const scratch *s, const char *header, size_t header_size, size_t size) {
  const char *path = in_scratch(s, "hand.safetensors");
  char *bytes = malloc(8 + header_size + size);
  uint64_t length = header_size;
  memcpy(bytes, &length, 8);
  memcpy(bytes + 8, header, header_size);
  for (size_t i = 0; i < size; i++) bytes[8 + header_size + i] = (char)i;
  spew(path, bytes, 8 + header_size + size);
  free(bytes);
  return path;
}

static rnn_status read_by_hand(scratch *s, const char *header, size_t size, rnn_archive *a) {
  return rnn_safetensors_read(s->ctx, made_by_hand(s, header, strlen(header), size), a);
}

/* ---- bytes ---- */

static void golden_bytes(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "w.safetensors");
  rnn_tensor *w = tensor(s->ctx, RNN_FLOAT, SHAPE(2, 2), VALUES(1, 2, 3, 4));
  char *name = (char[]){"w"};
  assert_ok(s->ctx, rnn_safetensors_write(s->ctx, path, &(rnn_archive){.count = 1, .names = &name, .tensors = &w}));
  size_t size;
  char *bytes = slurp(path, &size);
  assert_int_equal(size, 72 + 4 * sizeof(real));
  assert_memory_equal(bytes, "\x40\0\0\0\0\0\0\0", 8);
  assert_memory_equal(bytes + 8,
                      DOUBLE ? "{\"w\":{\"dtype\":\"F64\",\"shape\":[2,2],\"data_offsets\":[0,32]}}       "
                             : "{\"w\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}       ",
                      64);
  assert_memory_equal(bytes + 72, ((const real[]){1, 2, 3, 4}), 4 * sizeof(real));
  free(bytes);
  rnn_tensor_free(w);
}

/* The archive that make_safetensors.py writes as well. */
static void as_the_reference_writes(rnn_ctx *ctx, rnn_archive *a) {
  static char *names[] = {"b", "layer.weight", "scalar", "name / with \"quotes\", \\, \t and \xc3\xa9", "I"};
  static char *metadata[] = {"format", "rnnlua"};
  static rnn_tensor *tensors[5];
  tensors[0] = tensor(ctx, RNN_INT, SHAPE(3), VALUES(1, 2, 3));
  tensors[1] = tensor(ctx, RNN_FLOAT, SHAPE(2, 3), VALUES(0.5, -1, 2, 3, 1.0e-3, -0.0));
  tensors[2] = tensor(ctx, RNN_FLOAT, 0, NULL, VALUES(1.5));
  tensors[3] = tensor(ctx, RNN_FLOAT, SHAPE(0, 3), NULL);
  tensors[4] = tensor(ctx, RNN_INT, SHAPE(1, 2), VALUES(INT32_MAX, INT32_MIN));
  *a = (rnn_archive){.count = 5, .names = names, .tensors = tensors, .metadata_count = 1, .metadata = metadata};
}

static void free_tensors(rnn_archive *a) {
  for (int i = 0; i < a->count; i++) rnn_tensor_free(a->tensors[i]);
}

static void same_bytes_as_the_reference(void **state) {
  scratch *s = *state;
  rnn_archive a;
  as_the_reference_writes(s->ctx, &a);
  const char *path = in_scratch(s, "ours.safetensors");
  assert_ok(s->ctx, rnn_safetensors_write(s->ctx, path, &a));
  free_tensors(&a);
  size_t size, wanted;
  char *ours = slurp(path, &size), *theirs = slurp(REFERENCE "/written_" RNN_PRECISION ".safetensors", &wanted);
  assert_int_equal(size, wanted);
  assert_memory_equal(ours, theirs, size);
  free(ours);
  free(theirs);
}

static void empty_archive(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "empty.safetensors");
  rnn_archive a = {0};
  assert_ok(s->ctx, rnn_safetensors_write(s->ctx, path, &a));
  size_t size;
  char *bytes = slurp(path, &size);
  assert_int_equal(size, 16);
  assert_memory_equal(bytes, "\x08\0\0\0\0\0\0\0{}      ", 16);
  free(bytes);
  assert_ok(s->ctx, rnn_safetensors_read(s->ctx, path, &a));
  assert_int_equal(a.count, 0);
  assert_int_equal(a.metadata_count, 0);
  rnn_archive_free(s->ctx, &a);
}

/* ---- reading what others write ---- */

static void reads_every_dtype_of_the_reference(void **state) {
  scratch *s = *state;
  rnn_archive a;
  assert_ok(s->ctx, rnn_safetensors_read(s->ctx, REFERENCE "/dtypes.safetensors", &a));
  assert_int_equal(a.count, 14);
#define REALS 0.0, -0.0, 1.0, -2.5, (double)INFINITY, (double)-INFINITY, (double)NAN
  assert_tensor(&a, "f64", RNN_FLOAT, SHAPE(10), VALUES(REALS, 1e30, 5e-324, 0.1));
  assert_tensor(&a, "f32", RNN_FLOAT, SHAPE(10), VALUES(REALS, 3e38f, 1e-45f, 0.1f));
  assert_tensor(&a, "f16", RNN_FLOAT, SHAPE(11), VALUES(REALS, 65504, 0x1p-14, 1023 * 0x1p-24, 0x1p-24));
  assert_tensor(&a, "bf16", RNN_FLOAT, SHAPE(10), VALUES(REALS, 3.140625, 0x1p127, 0x1p-133));
  assert_tensor(&a, "i64", RNN_INT, SHAPE(4), VALUES(0, 1, INT32_MAX, INT32_MIN));
  assert_tensor(&a, "i32", RNN_INT, SHAPE(4), VALUES(0, 1, INT32_MAX, INT32_MIN));
  assert_tensor(&a, "i16", RNN_INT, SHAPE(4), VALUES(0, 1, 32767, -32768));
  assert_tensor(&a, "i8", RNN_INT, SHAPE(4), VALUES(0, 1, 127, -128));
  assert_tensor(&a, "u8", RNN_INT, SHAPE(4), VALUES(0, 1, 255, 128));
  assert_tensor(&a, "bool", RNN_FLOAT, SHAPE(3), VALUES(1, 0, 1));
  assert_tensor(&a, "scalar", RNN_FLOAT, 0, NULL, VALUES(1.5));
  assert_tensor(&a, "empty", RNN_INT, SHAPE(3, 0, 2), NULL);
  double count[24];
  for (int i = 0; i < 24; i++) count[i] = i;
  assert_tensor(&a, "axes", RNN_INT, SHAPE(1, 2, 1, 3, 4, 1), count);
  assert_tensor(&a, "name / with \"quotes\" and \xc3\xa9", RNN_INT, SHAPE(1), VALUES(7));
  assert_int_equal(a.metadata_count, 1);
  assert_string_equal(a.metadata[0], "made by");
  assert_string_equal(a.metadata[1], "the reference\n");
  rnn_archive_free(s->ctx, &a);
}

/* Whichever build wrote it. */
static void reads_the_other_precision(void **state) {
  scratch *s = *state;
  static const char *const files[] = {REFERENCE "/written_float.safetensors", REFERENCE "/written_double.safetensors"};
  for (int i = 0; i < 2; i++) {
    rnn_archive a;
    assert_ok(s->ctx, rnn_safetensors_read(s->ctx, files[i], &a));
    double small = i == 0 ? (double)1e-3f : 1e-3;
    assert_tensor(&a, "layer.weight", RNN_FLOAT, SHAPE(2, 3), VALUES(0.5, -1, 2, 3, small, -0.0));
    assert_tensor(&a, "I", RNN_INT, SHAPE(1, 2), VALUES(INT32_MAX, INT32_MIN));
    rnn_archive_free(s->ctx, &a);
  }
}

/* Any order in the header, spaces behind it, members that we do not know, and empty tensors at one place. */
static void legal_oddities(void **state) {
  scratch *s = *state;
  rnn_archive a;
  assert_ok(s->ctx, read_by_hand(s,
                                 "{\"late\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]},"
                                 "\"e2\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[1,1]},"
                                 "\"e1\":{\"dtype\":\"F64\",\"shape\":[4,0],\"data_offsets\":[1,1],\"more\":{}},"
                                 "\"early\":{\"data_offsets\":[0,1],\"shape\":[],\"dtype\":\"U8\"},"
                                 "\"__metadata__\":null}   \n ",
                                 3, &a));
  assert_int_equal(a.count, 4);
  static const char *const names[] = {"early", "e1", "e2", "late"}; /* in the order of their bytes */
  for (int i = 0; i < 4; i++) assert_string_equal(a.names[i], names[i]);
  assert_tensor(&a, "early", RNN_INT, 0, NULL, VALUES(0));
  assert_tensor(&a, "late", RNN_INT, SHAPE(2), VALUES(1, 2));
  rnn_archive_free(s->ctx, &a);
}

static void bool_is_0_or_1(void **state) {
  scratch *s = *state;
  rnn_archive a;
  assert_ok(s->ctx,
            read_by_hand(s, "{\"x\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[0,3]}}", 3, &a)); /* 0, 1, 2 */
  assert_tensor(&a, "x", RNN_FLOAT, SHAPE(3), VALUES(0, 1, 1));
  rnn_archive_free(s->ctx, &a);
}

/* More than one piece of conversion, with the bad element in the second. */
static void int64_out_of_range(void **state) {
  scratch *s = *state;
  enum { N = 10000 };
  const char *header = "{\"ids\":{\"dtype\":\"I64\",\"shape\":[10000],\"data_offsets\":[0,80000]}}";
  const char *path = made_by_hand(s, header, strlen(header), N * 8);
  int64_t *values = calloc(N, sizeof *values);
  static const int64_t bad[] = {(int64_t)INT32_MAX + 1, (int64_t)INT32_MIN - 1};
  static const char *const said[] = {"tensor 'ids': element 9999 is 2147483648, outside int32",
                                     "tensor 'ids': element 9999 is -2147483649, outside int32"};
  for (int i = 0; i < 3; i++) {
    values[9998] = i < 2 ? bad[i] : -5;
    FILE *f = fopen(path, "r+b");
    fseek(f, 8 + (long)strlen(header), SEEK_SET);
    fwrite(values, sizeof *values, N, f);
    fclose(f);
    rnn_archive a;
    rnn_status status = rnn_safetensors_read(s->ctx, path, &a);
    if (i < 2) {
      assert_failure(s->ctx, status, RNN_EFORMAT, said[i]);
      continue;
    }
    assert_ok(s->ctx, status);
    assert_int_equal(rnni_i(a.tensors[0])[9998], -5);
    rnn_archive_free(s->ctx, &a);
  }
  free(values);
}

/* ---- round trips ---- */

static void round_trip(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.safetensors");
  static char *names[] = {"x", "ids", "big", "", "\xf0\x9f\x8e\xb5"};
  static char *metadata[] = {"z", "last", "a", "\"first\"\n", "", ""};
  enum { BIG = 100003 }; /* no multiple of any piece */
  rnn_tensor *tensors[] = {
      tensor(s->ctx, RNN_FLOAT, SHAPE(1, 2, 1, 2, 1, 1), VALUES(NAN, -0.0, (double)INFINITY, 1e-40)),
      tensor(s->ctx, RNN_INT, SHAPE(4), VALUES(0, -1, INT32_MAX, INT32_MIN)),
      tensor(s->ctx, RNN_FLOAT, SHAPE(0), NULL),
      tensor(s->ctx, RNN_INT, 0, NULL, VALUES(7)),
      tensor(s->ctx, RNN_INT, SHAPE(2, 0, 3), NULL),
  };
  rnn_tensor_free(tensors[2]);
  assert_ok(s->ctx, rnn_tensor_new(s->ctx, RNN_FLOAT, SHAPE(BIG), &tensors[2]));
  for (int i = 0; i < BIG; i++) rnni_f(tensors[2])[i] = (real)i / 3;
  rnn_archive a = {.count = 5, .names = names, .tensors = tensors, .metadata_count = 3, .metadata = metadata}, b;
  assert_ok(s->ctx, rnn_safetensors_write(s->ctx, path, &a));
  assert_ok(s->ctx, rnn_safetensors_read(s->ctx, path, &b));
  assert_int_equal(b.count, 5);
  for (int i = 0; i < 5; i++) {
    const rnn_tensor *t = named(&b, names[i]);
    assert_int_equal(t->type, tensors[i]->type);
    assert_true(rnni_same_shape(t, tensors[i]));
    assert_memory_equal(t->data, tensors[i]->data, (size_t)t->count * rnni_type_size(t->type)); /* bits of NaN too */
  }
  assert_int_equal(b.metadata_count, 3);
  static const char *const sorted[] = {"", "", "a", "\"first\"\n", "z", "last"};
  for (int i = 0; i < 6; i++) assert_string_equal(b.metadata[i], sorted[i]);
  rnn_archive_free(s->ctx, &b);
  assert_int_equal(b.count, 0);
  rnn_archive_free(s->ctx, &b); /* nothing left: harmless */

  /* The same content in another order: the same bytes. */
  size_t size, again;
  char *first = slurp(path, &size);
  rnn_archive turned = {.count = 5,
                        .names = (char *[]){names[4], names[3], names[2], names[1], names[0]},
                        .tensors = (rnn_tensor *[]){tensors[4], tensors[3], tensors[2], tensors[1], tensors[0]},
                        .metadata_count = 3,
                        .metadata = (char *[]){"a", "\"first\"\n", "", "", "z", "last"}};
  assert_ok(s->ctx, rnn_safetensors_write(s->ctx, path, &turned));
  char *second = slurp(path, &again);
  assert_int_equal(size, again);
  assert_memory_equal(first, second, size);
  free(first);
  free(second);
  free_tensors(&a);
}

/* ---- files that break a rule ---- */

#define F32(shape, offsets) "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct bad_header {
  const char *header;
  size_t size; /* of the buffer behind it */
  const char *said;
} bad_headers[] = {
    {"", 0, "the header does not start with '{'"},
    {" {}", 0, "the header does not start with '{'"},
    {"[]", 0, "the header does not start with '{'"},
    {"{", 0, "bad JSON in the header, at byte 1: "},
    {"{}{", 0, "bad JSON in the header"},
    {"{} x", 0, "bad JSON in the header, at byte 4: end of file expected near 'x'"},
    {"{\"a\":\"\xff\"}", 0, "bad JSON in the header"},
    {"{\"a\\u0000b\":" F32("[]", "[0,4]") "}", 4, "bad JSON in the header"},
    {"{\"a\":" F32("[]", "[0,4]") ",\"a\":" F32("[]", "[0,4]") "}", 4, "duplicate object key"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, "duplicate object key"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "duplicate object key"},
    {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"1\"}}", 0, "duplicate object key"},
    {"{\"__metadata__\":[]}", 0, "__metadata__ must be an object"},
    {"{\"__metadata__\":{\"epochs\":3}}", 0, "the value of 'epochs' must be a text"},
    {"{\"__metadata__\":{\"a\":\"1\",\"b\":null}}", 0, "the value of 'b' must be a text"},
    {"{\"a\":7}", 0, "tensor 'a' has no dtype"},
    {"{\"a\":{\"shape\":[],\"data_offsets\":[0,4]}}", 4, "tensor 'a' has no dtype"},
    {"{\"a\":{\"dtype\":32,\"shape\":[],\"data_offsets\":[0,4]}}", 4, "tensor 'a' has no dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "tensor 'a' has no shape"},
    {"{\"a\":" F32("4", "[0,4]") "}", 4, "tensor 'a' has no shape"},
    {"{\"a\":" F32("[1,1,1,1,1,1,1]", "[0,4]") "}", 4, "tensor 'a' has 7 axes, where 6 are allowed"},
    {"{\"a\":" F32("[1,-1]", "[0,4]") "}", 4, "size 2 of its shape is not a whole number >= 0"},
    {"{\"a\":" F32("[1.0]", "[0,4]") "}", 4, "size 1 of its shape is not a whole number >= 0"},
    {"{\"a\":" F32("[\"1\"]", "[0,4]") "}", 4, "size 1 of its shape is not a whole number >= 0"},
    {"{\"a\":" F32("[99999999999999999999]", "[0,4]") "}", 4, "bad JSON in the header"},
    {"{\"a\":" F32("[4294967296,4294967296]", "[0,0]") "}", 0, "the product of its sizes overflows"},
    {"{\"a\":" F32("[4294967296,4294967296,0]", "[0,0]") "}", 0, "the product of its sizes overflows"},
    {"{\"a\":" F32("[4611686018427387904]", "[0,0]") "}", 0, "the product of its sizes overflows"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 0, "data_offsets must be two whole numbers"},
    {"{\"a\":" F32("[1]", "[0]") "}", 4, "data_offsets must be two whole numbers"},
    {"{\"a\":" F32("[1]", "[0,4,8]") "}", 4, "data_offsets must be two whole numbers"},
    {"{\"a\":" F32("[1]", "[-4,0]") "}", 4, "data_offsets must be two whole numbers"},
    {"{\"a\":" F32("[1]", "[0,4.0]") "}", 4, "data_offsets must be two whole numbers"},
    {"{\"a\":" F32("[1]", "[4,0]") "}", 4, "data_offsets must be two whole numbers, begin <= end"},
    {"{\"a\":" F32("[2,3]", "[0,20]") "}", 20,
     "tensor 'a': F32 of shape (2, 3) takes 24 bytes, its data_offsets give it 20"},
    {"{\"a\":" F32("[]", "[0,0]") "}", 0, "tensor 'a': F32 of shape () takes 4 bytes, its data_offsets give it 0"},
    {"{\"a\":" F32("[1]", "[4,8]") "}", 8, "tensor 'a' starts at byte 4, where 0 was expected: the buffer has a hole"},
    {"{\"a\":" F32("[1]", "[0,4]") ",\"b\":" F32("[1]", "[8,12]") "}", 12, "tensor 'b' starts at byte 8, where 4"},
    {"{\"a\":" F32("[2]", "[0,8]") ",\"b\":" F32("[2]", "[4,12]") "}", 12, "the buffer has an overlap"},
    {"{\"a\":" F32("[1]", "[0,4]") ",\"b\":" F32("[1]", "[0,4]") "}", 4, "the buffer has an overlap"},
    {"{\"a\":" F32("[1]", "[0,4]") ",\"b\":" F32("[0]", "[2,2]") "}", 4, "the buffer has an overlap"},
    {"{\"a\":" F32("[2]", "[0,8]") "}", 7, "the tensors take 8 bytes, but 7 follow the header: the file is cut off"},
    {"{\"a\":" F32("[2]", "[0,8]") "}", 9, "but 9 follow the header: the file has something behind them"},
    {"{}", 1, "the file has something behind them"},
    {"{\"a\":" F32("[1000000000000]", "[0,4000000000000]") "}", 4, "the file is cut off"},
};

static void bad_headers_are_refused(void **state) {
  scratch *s = *state;
  for (size_t i = 0; i < sizeof bad_headers / sizeof *bad_headers; i++) {
    const struct bad_header *b = &bad_headers[i];
    rnn_archive a;
    assert_failure(s->ctx, read_by_hand(s, b->header, b->size, &a), RNN_EFORMAT, b->said);
    assert_non_null(strstr(rnn_message(s->ctx), "hand.safetensors: "));
  }
}

/* JSON inside JSON until the parser has enough; the stack must not be what ends it. */
static void deep_header(void **state) {
  scratch *s = *state;
  enum { DEPTH = 1000000 };
  char *header = malloc(DEPTH);
  memset(header, '[', DEPTH);
  memcpy(header, "{\"a\":", 5);
  const char *path = made_by_hand(s, header, DEPTH, 0);
  free(header);
  rnn_archive a;
  assert_failure(s->ctx, rnn_safetensors_read(s->ctx, path, &a), RNN_EFORMAT, "maximum parsing depth reached");
}

static void bad_lengths_are_refused(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.safetensors");
  static const struct {
    const char *bytes;
    size_t size;
    const char *said;
  } cases[] = {
      {"", 0, "not a safetensors file: 0 bytes"},
      {"\x02\0\0\0\0\0\0", 7, "not a safetensors file: 7 bytes, and a header's length alone takes 8"},
      {"\x03\0\0\0\0\0\0\0{}", 10, "the header's 3 bytes go past the end of the file (10 bytes)"},
      {"\x01\xe1\xf5\x05\0\0\0\0{}", 10, "a header of 100000001 bytes, where 100000000 are allowed"},
      {"\x00\xe1\xf5\x05\0\0\0\0{}", 10, "the header's 100000000 bytes go past the end"},
      {"\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "a header of 18446744073709551615 bytes"},
      {"\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10, "a header of 9223372036854775807 bytes"},
      {"hello, I am a text", 18, "not a safetensors file: a header of"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    spew(path, cases[i].bytes, cases[i].size);
    rnn_archive a;
    assert_failure(s->ctx, rnn_safetensors_read(s->ctx, path, &a), RNN_EFORMAT, cases[i].said);
  }
}

/* Every file that lacks its last bytes is refused, wherever the cut is. */
static void every_prefix_is_refused(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "cut.safetensors");
  size_t size;
  char *bytes = slurp(REFERENCE "/dtypes.safetensors", &size);
  for (size_t n = 0; n < size; n++) {
    spew(path, bytes, n);
    rnn_archive a;
    assert_failure(s->ctx, rnn_safetensors_read(s->ctx, path, &a), RNN_EFORMAT, "cut.safetensors: ");
  }
  free(bytes);
}

static void unreadable_files(void **state) {
  scratch *s = *state;
  rnn_archive a;
  const char *pipe_path = in_scratch(s, "pipe");
  assert_int_equal(mkfifo(pipe_path, 0600), 0);
  assert_failure(s->ctx, rnn_safetensors_read(s->ctx, in_scratch(s, "none.safetensors"), &a), RNN_EIO,
                 "none.safetensors: No such file or directory");
  assert_failure(s->ctx, rnn_safetensors_read(s->ctx, s->folder, &a), RNN_EIO, "it is a folder, not a regular file");
  assert_failure(s->ctx, rnn_safetensors_read(s->ctx, pipe_path, &a), RNN_EIO, "it is a device, pipe or socket");
}

/* ---- archives that cannot be written ---- */

static void bad_archives_are_refused(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.safetensors");
  spew(path, "old", 3);
  rnn_tensor *tensors[2] = {tensor(s->ctx, RNN_INT, SHAPE(1), VALUES(1)),
                            tensor(s->ctx, RNN_FLOAT, SHAPE(1), VALUES(2))};
  static const struct {
    char *names[2];
    char *metadata[4];
    const char *said;
  } cases[] = {
      {{"a", "a"}, {"", "", "b", ""}, "two entries of "},
      {{"__metadata__", "a"}, {"a", "", "b", ""}, "a tensor cannot be called '__metadata__'"},
      {{"b", "\xff"}, {"a", "", "b", ""}, "'\xff' must be UTF-8"},
      {{"b", "a"}, {"a", "", "a", ""}, "are called 'a'"},
      {{"b", "a"}, {"\xc0\x80", "", "a", ""}, "'\xc0\x80' must be UTF-8"},
      {{"b", "a"}, {"b", "\xed\xa0\x80", "a", ""}, "must be UTF-8"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rnn_archive a = {.count = 2,
                     .names = (char **)cases[i].names,
                     .tensors = tensors,
                     .metadata_count = 2,
                     .metadata = (char **)cases[i].metadata};
    assert_failure(s->ctx, rnn_safetensors_write(s->ctx, path, &a), RNN_EARG, cases[i].said);
    assert_content(path, "old");
  }
  rnn_tensor *x = tensor(s->ctx, RNN_FLOAT, SHAPE(1, 2), VALUES(1, 2));
  x->lengths = rnn_tensor_ref(tensors[0]);
  char *name = (char[]){"x"};
  assert_failure(s->ctx,
                 rnn_safetensors_write(s->ctx, path, &(rnn_archive){.count = 1, .names = &name, .tensors = &x}),
                 RNN_EARG, "tensor 'x' has lengths, which a safetensors file cannot hold");
  rnn_tensor_free(x);
  rnn_tensor_free(tensors[0]);
  rnn_tensor_free(tensors[1]);
  assert_int_equal(scratch_count(s), 1);
}

static void header_over_the_limit(void **state) {
  scratch *s = *state;
  enum { SIZE = 100000000 };
  char *text = malloc(SIZE + 1);
  memset(text, 'x', SIZE);
  text[SIZE] = '\0';
  char *metadata[] = {"a", text};
  const char *path = in_scratch(s, "a.safetensors");
  assert_failure(s->ctx, rnn_safetensors_write(s->ctx, path, &(rnn_archive){.metadata_count = 1, .metadata = metadata}),
                 RNN_EARG, "needs a header of 100000025 bytes, where 100000000 are allowed");
  free(text);
}

static void unwritable_path(void **state) {
  scratch *s = *state;
  assert_failure(s->ctx, rnn_safetensors_write(s->ctx, in_scratch(s, "no/a.safetensors"), &(rnn_archive){0}), RNN_EIO,
                 "no/a.safetensors: No such file or directory");
}

/* ---- when memory ends, and when the user interrupts ---- */

static void failing_allocations(void **state) {
  scratch *s = *state;
  rnn_status status;
  int failures = 0;
  for (uint64_t nth = 1;; nth++) {
    rnn_memory before, after;
    rnn_memory_read(s->ctx, &before);
    rnn_archive a = {.count = -1};
    rnn_memory_fail(s->ctx, nth, 1);
    status = rnn_safetensors_read(s->ctx, REFERENCE "/dtypes.safetensors", &a);
    rnn_memory_fail(s->ctx, 0, 0);
    if (status == RNN_OK) {
      rnn_archive_free(s->ctx, &a);
      break;
    }
    failures++;
    assert_int_equal(status, RNN_ENOMEM);
    assert_int_equal(a.count, -1); /* set on success only */
    rnn_memory_read(s->ctx, &after);
    assert_int_equal(before.live, after.live);
  }
  assert_true(failures > 2 * 14);

  const char *path = in_scratch(s, "a.safetensors");
  spew(path, "old", 3);
  rnn_archive a;
  as_the_reference_writes(s->ctx, &a);
  failures = 0;
  for (uint64_t nth = 1;; nth++) {
    rnn_memory_fail(s->ctx, nth, 1);
    status = rnn_safetensors_write(s->ctx, path, &a);
    rnn_memory_fail(s->ctx, 0, 0);
    if (status == RNN_OK) break;
    failures++;
    assert_int_equal(status, RNN_ENOMEM);
    assert_content(path, "old");
  }
  assert_true(failures >= 4);
  free_tensors(&a);
}

static long jansson_calls, jansson_fails_at;

/* From that call on, as when memory has really ended. */
static void *failing_malloc(size_t size) { return ++jansson_calls >= jansson_fails_at ? NULL : malloc(size); }

static void failing_allocations_of_jansson(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.safetensors");
  spew(path, "old", 3);
  rnn_archive a, b;
  as_the_reference_writes(s->ctx, &a);
  json_malloc_t old_malloc;
  json_free_t old_free;
  json_get_alloc_funcs(&old_malloc, &old_free);
  json_set_alloc_funcs(failing_malloc, free);
  for (int writing = 0; writing < 2; writing++) {
    rnn_status status;
    for (jansson_fails_at = 1;; jansson_fails_at++) {
      jansson_calls = 0;
      if (writing) status = rnn_safetensors_write(s->ctx, path, &a);
      else status = rnn_safetensors_read(s->ctx, REFERENCE "/dtypes.safetensors", &b);
      if (status == RNN_OK && !writing) rnn_archive_free(s->ctx, &b);
      if (status == RNN_OK && jansson_calls >= jansson_fails_at)
        fail_msg("allocation %ld failed unseen", jansson_fails_at);
      if (status == RNN_OK) break;
      if (writing || status == RNN_ENOMEM)
        assert_failure(s->ctx, status, RNN_ENOMEM, "not enough memory for the header of ");
      else assert_failure(s->ctx, status, RNN_EFORMAT, "bad JSON in the header"); /* inside a text: see read_header */
      assert_content(path, "old");
    }
    assert_true(jansson_fails_at > 50);
  }
  json_set_alloc_funcs(old_malloc, old_free);
  free_tensors(&a);
}

/* A type that is not read closes the file for that tensor alone. */
static void other_types_are_left_out(void **state) {
  scratch *s = *state;
  const char *header = "{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[0,2]},"
                       "\"b\":{\"dtype\":\"U16\",\"shape\":[1],\"data_offsets\":[2,4]}}";
  rnn_archive a;
  assert_ok(s->ctx, rnn_safetensors_read(s->ctx, made_by_hand(s, header, strlen(header), 4), &a));
  assert_int_equal(a.count, 1);
  assert_string_equal(a.names[0], "b");
  assert_int_equal(a.unread_count, 1);
  assert_string_equal(a.unread[0], "a");
  assert_string_equal(a.unread[1], "F8_E4M3");
  rnn_archive_free(s->ctx, &a);
}

static void memory_limit(void **state) {
  scratch *s = *state;
  const char *header = "{\"x\":{\"dtype\":\"I8\",\"shape\":[1000000],\"data_offsets\":[0,1000000]}}";
  const char *path = made_by_hand(s, header, strlen(header), 1000000);
  rnn_memory_set_limit(s->ctx, 3000000);
  rnn_archive a;
  assert_failure(s->ctx, rnn_safetensors_read(s->ctx, path, &a), RNN_ENOMEM, "limit 3000000");
  rnn_memory_set_limit(s->ctx, 0);
}

static void interrupt(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.safetensors");
  spew(path, "old", 3);
  rnn_archive a, b;
  as_the_reference_writes(s->ctx, &a);
  rnn_ctx_interrupt(s->ctx);
  assert_int_equal(rnn_safetensors_write(s->ctx, path, &a), RNN_EINTR);
  assert_int_equal(rnn_safetensors_read(s->ctx, REFERENCE "/dtypes.safetensors", &b), RNN_EINTR);
  assert_true(rnn_ctx_clear_interrupt(s->ctx));
  assert_content(path, "old");
  free_tensors(&a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(golden_bytes),
      TEST(same_bytes_as_the_reference),
      TEST(empty_archive),
      TEST(reads_every_dtype_of_the_reference),
      TEST(reads_the_other_precision),
      TEST(legal_oddities),
      TEST(bool_is_0_or_1),
      TEST(int64_out_of_range),
      TEST(round_trip),
      TEST(bad_headers_are_refused),
      TEST(deep_header),
      TEST(bad_lengths_are_refused),
      TEST(every_prefix_is_refused),
      TEST(unreadable_files),
      TEST(bad_archives_are_refused),
      TEST(header_over_the_limit),
      TEST(unwritable_path),
      TEST(failing_allocations),
      TEST(failing_allocations_of_jansson),
      TEST(other_types_are_left_out),
      TEST(memory_limit),
      TEST(interrupt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
