/* program.c: checks a program and prepares it: which instructions run together, and where values live meanwhile. */
#include "program.h"

#define MOST_VALUES 4096
#define MOST_STATES 16

static const struct {
  const char *name;
  rnni_kind kind;
  int inputs, detail;
} names[] = {
    {"add", RNNI_DO_PAIR, 2, RNNI_ADD},         {"sub", RNNI_DO_PAIR, 2, RNNI_SUB},
    {"mul", RNNI_DO_PAIR, 2, RNNI_MUL},         {"div", RNNI_DO_PAIR, 2, RNNI_DIV},
    {"maximum", RNNI_DO_PAIR, 2, RNNI_MAXIMUM}, {"minimum", RNNI_DO_PAIR, 2, RNNI_MINIMUM},
    {"floor_div", RNNI_DO_PAIR, 2, RNNI_FLOOR_DIV}, {"mod", RNNI_DO_PAIR, 2, RNNI_MOD},
    {"eq", RNNI_DO_PAIR, 2, RNNI_EQ},           {"ne", RNNI_DO_PAIR, 2, RNNI_NE},
    {"lt", RNNI_DO_PAIR, 2, RNNI_LT},           {"le", RNNI_DO_PAIR, 2, RNNI_LE},
    {"tanh_back", RNNI_DO_PAIR, 2, RNNI_TANH_BACK}, {"sigmoid_back", RNNI_DO_PAIR, 2, RNNI_SIGMOID_BACK},
    {"where", RNNI_DO_WHERE, 3, 0},             {"fma", RNNI_DO_FMA, 3, 0},
    {"copy", RNNI_DO_COPY, 1, 0},
    {"accumulate", RNNI_DO_ACCUMULATE, 1, 0},   {"product", RNNI_DO_PRODUCT, 2, 0},
    {"dot", RNNI_DO_DOT, 2, 0},                 {"mix", RNNI_DO_MIX, 2, 0},
    {"outer", RNNI_DO_OUTER, 2, 0},
    {"expand", RNNI_DO_EXPAND, 1, 0},           {"row_sum", RNNI_DO_ROW_SUM, 1, 0},
    {"row_mean", RNNI_DO_ROW_SUM, 1, 1},        {"row_max", RNNI_DO_ROW_MAX, 1, 0},
    {"row_min", RNNI_DO_ROW_MAX, 1, 1},         {"softmax", RNNI_DO_SOFTMAX, 1, 0},
    {"softmax_back", RNNI_DO_SOFTMAX_BACK, 2, 0}, {"norm", RNNI_DO_NORM, 2, 0},
    {"norm_back", RNNI_DO_NORM_BACK, 3, 0},
};

static bool whole_rows(rnni_kind k) { return k >= RNNI_DO_PRODUCT; }
static bool of_own_matrix(rnni_kind k) { return k >= RNNI_DO_DOT && k <= RNNI_DO_OUTER; }

static rnn_status bad(rnn_ctx *ctx, int at, const rnn_instruction *i, const char *why) {
  return rnni_fail(ctx, RNN_EARG, "program: instruction %d (%s): %s", at + 1, i->name ? i->name : "no name", why);
}

/* ---- an instruction ---- */

/* "tanh_slope" is the slope of tanh. */
static const rnn_op *find_op(const char *name, bool *slope) {
  char text[40];
  size_t n = strlen(name);
  *slope = n > 6 && n < sizeof text && strcmp(name + n - 6, "_slope") == 0;
  if (!*slope) return rnn_op_find(name);
  memcpy(text, name, n - 6);
  text[n - 6] = '\0';
  return rnn_op_find(text);
}

