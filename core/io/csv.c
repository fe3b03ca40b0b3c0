/* csv.c: a CSV file, block by block, through libcsv into the columns that are kept; whole or in parts.
 *
 * libcsv cuts the bytes into cells and is used in its strict mode, because its lax one reads on silently after a
 * quotation mark that is out of place. Every cell comes through one callback, which only looks up who keeps it; a
 * cell that nobody keeps costs nothing else. Callbacks cannot stop libcsv: the first failure stays in r->status,
 * later cells are ignored, and the loop over the blocks stops. */
#include <csv.h>
#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>
#include <zlib.h>

#include "cell.h"
#include "csv_column.h"

#define BLOCK ((size_t)256 << 10)
/* A longer cell is an error: a quotation mark without its partner would take the rest of the file into memory. */
#define LONGEST_CELL ((size_t)16 << 20)
/* In front of the buffer that libcsv grows, so that grow() finds its reader. */
#define BUFFER_HEAD ((size_t)64)
#define BUFFER_START ((size_t)4096)
#define DUPLICATE (-1) /* in cell_of_name */

#define SLICE ((size_t)16 << 10) /* of a block, between looks at the number of rows */
#define GUESS_LINES 100

typedef struct rnn_csv_stream {
  rnn_ctx *ctx;
  char *path;
  int fd;
  int64_t bytes; /* in the file; -1: a pipe */
  double share;  /* of them that was read before this block; 0 where they are no text as it is, or read in parts */
  char *block; /* BLOCK bytes of text in UTF-8, of which size are there and at are read */
  size_t size, at;
  bool begun, ended, parts;
  char *packed; /* BLOCK bytes of a file that gzip wrote; NULL: the file is as it is */
  z_stream zip;
  bool zip_ended; /* zip stands at the end of what was packed */
  bool converts;
  iconv_t convert; /* from another encoding: */
  char *foreign;   /* BLOCK / 4 bytes of it, */
  size_t kept;     /* of which so many are the beginning of a character */
  int64_t passed;  /* bytes before foreign */
  rnn_csv_options options;
  struct csv_parser parser;
  char *buffer; /* of the parser, BUFFER_HEAD in front included */
  rnn_status status;
  bool guessed;  /* the separator */
  bool skipping; /* the rest of a comment */

  rnni_words names;   /* of all the file's columns, each once */
  int *cell_of_name;  /* (names.count) cell of the column with this name, from 0; DUPLICATE when several have it */
  int name_room;
  int32_t *firsts;    /* (width) what stands in row 1, as ids of names */
  int first_room;
  rnni_words texts;   /* without names: what stands in row 1, */
  int32_t *text_ids;  /* (width) as ids of texts */
  int width;          /* cells in a row */
  rnni_column *columns;
  int count;    /* one without a name is left out */
  int32_t nameless; /* of several columns without a name: their id in names */
  rnni_column **keeper; /* (width) the column that keeps this cell, NULL when none does; NULL until row 1 is read */

  int cell;     /* cells of this row so far */
  int64_t row;  /* the row being read, from 1; blank rows count, as in an editor or a spreadsheet */
  int64_t rows; /* of data in this part, complete */
  int ended_by; /* last end of a row: '\n' after '\r' ends no other */
} reader;

/* ---- messages ---- */

static const char *name_of(const reader *r, int cell) {
  for (int id = 1; id <= r->names.count; id++)
    if (r->cell_of_name[id - 1] == cell) return rnni_words_at(&r->names, id);
  return NULL;
}

/* 'path: row 3, column "bus": what', of the cell now being read; a column without a name of its own by its number. */
static rnn_status fail_here(reader *r, const char *what) {
  char quoted[64];
  const char *name = r->keeper ? name_of(r, r->cell) : NULL;
  if (name) rnni_csv_quote(name, quoted);
  else snprintf(quoted, sizeof quoted, "%d", r->cell + 1);
  return rnni_fail(r->ctx, RNN_EFORMAT, "%.200s: row %lld, column %s: %s", r->path, (long long)r->row, quoted, what);
}

static rnn_status fail_unknown(reader *r, const char *wanted) {
  char known[200], quoted[64];
  size_t n = 0;
  for (int id = 1; id <= r->names.count; id++) {
    const char *name = rnni_csv_quote(rnni_words_at(&r->names, id), quoted);
    if (n + strlen(name) + 8 > sizeof known) {
      snprintf(known + n, sizeof known - n, ", ...");
      break;
    }
    n += (size_t)snprintf(known + n, sizeof known - n, id > 1 ? ", %s" : "%s", name);
  }
  return rnni_fail(r->ctx, RNN_EFORMAT, "%.150s: no column %s; its %d columns are %s", r->path,
                   rnni_csv_quote(wanted, quoted), r->width, known);
}

