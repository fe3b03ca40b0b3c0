/* test_program.c: formulas, programs of a loop over time, and the op "scan" that runs them. Every fault of a text has its
 * message, and a text that is accepted, however odd, reads and writes nothing but its own; gradients against finite
 * differences, every coordinate (in double); samples, threads and padding change no bit; every allocation fails once. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rnn.h"
#include "program_parse.h"
#include "program_texts.h"

#define PROGRAMS (sizeof program_texts / sizeof *program_texts)
enum { MOST_INPUTS = 64, WATCH = 7 };
#ifdef __SANITIZE_ADDRESS__ /* five times slower */
enum { SEEDS = 4000 };
#else
enum { SEEDS = 20000 };
#endif

static rnn_ctx *ctx;

static void ok(rnn_status status) {
  if (status != RNN_OK) fail_msg("%s: %s", rnn_status_name(status), rnn_message(ctx));
}

static size_t in_use(void) {
  rnn_memory m;
  rnn_memory_read(ctx, &m);
  return m.live;
}

static void refused(rnn_status status, const char *message) {
  if (status == RNN_OK || strcmp(rnn_message(ctx), message) != 0)
    fail_msg("wanted '%s', got %s: %s", message, rnn_status_name(status), status == RNN_OK ? "" : rnn_message(ctx));
}

/* ---- a program and what it runs on ---- */

typedef struct machine {
  char text[1 << 14];
  parsed p;
  rnn_program *program;
  int64_t T, N;
  rnn_args args;
  rnn_tensor *in[MOST_INPUTS], *out[RNN_MAX_OUTPUTS], *weights[RNN_MAX_OUTPUTS]; /* the loss: the sum of out times weights */
  int inputs, states, outputs;
} machine;

static rnn_status read_text(machine *m, const char *text) {
  m->program = NULL;
  snprintf(m->text, sizeof m->text, "%s", text);
  parse_program(m->text, &m->p);
  return rnn_program_new(ctx, &m->p.text, &m->program);
}

typedef struct options {
  int64_t T, N;
  bool lengths, reverse, watch;
} options;

static rnn_status random_floats(int ndim, const int64_t *dims, rnn_tensor **t) {
  rnn_status status = rnn_tensor_new(ctx, RNN_FLOAT, ndim, dims, t);
  if (status == RNN_OK) status = rnn_tensor_uniform(ctx, *t, -1, 1);
  return status;
}

/* Does the program give input i a gradient? */
static bool has_gradient(const machine *m, int i) {
  const rnn_program_text *t = &m->p.text;
  bool has = i >= t->inputs;
  for (int k = 0; k < t->value_count; k++) has |= t->values[k].kind == RNN_D_STREAM && t->values[k].index == i;
  for (int k = 0; k < t->product_count; k++) has |= t->values[t->products[k].matrix].index == i;
  for (int k = 0; k < t->backward_count; k++)
    has |= strcmp(t->backward[k].name, "accumulate") == 0 && t->values[t->backward[k].to].index == i;
  return has;
}

/* Random tensors for all that the program takes. Padding holds what is no number. */
static rnn_status set_up(machine *m, options o) {
  const rnn_program_text *t = &m->p.text;
  m->T = o.T;
  m->N = o.N;
  m->inputs = t->inputs;
  m->states = t->states;
  m->outputs = t->states + t->result_count;
  m->args = (rnn_args){.program = m->program, .i = {o.T, o.reverse, o.watch ? WATCH : 0}, .t = m->in,
                       .nt = t->inputs + t->states + 1};
  memset(m->in, 0, sizeof m->in);
  memset(m->out, 0, sizeof m->out);
  memset(m->weights, 0, sizeof m->weights);
  if (m->args.nt > MOST_INPUTS) return RNN_EARG;
  for (int i = 0; i < m->args.nt - 1; i++) {
    int64_t dims[2];
    if (parsed_shape(t, i, o.T, o.N, dims) < 0) continue;
    if (dims[0] < 0 || dims[1] < 0 || dims[0] * dims[1] > 1 << 22) return RNN_ENOMEM;
    rnn_status status = random_floats(2, dims, &m->in[i]);
    if (status == RNN_OK && i < t->inputs && m->p.given[i]) status = rnn_tensor_fill(ctx, m->in[i], m->p.numbers[i]);
    if (status == RNN_OK) status = rnn_tensor_set_requires_grad(ctx, m->in[i], has_gradient(m, i));
    if (status != RNN_OK) return status;
  }
  if (!o.lengths) return RNN_OK;
  rnn_tensor **lengths = &m->in[m->args.nt - 1];
  rnn_status status = rnn_tensor_new(ctx, RNN_INT, 1, &o.N, lengths);
  for (int64_t n = 0; status == RNN_OK && n < o.N; n++) /* T, 1, 3, 0 ... */
    rnn_tensor_ints(*lengths)[n] = (int32_t)((n * 2 + o.T) % (o.T + 1));
  return status;
}

static bool valid(const machine *m, int64_t n, int64_t t) {
  const rnn_tensor *lengths = m->in[m->args.nt - 1];
  return !lengths || t < rnn_tensor_ints((rnn_tensor *)(uintptr_t)lengths)[n];
}

/* Does input i have a row for each sample, how many of them for each sample, and how wide? Of the others 0. */
static int64_t rows_of_input(const machine *m, int i) {
  if (i >= m->inputs) return m->in[i] && i < m->inputs + m->states ? 1 : 0;
  for (int k = 0; k < m->p.text.value_count; k++) {
    const rnn_value *v = &m->p.values[k];
    if (v->kind <= RNN_MATRIX && v->index == i)
      return v->kind == RNN_STREAM ? m->T : v->kind == RNN_CONSTANT && v->form == RNN_SAMPLES ? 1 : 0;
  }
  return 0;
}

/* The element where row (n, t) of output k begins, and its width. */
static int64_t row_of_output(const machine *m, int k, int64_t n, int64_t t, int64_t *width) {
  const rnn_tensor *y = m->out[k];
  int axes = rnn_tensor_ndim(y);
  *width = rnn_tensor_dims(y)[axes - 1];
  return (k < m->states ? n : axes == 3 ? n * m->T + t : t * m->N + n) * *width;
}

static void junk_in_padding(machine *m, rnn_real junk) {
  for (int i = 0; i < m->inputs; i++) {
    if (!m->in[i] || rows_of_input(m, i) != m->T || m->T == 1) continue;
    int64_t width = rnn_tensor_dims(m->in[i])[1];
    for (int64_t t = 0; t < m->T; t++)
      for (int64_t n = 0; n < m->N; n++)
        for (int64_t c = 0; c < width && !valid(m, n, t); c++) rnn_tensor_floats(m->in[i])[(t * m->N + n) * width + c] = junk;
  }
}

static void free_outputs(machine *m) {
  for (int k = 0; k < RNN_MAX_OUTPUTS; k++) {
    rnn_tensor_free(m->out[k]);
    m->out[k] = NULL;
  }
  rnn_tensor *read;
  if (m->args.i[2] && rnn_watched(ctx, WATCH, &read) == RNN_OK) rnn_tensor_free(read);
}

static void tear_down(machine *m) {
  free_outputs(m);
  for (int i = 0; i < MOST_INPUTS; i++) rnn_tensor_free(m->in[i]);
  for (int k = 0; k < RNN_MAX_OUTPUTS; k++) rnn_tensor_free(m->weights[k]);
  rnn_program_free(m->program);
}

static rnn_status forward(machine *m) {
  free_outputs(m);
  rnn_status status = rnn_apply(ctx, rnn_op_find("scan"), &m->args, m->out);
  if (status != RNN_OK) memset(m->out, 0, sizeof m->out);
  return status;
}

static rnn_status op(const char *name, rnn_tensor *a, rnn_tensor *b, rnn_tensor **y) {
  return rnn_apply(ctx, rnn_op_find(name), &(rnn_args){.t = (rnn_tensor *[]){a, b}, .nt = b ? 2 : 1}, y);
}

static rnn_status backward(machine *m) {
  rnn_tensor *loss = NULL;
  rnn_status status = RNN_OK;
  for (int k = 0; k < m->outputs && status == RNN_OK; k++) {
    rnn_tensor *product = NULL, *sum = NULL, *more = NULL;
    if (!m->weights[k]) status = random_floats(rnn_tensor_ndim(m->out[k]), rnn_tensor_dims(m->out[k]), &m->weights[k]);
    if (status == RNN_OK) status = op("mul", m->out[k], m->weights[k], &product);
    if (status == RNN_OK) status = op("sum", product, NULL, &sum);
    if (status == RNN_OK && loss) status = op("add", loss, sum, &more);
    rnn_tensor_free(product);
    if (more) {
      rnn_tensor_free(loss);
      rnn_tensor_free(sum);
      loss = more;
    } else if (!loss) {
      loss = sum;
    } else {
      rnn_tensor_free(sum);
    }
  }
  if (status == RNN_OK && rnn_tensor_requires_grad(loss)) status = rnn_backward(ctx, loss, NULL);
  rnn_tensor_free(loss);
  return status;
}