static rnn_status decode(rnn_ctx *ctx, int at, const rnn_instruction *from, rnni_instruction *to) {
  *to = (rnni_instruction){.to = from->to, .in = {from->in[0], from->in[1], from->in[2]}, .add = from->add,
                           .numbers = {from->numbers[0], from->numbers[1]}};
  if (!from->name) return bad(ctx, at, from, "it has no name");
  for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
    if (strcmp(names[k].name, from->name) != 0) continue;
    to->kind = names[k].kind;
    to->inputs = names[k].inputs;
    if (to->kind == RNNI_DO_PAIR) to->pair = (rnni_pair)names[k].detail;
    if (to->kind == RNNI_DO_ROW_SUM || to->kind == RNNI_DO_ROW_MAX) to->numbers[0] = names[k].detail;
    if ((to->kind == RNNI_DO_PRODUCT || to->kind == RNNI_DO_DOT) && from->in[2] >= 0) to->inputs = 3;
    if (to->kind == RNNI_DO_ACCUMULATE && from->in[1] >= 0) to->inputs = 2;
    return RNN_OK;
  }
  bool slope;
  to->op = find_op(from->name, &slope);
  to->kind = slope ? RNNI_DO_SLOPE : RNNI_DO_VALUE;
  to->inputs = slope ? 3 : 1;
  if (to->op && (slope ? (void *)to->op->slope : (void *)to->op->value)) return RNN_OK;
  return bad(ctx, at, from, "there is no such instruction");
}

typedef struct checker {
  rnn_ctx *ctx;
  const rnn_program *p;
  const rnn_program_text *text;
  rnni_code *code;
  bool backward;
  bool *written; /* of each value: has it been written as such? */
} checker;

/* Which columns two values share; from: as for parts of the same whole. */
static int64_t shared(const rnn_value *values, int x, int y) {
  if (rnni_whole(values, x) != rnni_whole(values, y)) return 0;
  const rnn_value *a = &values[x], *b = &values[y];
  int64_t first = a->kind == RNN_PART ? a->from : 0, second = b->kind == RNN_PART ? b->from : 0;
  return RNNI_MAX(0, RNNI_MIN(first + a->width, second + b->width) - RNNI_MAX(first, second));
}

/* How many columns of a value have been written: no two values that are marked share any. */
static int64_t columns_written(const checker *q, int id) {
  int64_t count = 0;
  for (int i = 0; i < q->p->count; i++)
    if (q->written[i]) count += shared(q->p->values, id, i);
  return count;
}

static bool may_write(const checker *q, int id) {
  rnn_value_kind k = q->p->values[rnni_whole(q->p->values, id)].kind;
  if (k == RNN_TEMPORARY) return true;
  return q->backward ? k == RNN_D_BEFORE || k == RNN_D_STREAM || k == RNN_D_PRODUCT
                     : k == RNN_AFTER || k == RNN_SAVED;
}

static rnn_status check_widths(const checker *q, int at, const rnn_instruction *text, const rnni_instruction *i) {
  const rnn_value *v = q->p->values, *to = &v[i->to], *a = &v[i->in[0]], *m;
  bool fits = true;
  switch (i->kind) {
    case RNNI_DO_PRODUCT:
      m = &v[i->in[1]];
      if (m->kind != RNN_MATRIX) return bad(q->ctx, at, text, "its second factor is no matrix");
      fits = text->turned ? a->width == m->rows && to->width == m->width : a->width == m->width && to->width == m->rows;
      if (i->inputs > 2) fits &= v[i->in[2]].width == to->width && (v[i->in[2]].kind != RNN_CONSTANT || v[i->in[2]].form != RNN_NUMBER);
      break;
    case RNNI_DO_DOT:
    case RNNI_DO_MIX:
      fits = (double)to->width * (double)v[i->in[1]].width == (double)a->width &&
             (i->inputs < 3 || v[i->in[2]].width == to->width);
      break;
    case RNNI_DO_OUTER: fits = (double)a->width * (double)v[i->in[1]].width == (double)to->width; break;
    case RNNI_DO_EXPAND: fits = a->width == 1; break;
    case RNNI_DO_ROW_SUM:
    case RNNI_DO_ROW_MAX: fits = to->width == 1; break;
    case RNNI_DO_NORM: fits = a->width == to->width && v[i->in[1]].width == 1; break;
    case RNNI_DO_NORM_BACK: fits = a->width == to->width && v[i->in[1]].width == 1 && v[i->in[2]].width == to->width; break;
    default:
      for (int k = 0; k < i->inputs; k++) fits &= v[i->in[k]].width == to->width;
  }
  bool norm = i->kind == RNNI_DO_NORM || i->kind == RNNI_DO_NORM_BACK;
  if (norm && (to->kind == RNN_PART || v[i->in[1]].kind == RNN_PART || (i->kind == RNNI_DO_NORM_BACK && a->kind == RNN_PART)))
    return bad(q->ctx, at, text, "takes whole values");
  /* Constants of few rows have them spread for pieces only. */
  for (int k = 0; whole_rows(i->kind) && k < i->inputs; k++) {
    const rnn_value *c = &v[i->in[k]];
    bool row = of_own_matrix(i->kind) || (i->kind == RNNI_DO_PRODUCT && k == 2);
    if (c->kind == RNN_CONSTANT && c->form != RNN_SAMPLES && !row) return bad(q->ctx, at, text, "takes no constant row");
  }
  return fits ? RNN_OK : bad(q->ctx, at, text, "the widths of its values do not fit");
}

