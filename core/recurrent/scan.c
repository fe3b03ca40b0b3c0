/* scan.c: the op "scan": a program that runs once a time step, forwards, and one that goes back through it. Programs are
 * what the plan of a cell (stdlib/rnn/nn/plan.lua) leaves in the loop: the rest of a step runs over all steps at once, by
 * ordinary ops. Everything is time-major: the rows of a step, one for each sample, lie together. Here values get their
 * memory, and gradients of weights come after the loop; run.c runs the instructions. */
#include "scan.h"

/* ---- memory ---- */

/* Constants that are numbers or rows are spread over as many rows as a piece has. */
static rnn_status spread(rnni_loop *j, int id, const rnn_tensor *x, real **block) {
  const rnn_value *v = &j->p->values[id];
  int64_t rows = rnni_rows_of_piece(v->width);
  real *to = *block;
  *block += rows * v->width;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t k = 0; k < v->width; k++) to[r * v->width + k] = rnni_f(x)[v->form == RNN_NUMBER ? 0 : k];
  j->at[id].base = to;
  return RNN_OK;
}

static int64_t spread_size(const rnn_program *p) {
  int64_t size = 0;
  for (int i = 0; i < p->count; i++)
    if (p->values[i].kind == RNN_CONSTANT && p->values[i].form != RNN_SAMPLES)
      size += rnni_rows_of_piece(p->values[i].width) * p->values[i].width;
  return size;
}

/* Inputs of the op: streams, constants and matrices, then first states. */
static rnn_tensor *input_of(const rnni_call *c, const rnn_program *p, const rnn_value *v) {
  return c->in[v->kind == RNN_BEFORE || v->kind == RNN_AFTER ? p->inputs + v->index : v->index];
}

static rnn_status begin(rnn_ctx *ctx, const rnni_call *c, bool backward, rnni_loop *j) {
  const rnn_program *p = c->args.program;
  *j = (rnni_loop){.ctx = ctx, .p = p, .code = backward ? &p->backward : &p->forward, .backward = backward,
              .T = c->args.i[0], .reverse = c->args.i[1], .N = c->in[p->inputs]->dims[0]};
  const rnn_tensor *lengths = c->in[p->inputs + p->states];
  j->lengths = lengths ? rnni_i(lengths) : NULL;
  size_t values = (size_t)p->count * sizeof *j->at, states = (size_t)p->states * sizeof *j->state;
  RNNI_TRY(rnni_calloc(ctx, values + states + (size_t)p->results * sizeof *j->above, &j->at));
  j->state = (struct side *)(j->at + p->count);
  j->above = (const real **)(j->state + p->states);
  return RNN_OK;
}

/* Values that lie in the op's inputs and outputs. states and saved: of forward. */
static rnn_status place_values(rnni_loop *j, const rnni_call *c, real *saved, real **block) {
  const rnn_program *p = j->p;
  for (int i = 0; i < p->count; i++) {
    const rnn_value *v = &p->values[i];
    int64_t step = j->N * v->width;
    j->at[i].step = step;
    switch (v->kind) {
      case RNN_STREAM: j->at[i].base = rnni_f(input_of(c, p, v)); break;
      case RNN_CONSTANT:
        if (v->form == RNN_SAMPLES) {
          j->at[i].base = rnni_f(input_of(c, p, v));
          j->at[i].step = 0;
        } else {
          RNNI_TRY(spread(j, i, input_of(c, p, v), block));
        }
        break;
      case RNN_BEFORE: j->at[i].base = j->state[v->index].all + rnni_place_before(j, 0) * step; break;
      case RNN_AFTER: j->at[i].base = j->state[v->index].all + rnni_place_after(j, 0) * step; break;
      case RNN_SAVED:
        j->at[i].base = saved;
        saved += j->T * step;
        break;
      default: break;
    }
  }
  return RNN_OK;
}

