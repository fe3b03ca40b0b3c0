/* test_misuse.c: the C API given what it must not be given: a status each time, never undefined behaviour (the suite runs
 * under AddressSanitizer and UBSan). Ops are walked by their signatures, so that a new one is tested as well. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rnn.h"

static rnn_ctx *ctx, *other;

static void ok(rnn_status status) {
  if (status != RNN_OK) fail_msg("%s", rnn_message(ctx));
}

static rnn_tensor *new_tensor(rnn_ctx *c, rnn_type type, int ndim, const int64_t *dims) {
  rnn_tensor *t;
  if (rnn_tensor_new(c, type, ndim, dims, &t) != RNN_OK) fail_msg("%s", rnn_message(c));
  return t;
}

#define TENSORS 5

/* What an op may be given: floats of several shapes, ids, a scalar, nothing in it, a part that does not lie in rows. */
static rnn_tensor *tensors[TENSORS];

static void make_tensors(void) {
  tensors[0] = new_tensor(ctx, RNN_FLOAT, 3, (int64_t[]){2, 3, 4});
  tensors[1] = new_tensor(ctx, RNN_INT, 1, (int64_t[]){3});
  tensors[2] = new_tensor(ctx, RNN_FLOAT, 0, NULL);
  tensors[3] = new_tensor(ctx, RNN_FLOAT, 2, (int64_t[]){0, 4});
  ok(rnn_apply(ctx, rnn_op_find("transpose"), &(rnn_args){.t = tensors, .nt = 1, .i = {0, 2}}, &tensors[4]));
  for (int i = 0; i < 3; i++) rnn_tensor_ints(tensors[1])[i] = i;
}

/* Applies it and lets go of the results; any status is fine. */
static rnn_status apply(const rnn_op *op, const rnn_args *args) {
  rnn_tensor *out[RNN_MAX_OUTPUTS] = {0};
  rnn_status status = rnn_apply(ctx, op, args, out);
  for (int i = 0; status == RNN_OK && i < RNN_MAX_OUTPUTS; i++) rnn_tensor_free(out[i]);
  return status;
}

static void refused(const rnn_op *op, const rnn_args *args, const char *what) {
  if (apply(op, args) == RNN_OK) fail_msg("%s accepts %s", rnn_op_name(op), what);
}

static int needed(const rnn_op *op) {
  int n = 0, last = 0;
  for (const char *s = rnn_op_signature(op); *s; s++) {
    bool optional = *s == '?';
    if (optional) s++;
    if (*s == 'L') return 1;
    if (strchr("tT", *s) && ++n && !optional) last = n;
  }
  return last;
}

static void ops_check_their_tensors(void **state) {
  (void)state;
  rnn_tensor *foreign[8], *none[8] = {NULL}, *good[32];
  for (int k = 0; k < 8; k++) foreign[k] = new_tensor(other, RNN_FLOAT, 1, (int64_t[]){3});
  for (int k = 0; k < 32; k++) good[k] = tensors[0];
  for (int i = 0; rnn_op_at(i); i++) {
    const rnn_op *op = rnn_op_at(i);
    int n = needed(op);
    if (strcmp(rnn_op_signature(op), "R") != 0) {
      for (int few = 0; few < n; few++) refused(op, &(rnn_args){.t = good, .nt = few}, "too few tensors");
      if (!strchr(rnn_op_signature(op), 'L')) refused(op, &(rnn_args){.t = good, .nt = 20}, "too many tensors");
      refused(op, &(rnn_args){.t = none, .nt = n}, "NULL for tensors");
      refused(op, &(rnn_args){.t = foreign, .nt = n}, "tensors of another context");
    }
    refused(op, &(rnn_args){.t = good, .nt = -1}, "minus one tensors");
    refused(op, &(rnn_args){.t = NULL, .nt = n + 1}, "an array that is NULL");
    refused(op, &(rnn_args){0}, "nothing");
    assert_int_equal(rnn_apply(ctx, op, NULL, good), RNN_EARG);
    assert_int_equal(rnn_apply(ctx, op, &(rnn_args){.t = good, .nt = n}, NULL), RNN_EARG);
  }
  assert_int_equal(rnn_apply(ctx, NULL, &(rnn_args){0}, good), RNN_EARG);
  for (int k = 0; k < 8; k++) rnn_tensor_free(foreign[k]);
}