static rnn_status check_writing(checker *q, int at, const rnn_instruction *text, int id, bool again) {
  const rnn_value *v = q->p->values;
  int64_t there = columns_written(q, id);
  if (!may_write(q, id)) return bad(q->ctx, at, text, "writes what is not its own");
  if (there > 0 && !again) return bad(q->ctx, at, text, "writes what is there already");
  if (there < v[id].width && again) return bad(q->ctx, at, text, "goes on from what nobody has written");
  q->code->writes[id] = true;
  if (!again) q->written[id] = true;
  return RNN_OK;
}

static rnn_status check(checker *q, int at, const rnn_instruction *text, const rnni_instruction *i) {
  const rnn_program *p = q->p;
  bool norm = i->kind == RNNI_DO_NORM; /* writes its second value */
  for (int k = 0; k < i->inputs; k++) {
    int id = i->in[k];
    if (id < 0 || id >= p->count) return bad(q->ctx, at, text, "there is no such value");
    if (p->values[id].kind == RNN_MATRIX && !(i->kind == RNNI_DO_PRODUCT && k == 1)) return bad(q->ctx, at, text, "a matrix is for products");
    if (!(norm && k == 1) && columns_written(q, id) < p->values[id].width) return bad(q->ctx, at, text, "reads what nobody has written");
  }
  if (i->to < 0 || i->to >= p->count) return bad(q->ctx, at, text, "there is no such value");
  RNNI_TRY(check_widths(q, at, text, i));
  if (i->kind == RNNI_DO_ACCUMULATE) {
    if (!q->backward || p->values[i->to].kind != RNN_CONSTANT) return bad(q->ctx, at, text, "is for gradients of constants");
    p->sums[i->to] = true;
    return RNN_OK;
  }
  for (int k = 0; k < i->inputs; k++)
    if (shared(p->values, i->in[k], i->to) > 0) return bad(q->ctx, at, text, "reads what it writes");
  if (norm) RNNI_TRY(check_writing(q, at, text, i->in[1], false));
  return check_writing(q, at, text, i->to, i->add && i->kind == RNNI_DO_PRODUCT);
}

/* ---- runs and registers ---- */

static int64_t run_width(const rnn_program *p, const rnni_instruction *i) {
  return whole_rows(i->kind) ? 0 : p->values[i->to].width;
}

/* Whether all that the steps of a piece touch beside its instructions is as wide as these. */
static bool same_width(const rnn_program *p, int64_t width) {
  for (int i = 0; i < p->count; i++) {
    rnn_value_kind k = p->values[i].kind;
    bool touched = k == RNN_BEFORE || k == RNN_AFTER || k == RNN_D_AFTER || k == RNN_D_BEFORE || k == RNN_D_RESULT;
    if (touched && p->values[i].width != width) return false;
  }
  return true;
}

/* Whether an instruction reads what those before it, from first on, write as another value: other columns than those of
   its piece. */
static bool reads_across(const rnn_program *p, const rnni_code *code, int first, int at) {
  const rnni_instruction *i = &code->list[at];
  for (int k = first; k < at; k++)
    for (int n = 0; n < i->inputs; n++)
      if (i->in[n] != code->list[k].to && shared(p->values, i->in[n], code->list[k].to) > 0) return true;
  return false;
}

