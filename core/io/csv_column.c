/* csv_column.c: see csv_column.h. A column of type AUTO takes the first of date, number and text that fits its sample,
 * or text at once when a cell is neither; from then on it is as if the user had named that type. */
#include "csv_column.h"

#include <stdio.h>

#include "cell.h"

#define CHUNK 8192
#define GAPS 9007199254740992.0 /* 2^53, from where doubles have gaps */

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

static size_t value_size(const rnni_column *c) { return c->type == RNN_CSV_NUMBER ? sizeof(int64_t) : sizeof(int32_t); }

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

static rnn_status append_double(rnn_ctx *ctx, rnni_column *c, double value) {
  int64_t at = c->rows % CHUNK;
  if (at == 0) RNNI_TRY(make_room(ctx, c));
  ((double *)c->chunks[c->chunk_count - 1])[at] = value;
  c->rows++;
  return RNN_OK;
}

static rnn_status append_whole(rnn_ctx *ctx, rnni_column *c, int64_t value) {
  int64_t at = c->rows % CHUNK;
  if (at == 0) RNNI_TRY(make_room(ctx, c));
  ((int64_t *)c->chunks[c->chunk_count - 1])[at] = value;
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
  if (c->type != RNN_CSV_NUMBER) return append_int(ctx, c, c->type == RNN_CSV_DATE ? INT32_MIN : 0);
  return c->whole ? append_whole(ctx, c, RNN_MISSING) : append_double(ctx, c, (double)NAN);
}

/* ---- numbers ---- */

static bool is_whole(double v) { return v == rint(v) && fabs(v) < 0x1p63; }

/* The doubles so far become integers, where all of them are. */
static bool make_whole(rnni_column *c) {
  for (int64_t i = 0; i < c->rows; i++) {
    double v = ((double *)c->chunks[i / CHUNK])[i % CHUNK];
    if (!isnan(v) && !is_whole(v)) return false;
  }
  for (int64_t i = 0; i < c->rows; i++) {
    double v;
    int64_t whole;
    char *at = (char *)c->chunks[i / CHUNK] + (size_t)(i % CHUNK) * sizeof v;
    memcpy(&v, at, sizeof v);
    whole = isnan(v) ? RNN_MISSING : (int64_t)v;
    memcpy(at, &whole, sizeof whole);
  }
  c->whole = true;
  return true;
}

/* Is it a number that one of our kinds holds as it is written? */
static bool is_number(const char *text, size_t size, double *number) {
  int64_t whole;
  if (!rnni_cell_number(text, size, number)) return false;
  return fabs(*number) < GAPS || rnni_cell_integer(text, size, &whole) || rnni_cell_exact(text, size, *number);
}

static rnn_status put_number(rnn_ctx *ctx, rnni_column *c, int64_t row, const char *text, size_t size) {
  double number;
  int64_t whole;
  if (!is_number(text, size, &number)) {
    if (!rnni_cell_missing(text, size)) return unexpected(ctx, c, row, "a number", text);
    return append_missing(ctx, c);
  }
  if (!c->whole && (fabs(number) < GAPS || rnni_cell_exact(text, size, number))) return append_double(ctx, c, number);
  if (!c->whole && !make_whole(c))
    return unexpected(ctx, c, row, "a number that a double holds, beside fractions", text);
  if (rnni_cell_integer(text, size, &whole)) return append_whole(ctx, c, whole);
  if (!is_whole(number)) return unexpected(ctx, c, row, "a whole number, beside others beyond 2^53", text);
  return append_whole(ctx, c, (int64_t)number);
}

/* ---- dates ---- */

/* A date whose order is not known yet waits as its three parts. */
static int32_t parts_of(rnni_date d) { return d.year << 10 | d.month << 5 | d.day; }
static rnni_date of_parts(int32_t parts) { return (rnni_date){parts >> 10, parts >> 5 & 31, parts & 31}; }

/* What another cell allows, beside those before. */
static int orders_with(const rnni_column *c, int orders) { return c->orders ? c->orders & orders : orders; }

