/* test_npy.c: what NumPy writes we read, and what we write has the bytes of NumPy; every other file is refused with the
 * reason, without a leak and without taking more memory than its size allows.
 * tests/reference/make_npy.py made the files that come from NumPy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>

#include "scratch.h"

#define DOUBLE (sizeof(real) == 8)
#define NUMPY REFERENCE "/numpy/"

#define SHAPE(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}
#define VALUES(...) (const double[]){__VA_ARGS__}

static void assert_values(const char *name, const rnn_tensor *t, rnn_type type, int ndim, const int64_t *dims,
                          const double *values) {
  if (t->type != type || t->ndim != ndim || (ndim && memcmp(t->dims, dims, (size_t)ndim * sizeof *dims) != 0))
    fail_msg("%s: %s %s", name, rnni_type_text(t->type), RNNI_SHAPE(t));
  for (int64_t i = 0; i < t->count; i++) {
    double got = type == RNN_FLOAT ? (double)rnni_f(t)[i] : rnni_i(t)[i];
    double want = type == RNN_FLOAT ? (double)(real)values[i] : values[i];
    if (isnan(want) ? !isnan(got) : got != want || signbit(got) != signbit(want))
      fail_msg("%s[%d]: got %.17g, wanted %.17g", name, (int)i, got, want);
  }
}

static const char *of_numpy(const char *name) {
  static char path[PATH_MAX];
  snprintf(path, sizeof path, NUMPY "%s", name);
  return path;
}

static void assert_file(scratch *s, const char *name, rnn_type type, int ndim, const int64_t *dims,
                        const double *values) {
  rnn_tensor *t;
  assert_ok(s->ctx, rnn_npy_read(s->ctx, of_numpy(name), &t));
  assert_values(name, t, type, ndim, dims, values);
  rnn_tensor_free(t);
}

#define REALS 0.0, -0.0, 1.0, -2.5, (double)INFINITY, (double)-INFINITY, (double)NAN

static void reads_every_type_of_numpy(void **state) {
  scratch *s = *state;
  static const char *const orders[] = {"", "_big"};
  for (int big = 0; big < 2; big++) {
    char name[32];
#define NAME(type) (snprintf(name, sizeof name, type "%s.npy", orders[big]), name)
    assert_file(s, NAME("f8"), RNN_FLOAT, SHAPE(10), VALUES(REALS, 1e30, 5e-324, 0.1));
    assert_file(s, NAME("f4"), RNN_FLOAT, SHAPE(10), VALUES(REALS, 3e38f, 1e-45f, 0.1f));
    assert_file(s, NAME("f2"), RNN_FLOAT, SHAPE(10), VALUES(REALS, 65504, 0x1p-14, 0x1p-24));
    assert_file(s, NAME("i8"), RNN_INT, SHAPE(4), VALUES(0, 1, INT32_MAX, INT32_MIN));
    assert_file(s, NAME("i4"), RNN_INT, SHAPE(4), VALUES(0, 1, INT32_MAX, INT32_MIN));
    assert_file(s, NAME("i2"), RNN_INT, SHAPE(4), VALUES(0, 1, 32767, -32768));
    assert_file(s, NAME("u8"), RNN_INT, SHAPE(4), VALUES(0, 1, INT32_MAX, 0));
    assert_file(s, NAME("u4"), RNN_INT, SHAPE(4), VALUES(0, 1, INT32_MAX, 0));
    assert_file(s, NAME("u2"), RNN_INT, SHAPE(4), VALUES(0, 1, 65535, 0));
  }
  assert_file(s, "i1.npy", RNN_INT, SHAPE(4), VALUES(0, 1, 127, -128));
  assert_file(s, "u1.npy", RNN_INT, SHAPE(4), VALUES(0, 1, 255, 0));
  assert_file(s, "b1.npy", RNN_FLOAT, SHAPE(3), VALUES(1, 0, 1));
}

static void reads_every_shape_and_version(void **state) {
  scratch *s = *state;
  double count[24];
  for (int i = 0; i < 24; i++) count[i] = i;
  assert_file(s, "c_order.npy", RNN_FLOAT, SHAPE(2, 3, 4), count);
  assert_file(s, "fortran_order.npy", RNN_FLOAT, SHAPE(2, 3, 4), count);
  assert_file(s, "fortran_big.npy", RNN_INT, SHAPE(2, 3, 4), count);
  assert_file(s, "axes.npy", RNN_INT, SHAPE(1, 2, 1, 3, 4, 1), count);
  assert_file(s, "scalar.npy", RNN_FLOAT, 0, NULL, VALUES(1.5));
  assert_file(s, "empty.npy", RNN_INT, SHAPE(3, 0, 2), NULL);
  assert_file(s, "version_2.npy", RNN_FLOAT, SHAPE(3), count);
  assert_file(s, "version_3.npy", RNN_FLOAT, SHAPE(3), count);
}

static void refuses_other_types_by_name(void **state) {
  scratch *s = *state;
  static const char *const files[][2] = {
      {"complex.npy", "'<c8' (complex numbers)"},
      {"object.npy", "'|O' (Python objects, a pickle, which could run any program)"},
      {"text.npy", "'<U2' (text)"},
      {"bytes.npy", "'|S2' (bytes of text)"},
      {"dates.npy", "'<M8[D]' (dates)"},
      {"records.npy", "[(\"a, 'b'\", '<f4'), ("},
      {"longdouble.npy", "'<f16' (floats of another size)"},
      {"seven_axes.npy", "an array of 7 axes, where 6 are allowed"},
      {"i8_wide.npy", "element 2 of the file is 2147483648, outside int32, the type that int64 becomes"},
      {"u8_wide.npy", "element 2 of the file is 9223372036854775808, outside int32, the type that uint64 becomes"},
      {"stored.npz", "a ZIP archive, which rnn.npz_read reads"},
  };
  rnn_tensor *t = NULL;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    assert_failure(s->ctx, rnn_npy_read(s->ctx, of_numpy(files[i][0]), &t), RNN_EFORMAT, files[i][1]);
  if (!DOUBLE)
    assert_failure(s->ctx, rnn_npy_read(s->ctx, of_numpy("f8_wide.npy"), &t), RNN_EFORMAT,
                   "element 2 of the file: 1e+300 is beyond the range of float; --double holds it");
  assert_null(t);
}

/* ---- archives ---- */