static void make_runs(const rnn_program *p, rnni_code *code) {
  for (int k = 0; k < code->count; k++) {
    int64_t width = run_width(p, &code->list[k]);
    rnni_run *last = code->runs ? &code->run[code->runs - 1] : NULL;
    if (last && width && last->width == width && !reads_across(p, code, last->from, k)) last->to = k + 1;
    else code->run[code->runs++] = (rnni_run){k, k + 1, width};
  }
  code->width = code->runs == 1 && same_width(p, code->run[0].width) ? code->run[0].width : 0;
}

/* A temporary value that lives within one run is a register, from its first instruction to its last; others have rows. */
static rnn_status give_homes(rnn_ctx *ctx, const rnn_program *p, rnni_code *code) {
  int *last, *in_run, *free_list, free_count = 0;
  RNNI_TRY(rnni_array(ctx, 3 * p->count, sizeof *last, &last));
  in_run = last + p->count;
  free_list = in_run + p->count;
  for (int i = 0; i < p->count; i++) {
    last[i] = in_run[i] = -1;
    code->homes[i] = p->values[i].kind == RNN_TEMPORARY ? 0 : RNNI_ELSEWHERE;
  }
  for (int i = 0; i < p->count; i++)
    if (p->values[i].kind == RNN_PART && code->homes[p->values[i].index] == 0) code->homes[p->values[i].index] = RNNI_ROWS;
  for (int r = 0; r < code->runs; r++)
    for (int k = code->run[r].from; k < code->run[r].to; k++) {
      const rnni_instruction *i = &code->list[k];
      for (int n = -1; n < i->inputs; n++) {
        int id = n < 0 ? i->to : i->in[n];
        if (in_run[id] >= 0 && in_run[id] != r && code->homes[id] == 0) code->homes[id] = RNNI_ROWS;
        if (code->run[r].width == 0 && code->homes[id] == 0) code->homes[id] = RNNI_ROWS;
        in_run[id] = r;
        last[id] = k;
      }
    }
  bool *given = (bool *)in_run; /* no longer needed */
  memset(given, 0, (size_t)p->count);
  for (int k = 0; k < code->count; k++) {
    const rnni_instruction *i = &code->list[k];
    if (code->homes[i->to] == 0 && !given[i->to]) { /* before its inputs are let go: kernels may not write over them */
      code->homes[i->to] = free_count ? free_list[--free_count] : code->registers++;
      given[i->to] = true;
    }
    for (int n = 0; n < i->inputs; n++) {
      int id = i->in[n];
      bool twice = (n > 0 && id == i->in[0]) || (n > 1 && id == i->in[1]);
      if (given[id] && last[id] == k && !twice) free_list[free_count++] = code->homes[id];
    }
    if (given[i->to] && last[i->to] == k) free_list[free_count++] = code->homes[i->to]; /* nobody reads it */
  }
  rnni_free(ctx, last);
  return RNN_OK;
}

static rnn_status compile(rnn_ctx *ctx, rnn_program *p, const rnn_program_text *text, bool backward, bool *written) {
  rnni_code *code = backward ? &p->backward : &p->forward;
  const rnn_instruction *list = backward ? text->backward : text->forward;
  code->count = backward ? text->backward_count : text->forward_count;
  RNNI_TRY(rnni_calloc(ctx, (size_t)code->count * sizeof *code->list + 1, &code->list));
  RNNI_TRY(rnni_calloc(ctx, (size_t)code->count * sizeof *code->run + 1, &code->run));
  RNNI_TRY(rnni_calloc(ctx, (size_t)p->count * sizeof *code->homes + 1, &code->homes));
  RNNI_TRY(rnni_calloc(ctx, (size_t)p->count * sizeof *code->packs + 1, &code->packs));
  RNNI_TRY(rnni_calloc(ctx, (size_t)p->count + 1, &code->writes));
  checker q = {.ctx = ctx, .p = p, .text = text, .code = code, .backward = backward, .written = written};
  for (int i = 0; i < p->count; i++) {
    rnn_value_kind k = p->values[i].kind;
    bool kept = (k == RNN_AFTER || k == RNN_SAVED) && written[i]; /* by forward */
    written[i] = k <= RNN_BEFORE || (backward && (kept || k == RNN_D_AFTER || k == RNN_D_RESULT));
  }
  for (int k = 0; k < code->count; k++) {
    rnni_instruction *i = &code->list[k];
    RNNI_TRY(decode(ctx, k, &list[k], i));
    RNNI_TRY(check(&q, k, &list[k], i));
    for (int n = -1; n < i->inputs; n++) i->parts |= p->values[n < 0 ? i->to : i->in[n]].kind == RNN_PART;
    double cost = i->kind <= RNNI_DO_COPY ? 4 : 24;
    if (i->kind == RNNI_DO_PRODUCT) {
      int pack = list[k].turned ? RNNI_TURNED : RNNI_PLAIN, *known = &code->packs[i->in[1]];
      if (*known && *known != pack) return bad(ctx, k, &list[k], "takes a matrix both as it is and turned; give it twice");
      *known = pack;
      cost = (double)p->values[i->in[0]].width;
    }
    if (i->kind == RNNI_DO_DOT || i->kind == RNNI_DO_MIX) cost = (double)p->values[i->in[1]].width;
    code->work += cost * (double)p->values[i->to].width;
  }
  for (int i = 0; i < p->count; i++) /* from here on: may it be read? */
    if (p->values[i].kind != RNN_PART) written[i] = columns_written(&q, i) == p->values[i].width;
  for (int i = 0; i < p->count; i++)
    if (p->values[i].kind == RNN_PART) written[i] = columns_written(&q, i) >= p->values[i].width;
  make_runs(p, code);
  return give_homes(ctx, p, code);
}