static rnn_status fail_duplicate(reader *r, const char *name) {
  char quoted[64];
  return rnni_fail(r->ctx, RNN_EFORMAT, "%.200s: row 1: several columns are called %s; name the columns to keep",
                   r->path, rnni_csv_quote(name, quoted));
}

/* ---- the header ---- */

static rnn_status add_name(reader *r, const char *text, size_t size) {
  int32_t id, known = r->names.count;
  char what[200];
  if (r->width == INT_MAX / 2) return fail_here(r, "too many columns");
  if (rnni_csv_check_text(text, size, what, sizeof what)) return fail_here(r, what);
  RNNI_TRY(rnni_words_add(r->ctx, &r->names, text, size, &id));
  if (id > known) {
    if (id > r->name_room) {
      int room = r->name_room ? r->name_room * 2 : 16;
      RNNI_TRY(rnni_realloc(r->ctx, (size_t)room * sizeof *r->cell_of_name, &r->cell_of_name));
      r->name_room = room;
    }
    r->cell_of_name[id - 1] = r->width;
  } else {
    r->cell_of_name[id - 1] = DUPLICATE;
  }
  if (r->width == r->first_room) {
    int room = r->first_room ? r->first_room * 2 : 16;
    RNNI_TRY(rnni_realloc(r->ctx, (size_t)room * sizeof *r->firsts, &r->firsts));
    r->first_room = room;
  }
  r->firsts[r->width++] = id;
  return RNN_OK;
}

static int64_t epoch_of(const char *format) {
  static const char *const units[] = {"seconds", "milliseconds", "microseconds", "nanoseconds"};
  static const int64_t micros[] = {1000000, 1000, 1, -1000};
  for (int i = 0; i < 4; i++)
    if (strcmp(format, units[i]) == 0) return micros[i];
  return 0;
}

static rnn_status keep(reader *r, int cell, const char *name, rnn_csv_type type, const char *format, rnni_column *c) {
  const rnn_csv_options *o = &r->options;
  c->path = r->path;
  c->share = &r->share;
  c->dialect = o;
  c->plain = !o->thousands && (!o->decimal || o->decimal == '.');
  c->counts_points = r->guessed && o->separator == ';' && !o->decimal && !o->thousands;
  c->type = type;
  c->epoch = format ? epoch_of(format) : 0;
  c->format = c->epoch ? NULL : format;
  c->guessed = type == RNN_CSV_AUTO;
  RNNI_TRY(rnni_strdup(r->ctx, name, &c->name));
  r->keeper[cell] = c;
  return RNN_OK;
}

/* The cell of the column that the options call name. */
static rnn_status find(reader *r, const char *name, int *cell) {
  int32_t id = rnni_words_find(&r->names, name, strlen(name));
  if (!id) return fail_unknown(r, name);
  *cell = r->cell_of_name[id - 1];
  if (*cell == DUPLICATE) return fail_duplicate(r, name);
  return RNN_OK;
}

/* Row 1 is data: what stands there moves to texts, and the columns get names. */
static rnn_status name_columns(reader *r) {
  int32_t *firsts = r->firsts;
  rnni_words texts = r->names;
  rnn_status status = RNN_OK;
  int width = r->width;
  r->names = (rnni_words){0};
  r->firsts = NULL;
  r->width = r->first_room = 0;
  for (int i = 0; i < width; i++) {
    char text[32];
    int n = snprintf(text, sizeof text, "column%d", i + 1);
    RNNI_GOTO(add_name(r, text, (size_t)n));
  }
done:
  r->texts = texts;
  r->text_ids = firsts;
  return status;
}

/* Values alone in row 1 are no names. */
static rnn_status check_names(reader *r) {
  char first[64];
  int values = 0;
  for (int32_t id = 1; id <= r->names.count; id++) {
    const char *text = rnni_words_at(&r->names, id);
    size_t size = strlen(text);
    rnn_csv_type type = rnni_csv_type_of(text, size);
    if (type == RNN_CSV_TEXT) type = rnni_csv_is_number(text, size, ',', ".") ? RNN_CSV_NUMBER : RNN_CSV_TEXT;
    if (type == RNN_CSV_TEXT) return RNN_OK;
    if (type != RNN_CSV_AUTO && !values++) rnni_csv_quote(text, first);
  }
  if (!values) return RNN_OK;
  return rnni_fail(r->ctx, RNN_EFORMAT, "%.200s: row 1 holds values, as %s, and no names of columns; header = false reads "
                   "it as data, header = true as names", r->path, first);
}