static const rnn_tensor *named(const rnn_archive *a, const char *name) {
  for (int i = 0; i < a->count; i++)
    if (strcmp(a->names[i], name) == 0) return a->tensors[i];
  fail_msg("no array '%s'", name);
  return NULL;
}

static void assert_member(const rnn_archive *a, const char *name, rnn_type type, int ndim, const int64_t *dims,
                          const double *values) {
  assert_values(name, named(a, name), type, ndim, dims, values);
}

static void reads_archives_of_numpy(void **state) {
  scratch *s = *state;
  static const char *const files[] = {"stored.npz", "deflated.npz"};
  static const double zeros[10000];
  double count[24];
  for (int i = 0; i < 24; i++) count[i] = i;
  for (int deflated = 0; deflated < 2; deflated++) {
    rnn_archive a;
    assert_ok(s->ctx, rnn_npz_read(s->ctx, of_numpy(files[deflated]), &a));
    assert_int_equal(a.count, 4);
    assert_member(&a, "x", RNN_FLOAT, SHAPE(5), count);
    assert_member(&a, "f", RNN_FLOAT, SHAPE(2, 3, 4), count);
    assert_member(&a, "layer/\xc3\xa9", RNN_INT, SHAPE(1), VALUES(7));
    if (deflated) assert_member(&a, "zeros", RNN_FLOAT, SHAPE(100, 100), zeros);
    else assert_member(&a, "arr_0", RNN_INT, 0, NULL, VALUES(3));
    assert_int_equal(a.unread_count, deflated ? 0 : 1);
    if (!deflated) {
      assert_string_equal(a.unread[0], "text");
      assert_string_equal(a.unread[1], "'<U1' (text)");
    }
    rnn_archive_free(s->ctx, &a);
  }
}

