/* csv_column.c: see csv_column.h. A column of type AUTO takes the first of date, number and text that fits its sample,
 * or text at once when a cell is neither; from then on it is as if the user had named that type. */
#include "csv_column.h"

#include <stdio.h>

#include "cell.h"

#define ROOM 1024
#define ESTIMATED 262144 /* rows from which the share of the file that has been read tells how many there will be */
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

static size_t value_size(const rnni_column *c) { return c->type == RNN_CSV_TEXT ? sizeof(int32_t) : sizeof(int64_t); }

static rnn_status make_room(rnn_ctx *ctx, rnni_column *c) {
  int64_t room = RNNI_MAX(2 * c->room, ROOM);
  size_t bytes;
  if (c->rows >= ESTIMATED && *c->share > 0) room = (int64_t)((double)c->rows * RNNI_MAX(1.02 / *c->share, 1.125));
  if (__builtin_mul_overflow((size_t)room, value_size(c), &bytes)) bytes = SIZE_MAX;
  RNNI_TRY(rnni_realloc(ctx, bytes, &c->values));
  c->room = room;
  return RNN_OK;
}

static rnn_status append_double(rnn_ctx *ctx, rnni_column *c, double value) {
  if (c->rows == c->room) RNNI_TRY(make_room(ctx, c));
  ((double *)c->values)[c->rows++] = value;
  return RNN_OK;
}

static rnn_status append_whole(rnn_ctx *ctx, rnni_column *c, int64_t value) {
  if (c->rows == c->room) RNNI_TRY(make_room(ctx, c));
  ((int64_t *)c->values)[c->rows++] = value;
  return RNN_OK;
}

static rnn_status append_int(rnn_ctx *ctx, rnni_column *c, int32_t value) {
  if (c->rows == c->room) RNNI_TRY(make_room(ctx, c));
  ((int32_t *)c->values)[c->rows++] = value;
  return RNN_OK;
}

static rnn_status append_missing(rnn_ctx *ctx, rnni_column *c) {
  if (c->type == RNN_CSV_TEXT) return append_int(ctx, c, 0);
  return c->type == RNN_CSV_DATE || c->whole ? append_whole(ctx, c, RNN_MISSING) : append_double(ctx, c, (double)NAN);
}

/* ---- numbers ---- */

#define PLAIN 400 /* longer cells are no numbers of a dialect */

/* How many bytes the blank that stands there has: a space, or one that does not break lines (U+00A0, U+202F). */
static size_t space_at(const char *text, const char *end) {
  if (*text == ' ') return 1;
  if (end - text >= 2 && memcmp(text, "\xC2\xA0", 2) == 0) return 2;
  return end - text >= 3 && memcmp(text, "\xE2\x80\xAF", 3) == 0 ? 3 : 0;
}

/* The number as we write it, in buffer: without separators of thousands, which stand between groups of three digits,
   and with a decimal point. NULL when it is not written so. */
static const char *plain_number(const char *text, size_t *size, char decimal, const char *thousands, char *buffer) {
  size_t n = 0, mark = thousands ? strlen(thousands) : 0, digits = 0, groups = 0;
  bool whole = true; /* before the decimal sign and the exponent */
  const char *end = text + *size;
  bool space = mark == 1 && *thousands == ' ';
  while (text < end && (*text == ' ' || *text == '\t')) text++;
  while (text < end && (end[-1] == ' ' || end[-1] == '\t')) end--;
  if (end - text >= PLAIN) return NULL;
  while (text < end) {
    if (space) mark = space_at(text, end);
    if (*text >= '0' && *text <= '9') {
      digits++;
    } else if (whole && mark && (size_t)(end - text) > mark && (space || memcmp(text, thousands, mark) == 0)) {
      if (digits < 1 || digits > 3 || (groups && digits != 3)) return NULL;
      groups++;
      digits = 0;
      text += mark;
      if (*text < '0' || *text > '9') return NULL;
      continue;
    } else if (digits || *text == decimal) {
      if (groups && whole && digits != 3) return NULL;
      if (*text == '.' && decimal != '.') return NULL;
      whole = false;
    }
    buffer[n++] = *text == decimal ? '.' : *text;
    text++;
  }
  if (groups && whole && digits != 3) return NULL;
  buffer[n] = '\0';
  *size = n;
  return buffer;
}

