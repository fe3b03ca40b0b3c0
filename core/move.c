/* move.c: where the elements of a tensor lie, and how they get from one to another. */
#include "internal.h"
#include "kernels/kernels.h"

void rnni_row_strides(int ndim, const int64_t *dims, int64_t *strides) {
  int64_t step = 1;
  for (int i = ndim - 1; i >= 0; i--) {
    strides[i] = step;
    step = (int64_t)((uint64_t)step * (uint64_t)RNNI_MAX(dims[i], 1)); /* of an impossible shape, which wraps, nothing is made */
  }
}

void rnni_broadcast_strides(const rnn_tensor *t, int ndim, int64_t *strides) {
  int lead = ndim - t->ndim;
  for (int i = 0; i < ndim; i++) strides[i] = i < lead || t->dims[i - lead] == 1 ? 0 : t->strides[i - lead];
}

/* Axes on which both walk, as few as possible; the last is the inner loop. */
typedef struct walk {
  int n;
  int64_t dims[RNN_MAX_DIMS], to[RNN_MAX_DIMS], from[RNN_MAX_DIMS];
} walk;

static walk walk_of(const rnn_tensor *dst, const rnn_tensor *src) {
  walk w = {0};
  int64_t strides[RNN_MAX_DIMS];
  rnni_broadcast_strides(src, dst->ndim, strides);
  for (int i = 0; i < dst->ndim; i++) {
    int64_t d = dst->dims[i], to = dst->strides[i], from = strides[i];
    if (d == 1) continue;
    if (w.n && w.to[w.n - 1] == to * d && w.from[w.n - 1] == from * d) {
      w.dims[w.n - 1] *= d;
    } else {
      w.dims[w.n++] = d;
    }
    w.to[w.n - 1] = to;
    w.from[w.n - 1] = from;
  }
  if (w.n == 0) w = (walk){.n = 1, .dims = {dst->count}, .to = {1}};
  return w;
}

static void copy_run(size_t size, int64_t n, void *to, int64_t to_step, const void *from, int64_t from_step) {
#define RUN(T)                                                                     \
  do {                                                                             \
    T *d = to;                                                                     \
    const T *s = from;                                                             \
    if (to_step == 1 && from_step == 1) memcpy(d, s, (size_t)n * sizeof *d);       \
    else if (to_step == 1 && from_step == 0) {                                     \
      T v = *s;                                                                    \
      for (int64_t i = 0; i < n; i++) d[i] = v;                                    \
    } else {                                                                       \
      for (int64_t i = 0; i < n; i++) d[i * to_step] = s[i * from_step];           \
    }                                                                              \
  } while (0)
  if (size == 4) RUN(uint32_t);
  else RUN(uint64_t);
#undef RUN
}

static void add_run(int64_t n, real *to, int64_t to_step, const real *from, int64_t from_step) {
  if (to_step == 1 && from_step == 1) rnni_kernel->add(n, from, to);
  else
    for (int64_t i = 0; i < n; i++) to[i * to_step] += from[i * from_step];
}

int64_t rnni_move_until(const rnn_tensor *dst, const rnn_tensor *src, bool add, const rnn_ctx *stop) {
  if (dst->count == 0) return 0;
  walk w = walk_of(dst, src);
  int64_t size = (int64_t)rnni_type_size(dst->type), index[RNN_MAX_DIMS] = {0}, moved = 0, look = RNNI_BLOCK;
  int64_t length = w.dims[w.n - 1], to_step = w.to[w.n - 1], from_step = w.from[w.n - 1];
  char *to = dst->data;
  const char *from = src->data;
  for (int axis = 0; axis >= 0;) {
    for (int64_t at = 0; at < length; at += RNNI_BLOCK) {
      int64_t n = RNNI_MIN(length - at, RNNI_BLOCK);
      void *d = to + at * to_step * size;
      const void *s = from + at * from_step * size;
      if (stop && moved >= look) {
        if (rnni_interrupted(stop)) return moved;
        look = moved + RNNI_BLOCK;
      }
      moved += n;
      if (add) add_run(n, d, to_step, s, from_step);
      else copy_run((size_t)size, n, d, to_step, s, from_step);
    }
    for (axis = w.n - 2; axis >= 0; axis--) {
      to += w.to[axis] * size;
      from += w.from[axis] * size;
      if (++index[axis] < w.dims[axis]) break;
      to -= w.to[axis] * size * w.dims[axis];
      from -= w.from[axis] * size * w.dims[axis];
      index[axis] = 0;
    }
  }
  return moved;
}

void rnni_move(const rnn_tensor *dst, const rnn_tensor *src) { rnni_move_until(dst, src, false, NULL); }
void rnni_move_add(const rnn_tensor *dst, const rnn_tensor *src) { rnni_move_until(dst, src, true, dst->ctx); }
rnn_status rnni_move_new(rnn_ctx *ctx, const rnn_tensor *dst, const rnn_tensor *src) {
  return rnni_move_until(dst, src, false, ctx) == dst->count ? RNN_OK : rnni_poll(ctx);
}

static rnn_tensor as_rows(const rnn_tensor *t, void *data) {
  rnn_tensor rows = *t;
  rows.data = data;
  rnni_row_strides(rows.ndim, rows.dims, rows.strides);
  return rows;
}

void rnni_read_rows(const rnn_tensor *t, void *to) {
  if (t->contiguous) {
    memcpy(to, t->data, (size_t)t->count * rnni_type_size(t->type));
    return;
  }
  rnn_tensor rows = as_rows(t, to);
  rnni_move(&rows, t);
}

rnn_status rnni_copy_rows(rnn_ctx *ctx, const rnn_tensor *t, void *to) {
  rnn_tensor rows = as_rows(t, to);
  return rnni_move_new(ctx, &rows, t);
}

/* ---- of any size, over threads ---- */

typedef struct copying {
  const rnn_ctx *ctx;
  char *to;
  const char *from;
  int64_t size;
  int tasks;
} copying;

#define PAGE 4096

static void copy_task(void *arg, int task) {
  const copying *p = arg;
  const int64_t block = RNNI_BLOCK * (int64_t)sizeof(real), end = rnni_cut(p->size, PAGE, task + 1, p->tasks);
  for (int64_t at = rnni_cut(p->size, PAGE, task, p->tasks); at < end && !rnni_interrupted(p->ctx); at += block) {
    size_t n = (size_t)RNNI_MIN(block, end - at);
    if (p->from) memcpy(p->to + at, p->from + at, n);
    else memset(p->to + at, 0, n);
  }
}

rnn_status rnni_copy(rnn_ctx *ctx, void *to, const void *from, size_t size) {
  copying p = {.ctx = ctx, .to = to, .from = from, .size = (int64_t)size,
               .tasks = rnni_threads_for_elements(ctx, (double)(size / sizeof(real) / 4))};
  rnni_parallel(ctx, p.tasks, copy_task, &p);
  return size < RNNI_BLOCK * sizeof(real) ? RNN_OK : rnni_poll(ctx);
}
