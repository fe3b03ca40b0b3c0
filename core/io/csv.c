/* csv.c: rnn_csv_read: a file, block by block, through libcsv into the columns that are kept.
 *
 * libcsv cuts the bytes into cells and is used in its strict mode, because its lax one reads on silently after a
 * quotation mark that is out of place. Every cell comes through one callback, which only looks up who keeps it; a
 * cell that nobody keeps costs nothing else. Callbacks cannot stop libcsv: the first failure stays in r->status,
 * later cells are ignored, and the loop over the blocks stops. */
#include <csv.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

#include "csv_column.h"

#define BLOCK ((size_t)256 << 10)
/* A longer cell is an error: a quotation mark without its partner would take the rest of the file into memory. */
#define LONGEST_CELL ((size_t)16 << 20)
/* In front of the buffer that libcsv grows, so that grow() finds its reader. */
#define BUFFER_HEAD ((size_t)64)
#define BUFFER_START ((size_t)4096)
#define DUPLICATE (-1) /* in cell_of_name */

typedef struct reader {
  rnn_ctx *ctx;
  const char *path;
  int fd;
  char *packed;  /* BLOCK bytes of a file that gzip wrote; NULL: the file is as it is */
  z_stream zip;
  bool ended; /* zip stands at the end of what was packed */
  const rnn_csv_options *options;
  struct csv_parser parser;
  char *buffer; /* of the parser, BUFFER_HEAD in front included */
  rnn_status status;

  rnni_words names;   /* of all the file's columns, each once */
  int *cell_of_name;  /* (names.count) cell of the column with this name, from 0; DUPLICATE when several have it */
  int name_room;
  int width;          /* cells in a row */
  rnni_column *columns;
  int count;
  rnni_column **keeper; /* (width) the column that keeps this cell, NULL when none does; NULL until row 1 is read */

  int cell;     /* cells of this row so far */
  int64_t row;  /* the row being read, from 1; blank rows count, as in an editor or a spreadsheet */
  int64_t rows; /* of data, complete */
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
  char what[160];
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
  r->width++;
  return RNN_OK;
}

static rnn_status keep(reader *r, int cell, const char *name, rnn_csv_type type, const char *format, rnni_column *c) {
  c->path = r->path;
  c->type = type;
  c->format = format;
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

static bool is_format(const char *format) {
  int seen = 0, parts = 0;
  for (const char *c = strchr(format, '%'); c; c = strchr(c + 1, '%'), parts++)
    seen |= c[1] == 'Y' ? 1 : c[1] == 'm' ? 2 : c[1] == 'd' ? 4 : 8;
  return parts == 3 && seen == 7;
}

/* After the last name: who keeps what. */
static rnn_status bind(reader *r) {
  const rnn_csv_options *o = r->options;
  bool all = !o->columns || o->others;
  int named = o->columns ? o->column_count : 0;
  r->count = all ? r->width : named;
  RNNI_TRY(rnni_calloc(r->ctx, (size_t)r->width * sizeof *r->keeper, &r->keeper));
  RNNI_TRY(rnni_calloc(r->ctx, (size_t)r->count * sizeof *r->columns, &r->columns));
  for (int i = 0; i < named; i++) {
    int cell;
    RNNI_TRY(find(r, o->columns[i], &cell));
    if (r->keeper[cell]) return rnni_fail(r->ctx, RNN_EARG, "csv_read: column \"%.60s\" is named twice", o->columns[i]);
    const char *format = o->formats ? o->formats[i] : NULL;
    if (format && !is_format(format))
      return rnni_fail(r->ctx, RNN_EARG, "csv_read: the format \"%.60s\" must have %%Y, %%m and %%d, each once",
                       format);
    RNNI_TRY(keep(r, cell, o->columns[i], format ? RNN_CSV_DATE : o->types ? o->types[i] : RNN_CSV_AUTO, format,
                  &r->columns[all ? cell : i]));
  }
  for (int32_t id = 1; all && id <= r->names.count; id++) {
    const char *name = rnni_words_at(&r->names, id);
    int cell = r->cell_of_name[id - 1];
    if (cell == DUPLICATE) return fail_duplicate(r, name);
    if (!r->keeper[cell]) RNNI_TRY(keep(r, cell, name, RNN_CSV_AUTO, NULL, &r->columns[cell]));
  }
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
  }
  r->cell++;
}