static rnn_status put_date(rnn_ctx *ctx, rnni_column *c, int64_t row, const char *text, size_t size) {
  rnni_date date;
  if (rnni_cell_missing(text, size)) return append_missing(ctx, c);
  if (c->format) {
    if (!rnni_cell_date_as(text, size, c->format, &date)) return unexpected(ctx, c, row, c->format, text);
    return append_int(ctx, c, rnni_days(date));
  }
  int orders = orders_with(c, rnni_cell_date(text, size, &date));
  if (!orders)
    return unexpected(ctx, c, row, c->orders == RNNI_YMD   ? "a date YYYY-MM-DD"
                                   : c->orders == RNNI_MDY ? "a date MM/DD/YYYY"
                                   : c->orders == RNNI_DMY ? "a date DD/MM/YYYY"
                                                           : "a date YYYY-MM-DD, MM/DD/YYYY or DD/MM/YYYY", text);
  c->orders = orders;
  if (orders == RNNI_YMD) return append_int(ctx, c, rnni_days(date));
  if (!c->open_row && date.month != date.day) c->open_row = row;
  return append_int(ctx, c, parts_of(date));
}

/* The days of all cells, once the last has been seen. */
static rnn_status finish_dates(rnn_ctx *ctx, const rnni_column *c, int32_t *days) {
  int64_t done = 0;
  if (c->format || !(c->orders & (RNNI_MDY | RNNI_DMY))) return RNN_OK;
  for (int64_t i = 0; i < c->rows; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW));
    if (days[i] == INT32_MIN) continue;
    rnni_date d = of_parts(days[i]);
    if (c->orders == (RNNI_MDY | RNNI_DMY) && d.month != d.day) {
      char name[64];
      rnni_csv_quote(c->name, name);
      return rnni_fail(ctx, RNN_EFORMAT,
                       "%.200s: row %lld, column %s: %02d/%02d/%04d is a date, but which is the month? No row of the "
                       "column tells; types = {[%s] = \"%%d/%%m/%%Y\"} or \"%%m/%%d/%%Y\" does",
                       c->path, (long long)c->open_row, name, d.month, d.day, d.year, name);
    }
    if (!(c->orders & RNNI_MDY)) d = (rnni_date){d.year, d.day, d.month};
    days[i] = rnni_days(d);
  }
  return RNN_OK;
}

/* ---- text ---- */

size_t rnni_utf8_length(const void *text, size_t size) {
  const unsigned char *s = text;
  size_t i = 0;
  while (i < size) {
    unsigned char c = s[i];
    size_t more = c < 0x80 ? 0 : c >= 0xC2 && c < 0xE0 ? 1 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xF0 && c < 0xF5 ? 3 : 9;
    if (more >= size - i) return i;
    for (size_t k = 1; k <= more; k++)
      if ((s[i + k] & 0xC0) != 0x80) return i;
    if ((c == 0xE0 && s[i + 1] < 0xA0) || (c == 0xED && s[i + 1] > 0x9F) || (c == 0xF0 && s[i + 1] < 0x90) ||
        (c == 0xF4 && s[i + 1] > 0x8F))
      return i;
    i += more + 1;
  }
  return size;
}

const char *rnni_csv_check_text(const char *text, size_t size, char *what, size_t room) {
  size_t good = rnni_utf8_length(text, size);
  if (good == size) return NULL;
  snprintf(what, room, "byte %zu of the cell is 0x%02X, which is no UTF-8; convert the file first, as with "
           "iconv -f LATIN1 -t UTF-8", good + 1, (unsigned char)text[good]);
  return what;
}

static rnn_status put_text(rnn_ctx *ctx, rnni_column *c, int64_t row, const char *text, size_t size) {
  int32_t id = 0, known = c->words.count;
  if (size) RNNI_TRY(rnni_words_add(ctx, &c->words, text, size, &id));
  char name[64], what[160];
  if (id > known && rnni_csv_check_text(text, size, what, sizeof what))
    return rnni_fail(ctx, RNN_EFORMAT, "%.200s: row %lld, column %s: %s", c->path, (long long)row,
                     rnni_csv_quote(c->name, name), what);
  if (row == c->odd_row) c->odd_id = id;
  return append_int(ctx, c, id);
}