/* After the last name: who keeps what. */
static rnn_status bind(reader *r) {
  const rnn_csv_options *o = &r->options;
  if (o->header == RNN_CSV_NO_NAMES) RNNI_TRY(name_columns(r));
  else if (o->header == RNN_CSV_NAMES) RNNI_TRY(check_names(r));
  bool all = !o->columns || o->others;
  int named = o->columns ? o->column_count : 0;
  r->count = all ? r->width : named;
  RNNI_TRY(rnni_calloc(r->ctx, (size_t)r->width * sizeof *r->keeper, &r->keeper));
  RNNI_TRY(rnni_calloc(r->ctx, (size_t)r->count * sizeof *r->columns, &r->columns));
  for (int i = 0; i < named; i++) {
    int cell;
    RNNI_TRY(find(r, o->columns[i], &cell));
    if (r->keeper[cell]) return rnni_fail(r->ctx, RNN_EARG, "data.csv: column \"%.60s\" is named twice", o->columns[i]);
    const char *format = o->formats ? o->formats[i] : NULL;
    if (format && !epoch_of(format) && !rnni_stamp_format(format))
      return rnni_fail(r->ctx, RNN_EARG, "data.csv: the format \"%.60s\" must have %%Y, %%m and %%d, each once, or what "
                       "says the same, and nothing that is unknown", format);
    RNNI_TRY(keep(r, cell, o->columns[i], format ? RNN_CSV_DATE : o->types ? o->types[i] : RNN_CSV_AUTO, format,
                  &r->columns[all ? cell : i]));
  }
  for (int32_t id = 1; all && id <= r->names.count; id++) {
    const char *name = rnni_words_at(&r->names, id);
    int cell = r->cell_of_name[id - 1];
    if (cell == DUPLICATE && !*name) { /* left out, as long as nothing stands in them */
      r->nameless = id;
      continue;
    }
    if (cell == DUPLICATE) return fail_duplicate(r, name);
    if (!r->keeper[cell]) RNNI_TRY(keep(r, cell, name, RNN_CSV_AUTO, NULL, &r->columns[cell]));
  }
  if (o->header != RNN_CSV_NO_NAMES) return RNN_OK;
  for (int cell = 0; cell < r->width; cell++) {
    const char *text = rnni_words_at(&r->texts, r->text_ids[cell]);
    r->cell = cell;
    if (r->keeper[cell]) RNNI_TRY(rnni_column_put(r->ctx, r->keeper[cell], 0, r->row, text, strlen(text)));
  }
  r->rows = 1;
  return RNN_OK;
}

/* ---- what libcsv calls ---- */

static void take_cell(void *text, size_t size, void *data) {
  reader *r = data;
  if (r->status != RNN_OK) return;
  if (!r->keeper) {
    r->status = add_name(r, text, size);
  } else if (r->cell < r->width) {
    rnni_column *c = r->keeper[r->cell];
    if (c) r->status = rnni_column_put(r->ctx, c, r->rows, r->row, text, size);
    else if (size && r->nameless && r->firsts[r->cell] == r->nameless) r->status = fail_duplicate(r, "");
  }
  r->cell++;
}

static rnn_status check_width(reader *r) {
  char what[128];
  if (r->cell == r->width) return RNN_OK;
  const char *top = rnni_words_at(&r->names, 1), *help = "";
  if (r->width == 1 && r->options.header != RNN_CSV_NO_NAMES) help = "; is row 1 a title? Take it out of the file";
  snprintf(what, sizeof what, "expected %d cells, as in row 1, got %d%s", r->width, r->cell, help);
  if (!r->options.comment && (*top == '#' || *top == '%'))
    snprintf(what, sizeof what, "expected %d cells, as in row 1, got %d; comment = \"%c\" leaves out lines that begin as "
             "row 1 does", r->width, r->cell, *top);
  r->cell = RNNI_MIN(r->cell, r->width); /* the first that is missing or too many */
  return fail_here(r, what);
}

static void take_row(int end, void *data) {
  reader *r = data;
  if (r->status != RNN_OK) return;
  bool half = end == '\n' && r->ended_by == '\r' && r->cell == 0;
  r->ended_by = end;
  if (half) return;
  if (r->cell > 0) {
    if (r->keeper) {
      r->status = check_width(r);
      r->rows++;
    } else {
      r->status = bind(r);
    }
    r->cell = 0;
  }
  r->row++;
}