static const char *plain_of(const rnni_column *c, const char *text, size_t *size, char *buffer) {
  if (c->plain) return text;
  char decimal = c->dialect->decimal ? c->dialect->decimal : '.';
  const char *thousands = c->dialect->thousands;
  return plain_number(text, size, decimal, thousands ? thousands : decimal == ',' ? "." : NULL, buffer);
}

/* One of the user's own cells that mean missing? */
static bool is_marked(const rnni_column *c, const char *text, size_t size) {
  for (int i = 0; i < c->dialect->missing_count; i++)
    if (strlen(c->dialect->missing[i]) == size && memcmp(c->dialect->missing[i], text, size) == 0) return true;
  return false;
}

static bool is_missing(const rnni_column *c, const char *text, size_t size) {
  return is_marked(c, text, size) || rnni_cell_missing(text, size);
}

static bool is_whole(double v) { return v == rint(v) && fabs(v) < 0x1p63; }

/* The doubles so far become integers, where all of them are. */
static bool make_whole(rnni_column *c) {
  for (int64_t i = 0; i < c->rows; i++) {
    double v = ((double *)c->values)[i];
    if (!isnan(v) && !is_whole(v)) return false;
  }
  for (int64_t i = 0; i < c->rows; i++) {
    double v;
    int64_t whole;
    char *at = (char *)c->values + (size_t)i * sizeof v;
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

bool rnni_csv_is_number(const char *text, size_t size, char decimal, const char *thousands) {
  char buffer[PLAIN];
  double number;
  return (text = plain_number(text, &size, decimal, thousands, buffer)) && is_number(text, size, &number);
}

/* What a number says of points: 1.299 may be either, 0.5 and 1299.5 have a decimal one, 1299 has none in its place. */
static void note_points(rnni_column *c, int64_t row, const char *text, size_t size) {
  size_t digits = 0, after = 0;
  const char *point = memchr(text, '.', size), *first = text;
  (void)rnni_cell_minus(&first, text + size);
  for (const char *at = first; at < (point ? point : text + size) && *at >= '0' && *at <= '9';) at++, digits++;
  if (!point) {
    if (digits > 3) c->points = RNNI_POINT_UNGROUPED;
    return;
  }
  while (point + 1 + after < text + size && point[1 + after] >= '0' && point[1 + after] <= '9') after++;
  bool open = digits >= 1 && digits <= 3 && *first != '0' && after == 3 && point + 4 == text + size;
  if (!open) c->points = RNNI_POINT_DECIMAL;
  if (open && !c->point_row) {
    c->point_row = row;
    snprintf(c->point_text, sizeof c->point_text, "%s", text);
  }
}

/* One of the user's numbers that mean missing, in another form than theirs? */
static bool is_marked_number(const rnni_column *c, const char *text, size_t size, double number) {
  char buffer[PLAIN];
  double mark;
  int64_t a, b;
  for (int i = 0; i < c->dialect->missing_count; i++) {
    size_t length = strlen(c->dialect->missing[i]);
    const char *plain = plain_of(c, c->dialect->missing[i], &length, buffer);
    if (!plain || !rnni_cell_number(plain, length, &mark) || mark != number) continue;
    if (!rnni_cell_integer(plain, length, &a) || !rnni_cell_integer(text, size, &b) || a == b) return true;
  }
  return false;
}

static rnn_status put_number(rnn_ctx *ctx, rnni_column *c, int64_t row, const char *cell, size_t size) {
  double number;
  int64_t whole;
  char buffer[PLAIN];
  size_t length = size;
  const char *text = plain_of(c, cell, &length, buffer);
  if (is_marked(c, cell, size)) return append_missing(ctx, c);
  if (!text || !is_number(text, length, &number)) {
    if (!rnni_cell_missing(cell, size)) return unexpected(ctx, c, row, "a number", cell);
    return append_missing(ctx, c);
  }
  size = length;
  if (c->dialect->missing_count && is_marked_number(c, text, size, number)) return append_missing(ctx, c);
  if (c->counts_points && c->points == RNNI_POINT_OPEN) note_points(c, row, text, size);
  if (!c->whole && (fabs(number) < GAPS || rnni_cell_exact(text, size, number))) return append_double(ctx, c, number);
  if (!c->whole && !make_whole(c))
    return unexpected(ctx, c, row, "a number that a double holds, beside fractions or numbers of more than 64 bits", text);
  if (rnni_cell_integer(text, size, &whole)) return append_whole(ctx, c, whole);
  if (!is_whole(number)) return unexpected(ctx, c, row, "a whole number from -(2^63 - 1) to 2^63 - 1, beside others beyond 2^53", text);
  return append_whole(ctx, c, (int64_t)number);
}

/* ---- dates ---- */

/* A date whose order is not known yet waits as its parts: 14 bits of year, 5 of each number, 39 of microseconds since
   the day before, as an offset may lead there. */
enum { MICROS = 39 };
static int64_t parts_of(const rnni_stamp *s) {
  int64_t day = ((int64_t)s->year << 10) | s->month << 5 | s->day;
  return day << MICROS | (s->micros - (int64_t)s->offset * 1000000 + RNNI_DAY);
}
static int64_t of_parts(int64_t parts, bool day_first, int *first, int *second, int *year) {
  int64_t day = parts >> MICROS, micros = (parts & (((int64_t)1 << MICROS) - 1)) - RNNI_DAY;
  *year = (int)(day >> 10), *first = (int)(day >> 5 & 31), *second = (int)(day & 31);
  return (day_first ? rnni_days(*year, *second, *first) : rnni_days(*year, *first, *second)) * RNNI_DAY + micros;
}

bool rnn_date_read(const char *text, size_t size, int64_t *month_first, int64_t *day_first) {
  rnni_stamp s;
  int orders = rnni_cell_stamp(text, size, &s);
  *month_first = orders & (RNNI_YMD | RNNI_MDY) ? rnni_stamp_micros(&s) : RNN_MISSING;
  if (!(orders & RNNI_YMD)) {
    int first = s.month;
    s.month = s.day, s.day = first;
  }
  *day_first = orders & (RNNI_YMD | RNNI_DMY) ? rnni_stamp_micros(&s) : RNN_MISSING;
  return orders != 0;
}

/* What another cell allows, beside those before. */
static int orders_with(const rnni_column *c, int orders) { return c->orders ? c->orders & orders : orders; }

enum { RNNI_BARE = 1, RNNI_ZONED = 2 };
static int zones_with(const rnni_column *c, const rnni_stamp *s) { return c->zones | (s->zoned ? RNNI_ZONED : RNNI_BARE); }

/* Notes the zone of a cell: with an offset in all cells, or in none. */
static bool note_clock(rnni_column *c, const rnni_stamp *s) {
  int zones = zones_with(c, s);
  if (zones == (RNNI_BARE | RNNI_ZONED)) return false;
  if (!c->zones) c->offset = s->offset;
  c->offsets_differ |= c->offset != s->offset;
  c->zones = zones;
  c->clock |= s->micros != 0 || s->zoned;
  return true;
}

static rnn_status put_epoch(rnn_ctx *ctx, rnni_column *c, int64_t row, const char *text, size_t size) {
  static const char expected[] = "a number of seconds or their like since 1970";
  int64_t micros;
  double number;
  c->clock = true;
  c->zones = RNNI_ZONED;
  if (rnni_cell_integer(text, size, &micros)) {
    if (c->epoch < 0) micros = micros / -c->epoch - (micros % -c->epoch < 0);
    else if (__builtin_mul_overflow(micros, c->epoch, &micros)) return unexpected(ctx, c, row, expected, text);
    return append_whole(ctx, c, micros);
  }
  if (rnni_cell_number(text, size, &number)) {
    number = rint(c->epoch < 0 ? number / (double)-c->epoch : number * (double)c->epoch);
    if (!(fabs(number) < GAPS)) return unexpected(ctx, c, row, expected, text);
    return append_whole(ctx, c, (int64_t)number);
  }
  return unexpected(ctx, c, row, expected, text);
}

static rnn_status put_date(rnn_ctx *ctx, rnni_column *c, int64_t row, const char *text, size_t size) {
  rnni_stamp stamp;
  if (is_missing(c, text, size)) return append_missing(ctx, c);
  if (c->epoch) return put_epoch(ctx, c, row, text, size);
  if (c->format) {
    if (!rnni_cell_stamp_as(text, size, c->format, &stamp)) return unexpected(ctx, c, row, c->format, text);
    note_clock(c, &stamp);
    return append_whole(ctx, c, rnni_stamp_micros(&stamp));
  }
  int orders = orders_with(c, rnni_cell_stamp(text, size, &stamp));
  /* 20240131, 202401 and 2024 are dates where the user says so. */
  if (!orders && !c->guessed && (!c->orders || c->orders == RNNI_YMD) &&
      rnni_cell_stamp_as(text, size, size == 8 ? "%Y%m%d" : size == 6 ? "%Y%m" : "%Y", &stamp))
    orders = RNNI_YMD;
  if (!orders)
    return unexpected(ctx, c, row, c->orders == RNNI_YMD   ? "a date YYYY-MM-DD"
                                   : c->orders == RNNI_MDY ? "a date MM/DD/YYYY"
                                   : c->orders == RNNI_DMY ? "a date DD/MM/YYYY"
                                                           : "a date YYYY-MM-DD, MM/DD/YYYY or DD/MM/YYYY", text);
  if (!note_clock(c, &stamp))
    return unexpected(ctx, c, row, stamp.zoned ? "a time without an offset from UTC"
                                               : "a time with an offset from UTC, as +02:00 or Z", text);
  c->orders = orders;
  if (orders == RNNI_YMD) return append_whole(ctx, c, rnni_stamp_micros(&stamp));
  if (!c->open_row && stamp.month != stamp.day) {
    c->open_row = row;
    snprintf(c->open_text, sizeof c->open_text, "%s", text);
  }
  return append_whole(ctx, c, parts_of(&stamp));
}

/* The times of all cells, once the last has been seen. */
static rnn_status finish_dates(rnn_ctx *ctx, const rnni_column *c, int64_t *values, int64_t rows) {
  int64_t done = 0;
  if (c->format || c->epoch || !(c->orders & (RNNI_MDY | RNNI_DMY))) return RNN_OK;
  for (int64_t i = 0; i < rows; i++) {
    int first, second, year;
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW));
    if (values[i] == RNN_MISSING) continue;
    int64_t value = of_parts(values[i], !(c->orders & RNNI_MDY), &first, &second, &year);
    if (c->orders == (RNNI_MDY | RNNI_DMY) && first != second) {
      char name[64], day_first[64] = "%d/%m/%Y", month_first[64] = "%m/%d/%Y";
      rnni_csv_quote(c->name, name);
      if (!rnni_stamp_format_of(c->open_text, true, day_first, sizeof day_first) ||
          !rnni_stamp_format_of(c->open_text, false, month_first, sizeof month_first))
        day_first[8] = month_first[8] = '\0';
      return rnni_fail(ctx, RNN_EFORMAT,
                       "%.200s: row %lld, column %s: %02d/%02d/%04d is a date, but which is the month? No row of the "
                       "column tells; types = {[%s] = \"%s\"} or \"%s\" does",
                       c->path, (long long)c->open_row, name, first, second, year, name, day_first, month_first);
    }
    values[i] = value;
  }
  return RNN_OK;
}