static double loss_of(machine *m) {
  bool was = rnn_ctx_set_recording(ctx, false);
  ok(forward(m));
  rnn_ctx_set_recording(ctx, was);
  double sum = 0;
  for (int k = 0; k < m->outputs; k++)
    for (int64_t n = 0; n < m->N; n++)
      for (int64_t t = 0; t < (k < m->states ? 1 : m->T); t++) {
        int64_t width, at = row_of_output(m, k, n, t, &width);
        for (int64_t c = 0; c < width && (k < m->states || valid(m, n, t)); c++)
          sum += (double)rnn_tensor_floats(m->out[k])[at + c] * (double)rnn_tensor_floats(m->weights[k])[at + c];
      }
  return sum;
}

/* ---- gradients ---- */

#ifdef RNN_DOUBLE
/* Fourth-order central difference. */
static double slope(machine *m, rnn_real *x) {
  static const double steps[4] = {-2, -1, 1, 2}, h = 1e-5; /* small, for there are kinks */
  double at = (double)*x, f[4];
  for (int k = 0; k < 4; k++) {
    *x = (rnn_real)(at + steps[k] * h);
    f[k] = loss_of(m);
  }
  *x = (rnn_real)at;
  return (8 * (f[2] - f[1]) - (f[3] - f[0])) / (12 * h);
}
#endif

static void check_gradients(const char *name, options o) {
  static machine m;
  rnn_seed(ctx, 5);
  ok(read_text(&m, name));
  ok(set_up(&m, o));
  junk_in_padding(&m, (rnn_real)NAN);
  ok(forward(&m));
  ok(backward(&m));
  for (int i = 0; i < m.args.nt - 1; i++) {
    rnn_tensor *dx = rnn_tensor_grad(m.in[i]);
    if (!dx != !has_gradient(&m, i)) fail_msg("input %d got %s gradient", i + 1, dx ? "a" : "no");
    if (!dx) continue;
    int64_t width = rnn_tensor_dims(dx)[1];
    for (int64_t e = 0; e < rnn_tensor_count(dx); e++) {
      double got = (double)rnn_tensor_floats(dx)[e];
      int64_t row = e / width;
      if (rows_of_input(&m, i) == m.T && m.T > 1 && !valid(&m, row % m.N, row / m.N)) {
        if (got != 0) fail_msg("the gradient of padding in input %d is %g", i + 1, got);
        continue;
      }
      if (!isfinite(got)) fail_msg("gradient of input %d at %d is %g", i + 1, (int)e, got);
#ifdef RNN_DOUBLE
      double want = slope(&m, rnn_tensor_floats(m.in[i]) + e), error = fabs(got - want) / fmax(1e-2, fmax(fabs(got), fabs(want)));
      if (error > 1e-7) fail_msg("gradient of input %d at %d is %.12g, finite differences give %.12g", i + 1, (int)e, got, want);
#endif
    }
  }
  (void)loss_of;
  tear_down(&m);
}

static void gradients_match_finite_differences(void **state) {
  (void)state;
  for (size_t i = 0; i < PROGRAMS; i++)
    for (int set = 0; set < 8; set++) {
      printf("  %s%s%s%s\n", program_texts[i].name, set & 1 ? ", lengths" : "", set & 2 ? ", reverse" : "", set & 4 ? ", one step" : "");
      check_gradients(program_texts[i].text, (options){.T = set & 4 ? 1 : 4, .N = 3, .lengths = set & 1, .reverse = set & 2});
    }
}

/* ---- bits ---- */

static bool same(rnn_real a, rnn_real b) { return a == b || (isnan(a) && isnan(b)); }

/* Rows of what has one for each sample. */
static void same_rows(const char *what, int k, rnn_tensor *all, int64_t row, rnn_tensor *one, int64_t of_one, int64_t width) {
  for (int64_t c = 0; c < width; c++)
    if (!same(rnn_tensor_floats(all)[row * width + c], rnn_tensor_floats(one)[of_one * width + c]))
      fail_msg("%s %d, row %d, column %d: %.9g in a batch, %.9g alone", what, k + 1, (int)row, (int)c,
               (double)rnn_tensor_floats(all)[row * width + c], (double)rnn_tensor_floats(one)[of_one * width + c]);
}

static rnn_status part_of(rnn_tensor *x, int64_t rows, int64_t n, int64_t N, rnn_tensor **out) {
  int64_t width = rnn_tensor_dims(x)[1];
  rnn_status status = rnn_tensor_new(ctx, RNN_FLOAT, 2, (int64_t[]){rows, width}, out);
  for (int64_t t = 0; status == RNN_OK && t < rows; t++)
    memcpy(rnn_tensor_floats(*out) + t * width, rnn_tensor_floats(x) + (t * N + n) * width, (size_t)width * sizeof(rnn_real));
  return status;
}

/* What was in memory before shows where something reads what nobody has written. */
static void soil_memory(double with) {
  rnn_tensor *t[64];
  int count = 0;
  for (int64_t size = 16; size < 2048 && count < 64; size += size / 4)
    for (int k = 0; k < 2 && count < 64; k++)
      if (rnn_tensor_new(ctx, RNN_FLOAT, 1, &size, &t[count]) == RNN_OK) {
        if (rnn_tensor_fill(ctx, t[count], with) != RNN_OK) fail();
        count++;
      }
  while (count > 0) rnn_tensor_free(t[--count]);
}

/* Every sample of m alone gives the same, and the same gradients, to the last bit. false: that does not run, for want of
   memory or as one input is two kinds of values. */
static bool samples_alone(machine *m) {
  static machine alone;
  bool done = true;
  for (int64_t n = 0; n < m->N && done; n++) {
    alone.p = m->p;
    alone.program = NULL;
    alone.T = m->T;
    alone.N = 1;
    alone.inputs = m->inputs;
    alone.states = m->states;
    alone.outputs = m->outputs;
    alone.args = m->args;
    alone.args.t = alone.in;
    memset(alone.in, 0, sizeof alone.in);
    memset(alone.out, 0, sizeof alone.out);
    memset(alone.weights, 0, sizeof alone.weights);
    rnn_status status = RNN_OK;
    for (int i = 0; i < m->args.nt - 1 && status == RNN_OK; i++) {
      if (!m->in[i]) continue;
      int64_t rows = rows_of_input(m, i);
      if (rows) status = part_of(m->in[i], rows, n, m->N, &alone.in[i]);
      else status = rnn_tensor_copy(ctx, m->in[i], &alone.in[i]);
      if (status == RNN_OK) status = rnn_tensor_set_requires_grad(ctx, alone.in[i], rnn_tensor_requires_grad(m->in[i]));
    }
    rnn_tensor *lengths = m->in[m->args.nt - 1];
    if (status == RNN_OK && lengths) {
      status = rnn_tensor_new(ctx, RNN_INT, 1, (int64_t[]){1}, &alone.in[m->args.nt - 1]);
      if (status == RNN_OK) *rnn_tensor_ints(alone.in[m->args.nt - 1]) = rnn_tensor_ints(lengths)[n];
    }
    soil_memory(1e3 * (double)(n + 2));
    if (status == RNN_OK) status = forward(&alone);
    for (int k = 0; k < m->outputs && status == RNN_OK; k++) {
      status = rnn_tensor_new(ctx, RNN_FLOAT, rnn_tensor_ndim(alone.out[k]), rnn_tensor_dims(alone.out[k]), &alone.weights[k]);
      for (int64_t t = 0; status == RNN_OK && t < (k < m->states ? 1 : m->T); t++) {
        int64_t width, from = row_of_output(m, k, n, t, &width), to = row_of_output(&alone, k, 0, t, &width);
        if (k < m->states || valid(m, n, t)) same_rows("output", k, m->out[k], from / width, alone.out[k], to / width, width);
        memcpy(rnn_tensor_floats(alone.weights[k]) + to, rnn_tensor_floats(m->weights[k]) + from, (size_t)width * sizeof(rnn_real));
      }
    }
    soil_memory(1e3 * (double)(n + 2));
    if (status == RNN_OK) status = backward(&alone);
    for (int i = 0; i < m->args.nt - 1 && status == RNN_OK; i++) {
      rnn_tensor *dx = m->in[i] ? rnn_tensor_grad(m->in[i]) : NULL, *d = m->in[i] ? rnn_tensor_grad(alone.in[i]) : NULL;
      if (!dx != !d) fail_msg("gradient %d comes in a batch only, or alone only", i + 1);
      int64_t rows = rows_of_input(m, i);
      for (int64_t t = 0; dx && t < rows; t++) same_rows("gradient", i, dx, t * m->N + n, d, t, rnn_tensor_dims(dx)[1]);
    }
    done = status == RNN_OK;
    if (!done && status != RNN_ENOMEM && status != RNN_ESHAPE) fail_msg("a sample alone: %s: %s", rnn_status_name(status), rnn_message(ctx));
    tear_down(&alone);
  }
  return done;
}