/* Every tensor in every place, with every odd number: whatever comes out, nothing breaks. */
static void ops_take_any_numbers(void **state) {
  (void)state;
  const int64_t ints[] = {0, -1, 1, 5, 6, INT32_MAX, INT64_MAX, INT64_MIN};
  const double numbers[] = {0, -1, 0.5, 1e300, -1e300, (double)NAN, (double)INFINITY};
  rnn_memory_set_limit(ctx, (size_t)256 << 20);
  for (int i = 0; rnn_op_at(i); i++) {
    const rnn_op *op = rnn_op_at(i);
    int n = needed(op);
    for (int mix = 0; mix < TENSORS * TENSORS; mix++)
      for (size_t k = 0; k < sizeof ints / sizeof *ints; k++) {
        rnn_tensor *in[8];
        for (int j = 0; j < 8; j++) in[j] = tensors[j == 0 ? mix % TENSORS : (mix / TENSORS + j - 1) % TENSORS];
        rnn_args args = {.t = in, .nt = n, .nshape = (int)(k % (RNN_MAX_DIMS + 1))};
        for (int j = 0; j < 6; j++) args.i[j] = ints[(k + (size_t)(mix * j)) % (sizeof ints / sizeof *ints)];
        for (int j = 0; j < 4; j++) args.n[j] = numbers[(k + (size_t)j) % (sizeof numbers / sizeof *numbers)];
        for (int j = 0; j < RNN_MAX_DIMS; j++) args.shape[j] = args.i[j];
        (void)apply(op, &args);
        args.nshape = k % 2 ? -1 : 9;
        if (strchr(rnn_op_signature(op), 's')) refused(op, &args, "an impossible number of axes");
      }
  }
  rnn_memory_set_limit(ctx, 0);
}

static void layers_check_their_descriptions(void **state) {
  (void)state;
  rnn_tensor *x = new_tensor(ctx, RNN_FLOAT, 3, (int64_t[]){2, 3, 4}), *w = new_tensor(ctx, RNN_FLOAT, 2, (int64_t[]){5, 4}),
             *u = new_tensor(ctx, RNN_FLOAT, 2, (int64_t[]){5, 5}), *b = new_tensor(ctx, RNN_FLOAT, 1, (int64_t[]){5});
  rnn_tensor *in[16] = {x, w, u, b, b};
  const rnn_recurrent good = {.cell = RNN_CELL_RNN, .activation = RNN_TANH, .units = 5};
  const rnn_op *op = rnn_op_find("recurrent");
  ok(apply(op, &(rnn_args){.t = in, .nt = 5, .recurrent = &good}));
  rnn_recurrent bad[16];
  size_t n = 0;
  for (size_t i = 0; i < 16; i++) bad[i] = good;
  bad[n++].cell = (rnn_cell)9;
  bad[n++].cell = (rnn_cell)-1;
  bad[n++].activation = (rnn_activation)99;
  bad[n++].activation = RNN_SIGMOID;
  bad[n++].units = -1;
  bad[n++].units = INT64_MAX;
  bad[n++].recompute = -1;
  for (size_t i = 0; i < n; i++) {
    rnn_stepper *s;
    refused(op, &(rnn_args){.t = in, .nt = 5, .recurrent = &bad[i]}, "an impossible description");
    assert_int_not_equal(rnn_stepper_new(ctx, &bad[i], in + 1, 4, 2, &s), RNN_OK);
  }
  for (int place = 0; place < 5; place++) {
    rnn_tensor *kept = in[place];
    in[place] = NULL;
    refused(op, &(rnn_args){.t = in, .nt = 5, .recurrent = &good}, "a tensor that is NULL");
    in[place] = tensors[1];
    refused(op, &(rnn_args){.t = in, .nt = 5, .recurrent = &good}, "ids in a weight's place");
    in[place] = kept;
  }
  rnn_stepper *s = NULL;
  const int64_t batches[] = {0, -1, (int64_t)1 << 62, INT64_MAX};
  for (size_t i = 0; i < 4; i++) assert_int_not_equal(rnn_stepper_new(ctx, &good, in + 1, 4, batches[i], &s), RNN_OK);
  assert_int_equal(rnn_stepper_new(ctx, &good, NULL, 4, 1, &s), RNN_EARG);
  assert_int_equal(rnn_stepper_new(ctx, NULL, in + 1, 4, 1, &s), RNN_EARG);
  for (int i = 0; i < 4; i++) rnn_tensor_free(in[i]);
}