/* ---- the whole ---- */

static bool is_part(const rnn_value *v, const rnn_value *whole) {
  bool has_rows = whole->kind != RNN_CONSTANT && whole->kind != RNN_MATRIX && whole->kind != RNN_PART;
  return has_rows && v->from >= 0 && v->from <= whole->width && v->width <= whole->width - v->from;
}

static rnn_status check_values(rnn_ctx *ctx, const rnn_program_text *t) {
  const int counts[] = {t->value_count, t->inputs, t->states, t->result_count, t->forward_count, t->backward_count, t->product_count,
                        t->watched_count};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    if (counts[i] < 0 || counts[i] > MOST_VALUES) return rnni_fail(ctx, RNN_EARG, "program: %d of one kind", counts[i]);
  if (t->states < 1 || t->states > MOST_STATES || t->states + t->result_count > RNN_MAX_OUTPUTS)
    return rnni_fail(ctx, RNN_EARG, "program: expected 1 to %d states and at most %d results with them, got %d and %d", MOST_STATES,
                     RNN_MAX_OUTPUTS, t->states, t->result_count);
  for (int i = 0; i < t->value_count; i++) {
    const rnn_value *v = &t->values[i];
    rnn_value_kind k = v->kind;
    int most = k == RNN_STREAM || k == RNN_CONSTANT || k == RNN_MATRIX || k == RNN_D_STREAM   ? t->inputs
               : k == RNN_BEFORE || k == RNN_AFTER || k == RNN_D_AFTER || k == RNN_D_BEFORE ? t->states
               : k == RNN_D_RESULT                                                          ? t->result_count
               : k == RNN_PART                                                              ? t->value_count
                                                                                            : MOST_VALUES;
    if ((unsigned)k > RNN_PART || (unsigned)v->form > RNN_SAMPLES || v->index < 0 || v->index >= most || v->width < 1 ||
        v->width > INT32_MAX || (k == RNN_MATRIX && (v->rows < 1 || v->rows > INT32_MAX)) ||
        (k == RNN_PART && !is_part(v, &t->values[v->index])))
      return rnni_fail(ctx, RNN_EARG, "program: value %d is impossible", i + 1);
  }
  return RNN_OK;
}

/* The value of a kind and index; each may be there once. */
static rnn_status find(rnn_ctx *ctx, const rnn_program *p, rnn_value_kind kind, int index, int *out) {
  *out = -1;
  for (int i = 0; i < p->count; i++) {
    if (p->values[i].kind != kind || p->values[i].index != index) continue;
    if (*out >= 0) return rnni_fail(ctx, RNN_EARG, "program: value %d is there twice", i + 1);
    *out = i;
  }
  return RNN_OK;
}

