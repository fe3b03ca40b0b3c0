/* engine.c: the one time loop, forward and backward, of all cells.
 *
 * Forward: the input product of all steps is one matrix product; the recurrent weights are packed once; then the batch
 * is cut into slices and each runs its whole sequence without meeting the others. Backward mirrors it: the loop leaves
 * the gates' gradients where the gates were, and after it dW is one product over all steps. */
#include "engine.h"

#include "../kernels/kernels.h"

int rnn_cell_gates(rnn_cell cell) { return cell == RNN_CELL_LSTM ? 4 : cell == RNN_CELL_GRU ? 3 : 1; }
int rnn_cell_states(rnn_cell cell) { return cell == RNN_CELL_LSTM ? 2 : 1; }
int64_t rnni_layer_kept(rnn_cell cell, int64_t units) { return cell == RNN_CELL_RNN ? 0 : 4 * units; }

/* One run over the slices of a batch. */
typedef struct loop {
  rnn_ctx *ctx;
  const rnni_layer *l;
  const rnni_layer_gradients *g;
  int64_t gates;         /* G*H */
  int64_t lda;           /* columns of a step's buffer: 4H, or H for the simple RNN */
  real *a;               /* l->a, or the simple RNN's own: h forward, its gradients backward */
  rnni_panels u;         /* the recurrent weights, packed: forward U', backward U */
  rnni_panels u_n;       /* the GRU's part for n */
  real *dh, *dc;         /* backward (N, H) */
  int tasks;
} loop;

static bool stopped(const loop *j) { return atomic_load_explicit(&j->ctx->interrupted, memory_order_relaxed); }

static bool padding(const rnni_layer *l, int64_t n, int64_t t) { return l->lengths && t >= l->lengths[n]; }

static void clear_padding(const rnni_layer *l, int64_t r0, int64_t r1, int64_t t, real *p, int64_t columns) {
  if (!l->lengths || !p) return;
  for (int64_t n = r0; n < r1; n++)
    if (padding(l, n, t)) memset(p + (n - r0) * columns, 0, (size_t)columns * sizeof *p);
}

static int slices(rnn_ctx *ctx, const rnni_layer *l, int64_t gates) {
  double work = (double)l->T * (double)l->N * (double)l->H * (double)(gates + 8); /* 8: the functions of the gates */
  return (int)RNNI_MIN(rnni_threads_for(ctx, work), RNNI_MAX(l->N, 1));
}

/* ---- forward ---------------------------------------------------------------------------------------------------- */

static void forward_slice(void *arg, int task) {
  const loop *j = arg;
  const rnni_layer *l = j->l;
  int64_t N = l->N, H = l->H, r0 = N * task / j->tasks, r1 = N * (task + 1) / j->tasks, rows = r1 - r0;
  for (int64_t t = 0; t < l->T && !stopped(j); t++) {
    const real *h_before = l->h + (t * N + r0) * H;
    real *h = l->h + ((t + 1) * N + r0) * H;
    real *a = j->a + (t * N + r0) * j->lda;
    switch (l->cell) {
      case RNN_CELL_RNN:
        rnni_kernel->product(rows, H, H, h_before, H, 1, j->u, NULL, h, H, true);
        if (l->activation == RNN_TANH) rnni_kernel->tanh(rows * H, h, h);
        else
          for (int64_t i = 0; i < rows * H; i++) h[i] = h[i] > 0 || h[i] != h[i] ? h[i] : 0;
        break;
      case RNN_CELL_LSTM: {
        const real *c_before = l->c + (t * N + r0) * H;
        real *c = l->c + ((t + 1) * N + r0) * H;
        rnni_kernel->product(rows, 4 * H, H, h_before, H, 1, j->u, NULL, a, j->lda, true);
        rnni_kernel->lstm_forward(rows, H, a, c_before, c, h);
        clear_padding(l, r0, r1, t, c, H);
        break;
      }
      case RNN_CELL_GRU:
        rnni_kernel->product(rows, 2 * H, H, h_before, H, 1, j->u, NULL, a, j->lda, true);
        rnni_kernel->product(rows, H, H, h_before, H, 1, j->u_n, l->b_hh + 2 * H, a + 3 * H, j->lda, false);
        rnni_kernel->gru_forward(rows, H, a, h_before, h);
        break;
    }
    clear_padding(l, r0, r1, t, h, H);
  }
}

/* The bias that belongs to the input product: b + b', but the GRU's b'_n stays with U_n h (reset after the product). */
static void input_bias(const rnni_layer *l, int64_t gates, real *bias) {
  int64_t both = l->cell == RNN_CELL_GRU ? 2 * l->H : gates;
  for (int64_t i = 0; i < gates; i++) bias[i] = l->b_ih[i] + (i < both ? l->b_hh[i] : 0);
}