static void *grow(void *buffer, size_t size) {
  reader *r = NULL;
  memcpy(&r, (char *)buffer - BUFFER_HEAD, sizeof r);
  if (r->status != RNN_OK) return NULL; /* libcsv tries again with less, but the message stands */
  if (size > LONGEST_CELL) {
    r->status = fail_here(r, "a cell of more than 16 MB; is a quotation mark without its partner?");
    return NULL;
  }
  r->status = rnni_realloc(r->ctx, BUFFER_HEAD + size, &r->buffer);
  if (r->status != RNN_OK) return NULL;
  r->parser.blk_size = size; /* the next step doubles it */
  return r->buffer + BUFFER_HEAD;
}

/* ---- the separator ---- */

static const char candidates[] = ",;\t| ";
enum { CANDIDATES = sizeof candidates - 1 };

/* How often each candidate stands outside of quotation marks in up to GUESS_LINES lines; returns how many lines.
   decimal: every comma stands between two digits. */
static int count_candidates(const reader *r, int counts[][CANDIDATES], bool *numbers, bool *decimal) {
  const char *text = r->block + r->at, *end = r->block + r->size;
  int lines = 0;
  bool quoted = false, empty = true, comment = false;
  *numbers = true; /* after the first line: nothing but numbers and blanks */
  *decimal = true;
  memset(counts[0], 0, sizeof counts[0]);
  for (bool start = true; text < end && lines < GUESS_LINES; text++) {
    if (start && r->options.comment && *text == r->options.comment) comment = true;
    start = false;
    if (*text == '"' && !comment) quoted = !quoted;
    if ((*text == '\n' || *text == '\r') && !quoted) {
      if (!empty && !comment) lines++;
      if (lines < GUESS_LINES) memset(counts[lines], 0, sizeof counts[0]);
      start = empty = true;
      comment = false;
      continue;
    }
    if (comment) continue;
    empty &= *text == ' ' || *text == '\t';
    if (lines && !strchr("0123456789+-.eEnaifNAIF ", *text)) *numbers = false;
    const char *which = quoted ? NULL : memchr(candidates, *text, CANDIDATES);
    if (which) counts[lines][which - candidates]++;
    if (*text == ',' && !quoted && (text + 1 == end || !isdigit((unsigned char)text[1]) || text == r->block ||
                                    !isdigit((unsigned char)text[-1])))
      *decimal = false;
  }
  return !empty && !comment && lines < GUESS_LINES && r->ended ? lines + 1 : lines; /* a cut line says nothing */
}

/* The candidate that cuts all the first lines alike. */
static rnn_status guess_separator(reader *r) {
  int counts[GUESS_LINES][CANDIDATES], alike[CANDIDATES], found = 0, best = 0;
  bool numbers, decimal;
  int lines = count_candidates(r, counts, &numbers, &decimal);
  r->guessed = true;
  r->options.separator = ',';
  for (int c = 0; c < CANDIDATES; c++) {
    bool same = lines > 0 && counts[0][c] > 0;
    for (int i = 1; i < lines; i++) same &= counts[i][c] == counts[0][c];
    if (c == 0 && (r->options.decimal == ',' || (decimal && counts[0][1] == 1))) same = false;
    if (candidates[c] == ' ' && (!numbers || lines < 2)) same = false;
    if (same) alike[found++] = c;
    if (lines && candidates[c] != ' ' && counts[0][c] > counts[0][best]) best = c;
  }
  if (found > 1 && candidates[alike[found - 1]] == ' ') found--;
  if (found == 1) best = alike[0];
  if (found > 1 && lines > 1)
    return rnni_fail(r->ctx, RNN_EFORMAT, "%.200s: '%c' cuts every line into %d cells and '%s' into %d; separator = \"%c\" "
                     "or \"%s\" says which", r->path, candidates[alike[0]], counts[0][alike[0]] + 1,
                     candidates[alike[1]] == '\t' ? "\\t" : (char[]){candidates[alike[1]], '\0'},
                     counts[0][alike[1]] + 1, candidates[alike[0]],
                     candidates[alike[1]] == '\t' ? "\\t" : (char[]){candidates[alike[1]], '\0'});
  if (lines) r->options.separator = candidates[best];
  return RNN_OK;
}

/* Spreadsheets may write sep=; in the first line. */
static bool take_separator_line(reader *r) {
  const char *text = r->block + r->at, *end = r->block + r->size;
  bool quoted = end - text > 7 && *text == '"';
  if (end - text < 6 + 2 * quoted || strncasecmp(text + quoted, "sep=", 4) != 0) return false;
  char separator = text[4 + quoted];
  text += 5 + 2 * quoted;
  if (!memchr(candidates, separator, CANDIDATES) || (*text != '\n' && *text != '\r')) return false;
  text += *text == '\r' && text + 1 < end && text[1] == '\n' ? 2 : 1;
  r->at = (size_t)(text - r->block);
  r->row++;
  r->guessed = !r->options.separator;
  if (r->guessed) r->options.separator = separator;
  return true;
}