static rnn_status no_gradient(void *self, rnn_tensor *const *dy, const bool *wants, rnn_tensor **dx) {
  (void)self, (void)dy, (void)wants, (void)dx;
  return RNN_OK;
}
static rnn_status hook_of_nothing(void *self, rnn_tensor *grad, rnn_tensor **out) {
  (void)self, (void)grad, (void)out;
  return RNN_OK;
}

static void tensors_check_what_they_are_given(void **state) {
  (void)state;
  rnn_tensor *t = tensors[0], *out, *foreign = new_tensor(other, RNN_FLOAT, 3, (int64_t[]){2, 3, 4});
  double number;
  int64_t count;
  rnn_tensor *weight = new_tensor(ctx, RNN_FLOAT, 0, NULL);
  const rnn_custom custom = {.name = "custom", .backward = no_gradient};
  rnn_hook *hook;
  ok(rnn_tensor_set_requires_grad(ctx, weight, true));
  const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, huge[3] = {INT64_MAX, INT64_MAX, 2}, negative[1] = {-1};
  assert_int_not_equal(rnn_tensor_new(ctx, RNN_FLOAT, 9, nine, &out), RNN_OK);
  assert_int_not_equal(rnn_tensor_new(ctx, RNN_FLOAT, 3, huge, &out), RNN_OK);
  assert_int_not_equal(rnn_tensor_new(ctx, RNN_FLOAT, 1, negative, &out), RNN_OK);
  assert_int_not_equal(rnn_tensor_new(ctx, RNN_FLOAT, 2, NULL, &out), RNN_OK);
  assert_int_not_equal(rnn_tensor_new(ctx, (rnn_type)7, 1, nine, &out), RNN_OK);
  assert_int_equal(rnn_tensor_new(ctx, RNN_FLOAT, 1, nine, NULL), RNN_EARG);
  assert_int_equal(rnn_tensor_new(NULL, RNN_FLOAT, 1, nine, &out), RNN_EARG);
  rnn_tensor *const bad[] = {NULL, foreign};
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(rnn_tensor_rows(ctx, bad[i], 0, 1, &out), RNN_EARG);
    assert_int_equal(rnn_tensor_detach(ctx, bad[i], &out), RNN_EARG);
    assert_int_equal(rnn_tensor_copy(ctx, bad[i], &out), RNN_EARG);
    assert_int_equal(rnn_tensor_contiguous(ctx, bad[i], &out), RNN_EARG);
    assert_int_equal(rnn_tensor_assign(ctx, t, bad[i]), RNN_EARG);
    assert_int_equal(rnn_tensor_assign(ctx, bad[i], t), RNN_EARG);
    assert_int_equal(rnn_tensor_fill(ctx, bad[i], 1), RNN_EARG);
    assert_int_equal(rnn_tensor_pick(ctx, bad[i], 0, 1, &tensors[1], &out), RNN_EARG);
    assert_int_equal(rnn_tensor_put(ctx, t, 0, 1, &tensors[1], bad[i]), RNN_EARG);
    assert_int_equal(rnn_tensor_uniform(ctx, bad[i], 0, 1), RNN_EARG);
    assert_int_equal(rnn_tensor_normal(ctx, bad[i], 0, 1), RNN_EARG);
    assert_int_equal(rnn_tensor_exponential(ctx, bad[i], 1), RNN_EARG);
    assert_int_equal(rnn_tensor_truncated_normal(ctx, bad[i], 0, 1, -1, 1), RNN_EARG);
    assert_int_equal(rnn_tensor_bernoulli(ctx, bad[i], t), RNN_EARG);
    assert_int_equal(rnn_tensor_bernoulli(ctx, t, bad[i]), RNN_EARG);
    assert_int_equal(rnn_tensor_randint(ctx, bad[i], 1, 2), RNN_EARG);
    assert_int_equal(rnn_multinomial(ctx, bad[i], 1, true, &out), RNN_EARG);
    assert_int_equal(rnn_tensor_shuffle(ctx, bad[i]), RNN_EARG);
    assert_int_equal(rnn_tensor_orthogonal(ctx, bad[i], 1, 1), RNN_EARG);
    assert_int_equal(rnn_tensor_set_requires_grad(ctx, bad[i], true), RNN_EARG);
    assert_int_equal(rnn_tensor_retain_grad(ctx, bad[i]), RNN_EARG);
    assert_int_equal(rnn_backward(ctx, bad[i], NULL), RNN_EARG);
    assert_int_equal(rnn_grad(ctx, bad[i], NULL, &t, 1, false, false, &out), RNN_EARG);
    assert_int_equal(rnn_grad(ctx, weight, NULL, &bad[i], 1, false, false, &out), RNN_EARG);
    assert_int_equal(rnn_record(ctx, &custom, &bad[i], 1, &t, 1, &out), RNN_EARG);
    assert_int_equal(rnn_record(ctx, &custom, &t, 1, &bad[i], 1, &out), RNN_EARG);
    assert_int_equal(rnn_tensor_on_grad(ctx, bad[i], hook_of_nothing, NULL, NULL, &hook), RNN_EARG);
    assert_int_equal(rnn_clip_grad_norm(ctx, &bad[i], 1, 1, &number), RNN_EARG);
    assert_int_equal(rnn_clip_grad_value(ctx, &bad[i], 1, 1, &count), RNN_EARG);
    assert_int_equal(rnn_scale_grad(ctx, &bad[i], 1, 1), RNN_EARG);
    assert_int_equal(rnn_average_step(ctx, &bad[i], &t, 1, 0.5), RNN_EARG);
    assert_int_equal(rnn_linear_forecast(ctx, bad[i], tensors[1], 1, t, t, tensors[1], &out), RNN_EARG);
    assert_int_equal(rnn_linear_forecast(ctx, t, tensors[1], 1, t, t, bad[i], &out), RNN_EARG);
  }
  assert_int_equal(rnn_linear_forecast(ctx, t, tensors[1], 1, t, t, tensors[1], &out), RNN_ESHAPE); /* three axes */
  assert_int_equal(rnn_linear_forecast(ctx, tensors[3], tensors[1], 1, tensors[3], tensors[3], tensors[1], &out),
                   RNN_EARG); /* no rows */
  assert_int_equal(rnn_tensor_fill(ctx, tensors[1], 1e20), RNN_EARG);
  assert_int_equal(rnn_tensor_fill(ctx, tensors[1], 0.5), RNN_EARG);
  assert_int_equal(rnn_tensor_fill(ctx, tensors[1], (double)NAN), RNN_EARG);
  assert_int_equal(rnn_multinomial(ctx, t, 1, true, NULL), RNN_EARG);
  assert_int_equal(rnn_tensor_pick(ctx, t, 3, 1, &tensors[1], &out), RNN_EARG);
  assert_int_equal(rnn_tensor_put(ctx, t, -1, 1, &tensors[1], t), RNN_EARG);
  assert_int_equal(rnn_apply(ctx, rnn_op_find("pad"), &(rnn_args){.t = &t, .nt = 1, .i = {0, 1, 1, 9}}, &out), RNN_EARG);
  assert_int_equal(rnn_apply(ctx, rnn_op_find("pad"), &(rnn_args){.t = &t, .nt = 1, .i = {0, 1, 1, -1}}, &out), RNN_EARG);
  assert_int_equal(rnn_apply(ctx, rnn_op_find("flip"), &(rnn_args){.t = &t, .nt = 1, .shape = {3}, .nshape = 1}, &out),
                   RNN_EARG);
  assert_int_equal(rnn_tensor_part(ctx, t, 3, (int64_t[]){0, 3, 0}, &out), RNN_EARG);
  assert_int_equal(rnn_tensor_part(ctx, t, 4, (int64_t[]){0, 0, 0, 0}, &out), RNN_EARG);
  assert_int_equal(rnn_tensor_part(ctx, t, 1, NULL, &out), RNN_EARG);
  assert_int_equal(rnn_clip_grad_norm(ctx, &t, -1, 1, &number), RNN_EARG);
  assert_int_equal(rnn_grad(ctx, weight, NULL, &weight, -1, false, false, &out), RNN_EARG);
  assert_int_equal(rnn_grad(ctx, weight, NULL, NULL, 1, false, false, &out), RNN_EARG);
  assert_int_equal(rnn_grad(ctx, weight, NULL, &weight, 1, false, false, NULL), RNN_EARG);
  assert_int_equal(rnn_grad(ctx, weight, NULL, &t, 1, false, true, &out), RNN_EARG); /* no parameter */
  assert_int_equal(rnn_grad(ctx, t, NULL, &weight, 1, false, false, &out), RNN_EARG);
  assert_int_equal(rnn_grad(ctx, weight, t, &weight, 1, false, false, &out), RNN_ESHAPE);
  assert_int_equal(rnn_record(ctx, NULL, &t, 1, &t, 1, &out), RNN_EARG);
  assert_int_equal(rnn_record(ctx, &(rnn_custom){.name = "x"}, &t, 1, &t, 1, &out), RNN_EARG);
  assert_int_equal(rnn_record(ctx, &(rnn_custom){.backward = no_gradient}, &t, 1, &t, 1, &out), RNN_EARG);
  assert_int_equal(rnn_record(ctx, &custom, NULL, 1, &t, 1, &out), RNN_EARG);
  assert_int_equal(rnn_record(ctx, &custom, &t, 1, &t, 0, &out), RNN_EARG);
  assert_int_equal(rnn_record(ctx, &custom, &t, 1, &t, -1, &out), RNN_EARG);
  assert_int_equal(rnn_record(ctx, &custom, &t, 1, &t, 1, NULL), RNN_EARG);
  assert_int_equal(rnn_tensor_on_grad(ctx, t, hook_of_nothing, NULL, NULL, &hook), RNN_EARG); /* no parameter */
  assert_int_equal(rnn_tensor_on_grad(ctx, weight, NULL, NULL, NULL, &hook), RNN_EARG);
  assert_int_equal(rnn_tensor_on_grad(ctx, weight, hook_of_nothing, NULL, NULL, NULL), RNN_EARG);
  rnn_hook_remove(NULL);
  rnn_hook_free(NULL);
  assert_int_equal(rnn_tensor_version(NULL), 0);
  rnn_tensor_free(weight);
  rnn_optimizer_options o = {.kind = (rnn_optimizer)12, .step = 1};
  assert_int_equal(rnn_optimizer_step(ctx, &o, &t, 1, &t), RNN_EARG);
  o.kind = RNN_SGD;
  assert_int_equal(rnn_optimizer_step(ctx, &o, &t, 1, NULL), RNN_EARG);
  assert_int_equal(rnn_optimizer_step(ctx, NULL, &t, 1, &t), RNN_EARG);
  assert_null(rnn_op_find(NULL));
  assert_null(rnn_op_at(-1));
  assert_null(rnn_tensor_floats(NULL));
  assert_null(rnn_tensor_floats(tensors[4])); /* does not lie in rows */
  assert_int_equal(rnn_tensor_count(NULL), 0);
  assert_false(rnn_tensor_requires_grad(NULL));
  rnn_tensor_free(NULL);
  rnn_tensor_free(foreign);
}