/* What products with a matrix are in; int8 has a scale for each row of the tensor, which x W' needs. */
static rnn_form form_of(const rnni_loop *j, const rnni_call *c, int id) {
  if (j->ctx->low != RNN_FORM_INT8) return j->ctx->low;
  bool int8 = j->code->packs[id] == RNNI_PLAIN && rnn_tensor_form(input_of(c, j->p, &j->p->values[id])) == RNN_FORM_INT8;
  return int8 ? RNN_FORM_INT8 : RNN_FORM_FLOAT;
}

/* Memory of the code's own: values that are neither in registers nor anywhere else. */
static int64_t own_size(const rnni_loop *j, const rnni_call *c) {
  int64_t size = 0;
  for (int i = 0; i < j->p->count; i++) {
    const rnn_value *v = &j->p->values[i];
    if (v->kind == RNN_D_PRODUCT && j->backward) size += j->T * j->N * v->width;
    if (v->kind == RNN_TEMPORARY && j->code->homes[i] == RNNI_ROWS) size += j->N * v->width;
    if (v->kind == RNN_MATRIX && j->code->packs[i]) {
      int64_t k = j->code->packs[i] == RNNI_TURNED ? v->rows : v->width, n = j->code->packs[i] == RNNI_TURNED ? v->width : v->rows;
      size += rnni_panels_size(form_of(j, c, i), k, n);
    }
  }
  return size;
}

static void place_own(rnni_loop *j, const rnni_call *c, real **block) {
  for (int i = 0; i < j->p->count; i++) {
    const rnn_value *v = &j->p->values[i];
    if (v->kind == RNN_MATRIX && j->code->packs[i]) {
      /* the tensor is (rows, width); x W' takes it as it is, and x W turned */
      bool turned = j->code->packs[i] == RNNI_TURNED;
      const real *w = rnni_f(input_of(c, j->p, v));
      rnn_form form = form_of(j, c, i);
      if (turned) j->at[i].panels = rnni_pack_into(j->ctx, form, block, v->rows, v->width, w, v->width, 1);
      else j->at[i].panels = rnni_pack_into(j->ctx, form, block, v->width, v->rows, w, 1, v->width);
    } else if (v->kind == RNN_D_PRODUCT && j->backward) {
      j->at[i].base = rnni_take(block, j->T * j->N * v->width);
    } else if (v->kind == RNN_TEMPORARY && j->code->homes[i] == RNNI_ROWS) {
      j->at[i].base = rnni_take(block, j->N * v->width);
      j->at[i].step = 0;
    }
  }
}

/* ---- the op ---- */

enum { KEPT };

static int scan_outputs(const rnn_args *args) { return args->program->states + args->program->results; }

static rnn_status wrong(rnn_ctx *ctx, int input, const rnn_tensor *t) {
  return rnni_fail(ctx, RNN_ESHAPE, "scan: tensor %d does not fit the program: %s", input + 1, t ? RNNI_SHAPE(t) : "nothing");
}

static rnn_status scan_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_program *p = c->args.program;
  int64_t T = c->args.i[0];
  if (c->nin != p->inputs + p->states + 1)
    return rnni_fail(ctx, RNN_EARG, "scan: expected %d tensors, got %d", p->inputs + p->states + 1, c->nin);
  if (T < 1) return rnni_fail(ctx, RNN_EARG, "scan: expected at least one step");
  const rnn_tensor *h = c->in[p->inputs], *lengths = c->in[p->inputs + p->states];
  int64_t N = h && h->ndim == 2 ? h->dims[0] : 0;
  double widths = 0; /* of everything that there is of a step */
  for (int i = 0; i < p->count; i++) widths += (double)p->values[i].width;
  if (((double)T + 1) * (double)N * widths > 1e15) return rnni_fail(ctx, RNN_ENOMEM, "scan: not enough memory for that many steps");
  for (int k = 0; k < p->states; k++) {
    const rnn_tensor *t = c->in[p->inputs + k];
    if (!t || t->type != RNN_FLOAT || t->ndim != 2 || t->dims[0] != N || t->dims[1] != p->state_widths[k])
      return wrong(ctx, p->inputs + k, t);
  }
  if (lengths && (lengths->type != RNN_INT || lengths->ndim != 1 || lengths->dims[0] != N))
    return wrong(ctx, p->inputs + p->states, lengths);
  for (int64_t n = 0; lengths && n < N; n++) {
    int32_t length = rnni_i(lengths)[n];
    if (length < 0 || length > T)
      return rnni_fail(ctx, RNN_EARG, "scan: length %d of sequence %lld is not within 0 to %lld", length, (long long)n + 1, (long long)T);
  }
  for (int i = 0; i < p->count; i++) {
    const rnn_value *v = &p->values[i];
    if (v->kind != RNN_STREAM && v->kind != RNN_CONSTANT && v->kind != RNN_MATRIX) continue;
    const rnn_tensor *t = c->in[v->index];
    int64_t rows = v->kind == RNN_STREAM ? T * N : v->kind == RNN_MATRIX ? v->rows : v->form == RNN_SAMPLES ? N : 1;
    int64_t count = rows * (v->kind == RNN_CONSTANT && v->form == RNN_NUMBER ? 1 : v->width);
    if (!t || t->type != RNN_FLOAT || t->count != count) return wrong(ctx, v->index, t);
  }
  c->out_ndim = -1;
  return RNN_OK;
}

