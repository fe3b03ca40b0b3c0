/* cuts.c: how the time loop of a layer is cut over threads. No cut changes a bit: every element of a product is one chain,
 * and the gates of a unit are its own. */
#include "engine.h"

#define SLICE_ROWS 16    /* with fewer, a product waits for its weights */
#define STEP_WORTH 2.5e5 /* multiply-adds of a task that make up for meeting: some microseconds, of threads that wait awake */

rnni_cuts rnni_cuts_of(const rnn_ctx *ctx, const rnni_layer *l, bool with_units) {
  double step = (double)l->N * (double)l->H * (double)(l->G + 8); /* 8: the functions of the gates */
  int tasks = rnni_threads_for(ctx, (double)l->T * step), cols = rnni_panel_cols(ctx->low);
  int slices = (int)RNNI_MIN(tasks, RNNI_MAX(l->N / SLICE_ROWS, 1)), all = (int)RNNI_MIN((double)tasks, step / STEP_WORTH);
  if (with_units && l->N > 1 && slices < tasks && all > 1) { /* who meets anyway reads no weight twice, where units do for all */
    int units = (int)RNNI_MIN(all, (l->H + cols - 1) / cols);
    if (units > 1) return (rnni_cuts){RNNI_MIN(slices, RNNI_MAX(all / units, 1)), units};
  }
  return (rnni_cuts){(int)RNNI_MIN(tasks, RNNI_MAX(l->N, 1)), 1};
}

typedef struct steps {
  rnn_ctx *ctx;
  const rnni_layer *l;
  rnni_cuts cuts;
  int64_t from, to;
  rnni_steps_fn *run;
  const void *loop;
} steps;

static void run_piece(void *arg, int task) {
  const steps *s = arg;
  const rnni_cuts cuts = s->cuts;
  int64_t N = s->l->N, H = s->l->H, slice = task / cuts.units, part = task % cuts.units, cols = rnni_panel_cols(s->ctx->low);
  rnni_piece p = {.row = N * slice / cuts.slices, .unit = rnni_cut(H, cols, part, cuts.units)};
  p.rows = N * (slice + 1) / cuts.slices - p.row;
  p.units = rnni_cut(H, cols, part + 1, cuts.units) - p.unit;
  s->run(s->loop, &p, s->from, s->to);
}

void rnni_run_steps(rnn_ctx *ctx, const rnni_layer *l, rnni_cuts cuts, int64_t count, rnni_steps_fn *run,
                    const void *loop, const char *name) {
  int64_t together = cuts.units > 1 ? 1 : count;
  steps s = {.ctx = ctx, .l = l, .cuts = cuts, .run = run, .loop = loop};
  for (; s.from < count && !rnni_interrupted(ctx); s.from = s.to) {
    s.to = s.from + together;
    rnni_parallel_named(ctx, cuts.slices * cuts.units, run_piece, &s, name);
  }
}