static void samples_are_the_same_alone(void **state) {
  (void)state;
  static machine m;
  for (size_t i = 0; i < PROGRAMS; i++)
    for (int set = 0; set < 4; set++) {
      rnn_seed(ctx, 9);
      ok(read_text(&m, program_texts[i].text));
      ok(set_up(&m, (options){.T = 5, .N = 7, .lengths = set & 1, .reverse = set & 2}));
      junk_in_padding(&m, INFINITY);
      ok(forward(&m));
      ok(backward(&m));
      assert_true(samples_alone(&m));
      tear_down(&m);
    }
}

/* Results and gradients; how many. */
static int keep_bits(machine *m, rnn_tensor **kept) {
  int count = 0;
  for (int k = 0; k < m->outputs; k++) ok(rnn_tensor_copy(ctx, m->out[k], &kept[count++]));
  for (int i = 0; i < m->args.nt - 1; i++) {
    if (!rnn_tensor_grad(m->in[i])) continue;
    ok(rnn_tensor_copy(ctx, rnn_tensor_grad(m->in[i]), &kept[count++]));
    rnn_tensor_clear_grad(m->in[i]);
  }
  return count;
}

static void threads_change_no_bit(void **state) {
  (void)state;
  static machine m;
  for (size_t i = 0; i < PROGRAMS; i++)
    for (int set = 0; set < 4; set++) {
      rnn_tensor *kept[3][RNN_MAX_OUTPUTS + MOST_INPUTS];
      int count = 0;
      rnn_seed(ctx, 11);
      ok(read_text(&m, program_texts[i].text));
      ok(set_up(&m, (options){.T = 9, .N = 16001, .lengths = set & 1, .reverse = set & 2}));
      for (int threads = 1; threads <= 3; threads++) {
        ok(rnn_ctx_set_threads(ctx, threads));
        ok(forward(&m));
        ok(backward(&m));
        count = keep_bits(&m, kept[threads - 1]);
      }
      for (int k = 0; k < count; k++)
        for (int threads = 0; threads < 3; threads++) {
          size_t size = (size_t)rnn_tensor_count(kept[0][k]) * sizeof(rnn_real);
          bool arbitrary = k >= m.states && k < m.outputs && set & 1; /* behind the lengths */
          if (!arbitrary && memcmp(rnn_tensor_data(kept[threads][k]), rnn_tensor_data(kept[0][k]), size) != 0)
            fail_msg("%s: tensor %d is another with %d threads", program_texts[i].name, k + 1, threads + 1);
          if (threads > 0) rnn_tensor_free(kept[threads][k]);
        }
      for (int k = 0; k < count; k++) rnn_tensor_free(kept[0][k]);
      tear_down(&m);
    }
  ok(rnn_ctx_set_threads(ctx, 1));
}

/* ---- faults of texts ---- */

/* A program of every kind of value and instruction, small. */
static const char sound[] =
    "inputs 4\nstates 1\nflow 10\n"
    "value before 1 3\n"           /* 1 */
    "value constant 1 3 0 row\n"   /* 2 */
    "value matrix 2 3 3\n"         /* 3 */
    "value stream 3 3\n"           /* 4 */
    "value saved 0 3\n"            /* 5 */
    "value temporary 0 3\n"        /* 6 */
    "value after 1 3\n"            /* 7 */
    "value d_after 1 3\n"          /* 8 */
    "value d_result 2 3\n"         /* 9 */
    "value d_stream 3 3\n"         /* 10 */
    "value d_before 1 3\n"         /* 11 */
    "value matrix 2 3 3\n"         /* 12 */
    "value constant 4 3 0 number\n" /* 13 */
    "value temporary 0 1\n"        /* 14 */
    "value d_product 0 3\n"        /* 15 */
    "value temporary 0 6\n"        /* 16 */
    "value temporary 0 3\n"        /* 17 */
    "value part 16 3\n"            /* 18 */
    "value part 16 3 0 0 3\n"      /* 19 */
    "value part 16 3 0 0 2\n"      /* 20 */
    "forward product 6 1 3 2\n"
    "forward add 5 4 6\n"
    "forward row_sum 14 5\n"
    "forward copy 18 5\n"
    "forward copy 19 6\n"
    "forward copy 17 20\n"
    "forward tanh 7 5\n"
    "backward tanh_back 6 7 8\n"
    "backward add 10 6 9\n"
    "backward copy 15 10\n"
    "backward accumulate 2 10\n"
    "backward tanh_slope 17 5 7 10 \n"
    "backward product 11 15 12 0 0 0 0 1\n"
    "product 1 3 15 0\n"
    "result 7 1\nresult 5 0\n"
    "watched 5 tanh 0\n";

typedef struct fault {
  const char *line, *instead, *message; /* an empty line: behind the text */
} fault;