/* Elements of what is kept for backward: saved values, and each state before and after every step. */
static int64_t kept_size(const rnn_program *p, int64_t N, int64_t T) {
  int64_t size = 0;
  for (int i = 0; i < p->count; i++)
    if (p->values[i].kind == RNN_SAVED) size += T * N * p->values[i].width;
  for (int k = 0; k < p->states; k++) size += (T + 1) * N * p->state_widths[k];
  return size;
}

/* The states lie first in what is kept; gives what is behind them. */
static real *place_states(rnni_loop *j, real *kept) {
  for (int k = 0; k < j->p->states; k++) {
    j->state[k].all = kept;
    kept += (j->T + 1) * j->N * j->p->state_widths[k];
  }
  return kept;
}

static rnn_status make_results(rnn_ctx *ctx, rnni_call *c, const rnni_loop *j) {
  const rnn_program *p = j->p;
  for (int k = 0; k < p->states; k++) {
    int64_t part = j->N * p->state_widths[k], last = j->reverse ? 0 : j->T;
    RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 2, (int64_t[]){j->N, p->state_widths[k]}, &c->out[k]));
    RNNI_TRY(rnni_copy(ctx, c->out[k]->data, j->state[k].all + last * part, (size_t)part * sizeof(real)));
  }
  for (int k = 0; k < p->results; k++) {
    int id = p->result[k].value;
    int64_t w = p->values[id].width, N = j->N, T = j->T;
    bool batch = p->result[k].batch;
    rnn_tensor **out = &c->out[p->states + k];
    RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, batch ? 3 : 2, batch ? (int64_t[]){N, T, w} : (int64_t[]){T * N, w}, out));
    real *y = rnni_f(*out);
    if (!batch) {
      RNNI_TRY(rnni_copy(ctx, y, j->at[id].base, (size_t)(T * N * w) * sizeof *y));
      continue;
    }
    rnni_kernel->swap_axes(T, N, w, j->at[id].base, N * w, y, T * w);
    for (int64_t n = 0; j->lengths && n < N; n++)
      for (int64_t t = j->lengths[n]; t < T; t++) memset(y + (n * T + t) * w, 0, (size_t)w * sizeof *y);
  }
  return RNN_OK;
}

static rnn_status scan_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_program *p = c->args.program;
  rnni_loop j;
  RNNI_TRY(begin(ctx, c, false, &j));
  real *block = NULL, *next, *saved;
  int64_t kept = kept_size(p, j.N, j.T);
  rnn_status status;
  RNNI_GOTO(rnni_tensor_raw(ctx, RNN_FLOAT, 1, &kept, &c->scratch[KEPT]));
  saved = place_states(&j, rnni_f(c->scratch[KEPT]));
  for (int k = 0; k < p->states; k++) {
    int64_t part = j.N * p->state_widths[k];
    RNNI_GOTO(rnni_copy(ctx, j.state[k].all + (j.reverse ? j.T : 0) * part, c->in[p->inputs + k]->data, (size_t)part * sizeof(real)));
  }
  RNNI_GOTO(rnni_array(ctx, spread_size(p) + own_size(&j, c), sizeof *block, &block));
  next = block;
  RNNI_GOTO(place_values(&j, c, saved, &next));
  place_own(&j, c, &next);
  RNNI_GOTO(rnni_run_loop(&j));
  status = make_results(ctx, c, &j);