static void reads_archives_of_others(void **state) {
  scratch *s = *state;
  rnn_archive a;
  assert_ok(s->ctx, rnn_npz_read(s->ctx, of_numpy("empty.npz"), &a));
  assert_int_equal(a.count + a.unread_count, 0);
  rnn_archive_free(s->ctx, &a);
  assert_ok(s->ctx, rnn_npz_read(s->ctx, of_numpy("others.npz"), &a));
  assert_int_equal(a.count, 1);
  assert_member(&a, "a", RNN_INT, SHAPE(3), VALUES(0, 1, 2));
  assert_string_equal(a.unread[0], "readme.txt");
  assert_string_equal(a.unread[1], "no .npy file");
  rnn_archive_free(s->ctx, &a);
}

/* ---- writing ---- */

static rnn_tensor *counted(rnn_ctx *ctx, rnn_type type, int ndim, const int64_t *dims) {
  rnn_tensor *t;
  assert_ok(ctx, rnn_tensor_new(ctx, type, ndim, dims, &t));
  for (int64_t i = 0; i < t->count; i++)
    if (type == RNN_FLOAT) rnni_f(t)[i] = (real)i / 2;
    else rnni_i(t)[i] = (int32_t)i;
  return t;
}

static void golden_bytes(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "w.npy");
  rnn_tensor *w = counted(s->ctx, RNN_FLOAT, SHAPE(2, 3));
  assert_ok(s->ctx, rnn_npy_write(s->ctx, path, w));
  size_t size;
  char *bytes = slurp(path, &size);
  assert_int_equal(size, 128 + 6 * sizeof(real));
  assert_memory_equal(bytes, "\x93NUMPY\1\0\x76\0", 10);
  const char *text = DOUBLE ? "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), } "
                            : "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } ";
  assert_memory_equal(bytes + 10, text, strlen(text));
  assert_int_equal(bytes[127], '\n');
  assert_memory_equal(bytes + 128, w->data, 6 * sizeof(real));
  free(bytes);
  rnn_tensor_free(w);
}

static void round_trips(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.npz");
  static char *names[] = {"x", "", "a/b", "\xf0\x9f\x8e\xb5", "none"};
  rnn_tensor *tensors[] = {counted(s->ctx, RNN_FLOAT, SHAPE(100003)), counted(s->ctx, RNN_INT, 0, NULL),
                           counted(s->ctx, RNN_INT, SHAPE(1, 2, 3, 4, 5, 6)), counted(s->ctx, RNN_FLOAT, SHAPE(3, 700)),
                           counted(s->ctx, RNN_FLOAT, SHAPE(2, 0, 3))};
  rnn_archive a = {.count = 5, .names = names, .tensors = tensors}, b;
  for (int compress = 0; compress < 2; compress++) {
    assert_ok(s->ctx, rnn_npz_write(s->ctx, path, &a, compress));
    assert_ok(s->ctx, rnn_npz_read(s->ctx, path, &b));
    assert_int_equal(b.count, 5);
    for (int i = 0; i < 5; i++) {
      const rnn_tensor *t = named(&b, names[i]);
      assert_true(t->type == tensors[i]->type && rnni_same_shape(t, tensors[i]));
      assert_memory_equal(t->data, tensors[i]->data, (size_t)t->count * rnni_type_size(t->type));
    }
    rnn_archive_free(s->ctx, &b);
  }
  for (int i = 0; i < 5; i++) rnn_tensor_free(tensors[i]);
}

/* More members than the end record counts: the ZIP64 one does. */
static void many_members(void **state) {
  scratch *s = *state;
  enum { N = 66000 };
  const char *path = in_scratch(s, "many.npz");
  char **names = malloc(N * sizeof *names), (*text)[8] = malloc(N * sizeof *text);
  rnn_tensor **tensors = malloc(N * sizeof *tensors), *t = counted(s->ctx, RNN_INT, SHAPE(1));
  for (int i = 0; i < N; i++) {
    snprintf(text[i], sizeof text[i], "%d", i);
    names[i] = text[i];
    tensors[i] = t;
  }
  rnn_archive a = {.count = N, .names = names, .tensors = tensors}, b;
  assert_ok(s->ctx, rnn_npz_write(s->ctx, path, &a, false));
  assert_ok(s->ctx, rnn_npz_read(s->ctx, path, &b));
  assert_int_equal(b.count, N);
  rnn_archive_free(s->ctx, &b);
  rnn_tensor_free(t);
  free(names);
  free(text);
  free(tensors);
}