rnn_status rnni_layer_forward(rnn_ctx *ctx, const rnni_layer *l) {
  int64_t H = l->H, gates = rnn_cell_gates(l->cell) * H, rows = l->T * l->N;
  bool gru = l->cell == RNN_CELL_GRU;
  int64_t first = gru ? 2 * H : gates; /* columns of the first packed block */
  real *room = NULL;
  rnn_status status;
  RNNI_GOTO(rnni_array(ctx, rnni_packed_size(H, first) + (gru ? rnni_packed_size(H, H) : 0) + gates, sizeof *room,
                       &room));
  real *packed = room, *packed_n = room + rnni_packed_size(H, first);
  real *bias = packed_n + (gru ? rnni_packed_size(H, H) : 0);
  loop j = {.ctx = ctx, .l = l, .gates = gates, .lda = l->a ? 4 * H : H, .a = l->a ? l->a : l->h + l->N * H,
            .u = rnni_packed(packed, H), .u_n = rnni_packed(packed_n, H)};
  input_bias(l, gates, bias);
  RNNI_GOTO(rnni_gemm(ctx, rows, gates, l->D, l->x, l->D, 1, l->w_ih, 1, l->D, bias, j.a, j.lda, false));
  rnni_kernel->pack(H, first, l->w_hh, 1, H, packed);
  if (gru) rnni_kernel->pack(H, H, l->w_hh + 2 * H * H, 1, H, packed_n);
  j.tasks = slices(ctx, l, gates);
  rnni_parallel(ctx, j.tasks, forward_slice, &j);
  status = rnni_poll(ctx);
done:
  rnni_free(ctx, room);
  return status;
}

/* ---- backward ---------------------------------------------------------------------------------------------------- */

/* The gradients of the final states enter where each sequence ends. */
static void enter_end(const loop *j, int64_t r0, int64_t r1, int64_t t) {
  const rnni_layer *l = j->l;
  int64_t H = l->H;
  for (int64_t n = r0; n < r1; n++) {
    if ((l->lengths ? l->lengths[n] : l->T) - 1 != t) continue;
    if (j->g->dh_end) rnni_add(j->dh + n * H, j->g->dh_end + n * H, H);
    if (j->g->dc_end && j->dc) rnni_add(j->dc + n * H, j->g->dc_end + n * H, H);
  }
}

static void rnn_backward_step(const rnni_layer *l, int64_t rows, const real *h, const real *dh, const real *dy,
                              ptrdiff_t lddy, real *d) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t u = 0; u < l->H; u++) {
      int64_t i = r * l->H + u;
      real e = dh[i] + (dy ? dy[r * lddy + u] : 0);
      d[i] = l->activation == RNN_TANH ? e * (1 - h[i] * h[i]) : h[i] > 0 ? e : 0;
    }
}

static void backward_slice(void *arg, int task) {
  const loop *j = arg;
  const rnni_layer *l = j->l;
  const rnni_layer_gradients *g = j->g;
  int64_t N = l->N, H = l->H, r0 = N * task / j->tasks, r1 = N * (task + 1) / j->tasks, rows = r1 - r0;
  real *dh = j->dh + r0 * H, *dc = j->dc ? j->dc + r0 * H : NULL;
  for (int64_t t = l->T - 1; t >= 0 && !stopped(j); t--) {
    const real *h_before = l->h + (t * N + r0) * H, *h = h_before + N * H;
    const real *dy = g->dy ? g->dy + r0 * g->row + t * g->step : NULL;
    real *a = j->a + (t * N + r0) * j->lda;
    if (t == l->T - 1 || l->lengths) enter_end(j, r0, r1, t);
    switch (l->cell) {
      case RNN_CELL_RNN:
        rnn_backward_step(l, rows, h, dh, dy, g->row, a);
        clear_padding(l, r0, r1, t, a, j->lda);
        rnni_kernel->product(rows, H, H, a, H, 1, j->u, NULL, dh, H, false);
        break;
      case RNN_CELL_LSTM: {
        const real *c_before = l->c + (t * N + r0) * H;
        rnni_kernel->lstm_backward(rows, H, a, c_before, c_before + N * H, dh, dy, g->row, dc);
        clear_padding(l, r0, r1, t, a, j->lda);
        clear_padding(l, r0, r1, t, dc, H);
        rnni_kernel->product(rows, H, 4 * H, a, j->lda, 1, j->u, NULL, dh, H, false);
        break;
      }
      case RNN_CELL_GRU:
        rnni_kernel->gru_backward(rows, H, a, h_before, dh, dy, g->row);
        clear_padding(l, r0, r1, t, a, j->lda);
        clear_padding(l, r0, r1, t, dh, H);
        rnni_kernel->product(rows, H, 2 * H, a, j->lda, 1, j->u, NULL, dh, H, true);
        rnni_kernel->product(rows, H, H, a + 3 * H, j->lda, 1, j->u_n, NULL, dh, H, true);
        break;
    }
  }
  enter_end(j, r0, r1, -1); /* sequences of length 0 end where they begin */
}