static const fault faults[] = {
    {"inputs 4", "inputs -2", "program: -2 of one kind"},
    {"inputs 4", "inputs 4097", "program: 4097 of one kind"},
    {"states 1", "states 0", "program: expected 1 to 16 states and at most 32 results with them, got 0 and 2"},
    {"states 1", "states 17", "program: expected 1 to 16 states and at most 32 results with them, got 17 and 2"},
    {"value before 1 3", "value before 2 3", "program: value 1 is impossible"},
    {"value before 1 3", "value before -1 3", "program: value 1 is impossible"},
    {"value before 1 3", "value before 1 0", "program: value 1 is impossible"},
    {"value before 1 3", "value before 1 -3", "program: value 1 is impossible"},
    {"value before 1 3", "value 12 1 3", "program: value 1 is impossible"},
    {"value before 1 3", "value -1 1 3", "program: value 1 is impossible"},
    {"value constant 1 3 0 row", "value constant 1 3 0 3", "program: value 2 is impossible"},
    {"value constant 1 3 0 row", "value constant 5 3 0 row", "program: value 2 is impossible"},
    {"value matrix 2 3 3", "value matrix 2 3 0", "program: value 3 is impossible"},
    {"value stream 3 3", "value stream 5 3", "program: value 4 is impossible"},
    {"value d_result 2 3", "value d_result 3 3", "program: value 9 is impossible"},
    {"", "value before 1 3", "program: value 21 is there twice"},
    {"", "value after 1 3", "program: value 21 is there twice"},
    {"", "value d_after 1 3", "program: value 21 is there twice"},
    {"", "value d_before 1 3", "program: value 21 is there twice"},
    {"", "value stream 3 3", "program: value 21 is there twice"},
    {"", "value d_stream 3 3", "program: value 21 is there twice"},
    {"", "value d_result 2 3", "program: value 21 is there twice"},
    {"", "value d_stream 1 3", "program: input 1 is no stream of that width"},
    {"value d_stream 3 3", "value d_stream 3 4", "program: input 3 is no stream of that width"},
    {"forward tanh 7 5", "forward", "program: instruction 7 (no name): it has no name"},
    {"forward tanh 7 5", "forward tangens 7 5", "program: instruction 7 (tangens): there is no such instruction"},
    {"forward tanh 7 5", "forward sum 7 5", "program: instruction 7 (sum): there is no such instruction"},
    {"forward tanh 7 5", "forward _slope 7 5 5 5", "program: instruction 7 (_slope): there is no such instruction"},
    {"forward tanh 7 5", "forward sum_slope 7 5 5 5", "program: instruction 7 (sum_slope): there is no such instruction"},
    {"forward tanh 7 5", "forward a_name_of_forty_letters_or_even_more_slope 7 5 5 5",
     "program: instruction 7 (a_name_of_forty_letters_or_even_more_slope): there is no such instruction"},
    {"forward tanh 7 5", "forward tanh 7", "program: instruction 7 (tanh): there is no such value"},
    {"forward tanh 7 5", "forward tanh 7 21", "program: instruction 7 (tanh): there is no such value"},
    {"forward tanh 7 5", "forward tanh 0 5", "program: instruction 7 (tanh): there is no such value"},
    {"forward tanh 7 5", "forward tanh 22 5", "program: instruction 7 (tanh): there is no such value"},
    {"forward tanh 7 5", "forward add 7 5", "program: instruction 7 (add): there is no such value"},
    {"forward tanh 7 5", "forward where 7 5 5", "program: instruction 7 (where): there is no such value"},
    {"forward tanh 7 5", "forward tanh 7 3", "program: instruction 7 (tanh): a matrix is for products"},
    {"forward tanh 7 5", "forward product 7 3 3", "program: instruction 7 (product): a matrix is for products"},
    {"forward tanh 7 5", "forward product 7 5 3 3", "program: instruction 7 (product): a matrix is for products"},
    {"forward tanh 7 5", "forward product 7 5 4", "program: instruction 7 (product): its second factor is no matrix"},
    {"forward tanh 7 5", "forward tanh 7 8", "program: instruction 7 (tanh): reads what nobody has written"},
    {"forward tanh 7 5", "forward tanh 7 9", "program: instruction 7 (tanh): reads what nobody has written"},
    {"forward tanh 7 5", "forward tanh 7 11", "program: instruction 7 (tanh): reads what nobody has written"},
    {"forward tanh 7 5", "forward tanh 7 7", "program: instruction 7 (tanh): reads what nobody has written"},
    {"forward add 5 4 6", "forward add 5 4 17", "program: instruction 2 (add): reads what nobody has written"},
    {"backward add 10 6 9", "backward add 10 16 9", "program: instruction 2 (add): reads what nobody has written"},
    {"backward add 10 6 9", "backward add 10 17 9", "program: instruction 2 (add): reads what nobody has written"},
    {"backward add 10 6 9", "backward add 10 15 9", "program: instruction 2 (add): reads what nobody has written"},
    {"forward tanh 7 5", "forward accumulate 2 5", "program: instruction 7 (accumulate): is for gradients of constants"},
    {"backward accumulate 2 10", "backward accumulate 4 10", "program: instruction 4 (accumulate): is for gradients of constants"},
    {"forward tanh 7 5", "forward tanh 1 5", "program: instruction 7 (tanh): writes what is not its own"},
    {"forward tanh 7 5", "forward tanh 2 5", "program: instruction 7 (tanh): writes what is not its own"},
    {"forward tanh 7 5", "forward tanh 3 5", "program: instruction 7 (tanh): writes what is not its own"},
    {"forward tanh 7 5", "forward tanh 4 5", "program: instruction 7 (tanh): writes what is not its own"},
    {"forward tanh 7 5", "forward tanh 11 5", "program: instruction 7 (tanh): writes what is not its own"},
    {"forward tanh 7 5", "forward tanh 15 5", "program: instruction 7 (tanh): writes what is not its own"},
    {"backward copy 15 10", "backward copy 5 10", "program: instruction 3 (copy): writes what is not its own"},
    {"backward copy 15 10", "backward copy 7 10", "program: instruction 3 (copy): writes what is not its own"},
    {"backward copy 15 10", "backward copy 8 10", "program: instruction 3 (copy): writes what is not its own"},
    {"forward tanh 7 5", "forward tanh 6 5", "program: instruction 7 (tanh): writes what is there already"},
    {"forward product 6 1 3 2", "forward product 6 1 3 2 0 0 1", "program: instruction 1 (product): goes on from what nobody has written"},
    {"forward copy 18 5", "forward copy 20 5", "program: instruction 5 (copy): writes what is there already"},
    {"forward copy 19 6", "forward tanh 14 14", "program: instruction 5 (tanh): reads what it writes"},
    {"forward tanh 7 5", "forward product 7 5 3 0 0 0 1", "program: instruction 7 (product): goes on from what nobody has written"},
    {"forward tanh 7 5", "forward tanh 7 16", "program: instruction 7 (tanh): the widths of its values do not fit"},
    {"forward tanh 7 5", "forward add 7 5 16", "program: instruction 7 (add): the widths of its values do not fit"},
    {"forward tanh 7 5", "forward where 7 5 5 14", "program: instruction 7 (where): the widths of its values do not fit"},
    {"forward tanh 7 5", "forward softmax 7 16", "program: instruction 7 (softmax): the widths of its values do not fit"},
    {"forward tanh 7 5", "forward norm 7 16 14", "program: instruction 7 (norm): the widths of its values do not fit"},
    {"forward tanh 7 5", "forward norm_back 7 5 5 16", "program: instruction 7 (norm_back): the widths of its values do not fit"},
    {"forward tanh 7 5", "forward expand 7 5", "program: instruction 7 (expand): the widths of its values do not fit"},
    {"forward tanh 7 5", "forward row_max 7 5", "program: instruction 7 (row_max): the widths of its values do not fit"},
    {"forward tanh 7 5", "forward dot 7 16 5", "program: instruction 7 (dot): the widths of its values do not fit"},
    {"forward tanh 7 5", "forward dot 14 6 5 6", "program: instruction 7 (dot): the widths of its values do not fit"},
    {"forward tanh 7 5", "forward mix 7 16 6", "program: instruction 7 (mix): the widths of its values do not fit"},
    {"forward tanh 7 5", "forward outer 7 14 16", "program: instruction 7 (outer): the widths of its values do not fit"},
    {"forward tanh 7 5", "forward outer 7 3 14", "program: instruction 7 (outer): a matrix is for products"},
    {"forward tanh 7 5", "forward product 7 16 3", "program: instruction 7 (product): the widths of its values do not fit"},
    {"forward tanh 7 5", "forward product 7 5 3 14", "program: instruction 7 (product): the widths of its values do not fit"},
    {"forward product 6 1 3 2", "forward product 6 1 3 13", "program: instruction 1 (product): the widths of its values do not fit"},
    {"value part 16 3 0 0 2", "value part 16 3 0 0 4", "program: value 20 is impossible"},
    {"value part 16 3 0 0 2", "value part 16 3 0 0 -1", "program: value 20 is impossible"},
    {"value part 16 3 0 0 2", "value part 18 3", "program: value 20 is impossible"},
    {"backward accumulate 2 10", "backward accumulate 2 14", "program: instruction 4 (accumulate): reads what nobody has written"},
    {"forward tanh 7 5", "forward softmax 7 2", "program: instruction 7 (softmax): takes no constant row"},
    {"forward tanh 7 5", "forward product 7 2 3", "program: instruction 7 (product): takes no constant row"},
    {"forward tanh 7 5", "forward softmax 7 13", "program: instruction 7 (softmax): takes no constant row"},
    {"forward tanh 7 5", "forward product 7 5 3 0 0 0 0 1",
     "program: instruction 7 (product): takes a matrix both as it is and turned; give it twice"},
    {"forward tanh 7 5", "", "program: state 1 is not written"},
    {"value before 1 3", "value before 1 4", "program: instruction 1 (product): the widths of its values do not fit"},
    {"value d_after 1 3", "value d_after 1 4", "program: state 1 has two widths"},
    {"value d_before 1 3", "value d_before 1 4", "program: state 1 has two widths"},
    {"result 5 0", "result 6 0", "program: result 2 is not kept"},
    {"result 5 0", "result 2 0", "program: result 2 is not kept"},
    {"result 5 0", "result 0 0", "program: result 2 is not kept"},
    {"result 5 0", "result 21 0", "program: result 2 is not kept"},
    {"value d_result 2 3", "value d_result 1 3", "program: result 1 has no such gradient"},
    {"value d_result 2 3", "value d_result 2 4", "program: result 2 has no such gradient"},
    {"backward copy 15 10", "", "program: instruction 5 (product): reads what nobody has written"},
    {"backward product 11 15 12 0 0 0 0 1", "", "program: gradient 11 is not written"},
    {"", "value d_product 0 3", "program: gradient 21 is not written"},
    {"value d_before 1 3", "value temporary 1 3", "program: state 1 has no gradient"},
    {"product 1 3 15 0", "product 0 3 15 0", "program: product 1 has no such values"},
    {"product 1 3 15 0", "product 1 21 15 0", "program: product 1 has no such values"},
    {"product 1 3 15 0", "product 1 3 21 0", "program: product 1 has no such values"},
    {"product 1 3 15 0", "product 6 3 15 0", "program: product 1 does not fit its values"},
    {"product 1 3 15 0", "product 1 2 15 0", "program: product 1 does not fit its values"},
    {"product 1 3 15 0", "product 1 3 8 0", "program: product 1 does not fit its values"},
    {"watched 5 tanh 0", "watched 6 tanh 0", "program: watched value 1 is not saved"},
    {"watched 5 tanh 0", "watched 0 tanh 0", "program: watched value 1 is not saved"},
    {"watched 5 tanh 0", "watched 5 9999 0", "program: watched value 1 is not saved"},
    {"flow 10", "flow 8", "program: the flow is no gradient as wide as the first state"},
    {"flow 10", "flow 21", "program: the flow is no gradient as wide as the first state"},
};

static void edited(const char *text, const char *line, const char *instead, char *out, size_t size) {
  char wanted[128];
  snprintf(wanted, sizeof wanted, "%s\n", line);
  const char *at = *line ? strstr(text, wanted) : text + strlen(text);
  if (!at) fail_msg("the text has no line '%s'", line);
  snprintf(out, size, "%.*s%s\n%s", (int)(at - text), text, instead, *line ? at + strlen(wanted) : "");
}

static void every_fault_has_its_message(void **state) {
  (void)state;
  static machine m;
  char text[1 << 12];
  ok(read_text(&m, sound));
  rnn_program_free(m.program);
  size_t before = in_use();
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    edited(sound, faults[i].line, faults[i].instead, text, sizeof text);
    rnn_status status = read_text(&m, text);
    if (status != RNN_EARG || strcmp(rnn_message(ctx), faults[i].message) != 0)
      fail_msg("'%s' instead of '%s': wanted '%s', got %s: %s", faults[i].instead, faults[i].line, faults[i].message,
               rnn_status_name(status), status == RNN_OK ? "" : rnn_message(ctx));
    assert_int_equal(in_use(), before);
  }
  rnn_program *program;
  assert_int_equal(rnn_program_new(ctx, NULL, &program), RNN_EARG);
  assert_int_equal(rnn_program_new(ctx, &m.p.text, NULL), RNN_EARG);
  assert_int_equal(rnn_program_new(NULL, &m.p.text, &program), RNN_EARG);
}