static const char *separator_name(const reader *r, char text[4]) {
  snprintf(text, 4, "%s", r->options.separator == '\t' ? "\\t" : (char[]){r->options.separator, '\0'});
  return text;
}

/* A column of numbers as 1.299 and 980 alone, beside which none tells what the points are. */
static rnn_status check_points(reader *r) {
  char name[64];
  const rnni_column *open = NULL;
  for (int i = 0; i < r->count; i++) {
    const rnni_column *c = &r->columns[i];
    if (c->type != RNN_CSV_NUMBER) continue;
    if (c->points == RNNI_POINT_DECIMAL) return RNN_OK;
    if (c->points == RNNI_POINT_OPEN && c->point_row && !open) open = c;
  }
  if (!open) return RNN_OK;
  return rnni_fail(r->ctx, RNN_EFORMAT, "%.200s: read with the separator ';' (%d columns), column %s: is \"%s\" in row %lld "
                   "a fraction, or are its points between thousands? decimal = \".\" or decimal = \",\" says which",
                   r->path, r->width, rnni_csv_quote(open->name, name), open->point_text, (long long)open->point_row);
}

/* Names in row 1 that are values of the same kind as all below them: a row of data that would be lost. Wide tables have
   2019, 2020 ... as names. */
static rnn_status check_first(reader *r) {
  char cell[64];
  double before = 0, step = 0, number;
  int numbers = 0, alike = 0;
  const char *date = NULL, *first = NULL;
  bool counted = true;
  for (int i = 0; i < r->count; i++) {
    const rnni_column *c = &r->columns[i];
    if (!c->guessed || c->type == RNN_CSV_TEXT) continue;
    size_t size = strlen(c->name);
    rnn_csv_type type = rnni_csv_type_of(c->name, size);
    if (c->type == RNN_CSV_DATE && type == RNN_CSV_DATE && !date) date = c->name;
    numbers += c->type == RNN_CSV_NUMBER;
    if (c->type != RNN_CSV_NUMBER || !rnni_cell_number(c->name, size, &number)) continue;
    alike++;
    if (alike == 1) first = c->name;
    if (alike == 2) step = number - before;
    counted &= number == rint(number) && (alike == 1 || (step > 0 && number - before == step));
    before = number;
  }
  if (alike == 1) counted &= before >= 1000 && before < 3000;
  if (!date && (alike == 0 || alike < numbers || counted)) return RNN_OK;
  return rnni_fail(r->ctx, RNN_EFORMAT, "%.200s: row 1 holds values, as %s, like the rows below it; header = false reads it "
                   "as data, header = true as names", r->path, rnni_csv_quote(date ? date : first, cell));
}

/* A column of words that would be numbers with a decimal comma, in a file whose separator is a guess. */
static rnn_status check_commas(reader *r, const rnn_csv_column *c) {
  char name[64], cell[64], separator[4];
  bool thousands = true;
  if (c->type != RNN_CSV_TEXT || !c->odd_row || !c->word_count || r->options.decimal || r->options.thousands)
    return RNN_OK;
  for (int i = 0; i < c->word_count; i++) {
    size_t size = strlen(c->words[i]);
    if (!rnni_csv_is_number(c->words[i], size, ',', ".") && !rnni_cell_missing(c->words[i], size)) return RNN_OK;
    thousands &= rnni_csv_is_number(c->words[i], size, '.', ",");
  }
  return rnni_fail(r->ctx, RNN_EFORMAT, "%.200s: read with the separator '%s' (%d columns), column %s would be numbers with "
                   "commas (%s in row %lld); decimal = \",\"%s reads them, types = {[%s] = \"text\"} leaves them words",
                   r->path, separator_name(r, separator), r->width, rnni_csv_quote(c->name, name),
                   rnni_csv_quote(c->words[c->odd_id - 1], cell), (long long)c->odd_row,
                   thousands ? " or thousands = \",\"" : "", name);
}

/* ---- bytes ---- */

