/* test_example.c: the core without Lua: an LSTM learns to continue a sine wave. A complete program that includes only
 * rnn.h; as a test it fails when the error does not fall. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "rnn.h"

enum { N = 16, T = 25, H = 12, STEPS = 150, PARAMS = 6 };

static rnn_ctx *ctx;

static void check(rnn_status status) {
  if (status == RNN_OK) return;
  fprintf(stderr, "%s: %s\n", rnn_status_name(status), rnn_message(ctx));
  exit(1);
}

static rnn_tensor *new_tensor(int ndim, int64_t a, int64_t b, int64_t c) {
  rnn_tensor *t;
  check(rnn_tensor_new(ctx, RNN_FLOAT, ndim, (int64_t[]){a, b, c}, &t));
  return t;
}

static rnn_tensor *parameter(int ndim, int64_t a, int64_t b, double scale) {
  rnn_tensor *t = new_tensor(ndim, a, b, 0);
  check(rnn_tensor_uniform(ctx, t, -scale, scale));
  check(rnn_tensor_set_requires_grad(ctx, t, true));
  return t;
}

/* x (N, T, 1): waves of random phase; y (N, 1): the value that follows. */
static void make_batch(rnn_tensor *x, rnn_tensor *y) {
  rnn_tensor *phase = new_tensor(1, N, 0, 0);
  check(rnn_tensor_uniform(ctx, phase, 0, 6.28));
  for (int n = 0; n < N; n++)
    for (int t = 0; t <= T; t++) {
      rnn_real v = (rnn_real)sin(0.3 * t + (double)rnn_tensor_floats(phase)[n]);
      if (t < T) rnn_tensor_floats(x)[n * T + t] = v;
      else rnn_tensor_floats(y)[n] = v;
    }
  rnn_tensor_free(phase);
}

int main(void) {
  check(rnn_ctx_new(&ctx));
  rnn_seed(ctx, 1);
  rnn_tensor *params[PARAMS] = {parameter(2, 4 * H, 1, 0.3), parameter(2, 4 * H, H, 0.3), parameter(1, 4 * H, 0, 0),
                                parameter(1, 4 * H, 0, 0),   parameter(2, 1, H, 0.3),     parameter(1, 1, 0, 0)};
  rnn_tensor *state[2 * PARAMS], *x = new_tensor(3, N, T, 1), *y = new_tensor(2, N, 1, 0);
  for (int i = 0; i < 2 * PARAMS; i++)
    check(rnn_tensor_new(ctx, RNN_FLOAT, rnn_tensor_ndim(params[i / 2]), rnn_tensor_dims(params[i / 2]), &state[i]));
  rnn_optimizer_options adam = {.kind = RNN_ADAM, .lr = 0.01, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
  rnn_recurrent lstm = {.cell = RNN_CELL_LSTM, .activation = RNN_TANH, .units = H,
                        .last_only = true};
  double first = 0, last = 0;
  for (adam.step = 1; adam.step <= STEPS; adam.step++) {
    make_batch(x, y);
    rnn_tensor *out[3], *prediction, *loss; /* h of the last step; the final states h and c */
    rnn_args layer = {.t = (rnn_tensor *[]){x, params[0], params[1], params[2], params[3]}, .nt = 5, .recurrent = &lstm};
    check(rnn_apply(ctx, rnn_op_find("recurrent"), &layer, out));
    rnn_args head = {.t = (rnn_tensor *[]){out[0], params[4], params[5]}, .nt = 3};
    check(rnn_apply(ctx, rnn_op_find("linear"), &head, &prediction));
    rnn_args error = {.t = (rnn_tensor *[]){prediction, y}, .nt = 2};
    check(rnn_apply(ctx, rnn_op_find("mse"), &error, &loss));
    last = (double)rnn_tensor_floats(loss)[0];
    if (adam.step == 1) first = last;
    check(rnn_backward(ctx, loss, NULL));
    check(rnn_clip_grad_norm(ctx, params, PARAMS, 1, NULL));
    check(rnn_optimizer_step(ctx, &adam, params, PARAMS, state));
    for (int i = 0; i < PARAMS; i++) rnn_tensor_clear_grad(params[i]);
    for (int i = 0; i < 3; i++) rnn_tensor_free(out[i]);
    rnn_tensor_free(prediction);
    rnn_tensor_free(loss);
  }
  printf("mean squared error: %.4f at first, %.4f after %d steps\n", first, last, STEPS);
  for (int i = 0; i < PARAMS; i++) rnn_tensor_free(params[i]);
  for (int i = 0; i < 2 * PARAMS; i++) rnn_tensor_free(state[i]);
  rnn_tensor_free(x);
  rnn_tensor_free(y);
  rnn_ctx_free(ctx);
  return first > 0.2 && last < 0.02 ? 0 : 1;
}