/* What forward never writes is not there on the way back either. */
static void nothing_is_read_that_nobody_wrote(void **state) {
  (void)state;
  static const fault unwritten[] = {
      {"backward add 10 6 9", "backward add 10 21 9", "program: instruction 2 (add): reads what nobody has written"},
      {"product 1 3 15 0", "product 21 3 15 0", "program: product 1 does not fit its values"},
      {"watched 5 tanh 0", "watched 21 tanh 0", "program: watched value 1 is not saved"},
      {"result 5 0", "result 21 0", "program: result 2 is not kept"},
  };
  static machine m;
  char text[1 << 12], more[1 << 12];
  for (size_t i = 0; i < sizeof unwritten / sizeof *unwritten; i++) {
    edited(sound, "", "value saved 0 3", more, sizeof more);
    edited(more, unwritten[i].line, unwritten[i].instead, text, sizeof text);
    refused(read_text(&m, text), unwritten[i].message);
  }
}

static void tensors_fit_or_are_refused(void **state) {
  (void)state;
  static machine m;
  ok(read_text(&m, sound));
  ok(set_up(&m, (options){.T = 4, .N = 3, .lengths = true}));
  ok(forward(&m));
  free_outputs(&m);
  const rnn_op *scan = rnn_op_find("scan");
  rnn_args args = m.args;
  args.program = NULL;
  refused(rnn_apply(ctx, scan, &args, m.out), "scan: expected a description of the layer");
  args.recurrent = &(rnn_recurrent){.cell = RNN_CELL_RNN, .units = 3};
  refused(rnn_apply(ctx, scan, &args, m.out), "scan: expected a description of the layer");
  refused(rnn_apply(ctx, rnn_op_find("recurrent"), &m.args, m.out), "recurrent: expected a description of the layer");
  args = m.args;
  args.nt = 5;
  refused(rnn_apply(ctx, scan, &args, m.out), "scan: expected 6 tensors, got 5");
  args = m.args;
  args.i[0] = 0;
  refused(rnn_apply(ctx, scan, &args, m.out), "scan: expected at least one step");
  args.i[0] = INT64_MAX;
  refused(rnn_apply(ctx, scan, &args, m.out), "scan: not enough memory for that many steps");
  static const char *const wrong[] = {
      "scan: tensor 1 does not fit the program: (2, 2)", "scan: tensor 2 does not fit the program: (2, 2)",
      "scan: tensor 3 does not fit the program: (2, 2)", "scan: tensor 4 does not fit the program: (2, 2)",
      "scan: tensor 5 does not fit the program: (2, 2)", "scan: tensor 6 does not fit the program: (2, 2)"};
  for (int i = 0; i < 6; i++) {
    rnn_tensor *was = m.in[i], *other;
    ok(random_floats(2, (int64_t[]){2, 2}, &other));
    m.in[i] = other;
    refused(rnn_apply(ctx, scan, &m.args, m.out), wrong[i]);
    m.in[i] = NULL;
    char message[80];
    snprintf(message, sizeof message, "scan: tensor %d does not fit the program: nothing", i + 1);
    if (i < 5) refused(rnn_apply(ctx, scan, &m.args, m.out), message);
    m.in[i] = was;
    rnn_tensor_free(other);
  }
  int32_t *lengths = rnn_tensor_ints(m.in[5]);
  lengths[1] = -1;
  refused(rnn_apply(ctx, scan, &m.args, m.out), "scan: length -1 of sequence 2 is not within 0 to 4");
  lengths[1] = 5;
  refused(rnn_apply(ctx, scan, &m.args, m.out), "scan: length 5 of sequence 2 is not within 0 to 4");
  memset(m.out, 0, sizeof m.out);
  tear_down(&m);
}

/* No samples: results without rows, and gradients of zeros. */
static void no_samples(void **state) {
  (void)state;
  static machine m;
  for (size_t i = 0; i < PROGRAMS; i++) {
    ok(read_text(&m, program_texts[i].text));
    ok(set_up(&m, (options){.T = 3, .N = 0}));
    ok(forward(&m));
    ok(backward(&m));
    for (int k = 0; k < m.args.nt - 1; k++)
      for (int64_t e = 0; rnn_tensor_grad(m.in[k]) && e < rnn_tensor_count(m.in[k]); e++) assert_true(rnn_tensor_floats(rnn_tensor_grad(m.in[k]))[e] == 0);
    tear_down(&m);
  }
}

/* ---- texts with changes at random ---- */

static uint64_t next_random;
static int64_t pick(int64_t n) {
  next_random = next_random * 6364136223846793005u + 1442695040888963407u;
  return n > 0 ? (int64_t)((next_random >> 33) % (uint64_t)n) : 0;
}

/* Where line number k of text begins; *length without its end. */
static char *line_at(char *text, int64_t k, size_t *length) {
  while (k-- > 0 && strchr(text, '\n')) text = strchr(text, '\n') + 1;
  *length = strcspn(text, "\n");
  return text;
}

static int64_t count_lines(const char *text) {
  int64_t n = 0;
  for (; *text; text++) n += *text == '\n';
  return n;
}

/* The number k of words in a line. */
static char *word_at(char *line, size_t length, int64_t k, size_t *size) {
  char *end = line + length;
  for (; k > 0 && line < end; line++) k -= *line == ' ';
  *size = 0;
  while (line + *size < end && line[*size] != ' ') ++*size;
  return line;
}

static void replace(char *text, size_t room, char *at, size_t size, const char *with, size_t with_size) {
  size_t rest = strlen(at + size) + 1;
  if (strlen(text) + with_size + 1 >= room) return;
  memmove(at + with_size, at + size, rest);
  memcpy(at, with, with_size);
}

static void change(char *text, size_t room) {
  static const char *const odd[] = {"0", "-1", "1", "2", "3", "4", "6", "7", "12", "13", "17", "512", "513", "4096", "4097", "99999", "2147483647"};
  size_t length, size, other_length, other_size;
  int64_t lines = count_lines(text);
  char *line = line_at(text, pick(lines), &length), *other = line_at(text, pick(lines), &other_length), *word, copy[256];
  switch (pick(10)) {
    case 0: /* a byte */
      if (*text) text[pick((int64_t)strlen(text))] = (char)(1 + pick(255));
      break;
    case 1: /* a byte less */
      if (*text) replace(text, room, text + pick((int64_t)strlen(text)), 1, "", 0);
      break;
    case 2: /* a line less */
      replace(text, room, line, length + (line[length] == '\n'), "", 0);
      break;
    case 3: /* a line again, somewhere */
      snprintf(copy, sizeof copy, "%.*s\n", (int)length, line);
      replace(text, room, other, 0, copy, strlen(copy));
      break;
    case 4: /* the end is missing */
      if (pick(8) == 0) *line = '\0';
      break;
    case 5: { /* a word as in another line */
      int64_t k = pick(6);
      word = word_at(other, other_length, k, &other_size);
      snprintf(copy, sizeof copy, "%.*s", (int)other_size, word);
      word = word_at(line, length, k, &size);
      replace(text, room, word, size, copy, strlen(copy));
      break;
    }
    case 6: { /* another number */
      const char *with = odd[pick(sizeof odd / sizeof *odd)];
      word = word_at(line, length, 1 + pick(8), &size);
      replace(text, room, word, size, with, strlen(with));
      break;
    }
    default: /* another value of an instruction */
      snprintf(copy, sizeof copy, "%d", (int)(1 + pick(60)));
      word = word_at(line, length, 2 + pick(4), &size);
      if (*line != 'v') replace(text, room, word, size, copy, strlen(copy));
  }
}