/* Whether the file is to be unpacked, by its first bytes, which are left in into. */
static rnn_status start_source(reader *r, char *into, size_t room, size_t *size) {
  RNNI_TRY(rnni_file_get(r->ctx, r->path, r->fd, into, room, size));
  const char *kind = rnn_file_kind(into, *size);
  if (!kind || (r->converts && memcmp(into, "\x1f\x8b", 2) != 0)) return RNN_OK;
  if (memcmp(into, "\x1f\x8b", 2) != 0)
    return rnni_fail(r->ctx, RNN_EFORMAT, "%.300s: expected CSV in UTF-8, but the file is %s%s", r->path, kind,
                     strncmp(kind, "UTF-16", 6) == 0 ? ", or read it with encoding = \"utf-16\"" : "");
  RNNI_TRY(rnni_alloc(r->ctx, BLOCK, &r->packed));
  memcpy(r->packed, into, *size);
  r->zip = (z_stream){.next_in = (unsigned char *)r->packed, .avail_in = (uInt)*size};
  if (inflateInit2(&r->zip, 15 + 16) != Z_OK) /* 16: gzip's format */
    return rnni_fail(r->ctx, RNN_ENOMEM, "cannot read %.300s: not enough memory", r->path);
  return RNN_OK;
}

/* gzip's files may stand one behind the other. */
static rnn_status unpack(reader *r, char *into, size_t room, size_t *size) {
  r->zip.next_out = (unsigned char *)into;
  r->zip.avail_out = (uInt)room;
  while (r->zip.avail_out > 0) {
    if (r->zip.avail_in == 0) {
      size_t got;
      RNNI_TRY(rnni_file_get(r->ctx, r->path, r->fd, r->packed, BLOCK, &got));
      if (got == 0) break;
      r->zip.next_in = (unsigned char *)r->packed;
      r->zip.avail_in = (uInt)got;
    }
    RNNI_TRY(rnni_poll(r->ctx));
    int state = inflate(&r->zip, Z_NO_FLUSH);
    if (state == Z_STREAM_END) r->zip_ended = inflateReset(&r->zip) == Z_OK;
    else if (state == Z_OK) r->zip_ended = false;
    else
      return rnni_fail(r->ctx, RNN_EFORMAT, "%.300s: cannot be unpacked: %s", r->path,
                       r->zip.msg ? r->zip.msg : "not what gzip writes");
  }
  *size = room - r->zip.avail_out;
  if (r->zip.avail_out > 0 && !r->zip_ended)
    return rnni_fail(r->ctx, RNN_EFORMAT, "%.300s: cut short: the end of what gzip packed is missing", r->path);
  return RNN_OK;
}

/* The bytes of the file, unpacked; fewer than room: the last ones. */
static rnn_status get_bytes(reader *r, char *into, size_t room, size_t *size) {
  bool first = !r->begun;
  r->begun = true;
  *size = 0;
  if (first) RNNI_TRY(start_source(r, into, room, size));
  if (r->packed) return unpack(r, into, room, size);
  return first ? RNN_OK : rnni_file_get(r->ctx, r->path, r->fd, into, room, size);
}

/* A block of another encoding; a quarter of the room at a time, as no character becomes longer than that. */
static rnn_status convert_block(reader *r) {
  size_t got, room = BLOCK / 4 - r->kept;
  bool first = !r->begun;
  RNNI_TRY(get_bytes(r, r->foreign + r->kept, room, &got));
  if (first && got > 1 && !r->foreign[0] && r->foreign[1] &&
      (strcasecmp(r->options.encoding, "utf-16") == 0 || strcasecmp(r->options.encoding, "utf16") == 0)) {
    (void)iconv_close(r->convert); /* without a BOM iconv takes the other order for granted */
    r->convert = iconv_open("UTF-8", "UTF-16BE");
    r->converts = r->convert != (iconv_t)-1;
    if (!r->converts) return rnni_fail(r->ctx, RNN_EARG, "data.csv: the C library knows no encoding 'UTF-16BE'");
  }
  r->ended = got < room;
  char *from = r->foreign, *to = r->block;
  size_t left = r->kept + got, space = BLOCK;
  RNNI_TRY(rnni_poll(r->ctx));
  size_t done = iconv(r->convert, &from, &left, &to, &space);
  if (done == (size_t)-1 && (errno != EINVAL || r->ended))
    return rnni_fail(r->ctx, RNN_EFORMAT, "%.200s: byte %lld of the file is not in the encoding %.40s", r->path,
                     (long long)(r->passed + (from - r->foreign) + 1), r->options.encoding);
  r->passed += from - r->foreign;
  memmove(r->foreign, from, left);
  r->kept = left;
  r->size = BLOCK - space;
  return RNN_OK;
}

/* The next block of text. */
static rnn_status fill_block(reader *r) {
  bool first = !r->begun;
  r->at = 0;
  if (r->converts) {
    RNNI_TRY(convert_block(r));
  } else {
    if (r->bytes > 0 && !r->packed && !r->parts) r->share += (double)r->size / (double)r->bytes;
    RNNI_TRY(get_bytes(r, r->block, BLOCK, &r->size));
    r->ended = r->size < BLOCK;
  }
  if (!first) return RNN_OK;
  if (r->size >= 3 && memcmp(r->block, "\xEF\xBB\xBF", 3) == 0) r->at = 3;
  if (!take_separator_line(r) && !r->options.separator) RNNI_TRY(guess_separator(r));
  csv_set_delim(&r->parser, (unsigned char)r->options.separator);
  return RNN_OK;
}

