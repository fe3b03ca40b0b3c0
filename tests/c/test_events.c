/* test_events.c: event files byte by byte, also when the disk refuses; histograms; pictures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <signal.h>
#include <sys/resource.h>
#include <zlib.h>

#include "scratch.h"

/* Event {wall_time 1, file_version "brain.Event:2"} and Event {wall_time 2, step 3, loss 0.5}, framed by TensorFlow's
   rules (masked CRC-32C). */
static const char golden[] =
    "1800000000000000a37f4b2209000000000000f03f1a0d627261696e2e4576656e743a3286bf577a"
    "1a00000000000000129bd82d09000000000000004010032a0d0a0b0a046c6f7373150000003fbac36b94";
static const unsigned char first[] = "\x09\0\0\0\0\0\0\xf0\x3f\x1a\x0d"
                                     "brain.Event:2";
static const unsigned char second[] = "\x09\0\0\0\0\0\0\0\x40\x10\x03\x2a\x0d\x0a\x0b\x0a\x04"
                                      "loss\x15\0\0\0\x3f";

static void assert_hex(const char *path, const char *hex) {
  size_t size;
  char *bytes = slurp(path, &size), *text = malloc(2 * size + 1);
  assert_non_null(text);
  text[0] = '\0';
  for (size_t i = 0; i < size; i++) sprintf(text + 2 * i, "%02x", (unsigned char)bytes[i]);
  assert_string_equal(text, hex);
  free(text);
  free(bytes);
}

static void golden_bytes(void **state) {
  scratch *s = *state;
  rnn_events *e;
  assert_ok(s->ctx, rnn_events_open(s->ctx, s->folder, &e));
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s", rnn_events_path(e));
  assert_non_null(strstr(path, "/events.out.tfevents."));
  assert_ok(s->ctx, rnn_events_record(e, first, sizeof first - 1));
  assert_hex(path, ""); /* it waits */
  assert_ok(s->ctx, rnn_events_record(e, second, sizeof second - 1));
  assert_ok(s->ctx, rnn_events_flush(e));
  assert_hex(path, golden);
  assert_ok(s->ctx, rnn_events_close(e));
  assert_hex(path, golden);
}

static void later_files_have_later_names(void **state) {
  scratch *s = *state;
  spew(in_scratch(s, "events.out.tfevents.9999999990.far.future"), "", 0);
  char before[PATH_MAX];
  snprintf(before, sizeof before, "%s", in_scratch(s, "events.out.tfevents.9999999990.far.future"));
  for (int i = 0; i < 4; i++) {
    rnn_events *e;
    assert_ok(s->ctx, rnn_events_open(s->ctx, s->folder, &e));
    assert_true(strcmp(before, rnn_events_path(e)) < 0);
    snprintf(before, sizeof before, "%s", rnn_events_path(e));
    assert_ok(s->ctx, rnn_events_close(e));
  }
}

static void no_folder(void **state) {
  scratch *s = *state;
  rnn_events *e = NULL;
  assert_failure(s->ctx, rnn_events_open(s->ctx, in_scratch(s, "absent"), &e), RNN_EIO, "No such file or directory");
  assert_null(e);
  assert_ok(s->ctx, rnn_events_close(NULL));
}

static void set_limit(rlim_t bytes) {
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A disk that takes 50 bytes, so a record and a part of the next: the part goes, and comes whole when there is room. */
static void disk_that_fills_and_is_emptied(void **state) {
  scratch *s = *state;
  rnn_events *e;
  assert_ok(s->ctx, rnn_events_open(s->ctx, s->folder, &e));
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s", rnn_events_path(e));
  assert_ok(s->ctx, rnn_events_record(e, first, sizeof first - 1));
  assert_ok(s->ctx, rnn_events_flush(e));
  assert_ok(s->ctx, rnn_events_record(e, second, sizeof second - 1));
  void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
  set_limit(50);
  rnn_status status = rnn_events_flush(e);
  set_limit(RLIM_INFINITY);
  assert_failure(s->ctx, status, RNN_EIO, "File too large");
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_size, 40); /* the first record, whole */
  assert_ok(s->ctx, rnn_events_close(e));
  assert_hex(path, golden);
  signal(SIGXFSZ, before);
}

/* What a disk refuses for good is lost in the end instead of filling memory. */
static void disk_that_stays_full(void **state) {
  scratch *s = *state;
  rnn_events *e;
  assert_ok(s->ctx, rnn_events_open(s->ctx, s->folder, &e));
  static unsigned char big[1 << 18];
  void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
  set_limit(0);
  rnn_status status = RNN_OK;
  for (int i = 0; i < 40; i++) {
    status = rnn_events_record(e, big, sizeof big);
    rnn_memory m;
    rnn_memory_read(s->ctx, &m);
    if (status != RNN_EIO || m.live > 4 << 20) break;
  }
  set_limit(RLIM_INFINITY);
  signal(SIGXFSZ, before);
  assert_failure(s->ctx, status, RNN_EIO, "records are lost");
  assert_ok(s->ctx, rnn_events_close(e));
}