static void changed_texts_reach_nothing_else(void **state) {
  (void)state;
  static machine m;
  static char text[1 << 14];
  const char *asked = getenv("RNNLUA_SEEDS"), *only = getenv("RNNLUA_SEED");
  int64_t seeds = asked ? atoll(asked) : SEEDS, accepted = 0, ran = 0;
  rnn_memory_set_limit(ctx, (size_t)64 << 20);
  for (int64_t seed = only ? atoll(only) : 0; seed < (only ? atoll(only) + 1 : seeds); seed++) {
    size_t before = in_use();
    next_random = (uint64_t)seed * 2654435761u + 12345;
    for (int k = 0; k < 3; k++) pick(2);
    snprintf(text, sizeof text, "%s", seed % 10 ? program_texts[pick(PROGRAMS)].text : sound);
    for (int64_t changes = 1 + pick(3); changes > 0; changes--) change(text, sizeof text);
    rnn_status status = read_text(&m, text);
    if (status != RNN_OK && (status != RNN_EARG || strncmp(rnn_message(ctx), "program: ", 9) != 0) && status != RNN_ENOMEM)
      fail_msg("seed %d: %s: %s", (int)seed, rnn_status_name(status), rnn_message(ctx));
    if (only) printf("%s%s: %s\n", text, rnn_status_name(status), status == RNN_OK ? "" : rnn_message(ctx));
    if (status == RNN_OK) {
      accepted++;
      rnn_seed(ctx, (uint64_t)seed);
      status = set_up(&m, (options){.T = 1 + pick(4), .N = 1 + pick(4), .lengths = pick(2), .reverse = pick(2), .watch = pick(2)});
      soil_memory(-1e3);
      if (status == RNN_OK) status = forward(&m);
      soil_memory(-1e3);
      if (status == RNN_OK) status = backward(&m);
      if (status != RNN_OK && status != RNN_ENOMEM && status != RNN_EARG && status != RNN_ESHAPE)
        fail_msg("seed %d: %s: %s", (int)seed, rnn_status_name(status), rnn_message(ctx));
      m.args.i[2] = 0;
      if (status == RNN_OK) ran += samples_alone(&m);
      m.args.i[2] = WATCH;
      tear_down(&m);
    }
    if (in_use() != before) fail_msg("seed %d: %d bytes stay", (int)seed, (int)(in_use() - before));
  }
  rnn_memory_set_limit(ctx, 0);
  printf("  %d texts, %d accepted, %d ran\n", (int)seeds, (int)accepted, (int)ran);
  assert_true(only || ran > seeds / 20);
}

/* ---- memory that is not there ---- */

static void need_memory_message(rnn_status status) {
  if (status != RNN_ENOMEM || strncmp(rnn_message(ctx), "not enough memory: ", 19) != 0)
    fail_msg("%s: %s", rnn_status_name(status), rnn_message(ctx));
}

static void compiling_without_memory(void **state) {
  (void)state;
  static machine m;
  for (size_t i = 0; i < PROGRAMS; i++) {
    size_t before = in_use();
    uint64_t nth = 1;
    for (rnn_status status = RNN_ENOMEM; status != RNN_OK; nth++) {
      rnn_memory_fail(ctx, nth, 1);
      status = read_text(&m, program_texts[i].text);
      rnn_memory_fail(ctx, 0, 0);
      if (status == RNN_OK) rnn_program_free(m.program);
      else need_memory_message(status);
      assert_int_equal(in_use(), before);
    }
    assert_true(nth > 10);
  }
}

/* Forward and backward in which allocation nth fails; the gradients that were there, of ones, are as they were then. */
static rnn_status attempt(machine *m, uint64_t nth) {
  for (int i = 0; i < m->args.nt - 1; i++) {
    rnn_tensor *sum;
    if (!has_gradient(m, i)) continue;
    ok(op("sum", m->in[i], NULL, &sum));
    ok(rnn_backward(ctx, sum, NULL));
    rnn_tensor_free(sum);
  }
  rnn_memory_fail(ctx, nth, 1);
  rnn_status status = forward(m);
  if (status == RNN_OK) status = backward(m);
  rnn_memory_fail(ctx, 0, 0);
  for (int i = 0; i < m->args.nt - 1; i++) {
    for (int64_t e = 0; status != RNN_OK && has_gradient(m, i) && e < rnn_tensor_count(m->in[i]); e++)
      if (rnn_tensor_floats(rnn_tensor_grad(m->in[i]))[e] != 1) fail_msg("failed and changed the gradient of input %d", i + 1);
    rnn_tensor_clear_grad(m->in[i]);
  }
  free_outputs(m);
  return status;
}

static void running_without_memory(void **state) {
  (void)state;
  static machine m;
  for (size_t i = 0; i < PROGRAMS; i++)
    for (int set = 0; set < 4; set++) {
      rnn_seed(ctx, 13);
      ok(read_text(&m, program_texts[i].text));
      ok(set_up(&m, (options){.T = 3, .N = 3, .lengths = set & 1, .watch = set & 2}));
      ok(forward(&m));
      ok(backward(&m)); /* makes the weights */
      for (int k = 0; k < m.args.nt - 1; k++) rnn_tensor_clear_grad(m.in[k]);
      free_outputs(&m);
      size_t before = in_use();
      uint64_t nth = 1;
      for (rnn_status status = RNN_ENOMEM; status != RNN_OK; nth++) {
        status = attempt(&m, nth);
        if (status != RNN_OK) need_memory_message(status);
        if (in_use() != before) fail_msg("%s: allocation %d fails and %d bytes stay", program_texts[i].name, (int)nth, (int)(in_use() - before));
      }
      assert_true(nth > 10);
      tear_down(&m);
    }
}

/* ---- formulas ---- */

enum { SAMPLES = 3 };

/* A trace that has begun, its inputs x (3, 4) and h (3, 4), and tensors with values. */
typedef struct formula {
  rnn_trace *trace;
  rnn_tensor *x, *h, *w, *row, *ids;
} formula;

static rnn_tensor *tensor_of(rnn_type type, int ndim, const int64_t *dims) {
  rnn_tensor *t;
  ok(rnn_tensor_new(ctx, type, ndim, dims, &t));
  ok(rnn_tensor_fill(ctx, t, 1));
  return t;
}

static void begin(formula *f) {
  const int64_t dims[2] = {SAMPLES, 4}, square[2] = {4, 4};
  *f = (formula){.w = tensor_of(RNN_FLOAT, 2, square), .row = tensor_of(RNN_FLOAT, 1, square), .ids = tensor_of(RNN_INT, 2, dims)};
  ok(rnn_trace_begin(ctx, SAMPLES, false, &f->trace));
  ok(rnn_trace_input(f->trace, 2, dims, &f->x));
  ok(rnn_trace_input(f->trace, 2, dims, &f->h));
}

static void finish(formula *f) {
  rnn_trace_free(f->trace);
  rnn_tensor *all[] = {f->x, f->h, f->w, f->row, f->ids};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) rnn_tensor_free(all[i]);
}

static rnn_status apply(const char *name, rnn_args args, rnn_tensor *const *t, int nt, rnn_tensor **y) {
  rnn_tensor *out[RNN_MAX_OUTPUTS];
  args.t = t;
  args.nt = nt;
  rnn_status status = rnn_apply(ctx, rnn_op_find(name), &args, out);
  *y = status == RNN_OK ? out[0] : NULL;
  return status;
}

/* tanh(x W' + row) * h + ... : more than there is room for at first. */
static rnn_status note(formula *f) {
  rnn_tensor *y = NULL, *more = NULL, *left = rnn_tensor_ref(f->h);
  rnn_status status = apply("linear", (rnn_args){0}, (rnn_tensor *[]){f->x, f->w, f->row}, 3, &y);
  for (int i = 0; i < 80 && status == RNN_OK; i++) {
    rnn_tensor *number = NULL;
    status = rnn_tensor_new(ctx, RNN_FLOAT, 0, NULL, &number);
    if (status == RNN_OK) status = op(i % 2 ? "mul" : "add", left, number, &more);
    rnn_tensor_free(number);
    if (status != RNN_OK) break;
    rnn_tensor_free(left);
    left = more;
  }
  if (status == RNN_OK) status = op("sub", y, left, &more);
  if (status == RNN_OK) rnn_tensor_free(more);
  rnn_tensor_free(y);
  rnn_tensor_free(left);
  return status;
}

static void works(void) {
  formula f;
  begin(&f);
  ok(note(&f));
  assert_int_equal(rnn_trace_count(f.trace), 2 + 1 + 80 + 1);
  assert_int_equal(rnn_trace_captured_count(f.trace), 2 + 80);
  assert_null(rnn_trace_side_effect(f.trace));
  finish(&f);
  rnn_tensor *x = tensor_of(RNN_FLOAT, 1, (int64_t[]){2}), *y; /* ops compute again */
  ok(op("add", x, x, &y));
  assert_true(rnn_tensor_floats(y)[1] == 2);
  rnn_tensor_free(x);
  rnn_tensor_free(y);
}

/* An op that a formula refuses: its tensors, of which x and h are of the formula, w, r and i are not, and o is of an
   earlier one. */
typedef struct refusal {
  const char *op, *tensors;
  rnn_args args;
  const char *message;
} refusal;

#define WRITES "step changes a tensor in place; write h = h + ... and return what is new as state"
#define DRAWS "step draws random numbers; use the options zoneout and recurrent_dropout"