static rnn_status check_width(reader *r) {
  char what[128];
  if (r->cell == r->width) return RNN_OK;
  snprintf(what, sizeof what, "expected %d cells, as in row 1, got %d", r->width, r->cell);
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
  reader *r;
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
  if (r->options->separator) csv_set_delim(&r->parser, (unsigned char)r->options->separator);
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

static rnn_status parse_block(reader *r, const char *text, size_t size) {
  const char *nul = memchr(text, '\0', size);
  RNNI_TRY(parse(r, text, nul ? (size_t)(nul - text) : size));
  if (nul) return fail_here(r, "a NUL byte: not a text file, or not in UTF-8 (convert UTF-16 first)");
  return RNN_OK;
}

/* Whether the file is to be unpacked, by its first bytes, which are given back in their place. */
static rnn_status start_source(reader *r, char *block, size_t *size) {
  RNNI_TRY(rnni_file_get(r->ctx, r->path, r->fd, block, BLOCK, size));
  const char *kind = rnn_file_kind(block, *size);
  if (!kind) return RNN_OK;
  if (memcmp(block, "\x1f\x8b", 2) != 0)
    return rnni_fail(r->ctx, RNN_EFORMAT, "%.300s: expected CSV in UTF-8, but the file is %s", r->path, kind);
  RNNI_TRY(rnni_alloc(r->ctx, BLOCK, &r->packed));
  memcpy(r->packed, block, *size);
  r->zip = (z_stream){.next_in = (unsigned char *)r->packed, .avail_in = (uInt)*size};
  if (inflateInit2(&r->zip, 15 + 16) != Z_OK) /* 16: gzip's format */
    return rnni_fail(r->ctx, RNN_ENOMEM, "cannot read %.300s: not enough memory", r->path);
  return RNN_OK;
}

/* gzip's files may stand one behind the other. */
static rnn_status unpack_block(reader *r, char *block, size_t *size) {
  r->zip.next_out = (unsigned char *)block;
  r->zip.avail_out = (uInt)BLOCK;
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
    if (state == Z_STREAM_END) r->ended = inflateReset(&r->zip) == Z_OK;
    else if (state == Z_OK) r->ended = false;
    else
      return rnni_fail(r->ctx, RNN_EFORMAT, "%.300s: cannot be unpacked: %s", r->path,
                       r->zip.msg ? r->zip.msg : "not what gzip writes");
  }
  *size = BLOCK - r->zip.avail_out;
  if (r->zip.avail_out > 0 && !r->ended)
    return rnni_fail(r->ctx, RNN_EFORMAT, "%.300s: cut short: the end of what gzip packed is missing", r->path);
  return RNN_OK;
}

static rnn_status read_all(reader *r, char *block) {
  size_t size;
  RNNI_TRY(start_source(r, block, &size));
  for (bool first = true;; first = false) {
    if (r->packed) RNNI_TRY(unpack_block(r, block, &size));
    else if (!first) RNNI_TRY(rnni_file_get(r->ctx, r->path, r->fd, block, BLOCK, &size));
    size_t bom = first && size >= 3 && memcmp(block, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    RNNI_TRY(parse_block(r, block + bom, size - bom));
    if (size < BLOCK) break;
  }
  if (csv_fini(&r->parser, take_cell, take_row, r) != 0 && r->status == RNN_OK)
    return fail_here(r, "a quoted cell without its closing quotation mark");
  RNNI_TRY(r->status);
  if (!r->keeper) return rnni_fail(r->ctx, RNN_EFORMAT, "%.300s: empty; expected a row of column names", r->path);
  return RNN_OK;
}

static rnn_status finish(reader *r, rnn_csv *out) {
  rnn_csv csv = {.rows = r->rows};
  RNNI_TRY(rnni_calloc(r->ctx, (size_t)r->count * sizeof *csv.columns, &csv.columns));
  for (; csv.count < r->count; csv.count++) {
    rnn_status status = rnni_column_finish(r->ctx, &r->columns[csv.count], r->rows, &csv.columns[csv.count]);
    if (status != RNN_OK) {
      rnn_csv_free(r->ctx, &csv);
      return status;
    }
  }
  *out = csv;
  return RNN_OK;
}

rnn_status rnn_csv_read(rnn_ctx *ctx, const char *path, const rnn_csv_options *options, rnn_csv *out) {
  RNNI_NEED(ctx, path && out, "path or out is NULL");
  static const rnn_csv_options defaults = {0};
  reader r = {.ctx = ctx, .path = path, .options = options ? options : &defaults, .row = 1};
  char separator = r.options->separator, *block = NULL;
  if (separator == '"' || separator == '\n' || separator == '\r')
    return rnni_fail(ctx, RNN_EARG, "csv_read: a quotation mark or the end of a line cannot be the separator");
  rnn_status status = RNN_OK;
  int64_t bytes;
  RNNI_TRY(rnni_file_open(ctx, path, true, &r.fd, &bytes));
  RNNI_GOTO(rnni_alloc(ctx, BLOCK, &block));
  RNNI_GOTO(start_parser(&r));
  RNNI_GOTO(read_all(&r, block));
  RNNI_GOTO(finish(&r, out));
done:
  for (int i = 0; r.columns && i < r.count; i++) rnni_column_free(ctx, &r.columns[i]);
  rnni_free(ctx, r.columns);
  rnni_free(ctx, r.keeper);
  rnni_free(ctx, r.cell_of_name);
  rnni_words_free(ctx, &r.names);
  rnni_free(ctx, r.buffer);
  rnni_free(ctx, block);
  if (r.packed) (void)inflateEnd(&r.zip);
  rnni_free(ctx, r.packed);
  close(r.fd);
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