/* ---- the loop ---- */

/* libcsv with a buffer that is ours from the start; so csv_free, which would free it, is never called. */
static rnn_status start_parser(reader *r) {
  (void)csv_init(&r->parser, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL | CSV_APPEND_NULL); /* allocates nothing */
  RNNI_TRY(rnni_alloc(r->ctx, BUFFER_HEAD + BUFFER_START, &r->buffer));
  memcpy(r->buffer, &r, sizeof r);
  r->parser.entry_buf = (unsigned char *)r->buffer + BUFFER_HEAD;
  r->parser.entry_size = BUFFER_START;
  r->parser.blk_size = BUFFER_START;
  csv_set_realloc_func(&r->parser, grow);
  return RNN_OK;
}

static rnn_status parse(reader *r, const char *text, size_t size) {
  while (size > 0) {
    size_t done = csv_parse(&r->parser, text, size, take_cell, take_row, r);
    if (r->status != RNN_OK || done == size) return r->status;
    /* Stopped at a quotation mark that is out of place. Inside a cell that does not begin with one it is an ordinary
       character, as everywhere but in RFC 4180; else nobody can know where the cell ends. */
    if (r->parser.quoted)
      return fail_here(r, "expected a separator or the end of the row after the closing quotation mark; one inside a "
                          "quoted cell must be doubled");
    csv_set_opts(&r->parser, (unsigned char)(csv_get_opts(&r->parser) & ~CSV_STRICT));
    done += csv_parse(&r->parser, text + done, 1, take_cell, take_row, r);
    csv_set_opts(&r->parser, (unsigned char)(csv_get_opts(&r->parser) | CSV_STRICT));
    if (r->status != RNN_OK) return r->status;
    text += done;
    size -= done;
  }
  return RNN_OK;
}

static rnn_status parse_text(reader *r, const char *text, size_t size) {
  const char *nul = memchr(text, '\0', size);
  RNNI_TRY(parse(r, text, nul ? (size_t)(nul - text) : size));
  if (nul) return fail_here(r, "a NUL byte: not a text file, or not in UTF-8 (encoding = \"utf-16\" reads UTF-16)");
  return RNN_OK;
}

/* Is the parser between two rows? Its first state is not named in csv.h. */
static bool between_rows(const reader *r) { return r->cell == 0 && r->parser.pstate == 0; }

/* Up to size bytes of the block, but not past the end of a line when that is asked for, nor of a comment. */
static rnn_status parse_some(reader *r, size_t size, bool line) {
  const char *text = r->block + r->at, *end;
  size = RNNI_MIN(size, r->size - r->at);
  bool comment = r->options.comment && (r->skipping || (between_rows(r) && *text == r->options.comment));
  if ((line || r->options.comment) && (end = memchr(text, '\n', size))) size = (size_t)(end - text) + 1;
  r->at += size;
  if (!comment) return parse_text(r, text, size);
  r->skipping = text[size - 1] != '\n';
  r->row += !r->skipping;
  return RNN_OK;
}

/* Rows until there are at least so many, or the file ends. */
static rnn_status read_rows(reader *r, int64_t least) {
  while (r->rows < least || !between_rows(r)) {
    if (r->at == r->size) {
      if (r->ended) break;
      RNNI_TRY(fill_block(r));
      if (r->size == r->at) continue;
    }
    bool enough = r->rows >= least;
    RNNI_TRY(parse_some(r, least == INT64_MAX ? BLOCK : SLICE, enough));
  }
  if (r->at < r->size || !r->ended) return RNN_OK;
  if (csv_fini(&r->parser, take_cell, take_row, r) != 0 && r->status == RNN_OK)
    return fail_here(r, "a quoted cell without its closing quotation mark");
  RNNI_TRY(r->status);
  if (!r->keeper) return rnni_fail(r->ctx, RNN_EFORMAT, "%.300s: empty; expected a row of column names", r->path);
  return RNN_OK;
}