static rnn_status put(rnn_ctx *ctx, rnni_column *c, int64_t row, const char *text, size_t size) {
  if (c->type == RNN_CSV_NUMBER) return put_number(ctx, c, row, text, size);
  if (c->type == RNN_CSV_DATE) return put_date(ctx, c, row, text, size);
  return put_text(ctx, c, row, text, size);
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
  c->orders = 0;
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

static rnn_csv_type type_of(rnni_column *c, const char *text, size_t size) {
  rnni_date date;
  double number;
  int orders = rnni_cell_date(text, size, &date);
  if (orders) return (c->orders = orders_with(c, orders)) ? RNN_CSV_DATE : RNN_CSV_TEXT;
  if (is_number(text, size, &number)) return RNN_CSV_NUMBER;
  return rnni_cell_missing(text, size) ? RNN_CSV_AUTO : RNN_CSV_TEXT;
}

static rnn_status put_auto(rnn_ctx *ctx, rnni_column *c, int64_t index, int64_t row, const char *text, size_t size) {
  if (!size) return RNN_OK; /* empty in every type */
  RNNI_TRY(sample_add(ctx, c, index, row, text, size));
  struct rnni_sample *s = c->sample;
  rnn_csv_type type = type_of(c, text, size);
  if (type != RNN_CSV_AUTO) {
    if (s->type == RNN_CSV_AUTO) s->type = type;
    if (s->type != type) s->type = RNN_CSV_TEXT;
  }
  if (s->type == RNN_CSV_TEXT) c->odd_row = row;
  if (s->type == RNN_CSV_TEXT || s->count == RNNI_CSV_SAMPLE) return settle(ctx, c, s->type);
  return RNN_OK;
}

rnn_status rnni_column_put(rnn_ctx *ctx, rnni_column *c, int64_t index, int64_t row, const char *text, size_t size) {
  return c->type == RNN_CSV_AUTO ? put_auto(ctx, c, index, row, text, size) : put(ctx, c, row, text, size);
}

/* ---- the end ---- */

rnn_status rnni_column_finish(rnn_ctx *ctx, rnni_column *c, int64_t rows, rnn_csv_column *out) {
  rnn_tensor *values = NULL;
  rnn_numbers *numbers = NULL;
  void *data;
  int64_t done = 0;
  rnn_status status = RNN_OK;
  if (c->type == RNN_CSV_AUTO) RNNI_GOTO(settle(ctx, c, c->sample ? c->sample->type : RNN_CSV_AUTO));
  while (c->rows < rows) {
    RNNI_GOTO(rnni_pace(ctx, &done, 1));
    RNNI_GOTO(append_missing(ctx, c));
  }
  if (c->type == RNN_CSV_NUMBER) RNNI_GOTO(rnn_numbers_new(ctx, c->whole, rows, &numbers));
  else RNNI_GOTO(rnni_tensor_raw(ctx, RNN_INT, 1, &rows, &values));
  data = numbers ? (void *)numbers->integers : values->data;
  for (int64_t i = 0; i < c->chunk_count; i++) {
    int64_t n = RNNI_MIN(rows - i * CHUNK, CHUNK);
    RNNI_GOTO(rnni_pace(ctx, &done, n));
    memcpy((char *)data + (size_t)(i * CHUNK) * value_size(c), c->chunks[i], (size_t)n * value_size(c));
  }
  if (c->type == RNN_CSV_DATE) RNNI_GOTO(finish_dates(ctx, c, data));
  int count = c->words.count;
  char **words;
  RNNI_GOTO(rnni_words_take(ctx, &c->words, &words));
  *out = (rnn_csv_column){.name = c->name, .type = c->type, .numbers = numbers, .values = values, .word_count = count,
                          .words = words, .odd_row = c->odd_row, .odd_id = c->odd_id};
  c->name = NULL;
  values = NULL;
  numbers = NULL;
done:
  rnn_tensor_free(values);
  rnn_numbers_free(numbers);
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