/* sums[i] += column i of a; blocks of rows first, so that long sums keep their digits. */
static void add_column_sums(const real *a, int64_t lda, int64_t rows, int64_t columns, real *block, real *sums) {
  for (int64_t r = 0; r < rows; r += 64) {
    memset(block, 0, (size_t)columns * sizeof *block);
    for (int64_t k = r; k < RNNI_MIN(r + 64, rows); k++) rnni_add(block, a + k * lda, columns);
    rnni_add(sums, block, columns);
  }
}

static void bias_gradients(const loop *j, int64_t rows, real *block) {
  const rnni_layer_gradients *g = j->g;
  int64_t H = j->l->H;
  if (g->db_ih) add_column_sums(j->a, j->lda, rows, j->gates, block, g->db_ih);
  if (!g->db_hh) return;
  bool gru = j->l->cell == RNN_CELL_GRU;
  add_column_sums(j->a, j->lda, rows, gru ? 2 * H : j->gates, block, g->db_hh);
  if (gru) add_column_sums(j->a + 3 * H, j->lda, rows, H, block, g->db_hh + 2 * H);
}

/* dW = dA' X over all steps, dU = dA' H_before, dX = dA W. */
static rnn_status weight_gradients(const loop *j, int64_t rows) {
  rnn_ctx *ctx = j->ctx;
  const rnni_layer *l = j->l;
  const rnni_layer_gradients *g = j->g;
  int64_t H = l->H, D = l->D, lda = j->lda;
  bool gru = l->cell == RNN_CELL_GRU;
  if (g->dw_ih) RNNI_TRY(rnni_gemm(ctx, j->gates, D, rows, j->a, 1, lda, l->x, D, 1, NULL, g->dw_ih, D, true));
  if (g->dw_hh) {
    int64_t first = gru ? 2 * H : j->gates;
    RNNI_TRY(rnni_gemm(ctx, first, H, rows, j->a, 1, lda, l->h, H, 1, NULL, g->dw_hh, H, true));
    if (gru)
      RNNI_TRY(rnni_gemm(ctx, H, H, rows, j->a + 3 * H, 1, lda, l->h, H, 1, NULL, g->dw_hh + 2 * H * H, H, true));
  }
  if (g->dx) RNNI_TRY(rnni_gemm(ctx, rows, D, j->gates, j->a, lda, 1, l->w_ih, D, 1, NULL, g->dx, D, false));
  return RNN_OK;
}

rnn_status rnni_layer_backward(rnn_ctx *ctx, const rnni_layer *l, const rnni_layer_gradients *g) {
  int64_t H = l->H, gates = rnn_cell_gates(l->cell) * H, rows = l->T * l->N, state = l->N * H;
  bool gru = l->cell == RNN_CELL_GRU, lstm = l->cell == RNN_CELL_LSTM;
  int64_t first = gru ? 2 * H : gates;
  int64_t packed_size = rnni_packed_size(first, H) + (gru ? rnni_packed_size(H, H) : 0);
  real *room = NULL, *own = NULL;
  rnn_status status;
  RNNI_GOTO(rnni_array(ctx, packed_size + 2 * state + gates, sizeof *room, &room));
  if (!l->a) RNNI_GOTO(rnni_array(ctx, rows * H, sizeof *own, &own));
  real *packed_n = room + rnni_packed_size(first, H), *dh = room + packed_size, *dc = dh + state, *block = dc + state;
  loop j = {.ctx = ctx, .l = l, .g = g, .gates = gates, .lda = l->a ? 4 * H : H, .a = l->a ? l->a : own,
            .u = rnni_packed(room, first), .u_n = rnni_packed(packed_n, H), .dh = dh, .dc = lstm ? dc : NULL};
  memset(dh, 0, (size_t)(2 * state) * sizeof *dh);
  rnni_kernel->pack(first, H, l->w_hh, H, 1, room);
  if (gru) rnni_kernel->pack(H, H, l->w_hh + 2 * H * H, H, 1, packed_n);
  j.tasks = slices(ctx, l, gates);
  rnni_parallel(ctx, j.tasks, backward_slice, &j);
  RNNI_GOTO(rnni_poll(ctx));
  if (g->dh0) rnni_add(g->dh0, dh, state);
  if (g->dc0 && lstm) rnni_add(g->dc0, dc, state);
  bias_gradients(&j, rows, block);
  status = weight_gradients(&j, rows);
done:
  rnni_free(ctx, own);
  rnni_free(ctx, room);
  return status;
}