static void files_check_what_they_are_given(void **state) {
  (void)state;
  rnn_tensor *t = tensors[0], *foreign = new_tensor(other, RNN_FLOAT, 1, (int64_t[]){3}), *out;
  rnn_archive archive;
  rnn_csv csv;
  rnn_events *events;
  rnn_numbers *numbers;
  uint64_t sum;
  size_t size;
  char *bytes, room[8];
  int rate, fd;
  int64_t end;
  assert_int_equal(rnn_safetensors_read(ctx, NULL, &archive), RNN_EARG);
  assert_int_equal(rnn_safetensors_read(ctx, "x", NULL), RNN_EARG);
  assert_int_equal(rnn_safetensors_write(ctx, "x", NULL), RNN_EARG);
  assert_int_equal(rnn_csv_read(ctx, NULL, NULL, &csv), RNN_EARG);
  assert_int_equal(rnn_csv_read(NULL, "x", NULL, &csv), RNN_EARG);
  assert_int_equal(rnn_events_open(ctx, NULL, &events), RNN_EARG);
  assert_int_equal(rnn_events_record(NULL, "x", 1), RNN_EARG);
  assert_int_equal(rnn_events_flush(NULL), RNN_EARG);
  assert_int_equal(rnn_events_close(NULL), RNN_OK);
  assert_int_equal(rnn_file_read(ctx, NULL, &bytes, &size), RNN_EARG);
  assert_int_equal(rnn_file_write(ctx, NULL, "x", 1), RNN_EARG);
  assert_int_equal(rnn_file_append(ctx, NULL, "x", 1, &end), RNN_EARG);
  assert_int_equal(rnn_file_truncate(ctx, NULL, 1), RNN_EARG);
  assert_int_equal(rnn_file_lock(ctx, NULL, &fd), RNN_EARG);
  assert_int_equal(rnn_folder_make(ctx, NULL), RNN_EARG);
  assert_int_equal(rnn_png_encode(ctx, NULL, room, &size), RNN_EARG);
  assert_int_equal(rnn_png_encode(ctx, foreign, room, &size), RNN_EARG);
  assert_int_equal(rnn_png_encode(ctx, tensors[4], room, &size), RNN_EARG); /* does not lie in rows */
  assert_int_equal(rnn_audio_read(ctx, NULL, &out, &rate), RNN_EARG);
  assert_int_equal(rnn_audio_write(ctx, "x", foreign, 8000), RNN_EARG);
  assert_int_equal(rnn_audio_resample(ctx, NULL, 1, 2, &out), RNN_EARG);
  assert_int_equal(rnn_audio_features(ctx, NULL, t, &out), RNN_EARG);
  assert_int_equal(rnn_tensor_checksum(ctx, NULL, &sum), RNN_EARG);
  assert_int_equal(rnn_numbers_new(ctx, false, 1, NULL), RNN_EARG);
  assert_int_equal(rnn_numbers_gather(NULL, tensors[1], &numbers), RNN_EARG);
  assert_int_equal(rnn_numbers_argsort(NULL, &out), RNN_EARG);
  assert_int_equal(rnn_stepper_load(NULL, t, t), RNN_EARG);
  assert_int_equal(rnn_stepper_run(NULL, t, t, t, t), RNN_EARG);
  assert_int_equal(rnn_watched(ctx, 1, NULL), RNN_EARG);
  assert_int_equal(rnn_ctx_set_threads(NULL, 1), RNN_EARG);
  assert_int_equal(rnn_ctx_set_threads(ctx, 0), RNN_EARG);
  assert_int_equal(rnn_ctx_set_threads(ctx, 1 << 30), RNN_EARG);
  rnn_tensor_free(foreign);
}

static void nothing_leaks(void **state) {
  (void)state;
  for (int i = 0; i < TENSORS; i++) rnn_tensor_free(tensors[i]);
  rnn_memory m;
  rnn_memory_read(ctx, &m);
  assert_int_equal(m.live, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(ops_check_their_tensors), cmocka_unit_test(ops_take_any_numbers),
                                     cmocka_unit_test(layers_check_their_descriptions),
                                     cmocka_unit_test(tensors_check_what_they_are_given),
                                     cmocka_unit_test(files_check_what_they_are_given),
                                     cmocka_unit_test(nothing_leaks)};
  if (rnn_ctx_new(&ctx) != RNN_OK || rnn_ctx_new(&other) != RNN_OK) return 1;
  make_tensors();
  int failures = cmocka_run_group_tests(tests, NULL, NULL);
  rnn_ctx_free(other);
  rnn_ctx_free(ctx);
  return failures;
}
