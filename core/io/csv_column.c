/* csv_column.c: see csv_column.h. A column of type AUTO takes the first of date, number and text that fits its sample,
 * or text at once when a cell is neither; from then on it is as if the user had named that type. */
#include "csv_column.h"

#include <stdio.h>

#include "cell.h"

#define CHUNK 8192

struct rnni_sample {
  int count;
  rnn_csv_type type; /* what all cells so far can be; AUTO: every one was missing */
  int64_t indices[RNNI_CSV_SAMPLE], rows[RNNI_CSV_SAMPLE];
  size_t ends[RNNI_CSV_SAMPLE]; /* where in bytes the text of each ends, its NUL included */
  char *bytes;
  size_t room;
};

const char *rnni_csv_quote(const char *text, char *buf) {
  enum { SHOWN = 52 };
  size_t n = 0;
  buf[n++] = '"';
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (n > SHOWN - 4 && (c & 0xc0) != 0x80) { /* not within a UTF-8 sequence, which has at most 3 bytes more */
      memcpy(buf + n, "...", 3);
      n += 3;
      break;
    }
    if (n >= SHOWN) break;
    if (c < 0x20 || c == 0x7f) n += (size_t)snprintf(buf + n, 5, "\\x%02X", c);
    else buf[n++] = (char)c;
  }
  buf[n++] = '"';
  buf[n] = '\0';
  return buf;
}

static rnn_status unexpected(rnn_ctx *ctx, const rnni_column *c, int64_t row, const char *expected, const char *text) {
  char name[64], came[64];
  rnni_csv_quote(c->name, name);
  rnni_csv_quote(text, came);
  if (!c->guessed)
    return rnni_fail(ctx, RNN_EFORMAT, "%.200s: row %lld, column %s: expected %s, got %s", c->path, (long long)row,
                     name, expected, came);
  return rnni_fail(ctx, RNN_EFORMAT,
                   "%.200s: row %lld, column %s: expected %s, as in the cells before, got %s; "
                   "types = {[%s] = \"text\"} reads the column as text",
                   c->path, (long long)row, name, expected, came, name);
}

static size_t value_size(const rnni_column *c) { return c->type == RNN_CSV_NUMBER ? sizeof(real) : sizeof(int32_t); }

static rnn_status make_room(rnn_ctx *ctx, rnni_column *c) {
  if (c->chunk_count == c->chunk_room) {
    int64_t room = c->chunk_room ? c->chunk_room * 2 : 8;
    RNNI_TRY(rnni_realloc(ctx, (size_t)room * sizeof *c->chunks, &c->chunks));
    c->chunk_room = room;
  }
  RNNI_TRY(rnni_alloc(ctx, CHUNK * value_size(c), &c->chunks[c->chunk_count]));
  c->chunk_count++;
  return RNN_OK;
}

static rnn_status append_real(rnn_ctx *ctx, rnni_column *c, real value) {
  int64_t at = c->rows % CHUNK;
  if (at == 0) RNNI_TRY(make_room(ctx, c));
  ((real *)c->chunks[c->chunk_count - 1])[at] = value;
  c->rows++;
  return RNN_OK;
}

static rnn_status append_int(rnn_ctx *ctx, rnni_column *c, int32_t value) {
  int64_t at = c->rows % CHUNK;
  if (at == 0) RNNI_TRY(make_room(ctx, c));
  ((int32_t *)c->chunks[c->chunk_count - 1])[at] = value;
  c->rows++;
  return RNN_OK;
}

static rnn_status append_missing(rnn_ctx *ctx, rnni_column *c) {
  if (c->type == RNN_CSV_NUMBER) return append_real(ctx, c, (real)NAN);
  return append_int(ctx, c, c->type == RNN_CSV_DATE ? INT32_MIN : 0);
}

static rnn_status put_number(rnn_ctx *ctx, rnni_column *c, int64_t row, const char *text, size_t size) {
  double number;
  if (!rnni_cell_number(text, size, &number)) {
    if (!rnni_cell_missing(text, size)) return unexpected(ctx, c, row, "a number", text);
    number = (double)NAN;
  }
  real value = (real)number;
  if (isinf(value) && !isinf(number))
    return unexpected(ctx, c, row, "a number within the range of " RNN_PRECISION, text);
  return append_real(ctx, c, value);
}

static rnn_status put_date(rnn_ctx *ctx, rnni_column *c, int64_t row, const char *text, size_t size) {
  int32_t days;
  if (!rnni_cell_date(text, size, &days)) {
    if (!rnni_cell_missing(text, size)) return unexpected(ctx, c, row, "a date YYYY-MM-DD or MM/DD/YYYY", text);
    days = INT32_MIN;
  }
  return append_int(ctx, c, days);
}

static rnn_status put_text(rnn_ctx *ctx, rnni_column *c, const char *text, size_t size) {
  int32_t id = 0;
  if (size) RNNI_TRY(rnni_words_add(ctx, &c->words, text, size, &id));
  return append_int(ctx, c, id);
}

static rnn_status put(rnn_ctx *ctx, rnni_column *c, int64_t row, const char *text, size_t size) {
  if (c->type == RNN_CSV_NUMBER) return put_number(ctx, c, row, text, size);
  if (c->type == RNN_CSV_DATE) return put_date(ctx, c, row, text, size);
  return put_text(ctx, c, text, size);
}