static rnn_status check_states(rnn_ctx *ctx, rnn_program *p, const bool *written) {
  for (int k = 0; k < p->states; k++) {
    const rnn_value_kind kinds[] = {RNN_AFTER, RNN_BEFORE, RNN_D_AFTER, RNN_D_BEFORE};
    for (int n = 0; n < 4; n++) {
      int id;
      RNNI_TRY(find(ctx, p, kinds[n], k, &id));
      if (n == 0 && (id < 0 || !written[id])) return rnni_fail(ctx, RNN_EARG, "program: state %d is not written", k + 1);
      if (n == 0) p->state_widths[k] = p->values[id].width;
      if (id >= 0 && p->values[id].width != p->state_widths[k]) return rnni_fail(ctx, RNN_EARG, "program: state %d has two widths", k + 1);
    }
  }
  for (int k = 0; k < p->results; k++) {
    int id = p->result[k].value, back;
    rnn_value_kind kind = id >= 0 && id < p->count ? p->values[id].kind : RNN_TEMPORARY;
    if ((kind != RNN_BEFORE && kind != RNN_AFTER && kind != RNN_SAVED && kind != RNN_STREAM) || !written[id])
      return rnni_fail(ctx, RNN_EARG, "program: result %d is not kept", k + 1);
    RNNI_TRY(find(ctx, p, RNN_D_RESULT, k, &back));
    if (back >= 0 && (kind == RNN_AFTER || p->values[id].width != p->values[back].width))
      return rnni_fail(ctx, RNN_EARG, "program: result %d has no such gradient", k + 1);
    p->back[k] = back;
  }
  return RNN_OK;
}

static rnn_status check_inputs(rnn_ctx *ctx, const rnn_program *p) {
  for (int k = 0; k < p->inputs; k++) {
    int stream, back;
    RNNI_TRY(find(ctx, p, RNN_STREAM, k, &stream));
    RNNI_TRY(find(ctx, p, RNN_D_STREAM, k, &back));
    if (back >= 0 && (stream < 0 || p->values[stream].width != p->values[back].width))
      return rnni_fail(ctx, RNN_EARG, "program: input %d is no stream of that width", k + 1);
  }
  return RNN_OK;
}

/* What has been written by the end of a backward pass. */
static rnn_status check_ends(rnn_ctx *ctx, const rnn_program *p, const bool *written) {
  for (int i = 0; i < p->count; i++) {
    rnn_value_kind k = p->values[i].kind;
    if ((k == RNN_D_BEFORE || k == RNN_D_STREAM || k == RNN_D_PRODUCT) && !written[i])
      return rnni_fail(ctx, RNN_EARG, "program: gradient %d is not written", i + 1);
  }
  for (int k = 0; p->backward.count && k < p->states; k++) {
    int id;
    RNNI_TRY(find(ctx, p, RNN_D_BEFORE, k, &id));
    if (id < 0) return rnni_fail(ctx, RNN_EARG, "program: state %d has no gradient", k + 1);
  }
  for (int k = 0; k < p->products; k++) {
    const rnn_program_product *q = &p->product[k];
    if (q->left < 0 || q->left >= p->count || q->matrix < 0 || q->matrix >= p->count || q->gradient < 0 || q->gradient >= p->count)
      return rnni_fail(ctx, RNN_EARG, "program: product %d has no such values", k + 1);
    const rnn_value *a = &p->values[q->left], *m = &p->values[q->matrix], *d = &p->values[q->gradient];
    rnn_value_kind left = p->values[rnni_whole(p->values, q->left)].kind, by = p->values[rnni_whole(p->values, q->gradient)].kind;
    bool kept = (left == RNN_STREAM || left == RNN_BEFORE || left == RNN_AFTER || left == RNN_SAVED) && written[q->left];
    bool fits = m->kind == RNN_MATRIX && (by == RNN_D_PRODUCT || by == RNN_D_STREAM) &&
                (q->turned ? m->rows == a->width && m->width == d->width : m->width == a->width && m->rows == d->width);
    if (!kept || !fits) return rnni_fail(ctx, RNN_EARG, "program: product %d does not fit its values", k + 1);
  }
  for (int k = 0; k < p->watched; k++) {
    int id = p->watch[k].value;
    if (id < 0 || id >= p->count || p->values[id].kind != RNN_SAVED || !written[id] ||
        (unsigned)p->watch[k].function > RNN_SOFTSIGN)
      return rnni_fail(ctx, RNN_EARG, "program: watched value %d is not saved", k + 1);
  }
  if (p->flow >= 0) {
    const rnn_value *v = p->flow < p->count ? &p->values[p->flow] : NULL;
    if (!v || (v->kind != RNN_D_PRODUCT && v->kind != RNN_D_STREAM) || v->width != p->state_widths[0])
      return rnni_fail(ctx, RNN_EARG, "program: the flow is no gradient as wide as the first state");
  }
  return RNN_OK;
}