static void no_memory(void **state) {
  scratch *s = *state;
  for (uint64_t n = 1; n <= 2; n++) {
    rnn_events *e;
    rnn_memory_fail(s->ctx, n, 1);
    assert_failure(s->ctx, rnn_events_open(s->ctx, s->folder, &e), RNN_ENOMEM, "");
  }
  rnn_memory_fail(s->ctx, 0, 0);
  assert_int_equal(scratch_count(s), 0);
  rnn_events *e;
  assert_ok(s->ctx, rnn_events_open(s->ctx, s->folder, &e));
  rnn_memory_fail(s->ctx, 1, 1);
  assert_failure(s->ctx, rnn_events_record(e, first, sizeof first - 1), RNN_ENOMEM, "");
  assert_ok(s->ctx, rnn_events_record(e, second, sizeof second - 1));
  assert_ok(s->ctx, rnn_events_close(e));
}

static rnn_tensor *floats(rnn_ctx *ctx, int64_t n, const double *values) {
  rnn_tensor *t;
  assert_ok(ctx, rnn_tensor_new(ctx, RNN_FLOAT, 1, &n, &t));
  for (int64_t i = 0; i < n; i++) rnn_tensor_floats(t)[i] = (rnn_real)values[i];
  return t;
}

static void histogram(void **state) {
  scratch *s = *state;
  /* 1.02 and 1.05 lie between the edges 1e-12 * 1.1^290 and 1e-12 * 1.1^291 */
  static const double values[] = {-0.5, 0, 0, 1.02, 1.05, 100, NAN, INFINITY};
  rnn_tensor *t = floats(s->ctx, 8, values);
  rnn_histogram h;
  rnn_histogram_count(t, &h);
  assert_int_equal(h.count, 6);
  assert_int_equal(h.not_finite, 2);
  assert_true(h.min == -0.5 && h.max == 100);
  assert_true(fabs(h.sum - 101.57) < 1e-5 && fabs(h.sum_squares - 10002.3929) < 1e-3);
  static const double counts[] = {0, 1, 0, 2, 0, 2, 0, 1};
  assert_int_equal(h.buckets, 8);
  for (int i = 0; i < 8; i++) assert_true(h.counts[i] == counts[i]);
  assert_true(h.limits[0] <= -0.5 && -0.5 < h.limits[1]);
  assert_true(h.limits[2] == 0 && h.limits[3] == 1e-12);
  double edge = 1e-12;
  while (edge <= 1.05) edge *= 1.1;
  assert_true(h.limits[5] == edge);
  rnn_tensor_free(t);
}

static void histogram_of_extremes(void **state) {
  scratch *s = *state;
  static const double values[] = {-3e38, 3e38, 1e-30, -1e-30};
  rnn_tensor *t = floats(s->ctx, 4, values);
  rnn_histogram h;
  rnn_histogram_count(t, &h);
  assert_int_equal(h.count, 4);
  double n = 0;
  for (int i = 0; i < h.buckets; i++) {
    n += h.counts[i];
    assert_true(i == 0 || h.limits[i] > h.limits[i - 1]);
  }
  assert_true(n == 4 && h.limits[h.buckets - 1] == DBL_MAX);
  rnn_tensor_free(t);
  t = floats(s->ctx, 0, NULL);
  rnn_histogram_count(t, &h);
  assert_true(h.count == 0 && h.buckets == 1 && h.counts[0] == 0);
  rnn_tensor_free(t);
}

static void histogram_leaves_padding_out(void **state) {
  scratch *s = *state;
  rnn_tensor *t, *lengths;
  assert_ok(s->ctx, rnn_tensor_new(s->ctx, RNN_FLOAT, 3, (int64_t[]){2, 3, 2}, &t));
  assert_ok(s->ctx, rnn_tensor_new(s->ctx, RNN_INT, 1, (int64_t[]){2}, &lengths));
  rnn_tensor_ints(lengths)[0] = 1;
  rnn_tensor_ints(lengths)[1] = 3;
  assert_ok(s->ctx, rnn_tensor_fill(s->ctx, t, 2));
  assert_ok(s->ctx, rnn_tensor_set_lengths(s->ctx, t, lengths));
  rnn_histogram h;
  rnn_histogram_count(t, &h);
  assert_int_equal(h.count, 8);
  rnn_tensor_free(t);
  rnn_histogram_count(lengths, &h);
  assert_true(h.count == 2 && h.min == 1 && h.max == 3);
  rnn_tensor_free(lengths);
}