/* Days in place of times, where no cell has a time of day. */
static rnn_status days_of(rnn_ctx *ctx, const int64_t *values, int64_t rows, rnn_tensor **out) {
  int64_t done = 0;
  RNNI_TRY(rnni_tensor_raw(ctx, RNN_INT, 1, &rows, out));
  int32_t *days = rnni_i(*out);
  for (int64_t i = 0; i < rows; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW));
    days[i] = values[i] == RNN_MISSING ? INT32_MIN : (int32_t)((values[i] - (values[i] < 0) * (RNNI_DAY - 1)) / RNNI_DAY);
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
  snprintf(what, room, "byte %zu of the cell is 0x%02X, which is no UTF-8; convert the file, or name its "
           "encoding: encoding = \"windows-1252\" reads Western European, \"cp1251\" Russian, \"cp932\" Japanese, "
           "\"gbk\" Chinese", good + 1, (unsigned char)text[good]);
  return what;
}

static rnn_status put_text(rnn_ctx *ctx, rnni_column *c, int64_t row, const char *text, size_t size) {
  int32_t id = 0, known = c->words.count;
  if (size && !is_marked(c, text, size)) RNNI_TRY(rnni_words_add(ctx, &c->words, text, size, &id));
  char name[64], what[200];
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
  c->orders = c->zones = 0;
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
  rnni_stamp stamp;
  double number;
  int orders = rnni_cell_stamp(text, size, &stamp);
  if (orders) {
    c->zones = zones_with(c, &stamp);
    if (c->zones == (RNNI_BARE | RNNI_ZONED)) return RNN_CSV_TEXT;
    return (c->orders = orders_with(c, orders)) ? RNN_CSV_DATE : RNN_CSV_TEXT;
  }
  char buffer[PLAIN];
  size_t length = size;
  const char *plain = plain_of(c, text, &length, buffer);
  if (plain && is_number(plain, length, &number)) return RNN_CSV_NUMBER;
  return rnni_cell_missing(text, size) ? RNN_CSV_AUTO : RNN_CSV_TEXT;
}