static const refusal refusals[] = {
    {"sum", "x", {0}, "sum mixes samples of the batch"},
    {"sum", "x", {.nshape = 1, .shape = {0}}, "sum mixes samples of the batch"},
    {"mean", "x", {.nshape = 2, .shape = {1, 0}, .i = {1}}, "mean mixes samples of the batch"},
    {"sum", "x", {.nshape = 1, .shape = {1}}, "sum leaves no axis of features; keepdim = true does"},
    {"softmax", "x", {.i = {0}}, "softmax mixes samples of the batch"},
    {"cumsum", "x", {.i = {0}}, "cumsum mixes samples of the batch"},
    {"concat", "xh", {.i = {0}}, "concat mixes samples of the batch"},
    {"concat", "xhxhxhxhx", {.i = {1}}, "concat takes more than 8 tensors"},
    {"slice", "x", {.i = {0, 1, 2, 1}}, "slice mixes samples of the batch"},
    {"select", "x", {.i = {0, 1}}, "step takes a sample out of the batch; where(cond, a, b) decides for each of them"},
    {"select", "x", {.i = {1, 1}}, "select has no rule for a formula"},
    {"reshape", "x", {.nshape = 2, .shape = {4, 3}}, "reshape mixes samples of the batch"},
    {"matmul", "wx", {0}, "matmul: inner sizes differ: (4, 4) x (3, 4)"},
    {"linear", "wx", {0}, "linear mixes samples of the batch"},
    {"linear", "xh", {0}, "linear: argument 2 is made by the step itself, for which there is no rule"},
    {"dropout", "x", {.n = {0.5}}, DRAWS},
    {"add", "xi", {0}, "add takes an int32 tensor; x:to_float() makes it a float"},
    {"add", "xo", {0}, "add uses a tensor of an earlier step; return it as state"},
    {"tanh", "o", {0}, "tanh uses a tensor of an earlier step; return it as state"},
    {"transpose", "x", {.i = {0, 1}}, "transpose has no rule for a formula"},
    {"flip", "x", {0}, "flip has no rule for a formula"},
    {"argmax", "x", {.i = {1}}, "argmax has no rule for a formula"},
    {"sort", "x", {.i = {1}}, "sort has no rule for a formula"},
    {"gather", "xi", {.i = {1}}, "gather has no rule for a formula"},
    {"to_int", "x", {0}, "to_int has no rule for a formula"},
    {"nonzero", "x", {0}, "nonzero has no rule for a formula"},
    {"mse", "xh", {0}, "mse has no rule for a formula"},
    {"linalg.inv", "x", {0}, "linalg.inv has no rule for a formula"},
};

static rnn_tensor *chosen(const formula *f, rnn_tensor *earlier, char letter) {
  switch (letter) {
    case 'x': return f->x;
    case 'h': return f->h;
    case 'w': return f->w;
    case 'r': return f->row;
    case 'i': return f->ids;
    default: return earlier;
  }
}

static void ops_that_a_formula_refuses(void **state) {
  (void)state;
  formula old, f;
  begin(&old);
  rnn_trace_end(old.trace);
  size_t before = in_use();
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    const refusal *r = &refusals[i];
    rnn_tensor *t[12], *y;
    int nt = 0;
    begin(&f);
    for (const char *p = r->tensors; *p; p++) t[nt++] = chosen(&f, old.x, *p);
    size_t size, after;
    rnn_trace_signature(f.trace, &size);
    rnn_status status = apply(r->op, r->args, t, nt, &y);
    if (status == RNN_OK || !r->message || strcmp(rnn_message(ctx), r->message) != 0)
      fail_msg("%s(%s): wanted '%s', got %s: '%s'", r->op, r->tensors, r->message ? r->message : "?", rnn_status_name(status),
               status == RNN_OK ? "" : rnn_message(ctx));
    /* As if it had not been asked for. */
    rnn_trace_signature(f.trace, &after);
    assert_int_equal(after, size);
    assert_int_equal(rnn_trace_count(f.trace), 2);
    assert_int_equal(rnn_trace_captured_count(f.trace), 0);
    assert_null(rnn_trace_side_effect(f.trace));
    ok(note(&f));
    finish(&f);
    assert_int_equal(in_use(), before);
    works();
  }
  finish(&old);
}

/* Every op of one or two tensors is noted, refused with a reason of its own, or has no rule. */
static void ops_without_a_rule(void **state) {
  (void)state;
  formula f;
  int noted = 0, none = 0;
  begin(&f);
  for (int i = 0; rnn_op_at(i); i++) {
    const char *name = rnn_op_name(rnn_op_at(i)), *signature = rnn_op_signature(rnn_op_at(i));
    if (strcmp(signature, "t") != 0 && strcmp(signature, "tt") != 0) continue;
    rnn_tensor *y;
    int at = rnn_trace_count(f.trace);
    if (apply(name, (rnn_args){0}, (rnn_tensor *[]){f.x, f.h}, (int)strlen(signature), &y) == RNN_OK) {
      noted++;
      assert_true(rnn_tensor_is_formula(y));
      assert_int_equal(rnn_trace_place(f.trace, y), at + 1);
      assert_string_equal(rnn_op_name(rnn_trace_node_at(f.trace, at + 1)->op), name);
      rnn_tensor_free(y);
    } else {
      assert_int_equal(rnn_trace_count(f.trace), at);
      none += strstr(rnn_message(ctx), " has no rule for a formula") != NULL;
    }
  }
  printf("  %d noted, %d without a rule\n", noted, none);
  assert_true(noted > 30);
  assert_true(none > 0);
  finish(&f);
}

static rnn_status draw_uniform(formula *f) { return rnn_tensor_uniform(ctx, f->row, 0, 1); }
static rnn_status draw_into_formula(formula *f) { return rnn_tensor_normal(ctx, f->x, 0, 1); }
static rnn_status draw_new(formula *f) {
  (void)f;
  rnn_tensor *t;
  ok(rnn_tensor_new(ctx, RNN_FLOAT, 1, (int64_t[]){3}, &t));
  rnn_status status = rnn_tensor_uniform(ctx, t, 0, 1);
  rnn_tensor_free(t);
  return status;
}
static rnn_status draw_ids(formula *f) {
  rnn_tensor *t;
  rnn_status status = rnn_multinomial(ctx, f->row, 1, true, &t);
  if (status == RNN_OK) rnn_tensor_free(t);
  return status;
}
static rnn_status draw_seed(formula *f) {
  (void)f;
  rnn_seed(ctx, 99);
  return RNN_OK;
}
static rnn_status write_fill(formula *f) { return rnn_tensor_fill(ctx, f->row, 2); }
static rnn_status write_zeros(formula *f) { return rnn_tensor_fill(ctx, f->w, 0); }
static rnn_status write_assign(formula *f) { return rnn_tensor_assign(ctx, f->w, f->row); }
static rnn_status write_formula(formula *f) { return rnn_tensor_assign(ctx, f->x, f->h); }
static rnn_status write_fill_formula(formula *f) { return rnn_tensor_fill(ctx, f->x, 1); }
static rnn_status write_put(formula *f) {
  rnn_tensor *id = tensor_of(RNN_INT, 1, (int64_t[]){1}), *value = tensor_of(RNN_FLOAT, 1, (int64_t[]){1});
  rnn_status status = rnn_tensor_put(ctx, f->row, 0, 1, &id, value);
  rnn_tensor_free(id);
  rnn_tensor_free(value);
  return status;
}
static rnn_status write_grad(formula *f) {
  (void)f;
  rnn_trace *second;
  return rnn_trace_begin(ctx, 3, false, &second);
}

/* What is refused at once, and what rnn_trace_side_effect tells afterwards. */
static void writes_and_draws(void **state) {
  (void)state;
  static const struct {
    const char *name;
    rnn_status (*f)(formula *);
    const char *now, *later;
  } all[] = {
      {"uniform", draw_uniform, DRAWS, NULL},
      {"normal into the formula", draw_into_formula, DRAWS, NULL},
      {"uniform into a new tensor", draw_new, DRAWS, NULL},
      {"multinomial", draw_ids, NULL, DRAWS},
      {"seed", draw_seed, NULL, DRAWS},
      {"fill", write_fill, WRITES, NULL},
      {"fill with zeros", write_zeros, WRITES, NULL},
      {"assign", write_assign, WRITES, NULL},
      {"assign to the formula", write_formula, WRITES, NULL},
      {"fill of the formula", write_fill_formula, WRITES, NULL},
      {"put", write_put, WRITES, NULL},
      {"a second trace", write_grad, "a layer inside a step has no formula of its own", NULL},
  };
  size_t before = in_use();
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    formula f;
    rnn_seed(ctx, 3);
    rnn_random_state random = rnn_random_get(ctx);
    begin(&f);
    rnn_status status = all[i].f(&f);
    const char *later = rnn_trace_side_effect(f.trace);
    if (all[i].now ? status == RNN_OK || strcmp(rnn_message(ctx), all[i].now) != 0 : status != RNN_OK)
      fail_msg("%s: wanted '%s', got %s: %s", all[i].name, all[i].now ? all[i].now : "", rnn_status_name(status),
               status == RNN_OK ? "" : rnn_message(ctx));
    if (all[i].later ? !later || strcmp(later, all[i].later) != 0 : later != NULL)
      fail_msg("%s: wanted the side effect '%s', got '%s'", all[i].name, all[i].later ? all[i].later : "", later ? later : "");
    assert_true(rnn_tensor_floats(f.row)[0] == 1 && rnn_tensor_floats(f.w)[0] == 1);
    finish(&f);
    assert_int_equal(in_use(), before);
    assert_int_equal(rnn_random_get(ctx).position, random.position);
    assert_int_equal(rnn_random_get(ctx).seed, random.seed);
    works();
  }
}