/* The bytes of the pixels in a PNG of ours: behind its signature come exactly IHDR, IDAT, IEND, each checked. */
static void decode(const unsigned char *png, size_t size, uint32_t *width, uint32_t *height, int *color,
                   unsigned char *raw, size_t raw_size) {
  static const char *const types[] = {"IHDR", "IDAT", "IEND"};
  assert_memory_equal(png, "\x89PNG\r\n\x1a\n", 8);
  size_t at = 8;
  for (int i = 0; i < 3; i++) {
    uint32_t length = (uint32_t)png[at] << 24 | (uint32_t)png[at + 1] << 16 | (uint32_t)png[at + 2] << 8 | png[at + 3];
    assert_memory_equal(png + at + 4, types[i], 4);
    const unsigned char *body = png + at + 8, *c = body + length;
    uint32_t crc = (uint32_t)c[0] << 24 | (uint32_t)c[1] << 16 | (uint32_t)c[2] << 8 | c[3];
    assert_int_equal(crc, crc32(0, png + at + 4, length + 4));
    if (i == 0) {
      *width = (uint32_t)body[2] << 8 | body[3];
      *height = (uint32_t)body[6] << 8 | body[7];
      assert_int_equal(body[8], 8);
      *color = body[9];
    } else if (i == 1) {
      uLongf got = raw_size;
      assert_int_equal(uncompress(raw, &got, body, length), Z_OK);
      assert_int_equal(got, raw_size);
    }
    at += length + 12;
  }
  assert_int_equal(at, size);
}

static void pictures(void **state) {
  scratch *s = *state;
  static const int colors[] = {0, 0, 4, 2, 6};
  for (int channels = 0; channels <= 4; channels++) { /* 0: two axes */
    rnn_tensor *t;
    int64_t dims[] = {2, 3, channels};
    assert_ok(s->ctx, rnn_tensor_new(s->ctx, RNN_FLOAT, channels ? 3 : 2, dims, &t));
    int row = 3 * (channels ? channels : 1);
    rnn_real *f = rnn_tensor_floats(t);
    for (int i = 0; i < 2 * row; i++) f[i] = (rnn_real)i / 100;
    f[0] = -1;
    f[1] = 2;
    f[2] = (rnn_real)NAN;
    unsigned char *png = malloc(rnn_png_bound(t)), raw[64];
    assert_non_null(png);
    size_t size;
    assert_ok(s->ctx, rnn_png_encode(s->ctx, t, png, &size));
    uint32_t width, height;
    int color;
    decode(png, size, &width, &height, &color, raw, (size_t)(2 * (row + 1)));
    assert_true(width == 3 && height == 2 && color == colors[channels]);
    assert_memory_equal(raw, "\0\0\xff\0", 4); /* filter, then -1, 2, NaN */
    assert_int_equal(raw[row + 1], 0);         /* filter of the second row */
    assert_int_equal(raw[row + 2], (int)(row * 2.55 + 0.5));
    free(png);
    rnn_tensor_free(t);
  }
}

static void no_pictures(void **state) {
  scratch *s = *state;
  static const int64_t shapes[][4] = {{1, 4, 0, 0}, {3, 2, 2, 5}, {3, 2, 2, 0}, {2, 0, 4, 0}, {4, 2, 2, 3}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    rnn_tensor *t;
    int64_t dims[] = {shapes[i][1], shapes[i][2], shapes[i][3], 1};
    assert_ok(s->ctx, rnn_tensor_new(s->ctx, RNN_FLOAT, (int)shapes[i][0], dims, &t));
    size_t size;
    assert_int_equal(rnn_png_bound(t), 0);
    assert_failure(s->ctx, rnn_png_encode(s->ctx, t, NULL, &size), RNN_ESHAPE, "a picture is a tensor (H, W)");
    rnn_tensor_free(t);
  }
}

static void folders(void **state) {
  scratch *s = *state;
  assert_ok(s->ctx, rnn_folder_make(s->ctx, in_scratch(s, "a")));
  assert_ok(s->ctx, rnn_folder_make(s->ctx, in_scratch(s, "a/b//c/")));
  assert_ok(s->ctx, rnn_folder_make(s->ctx, in_scratch(s, "a/b/c")));
  spew(in_scratch(s, "a/b/file"), "", 0);
  assert_failure(s->ctx, rnn_folder_make(s->ctx, in_scratch(s, "a/b/file")), RNN_EIO, "File exists");
  assert_failure(s->ctx, rnn_folder_make(s->ctx, in_scratch(s, "a/b/file/d")), RNN_EIO, "a/b/file: File exists");
  assert_failure(s->ctx, rnn_folder_make(s->ctx, ""), RNN_EIO, "a path has 1 to");
  assert_int_equal(unlink(in_scratch(s, "a/b/file")), 0);
  assert_int_equal(rmdir(in_scratch(s, "a/b/c")), 0);
  assert_int_equal(rmdir(in_scratch(s, "a/b")), 0);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
  const struct CMUnitTest tests[] = {
      TEST(golden_bytes),
      TEST(later_files_have_later_names),
      TEST(no_folder),
      TEST(disk_that_fills_and_is_emptied),
      TEST(disk_that_stays_full),
      TEST(no_memory),
      TEST(histogram),
      TEST(histogram_of_extremes),
      TEST(histogram_leaves_padding_out),
      TEST(pictures),
      TEST(no_pictures),
      TEST(folders),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