done:
  rnni_free(ctx, block);
  rnni_free(ctx, j.at);
  return status;
}

/* The rows of a value that is kept for all steps, or of a part of one. */
static const real *rows_of(const rnni_loop *j, int id) {
  const rnn_value *v = &j->p->values[id];
  return v->kind == RNN_PART ? j->at[v->index].base + v->from : j->at[id].base;
}

/* dW += dY' A over all rows. */
static rnn_status weight_gradients(rnni_loop *j, const rnni_call *c) {
  const rnn_program *p = j->p;
  for (int k = 0; k < p->products; k++) {
    const rnn_program_product *q = &p->product[k];
    const rnn_value *w = &p->values[q->matrix], *d = &p->values[q->gradient];
    if (!c->wants[w->index]) continue;
    int64_t rows = j->T * j->N, m = d->width, n = p->values[q->left].width, pd = rnni_pitch(j, q->gradient), pa = rnni_pitch(j, q->left);
    const real *dy = rows_of(j, q->gradient), *a = rows_of(j, q->left);
    real *dw = rnni_f(c->din[w->index]);
    if (q->turned) RNNI_TRY(rnni_gemm(j->ctx, n, m, rows, a, 1, pa, dy, pd, 1, NULL, dw, m, true));
    else RNNI_TRY(rnni_gemm(j->ctx, m, n, rows, dy, 1, pd, a, pa, 1, NULL, dw, n, true));
  }
  return RNN_OK;
}

static rnn_status constant_gradients(const rnni_loop *j, const rnni_call *c) {
  for (int i = 0; i < j->p->count; i++) {
    const rnn_value *v = &j->p->values[i];
    if (!j->at[i].sums || !c->wants[v->index]) continue;
    RNNI_TRY(rnni_poll(j->ctx));
    real *to = rnni_f(c->din[v->index]);
    if (v->form == RNN_SAMPLES) {
      rnni_add(to, j->at[i].sums, j->N * v->width);
    } else if (v->form == RNN_ROW) {
      rnni_kernel->sum_columns(j->N, v->width, j->at[i].sums, v->width, NULL, 0, to);
    } else {
      double sum = 0;
      rnni_kernel->fold_lines(RNNI_SUM, 1, j->N * v->width, j->at[i].sums, j->N * v->width, NULL, &sum);
      to[0] += (real)sum;
    }
  }
  return RNN_OK;
}

/* Of a stream whose gradient tensor has no values yet, the program writes it there. */
static bool writes_there(const rnni_call *c, const rnn_value *v) {
  return v->kind == RNN_D_STREAM && c->wants[v->index] && c->raw[v->index];
}

static int64_t gradients_size(const rnni_loop *j, const rnni_call *c) {
  const rnn_program *p = j->p;
  int64_t size = 0;
  for (int k = 0; k < p->states; k++) size += 3 * j->N * p->state_widths[k];
  for (int i = 0; i < p->count; i++) {
    const rnn_value *v = &p->values[i];
    if (p->sums[i]) size += j->N * v->width;
    if (v->kind == RNN_D_RESULT) size += j->N * v->width;
    if (v->kind == RNN_D_STREAM && !writes_there(c, v)) size += j->T * j->N * v->width;
  }
  return size;
}