rnn_status rnn_csv_next(reader *r, int64_t least, rnn_csv *out) {
  RNNI_NEED(r ? r->ctx : NULL, out && least > 0, "out is NULL or least is not positive");
  rnn_csv csv = {0};
  rnn_status status;
  bool first = !r->begun;
  r->parts = least != INT64_MAX;
  RNNI_GOTO(read_rows(r, least));
  csv.rows = r->rows;
  csv.separator = r->options.separator;
  RNNI_GOTO(rnni_calloc(r->ctx, (size_t)r->count * sizeof *csv.columns, &csv.columns));
  for (int i = 0; i < r->count; i++) {
    rnni_column *c = &r->columns[i];
    if (!c->name) continue;
    c->goes_on = r->parts;
    RNNI_GOTO(rnni_column_finish(r->ctx, c, r->rows, &csv.columns[csv.count]));
    csv.count++;
  }
  for (int i = 0; i < csv.count && first && r->guessed && csv.separator != ','; i++) RNNI_GOTO(check_commas(r, &csv.columns[i]));
  if (first && r->guessed && csv.separator == ';') RNNI_GOTO(check_points(r));
  if (first && r->rows > 0 && r->options.header == RNN_CSV_NAMES) RNNI_GOTO(check_first(r));
  r->rows = 0;
  *out = csv;
done:
  if (status != RNN_OK) rnn_csv_free(r->ctx, &csv);
  return status;
}

rnn_status rnn_csv_open(rnn_ctx *ctx, const char *path, const rnn_csv_options *options, reader **out) {
  RNNI_NEED(ctx, path && out, "path or out is NULL");
  static const rnn_csv_options defaults = {0};
  const rnn_csv_options *o = options ? options : &defaults;
  reader *r = NULL;
  rnn_status status;
  if (o->separator == '"' || o->separator == '\n' || o->separator == '\r')
    return rnni_fail(ctx, RNN_EARG, "data.csv: a quotation mark or the end of a line cannot be the separator");
  if (o->separator && o->separator == o->decimal)
    return rnni_fail(ctx, RNN_EARG, "data.csv: separator and decimal are the same");
  RNNI_TRY(rnni_calloc(ctx, sizeof *r, &r));
  r->ctx = ctx, r->options = *o, r->row = 1, r->fd = -1;
  RNNI_GOTO(rnni_strdup(ctx, path, &r->path));
  RNNI_GOTO(rnni_file_open(ctx, path, true, &r->fd, &r->bytes));
  RNNI_GOTO(rnni_alloc(ctx, BLOCK, &r->block));
  RNNI_GOTO(start_parser(r));
  if (o->encoding) {
    r->convert = iconv_open("UTF-8", o->encoding);
    r->converts = r->convert != (iconv_t)-1;
    if (!r->converts) {
      status = rnni_fail(ctx, RNN_EARG, "data.csv: the C library knows no encoding '%.40s'; iconv -l lists them",
                         o->encoding);
      goto done;
    }
    RNNI_GOTO(rnni_alloc(ctx, BLOCK / 4, &r->foreign));
  }
  *out = r;
done:
  if (status != RNN_OK) rnn_csv_close(r);
  return status;
}

void rnn_csv_close(reader *r) {
  if (!r) return;
  rnn_ctx *ctx = r->ctx;
  for (int i = 0; r->columns && i < r->count; i++) rnni_column_free(ctx, &r->columns[i]);
  rnni_free(ctx, r->columns);
  rnni_free(ctx, r->keeper);
  rnni_free(ctx, r->cell_of_name);
  rnni_free(ctx, r->firsts);
  rnni_words_free(ctx, &r->names);
  rnni_free(ctx, r->text_ids);
  rnni_words_free(ctx, &r->texts);
  rnni_free(ctx, r->buffer);
  rnni_free(ctx, r->block);
  if (r->packed) (void)inflateEnd(&r->zip);
  rnni_free(ctx, r->packed);
  if (r->converts) (void)iconv_close(r->convert);
  rnni_free(ctx, r->foreign);
  if (r->fd >= 0) close(r->fd);
  rnni_free(ctx, r->path);
  rnni_free(ctx, r);
}

rnn_status rnn_csv_read(rnn_ctx *ctx, const char *path, const rnn_csv_options *options, rnn_csv *out) {
  RNNI_NEED(ctx, path && out, "path or out is NULL");
  reader *r = NULL;
  RNNI_TRY(rnn_csv_open(ctx, path, options, &r));
  rnn_status status = rnn_csv_next(r, INT64_MAX, out);
  rnn_csv_close(r);
  return status;
}

void rnn_csv_free(rnn_ctx *ctx, rnn_csv *csv) {
  for (int i = 0; i < csv->count; i++) {
    rnn_csv_column *c = &csv->columns[i];
    rnni_free(ctx, c->name);
    rnn_numbers_free(c->numbers);
    rnn_tensor_free(c->values);
    if (c->words) rnni_free(ctx, c->words[0]);
    rnni_free(ctx, c->words);
  }
  rnni_free(ctx, csv->columns);
  *csv = (rnn_csv){0};
}