/* ---- AUTO ---- */

static void sample_free(rnn_ctx *ctx, struct rnni_sample *s) {
  if (!s) return;
  rnni_free(ctx, s->bytes);
  rnni_free(ctx, s);
}

/* Makes type the type of the column and puts the cells of the sample. A column without any value is numbers. */
static rnn_status settle(rnn_ctx *ctx, rnni_column *c, rnn_csv_type type) {
  struct rnni_sample *s = c->sample;
  c->type = type == RNN_CSV_AUTO ? RNN_CSV_NUMBER : type;
  if (!s) return RNN_OK;
  c->sample = NULL;
  rnn_status status = RNN_OK;
  for (int i = 0; i < s->count; i++) {
    while (c->rows < s->indices[i]) RNNI_GOTO(append_missing(ctx, c));
    size_t start = i ? s->ends[i - 1] : 0;
    RNNI_GOTO(put(ctx, c, s->rows[i], s->bytes + start, s->ends[i] - start - 1));
  }
done:
  sample_free(ctx, s);
  return status;
}

static rnn_status sample_add(rnn_ctx *ctx, rnni_column *c, int64_t index, int64_t row, const char *text, size_t size) {
  if (!c->sample) RNNI_TRY(rnni_calloc(ctx, sizeof *c->sample, &c->sample));
  struct rnni_sample *s = c->sample;
  size_t used = s->count ? s->ends[s->count - 1] : 0;
  if (used + size + 1 > s->room) {
    size_t room = RNNI_MAX(s->room * 2, used + size + 1);
    RNNI_TRY(rnni_realloc(ctx, room, &s->bytes));
    s->room = room;
  }
  memcpy(s->bytes + used, text, size + 1);
  s->indices[s->count] = index;
  s->rows[s->count] = row;
  s->ends[s->count] = used + size + 1;
  s->count++;
  return RNN_OK;
}

static rnn_csv_type type_of(const char *text, size_t size) {
  int32_t days;
  double number;
  if (rnni_cell_date(text, size, &days)) return RNN_CSV_DATE;
  if (rnni_cell_number(text, size, &number)) return RNN_CSV_NUMBER;
  return rnni_cell_missing(text, size) ? RNN_CSV_AUTO : RNN_CSV_TEXT;
}

static rnn_status put_auto(rnn_ctx *ctx, rnni_column *c, int64_t index, int64_t row, const char *text, size_t size) {
  if (!size) return RNN_OK; /* empty in every type */
  RNNI_TRY(sample_add(ctx, c, index, row, text, size));
  struct rnni_sample *s = c->sample;
  rnn_csv_type type = type_of(text, size);
  if (type != RNN_CSV_AUTO) {
    if (s->type == RNN_CSV_AUTO) s->type = type;
    if (s->type != type) s->type = RNN_CSV_TEXT;
  }
  if (s->type == RNN_CSV_TEXT || s->count == RNNI_CSV_SAMPLE) return settle(ctx, c, s->type);
  return RNN_OK;
}

rnn_status rnni_column_put(rnn_ctx *ctx, rnni_column *c, int64_t index, int64_t row, const char *text, size_t size) {
  return c->type == RNN_CSV_AUTO ? put_auto(ctx, c, index, row, text, size) : put(ctx, c, row, text, size);
}

/* ---- the end ---- */

rnn_status rnni_column_finish(rnn_ctx *ctx, rnni_column *c, int64_t rows, rnn_csv_column *out) {
  rnn_tensor *values = NULL;
  rnn_status status = RNN_OK;
  if (c->type == RNN_CSV_AUTO) RNNI_GOTO(settle(ctx, c, c->sample ? c->sample->type : RNN_CSV_AUTO));
  while (c->rows < rows) RNNI_GOTO(append_missing(ctx, c));
  RNNI_GOTO(rnni_tensor_raw(ctx, c->type == RNN_CSV_NUMBER ? RNN_FLOAT : RNN_INT, 1, &rows, &values));
  for (int64_t i = 0; i < c->chunk_count; i++) {
    int64_t n = RNNI_MIN(rows - i * CHUNK, CHUNK);
    memcpy((char *)values->data + (size_t)(i * CHUNK) * value_size(c), c->chunks[i], (size_t)n * value_size(c));
  }
  int count = c->words.count;
  char **words;
  RNNI_GOTO(rnni_words_take(ctx, &c->words, &words));
  *out = (rnn_csv_column){.name = c->name, .type = c->type, .values = values, .word_count = count, .words = words};
  c->name = NULL;
  values = NULL;
done:
  rnn_tensor_free(values);
  rnni_column_free(ctx, c);
  return status;
}

void rnni_column_free(rnn_ctx *ctx, rnni_column *c) {
  for (int64_t i = 0; i < c->chunk_count; i++) rnni_free(ctx, c->chunks[i]);
  rnni_free(ctx, c->chunks);
  rnni_words_free(ctx, &c->words);
  sample_free(ctx, c->sample);
  rnni_free(ctx, c->name);
  *c = (rnni_column){0};
}