static rnn_status copy_array(rnn_ctx *ctx, const void *from, int count, size_t size, void *out) {
  void *to;
  RNNI_TRY(rnni_array(ctx, count + 1, size, &to));
  if (count) memcpy(to, from, (size_t)count * size);
  memcpy(out, &to, sizeof to);
  return RNN_OK;
}

static rnn_status build(rnn_ctx *ctx, const rnn_program_text *t, rnn_program *p, bool *written) {
  RNNI_TRY(copy_array(ctx, t->values, t->value_count, sizeof *t->values, &p->values));
  RNNI_TRY(copy_array(ctx, t->products, t->product_count, sizeof *t->products, &p->product));
  RNNI_TRY(copy_array(ctx, t->results, t->result_count, sizeof *t->results, &p->result));
  RNNI_TRY(copy_array(ctx, t->watched, t->watched_count, sizeof *t->watched, &p->watch));
  RNNI_TRY(rnni_array(ctx, p->states, sizeof *p->state_widths, &p->state_widths));
  RNNI_TRY(rnni_array(ctx, p->results + 1, sizeof *p->back, &p->back));
  RNNI_TRY(rnni_calloc(ctx, (size_t)p->count + 1, &p->sums));
  int64_t widest = 1;
  for (int i = 0; i < p->count; i++) widest = RNNI_MAX(widest, p->values[i].width);
  RNNI_TRY(rnni_array(ctx, widest, sizeof *p->ones, &p->ones));
  for (int64_t i = 0; i < widest; i++) p->ones[i] = 1;
  RNNI_TRY(check_inputs(ctx, p));
  RNNI_TRY(compile(ctx, p, t, false, written));
  RNNI_TRY(check_states(ctx, p, written));
  RNNI_TRY(compile(ctx, p, t, true, written));
  return check_ends(ctx, p, written);
}

rnn_status rnn_program_new(rnn_ctx *ctx, const rnn_program_text *text, rnn_program **out) {
  RNNI_NEED(ctx, text && out, "text or out is NULL");
  RNNI_TRY(check_values(ctx, text));
  rnn_program *p;
  bool *written = NULL;
  RNNI_TRY(rnni_calloc(ctx, sizeof *p, &p));
  *p = (rnn_program){.ctx = ctx, .refs = 1, .count = text->value_count, .inputs = text->inputs, .states = text->states,
                     .results = text->result_count, .products = text->product_count, .watched = text->watched_count,
                     .flow = text->flow};
  rnn_status status = rnni_calloc(ctx, (size_t)p->count + 1, &written);
  if (status == RNN_OK) status = build(ctx, text, p, written);
  rnni_free(ctx, written);
  if (status != RNN_OK) rnn_program_free(p);
  else *out = p;
  return status;
}

rnn_program *rnni_program_ref(const rnn_program *p) {
  rnn_program *q = (rnn_program *)p;
  if (q) q->refs++;
  return q;
}

static void code_free(rnn_ctx *ctx, rnni_code *code) {
  rnni_free(ctx, code->list);
  rnni_free(ctx, code->run);
  rnni_free(ctx, code->homes);
  rnni_free(ctx, code->packs);
  rnni_free(ctx, code->writes);
}

void rnn_program_free(rnn_program *p) {
  if (!p || --p->refs > 0) return;
  rnn_ctx *ctx = p->ctx;
  code_free(ctx, &p->forward);
  code_free(ctx, &p->backward);
  rnni_free(ctx, p->values);
  rnni_free(ctx, p->product);
  rnni_free(ctx, p->result);
  rnni_free(ctx, p->watch);
  rnni_free(ctx, p->state_widths);
  rnni_free(ctx, p->back);
  rnni_free(ctx, p->sums);
  rnni_free(ctx, p->ones);
  rnni_free(ctx, p);
}