static void refuses_what_cannot_be_written(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.npz");
  spew(path, "old", 3);
  rnn_tensor *t = counted(s->ctx, RNN_INT, SHAPE(1));
  static char *twice[] = {"a", "a"}, *latin[] = {"\xe9"};
  assert_failure(s->ctx, rnn_npz_write(s->ctx, path, &(rnn_archive){2, twice, (rnn_tensor *[]){t, t}, 0, NULL, 0, NULL, false},
                                       false), RNN_EARG, "two arrays are called 'a'");
  assert_failure(s->ctx, rnn_npz_write(s->ctx, path, &(rnn_archive){1, latin, &t, 0, NULL, 0, NULL, false}, false), RNN_EARG,
                 "must be UTF-8");
  assert_failure(s->ctx, rnn_npy_write(s->ctx, "/dev/null", t), RNN_EIO, "it is a device");
  assert_content(path, "old");
  assert_int_equal(scratch_count(s), 1);
  rnn_tensor_free(t);
}

/* ---- files that are no such files ---- */

static rnn_status read_text(scratch *s, const char *text, size_t values) {
  const char *path = in_scratch(s, "hand.npy");
  char bytes[1024] = "\x93NUMPY\1";
  size_t length = strlen(text);
  bytes[8] = (char)(length & 255);
  bytes[9] = (char)(length >> 8);
  memcpy(bytes + 10, text, length);
  spew(path, bytes, 10 + length + values);
  rnn_tensor *t;
  rnn_status status = rnn_npy_read(s->ctx, path, &t);
  if (status == RNN_OK) rnn_tensor_free(t);
  return status;
}

static void headers_by_hand(void **state) {
  scratch *s = *state;
  static const char *const good[] = {
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }\n",
      "{\"shape\":(3,),\"fortran_order\":True,\"descr\":'=f4'}",
      " { 'descr' : '|f4' ,'fortran_order' : False , 'shape' : ( 1 , 3 ) } \n\n",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3L,), }\n",
  };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    assert_ok(s->ctx, read_text(s, good[i], 12));
  static const char *const bad[][2] = {
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3), }", "the shape is no tuple of sizes: (3)"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }", "the shape is no tuple"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3.0,), }", "the shape is no tuple"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': 3, }", "the shape is no tuple"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "the shape is no tuple"},
      {"{'descr': '<f4', 'fortran_order': 0, 'shape': (3,), }", "fortran_order must be True or False, and is 0"},
      {"{'descr': '<f4', 'fortran_order': False, }", "the header has no key 'shape'"},
      {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "twice the key 'descr'"},
      {"{'descr': '<f4', 'order': False, 'shape': (3,), }", "an unknown key 'order'"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), } + 1", "no Python dictionary"},
      {"{'descr': '<f4' 'fortran_order': False, 'shape': (3,), }", "has no key 'fortran_order'"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)", "no Python dictionary"},
      {"['descr', 'fortran_order', 'shape']", "no Python dictionary"},
      {"", "no Python dictionary"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", "takes 16 bytes, but 12 follow the header: it is cut"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "takes 8 bytes, but 12 follow the header: something"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (9000000000000000000, 2), }", "overflows"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }", "takes 4000000000 bytes, but 12"},
      {"{'descr': '<x4', 'fortran_order': False, 'shape': (3,), }", "'<x4' (unknown here)"},
      {"{'descr': None, 'fortran_order': False, 'shape': (3,), }", "None (unknown here)"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_failure(s->ctx, read_text(s, bad[i][0], 12), RNN_EFORMAT, bad[i][1]);
}