/* A tensor of a formula has no values; a tensor that the step itself has made may be written. */
static void values_of_formulas(void **state) {
  (void)state;
  formula f;
  rnn_tensor *own, *copy;
  begin(&f);
  assert_null(rnn_tensor_floats(f.x));
  ok(rnn_tensor_copy(ctx, f.x, &copy)); /* whoever reads all the same reads no number */
  for (int i = 0; i < SAMPLES * 4; i++) assert_true(isnan(rnn_tensor_floats(copy)[i]));
  rnn_tensor_free(copy);
  assert_true(rnn_tensor_is_formula(f.x) && !rnn_tensor_is_formula(f.w) && !rnn_tensor_is_formula(NULL));
  assert_int_equal(rnn_trace_place(f.trace, f.h), 2);
  assert_int_equal(rnn_trace_place(f.trace, f.w), 0);
  ok(rnn_tensor_new(ctx, RNN_FLOAT, 1, (int64_t[]){4}, &own));
  ok(rnn_tensor_fill(ctx, own, 3));
  assert_null(rnn_trace_side_effect(f.trace));
  assert_null(rnn_trace_node_at(f.trace, 0));
  assert_null(rnn_trace_node_at(f.trace, 3));
  assert_null(rnn_trace_captured(f.trace, 1));
  rnn_tensor *y;
  assert_int_equal(rnn_trace_apply(f.trace, 1, &own, 1, &y), RNN_EARG); /* an input */
  assert_int_equal(rnn_trace_apply(f.trace, 9, &own, 1, &y), RNN_EARG);
  assert_int_equal(rnn_trace_input(f.trace, 1, (int64_t[]){SAMPLES}, &y), RNN_EARG);
  assert_int_equal(rnn_trace_input(f.trace, 2, (int64_t[]){SAMPLES + 1, 4}, &y), RNN_EARG);
  assert_int_equal(rnn_trace_input(f.trace, 2, (int64_t[]){SAMPLES, 4}, NULL), RNN_EARG);
  assert_int_equal(rnn_trace_input(NULL, 2, (int64_t[]){SAMPLES, 4}, &y), RNN_EARG);
  rnn_tensor_free(own);
  finish(&f);
  rnn_trace *t;
  assert_int_equal(rnn_trace_begin(ctx, 0, false, &t), RNN_EARG);
  assert_int_equal(rnn_trace_begin(ctx, 1, false, NULL), RNN_EARG);
  rnn_trace_free(NULL);
  rnn_trace_end(NULL);
  rnn_trace_forget(NULL);
}

static void tracing_without_memory(void **state) {
  (void)state;
  size_t before = in_use(), size, wanted;
  formula f, g;
  begin(&g);
  ok(note(&g));
  rnn_trace_end(g.trace);
  rnn_trace_signature(g.trace, &wanted);
  size_t with = in_use();
  uint64_t nth = 1;
  for (rnn_status status = RNN_ENOMEM; status != RNN_OK; nth++) {
    rnn_tensor *t;
    begin(&f);
    rnn_memory_fail(ctx, nth, 1);
    status = note(&f);
    rnn_memory_fail(ctx, 0, 0);
    if (status != RNN_OK) need_memory_message(status);
    if (status == RNN_OK) assert_true(rnn_trace_same(f.trace, f.trace));
    assert_null(rnn_trace_side_effect(f.trace));
    rnn_trace_signature(f.trace, &size);
    assert_true(status != RNN_OK || size == wanted);
    finish(&f);
    assert_int_equal(in_use(), with);
    ok(rnn_tensor_new(ctx, RNN_FLOAT, 1, (int64_t[]){3}, &t));
    rnn_tensor_free(t);
  }
  assert_true(nth > 80);
  /* To begin needs memory, too. */
  for (rnn_status status = RNN_ENOMEM, k = 1; status != RNN_OK; k++) {
    rnn_trace *t = NULL;
    rnn_memory_fail(ctx, (uint64_t)k, 1);
    status = rnn_trace_begin(ctx, 2, true, &t);
    rnn_memory_fail(ctx, 0, 0);
    if (status != RNN_OK) need_memory_message(status);
    else rnn_trace_free(t);
    assert_int_equal(in_use(), with);
  }
  works();
  finish(&g);
  assert_int_equal(in_use(), before);
}

/* An input or op that failed for want of memory, and is asked for again, leaves the formula as if it never had. */
static void failed_ops_leave_no_trace(void **state) {
  (void)state;
  formula f, g;
  rnn_tensor *y, *more, *in[3];
  begin(&g);
  ok(rnn_trace_input(g.trace, 2, (int64_t[]){SAMPLES, 2}, &more));
  rnn_tensor_free(more);
  ok(apply("linear", (rnn_args){0}, (rnn_tensor *[]){g.x, g.w, g.row}, 3, &y));
  rnn_tensor_free(y);
  rnn_trace_end(g.trace);
  size_t wanted, size;
  const char *bytes = rnn_trace_signature(g.trace, &wanted);
  for (int nth = 1, done = 0; !done; nth++) {
    begin(&f);
    in[0] = f.x, in[1] = f.w, in[2] = f.row;
    rnn_memory_fail(ctx, (uint64_t)nth, 1);
    done = rnn_trace_input(f.trace, 2, (int64_t[]){SAMPLES, 2}, &more) == RNN_OK;
    bool first = done;
    done = done && apply("linear", (rnn_args){0}, in, 3, &y) == RNN_OK;
    rnn_memory_fail(ctx, 0, 0);
    if (!first) ok(rnn_trace_input(f.trace, 2, (int64_t[]){SAMPLES, 2}, &more));
    if (!done) ok(apply("linear", (rnn_args){0}, in, 3, &y));
    rnn_tensor_free(more);
    const char *got = rnn_trace_signature(f.trace, &size);
    if (size != wanted || memcmp(got, bytes, size) != 0) fail_msg("allocation %d fails, and the formula is another", nth);
    assert_int_equal(rnn_trace_captured_count(f.trace), 2);
    assert_int_equal(rnn_trace_count(f.trace), 4);
    rnn_tensor_free(y);
    finish(&f);
  }
  finish(&g);
}

/* A formula has no part without gradients, or with them alone. */
static void recording_is_as_it_was(void **state) {
  (void)state;
  for (int on = 0; on < 2; on++) {
    formula f;
    rnn_tensor *y;
    rnn_ctx_set_recording(ctx, on);
    begin(&f);
    rnn_ctx_set_recording(ctx, !on);
    refused(op("add", f.x, f.h, &y), "step switches recording for add (rnn.no_grad), for which there is no rule");
    assert_string_equal(rnn_trace_side_effect(f.trace), "step switches recording off or on, and leaves it so");
    rnn_ctx_set_recording(ctx, on);
    assert_null(rnn_trace_side_effect(f.trace));
    ok(note(&f));
    rnn_ctx_set_recording(ctx, !on);
    rnn_trace_end(f.trace);
    assert_int_equal(rnn_ctx_recording(ctx), on);
    finish(&f);
  }
  rnn_ctx_set_recording(ctx, true);
}

static void nothing_leaks(void **state) {
  (void)state;
  assert_int_equal(in_use(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_fault_has_its_message), cmocka_unit_test(nothing_is_read_that_nobody_wrote),
      cmocka_unit_test(tensors_fit_or_are_refused), cmocka_unit_test(no_samples),
      cmocka_unit_test(gradients_match_finite_differences), cmocka_unit_test(samples_are_the_same_alone),
      cmocka_unit_test(threads_change_no_bit), cmocka_unit_test(changed_texts_reach_nothing_else),
      cmocka_unit_test(compiling_without_memory), cmocka_unit_test(running_without_memory),
      cmocka_unit_test(ops_that_a_formula_refuses), cmocka_unit_test(ops_without_a_rule), cmocka_unit_test(writes_and_draws),
      cmocka_unit_test(recording_is_as_it_was),
      cmocka_unit_test(values_of_formulas), cmocka_unit_test(tracing_without_memory),
      cmocka_unit_test(failed_ops_leave_no_trace), cmocka_unit_test(nothing_leaks)};
  const char *only = getenv("RNNLUA_TEST");
  if (only) cmocka_set_test_filter(only);
  if (rnn_ctx_new(&ctx) != RNN_OK) return 1;
  if (rnn_ctx_set_threads(ctx, 1) != RNN_OK) return 1;
  int failures = cmocka_run_group_tests(tests, NULL, NULL);
  rnn_ctx_free(ctx);
  return failures;
}