static rnn_status place_gradients(rnni_loop *j, const rnni_call *c, real **block) {
  const rnn_program *p = j->p;
  int64_t all = j->T * j->N;
  for (int i = 0; i < p->count; i++) {
    const rnn_value *v = &p->values[i];
    if (p->sums[i]) {
      j->at[i].sums = rnni_take(block, j->N * v->width);
      RNNI_TRY(rnni_copy(j->ctx, j->at[i].sums, NULL, (size_t)(j->N * v->width) * sizeof(real)));
    }
    if (v->kind == RNN_D_RESULT) {
      j->at[i].base = rnni_take(block, j->N * v->width);
      j->at[i].step = 0;
    }
    if (v->kind == RNN_D_STREAM) j->at[i].base = writes_there(c, v) ? rnni_f(c->din[v->index]) : rnni_take(block, all * v->width);
  }
  for (int k = 0; k < p->states; k++) {
    int64_t part = j->N * p->state_widths[k];
    j->state[k].gradients = rnni_take(block, 3 * part);
    RNNI_TRY(rnni_copy(j->ctx, j->state[k].gradients, c->dout[k] ? c->dout[k]->data : NULL, (size_t)part * sizeof(real)));
  }
  for (int k = 0; k < p->results; k++) j->above[k] = c->dout[p->states + k] ? rnni_f(c->dout[p->states + k]) : NULL;
  return RNN_OK;
}

/* What the program does not write has to be added to. */
static rnn_status clear_raw(rnn_ctx *ctx, const rnni_call *c) {
  const rnn_program *p = c->args.program;
  for (int i = 0; i < c->nin; i++) {
    bool written = false;
    for (int k = 0; k < p->count && !written; k++) written = p->values[k].index == i && writes_there(c, &p->values[k]);
    if (c->wants[i] && c->raw[i] && !written)
      RNNI_TRY(rnni_copy(ctx, c->din[i]->data, NULL, (size_t)c->din[i]->count * sizeof(real)));
  }
  return RNN_OK;
}

static rnn_status scan_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_program *p = c->args.program;
  rnni_loop j;
  RNNI_TRY(begin(ctx, c, true, &j));
  real *block = NULL, *next, *saved;
  uint64_t mode = rnni_float_mode();
  rnn_status status;
  rnni_flush_subnormals();
  saved = place_states(&j, rnni_f(c->scratch[KEPT]));
  RNNI_GOTO(clear_raw(ctx, c));
  RNNI_GOTO(rnni_array(ctx, spread_size(p) + own_size(&j, c) + gradients_size(&j, c), sizeof *block, &block));
  next = block;
  RNNI_GOTO(place_values(&j, c, saved, &next));
  place_own(&j, c, &next);
  RNNI_GOTO(place_gradients(&j, c, &next));
  if (c->args.i[2]) {
    int64_t sizes[2] = {0, 0}; /* activations, gates */
    for (int k = 0; k < p->watched; k++) sizes[p->watch[k].gate] += p->values[p->watch[k].value].width;
    RNNI_GOTO(rnni_watch_open(ctx, c->args.i[2], j.N, j.T, sizes[0], sizes[1], &j.figures));
  }
  RNNI_GOTO(rnni_run_loop(&j));
  for (int k = 0; k < p->states; k++) {
    int64_t part = j.N * p->state_widths[k];
    if (c->wants[p->inputs + k]) rnni_add(rnni_f(c->din[p->inputs + k]), j.state[k].gradients + j.T % 2 * part, part);
  }
  for (int i = 0; i < p->count; i++) {
    const rnn_value *v = &p->values[i];
    if (v->kind != RNN_D_STREAM || !c->wants[v->index] || c->raw[v->index]) continue;
    RNNI_GOTO(rnni_poll(ctx));
    rnni_add(rnni_f(c->din[v->index]), j.at[i].base, j.T * j.N * v->width);
  }
  RNNI_GOTO(constant_gradients(&j, c));
  RNNI_GOTO(weight_gradients(&j, c));
done:
  rnni_set_float_mode(mode);
  rnni_free(ctx, block);
  rnni_free(ctx, j.at);
  return status;
}

const rnn_op rnni_op_scan = {.name = "scan", .args = "P",
                             .doc = "(program, tensors, steps). A program of a recurrent cell over all time steps; see rnn.h.",
                             .shape = scan_shape, .forward = scan_forward, .backward = scan_backward,
                             .saves = RNNI_SAVE_INPUTS, .lengths = RNNI_LENGTHS_OWN, .fills = true, .products = true,
                             .integers = true,
                             .outputs = scan_outputs};