/* Reads path as whatever it is called; true when it was accepted. Never more memory than is sane, never a leak. */
static bool try_file(scratch *s, const char *path) {
  rnn_memory before, after;
  rnn_memory_read(s->ctx, &before);
  rnn_status status;
  if (strstr(path, ".npz")) {
    rnn_archive a;
    status = rnn_npz_read(s->ctx, path, &a);
    if (status == RNN_OK) rnn_archive_free(s->ctx, &a);
  } else {
    rnn_tensor *t;
    status = rnn_npy_read(s->ctx, path, &t);
    if (status == RNN_OK) rnn_tensor_free(t);
  }
  if (status != RNN_OK && status != RNN_EFORMAT) fail_msg("%s: %s", rnn_status_name(status), rnn_message(s->ctx));
  rnn_memory_read(s->ctx, &after);
  assert_int_equal(before.live, after.live);
  return status == RNN_OK;
}

static const char *const samples[] = {"fortran_big.npy", "f8_big.npy", "records.npy", "stored.npz", "deflated.npz",
                                      "others.npz"};

static void every_prefix_is_refused(void **state) {
  scratch *s = *state;
  for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
    size_t size;
    char *bytes = slurp(of_numpy(samples[i]), &size);
    const char *path = in_scratch(s, samples[i]);
    spew(path, bytes, size);
    for (size_t n = size; n-- > 0;) {
      assert_int_equal(truncate(path, (off_t)n), 0);
      assert_false(try_file(s, path));
    }
    free(bytes);
  }
}

/* One byte after the other made into others: nothing may crash or leak, and 64 MB are enough for any. */
static void mutated_files(void **state) {
  scratch *s = *state;
  rnn_memory_set_limit(s->ctx, (size_t)64 << 20);
  int accepted = 0, refused = 0;
  for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
    size_t size;
    char *bytes = slurp(of_numpy(samples[i]), &size);
    const char *path = in_scratch(s, samples[i]);
    spew(path, bytes, size);
    int fd = open(path, O_WRONLY);
    for (size_t at = 0; at < size; at++) {
      static const unsigned char changes[] = {0x01, 0x80, 0xff, 0x10};
      for (size_t k = 0; k < sizeof changes; k++) {
        unsigned char changed = (unsigned char)bytes[at] ^ changes[k];
        assert_int_equal(pwrite(fd, &changed, 1, (off_t)at), 1);
        if (try_file(s, path)) accepted++;
        else refused++;
      }
      assert_int_equal(pwrite(fd, &bytes[at], 1, (off_t)at), 1);
    }
    close(fd);
    free(bytes);
  }
  rnn_memory_set_limit(s->ctx, 0);
  assert_true(accepted > 100 && refused > 1000);
}

/* A member's byte changed where no header is: only the checksum can tell. */
static void checksums_are_looked_at(void **state) {
  scratch *s = *state;
  rnn_tensor *t = counted(s->ctx, RNN_INT, SHAPE(100));
  static char *name = "a";
  rnn_archive a = {.count = 1, .names = &name, .tensors = &t}, b;
  const char *path = in_scratch(s, "a.npz");
  assert_ok(s->ctx, rnn_npz_write(s->ctx, path, &a, false));
  size_t size;
  char *bytes = slurp(path, &size);
  bytes[30 + 5 + 20 + 128 + 40] ^= 1;
  spew(path, bytes, size);
  free(bytes);
  assert_failure(s->ctx, rnn_npz_read(s->ctx, path, &b), RNN_EFORMAT, "member 'a' is damaged: its checksum is wrong");
  rnn_tensor_free(t);
}

static void unreadable_files(void **state) {
  scratch *s = *state;
  rnn_tensor *t;
  rnn_archive a;
  const char *fifo = in_scratch(s, "fifo"), *none = in_scratch(s, "none");
  assert_int_equal(mkfifo(fifo, 0600), 0);
  assert_failure(s->ctx, rnn_npy_read(s->ctx, fifo, &t), RNN_EIO, "not a regular file");
  assert_failure(s->ctx, rnn_npz_read(s->ctx, fifo, &a), RNN_EIO, "not a regular file");
  assert_failure(s->ctx, rnn_npy_read(s->ctx, none, &t), RNN_EIO, "No such file");
  assert_failure(s->ctx, rnn_npz_read(s->ctx, "/", &a), RNN_EIO, "it is a folder");
  assert_failure(s->ctx, rnn_npz_read(s->ctx, of_numpy("f4.npy"), &a), RNN_EFORMAT, "which rnn.npy_read reads");
}