rnn_csv_type rnni_csv_type_of(const char *text, size_t size) {
  static const rnn_csv_options defaults = {0};
  rnni_column c = {.dialect = &defaults, .plain = true};
  return type_of(&c, text, size);
}

static rnn_status put_auto(rnn_ctx *ctx, rnni_column *c, int64_t index, int64_t row, const char *text, size_t size) {
  if (!size || is_marked(c, text, size)) return RNN_OK; /* empty in every type */
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
  int64_t done = 0;
  char *name = NULL;
  rnn_status status = RNN_OK;
  RNNI_GOTO(rnni_strdup(ctx, c->name, &name));
  if (c->type == RNN_CSV_AUTO) RNNI_GOTO(settle(ctx, c, c->sample ? c->sample->type : RNN_CSV_AUTO));
  while (c->rows < rows) {
    RNNI_GOTO(rnni_pace(ctx, &done, 1));
    RNNI_GOTO(append_missing(ctx, c));
  }
  if (c->type == RNN_CSV_DATE) RNNI_GOTO(finish_dates(ctx, c, c->values, rows));
  if (c->type == RNN_CSV_DATE && !c->clock) {
    RNNI_GOTO(days_of(ctx, c->values, rows, &values));
  } else if (c->type == RNN_CSV_TEXT) {
    RNNI_GOTO(rnni_tensor_raw(ctx, RNN_INT, 1, &rows, &values));
    if (rows) memcpy(values->data, c->values, (size_t)rows * sizeof(int32_t));
  } else {
    RNNI_GOTO(rnni_realloc(ctx, (size_t)rows * sizeof(int64_t), &c->values));
    RNNI_GOTO(rnni_numbers_of(ctx, c->whole || c->type == RNN_CSV_DATE, rows, c->values, &numbers));
    c->values = NULL;
  }
  int count = c->words.count;
  char **words;
  if (c->goes_on) RNNI_GOTO(rnni_words_copy(ctx, &c->words, &words));
  else RNNI_GOTO(rnni_words_take(ctx, &c->words, &words));
  *out = (rnn_csv_column){.name = name, .type = c->type, .numbers = numbers, .values = values, .word_count = count,
                          .words = words, .odd_row = c->odd_row, .odd_id = c->odd_id,
                          .zoned = (c->zones & RNNI_ZONED) != 0, .offset = c->offsets_differ ? 0 : c->offset,
                          .offsets_differ = c->offsets_differ};
  values = NULL;
  numbers = NULL;
  name = NULL;
done:
  rnni_free(ctx, c->values);
  c->values = NULL;
  c->rows = c->room = 0;
  c->whole = false;
  rnni_free(ctx, name);
  rnn_tensor_free(values);
  rnn_numbers_free(numbers);
  return status;
}

void rnni_column_free(rnn_ctx *ctx, rnni_column *c) {
  rnni_free(ctx, c->values);
  rnni_words_free(ctx, &c->words);
  sample_free(ctx, c->sample);
  rnni_free(ctx, c->name);
  *c = (rnni_column){0};
}