/* ---- failures ---- */

/* Lets each allocation of action fail in turn; returns how many there were. */
static int fail_each(scratch *s, rnn_status (*action)(scratch *s)) {
  for (int nth = 1;; nth++) {
    rnn_memory before, after;
    rnn_memory_read(s->ctx, &before);
    rnn_memory_fail(s->ctx, (uint64_t)nth, 1);
    rnn_status status = action(s);
    rnn_memory_fail(s->ctx, 0, 0);
    if (status == RNN_OK) return nth - 1;
    assert_int_equal(status, RNN_ENOMEM);
    rnn_memory_read(s->ctx, &after);
    assert_int_equal(before.live, after.live);
  }
}

static rnn_status read_npy(scratch *s) {
  rnn_tensor *t;
  RNNI_TRY(rnn_npy_read(s->ctx, of_numpy("fortran_big.npy"), &t));
  rnn_tensor_free(t);
  return RNN_OK;
}

static rnn_status read_npz(scratch *s) {
  rnn_archive a;
  RNNI_TRY(rnn_npz_read(s->ctx, of_numpy("deflated.npz"), &a));
  rnn_archive_free(s->ctx, &a);
  return RNN_OK;
}

static rnn_tensor *written;

static rnn_status write_npz(scratch *s) {
  static char *name = "a";
  rnn_status status = rnn_npz_write(s->ctx, in_scratch(s, "a.npz"),
                                    &(rnn_archive){.count = 1, .names = &name, .tensors = &written}, true);
  if (status != RNN_OK) assert_content(in_scratch(s, "a.npz"), "old");
  return status;
}

static void failing_allocations(void **state) {
  scratch *s = *state;
  assert_true(fail_each(s, read_npy) > 3);
  assert_true(fail_each(s, read_npz) > 20);
  spew(in_scratch(s, "a.npz"), "old", 3);
  written = counted(s->ctx, RNN_FLOAT, SHAPE(2, 3));
  assert_true(fail_each(s, write_npz) > 3);
  rnn_tensor_free(written);
}

static void interrupt(void **state) {
  scratch *s = *state;
  rnn_tensor *t = counted(s->ctx, RNN_FLOAT, SHAPE(2, 3)), *u;
  rnn_archive a;
  static char *name = "a";
  rnn_ctx_interrupt(s->ctx);
  assert_int_equal(rnn_npy_read(s->ctx, of_numpy("f4.npy"), &u), RNN_EINTR);
  assert_int_equal(rnn_npz_read(s->ctx, of_numpy("deflated.npz"), &a), RNN_EINTR);
  assert_int_equal(rnn_npy_write(s->ctx, in_scratch(s, "a.npy"), t), RNN_EINTR);
  a = (rnn_archive){.count = 1, .names = &name, .tensors = &t};
  assert_int_equal(rnn_npz_write(s->ctx, in_scratch(s, "a.npz"), &a, true), RNN_EINTR);
  assert_true(rnn_ctx_clear_interrupt(s->ctx));
  assert_int_equal(scratch_count(s), 0);
  rnn_tensor_free(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(reads_every_type_of_numpy),
      TEST(reads_every_shape_and_version),
      TEST(refuses_other_types_by_name),
      TEST(reads_archives_of_numpy),
      TEST(reads_archives_of_others),
      TEST(golden_bytes),
      TEST(round_trips),
      TEST(many_members),
      TEST(refuses_what_cannot_be_written),
      TEST(headers_by_hand),
      TEST(every_prefix_is_refused),
      TEST(mutated_files),
      TEST(checksums_are_looked_at),
      TEST(unreadable_files),
      TEST(failing_allocations),
      TEST(interrupt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
