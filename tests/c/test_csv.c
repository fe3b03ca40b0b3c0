/* test_csv.c: what a CSV file means, which files are refused and with what words, and that no failure leaves anything
 * behind (scratch_teardown counts the bytes). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <sys/wait.h>

#include "scratch.h"

#define NONE INT32_MIN /* a missing date */

static const char *put_text(const scratch *s, const char *text, size_t size) {
  const char *path = in_scratch(s, "a.csv");
  spew(path, text, size);
  return path;
}

#define put(s, text) put_text(s, text, sizeof(text) - 1)

static rnn_csv read_all(scratch *s, const char *path) {
  rnn_csv csv;
  assert_ok(s->ctx, rnn_csv_read(s->ctx, path, NULL, &csv));
  return csv;
}

static void refuse(scratch *s, const char *path, const rnn_csv_options *options, const char *part) {
  rnn_csv csv = {.rows = -7};
  assert_failure(s->ctx, rnn_csv_read(s->ctx, path, options, &csv), RNN_EFORMAT, part);
  if (!strstr(rnn_message(s->ctx), path)) fail_msg("no path in: %s", rnn_message(s->ctx));
  assert_int_equal(csv.rows, -7); /* results are set only on success */
}

static void assert_column(const rnn_csv *csv, int i, const char *name, rnn_csv_type type) {
  assert_true(i < csv->count);
  assert_string_equal(csv->columns[i].name, name);
  assert_int_equal(csv->columns[i].type, type);
  if (type == RNN_CSV_NUMBER) {
    assert_int_equal(csv->columns[i].numbers->count, csv->rows);
    assert_null(csv->columns[i].values);
    return;
  }
  assert_int_equal(rnn_tensor_type(csv->columns[i].values), RNN_INT);
  assert_int_equal(rnn_tensor_ndim(csv->columns[i].values), 1);
  assert_int_equal(rnn_tensor_count(csv->columns[i].values), csv->rows);
}

static void assert_reals(const rnn_csv *csv, int i, const double *expected) {
  const double *got = csv->columns[i].numbers->doubles;
  for (int64_t k = 0; k < csv->rows; k++)
    if (isnan(expected[k]) ? !isnan(got[k]) : got[k] != expected[k])
      fail_msg("row %d: expected %g, got %g", (int)k, expected[k], got[k]);
}

static void assert_ints(const rnn_csv *csv, int i, const int32_t *expected) {
  assert_memory_equal(rnn_tensor_ints(csv->columns[i].values), expected, (size_t)csv->rows * sizeof *expected);
}

/* The word of a row, NULL where missing. */
static const char *word(const rnn_csv *csv, int i, int64_t row) {
  int32_t id = rnn_tensor_ints(csv->columns[i].values)[row];
  assert_in_range(id, 0, csv->columns[i].word_count);
  return id ? csv->columns[i].words[id - 1] : NULL;
}

/* ---- what files mean ---- */

static void types_are_found(void **state) {
  scratch *s = *state;
  rnn_csv csv = read_all(s, put(s, "service_date,day_type,rail_boardings\n"
                                   "01/31/2001,U,126455\n"
                                   "01/02/2001,W,501952.5\n"
                                   "01/03/2001,W,-1e3\n"));
  assert_int_equal(csv.rows, 3);
  assert_int_equal(csv.count, 3);
  assert_column(&csv, 0, "service_date", RNN_CSV_DATE);
  assert_ints(&csv, 0, (int32_t[]){11353, 11324, 11325});
  assert_column(&csv, 1, "day_type", RNN_CSV_TEXT);
  assert_ints(&csv, 1, (int32_t[]){1, 2, 2});
  assert_int_equal(csv.columns[1].word_count, 2);
  assert_string_equal(csv.columns[1].words[0], "U");
  assert_string_equal(csv.columns[1].words[1], "W");
  assert_column(&csv, 2, "rail_boardings", RNN_CSV_NUMBER);
  assert_reals(&csv, 2, (double[]){126455, 501952.5, -1000});
  assert_null(csv.columns[2].words);
  rnn_csv_free(s->ctx, &csv);
  rnn_csv_free(s->ctx, &csv); /* harmless */
}

/* One and the same content in every dress it may come in. */
static void dresses(void **state) {
  scratch *s = *state;
  static const char *const files[] = {
      "a,b\n1,x\n2,y\n",
      "a,b\n1,x\n2,y",
      "a,b\r\n1,x\r\n2,y\r\n",
      "a,b\r\n1,x\r\n2,y",
      "a,b\r1,x\r2,y\r",
      "\357\273\277a,b\n1,x\n2,y\n",
      "\xEF\xBB\xBF\"a\",\"b\"\n\"1\",\"x\"\n\"2\",\"y\"",
      "a , b\n 1,\tx\n2\t, y \n",
      "\n\na,b\n\n1,x\n\r\n   \n2,y\n\n",
      "a,b\n\"1\" , \"x\"\n2, \"y\" \n",
  };
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    rnn_csv csv = read_all(s, put_text(s, files[i], strlen(files[i])));
    if (csv.rows != 2 || csv.count != 2) fail_msg("file %d: %d x %d", (int)i, (int)csv.rows, csv.count);
    assert_column(&csv, 0, "a", RNN_CSV_NUMBER);
    assert_reals(&csv, 0, (double[]){1, 2});
    assert_column(&csv, 1, "b", RNN_CSV_TEXT);
    assert_string_equal(word(&csv, 1, 0), "x");
    assert_string_equal(word(&csv, 1, 1), "y");
    rnn_csv_free(s->ctx, &csv);
  }
}

static void quoted_cells(void **state) {
  scratch *s = *state;
  rnn_csv csv = read_all(s, put(s, "\"the \"\"name\"\"\",n\n"
                                   "\"a,b\",1\n"
                                   "\"two\nlines\",2\n"
                                   "\"two\r\nlines\",3\n"
                                   "\"say \"\"hi\"\"\",4\n"
                                   "\" kept \",\" 5 \"\n"
                                   "\"\",6\n"
                                   "5\" pipe,7\n"
                                   "a \"b\" c,8\n"
                                   "S\xC3\xA3o Paulo,9\n"));
  assert_string_equal(csv.columns[0].name, "the \"name\"");
  static const char *const words[] = {"a,b",    "two\nlines",  "two\r\nlines", "say \"hi\"",    " kept ",
                                      NULL,     "5\" pipe",    "a \"b\" c",    "S\xC3\xA3o Paulo"};
  assert_int_equal(csv.rows, 9);
  for (int i = 0; i < 9; i++) {
    if (words[i]) assert_string_equal(word(&csv, 0, i), words[i]);
    else assert_null(word(&csv, 0, i));
  }
  assert_reals(&csv, 1, (double[]){1, 2, 3, 4, 5, 6, 7, 8, 9});
  rnn_csv_free(s->ctx, &csv);
}

static void missing_cells(void **state) {
  scratch *s = *state;
  rnn_csv csv = read_all(s, put(s, "number,date,text,nothing\n"
                                   ",,,\n"
                                   "1,2001-01-31,NA,NaN\n"
                                   "NA,null,nan,\n"
                                   "-nan,n/a,\"\",\n"
                                   "2,2001-01-31,x,\n"));
  assert_int_equal(csv.rows, 5);
  assert_column(&csv, 0, "number", RNN_CSV_NUMBER);
  assert_reals(&csv, 0, (double[]){(double)NAN, 1, (double)NAN, (double)NAN, 2});
  assert_column(&csv, 1, "date", RNN_CSV_DATE);
  assert_ints(&csv, 1, (int32_t[]){NONE, 11353, NONE, NONE, 11353});
  assert_column(&csv, 2, "text", RNN_CSV_TEXT);
  assert_ints(&csv, 2, (int32_t[]){0, 1, 2, 0, 3});
  assert_string_equal(csv.columns[2].words[0], "NA");
  assert_column(&csv, 3, "nothing", RNN_CSV_NUMBER);
  assert_reals(&csv, 3, (double[]){(double)NAN, (double)NAN, (double)NAN, (double)NAN, (double)NAN});
  rnn_csv_free(s->ctx, &csv);
}

/* Every pair of kinds, in both orders: a column is what fits all of its first cells, letter by letter. */
static void auto_takes_what_fits(void **state) {
  scratch *s = *state;
  static const struct {
    const char *cells;
    rnn_csv_type type;
    const char *first;
  } cases[] = {
      {"1.50\n2\n", RNN_CSV_NUMBER, NULL},      {"1/13/2001\n1/2/2001\n", RNN_CSV_DATE, NULL},
      {"007\nx\n", RNN_CSV_TEXT, "007"},        {"x\n007\n", RNN_CSV_TEXT, "x"},
      {"2001-01-01\n5\n", RNN_CSV_TEXT, "2001-01-01"}, {"5.0\n2001-01-01\n", RNN_CSV_TEXT, "5.0"},
      {"1/2/2001\nx\n", RNN_CSV_TEXT, "1/2/2001"}, {"NA\nx\n", RNN_CSV_TEXT, "NA"},
      {"NA\n5\n", RNN_CSV_NUMBER, NULL},        {"nan\n2001-01-01\n", RNN_CSV_DATE, NULL},
      {"NA\nnull\n", RNN_CSV_NUMBER, NULL},     {"0x10\n1\n", RNN_CSV_TEXT, "0x10"},
      {"\"1,000\"\n1\n", RNN_CSV_TEXT, "1,000"}, {"inf\n-1\n", RNN_CSV_NUMBER, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[64];
    int n = snprintf(text, sizeof text, "c\n%s", cases[i].cells);
    rnn_csv csv = read_all(s, put_text(s, text, (size_t)n));
    assert_int_equal(csv.rows, 2);
    if (csv.columns[0].type != cases[i].type) fail_msg("%s gives type %d", cases[i].cells, csv.columns[0].type);
    if (cases[i].first) assert_string_equal(word(&csv, 0, 0), cases[i].first);
    rnn_csv_free(s->ctx, &csv);
  }
}

static void columns_and_types_are_chosen(void **state) {
  scratch *s = *state;
  const char *path = put(s, "a;b;c;d\n1;2;x;2001-01-01\n3;4;y;2001-01-02\n");
  rnn_csv csv;
  rnn_csv_options o = {.separator = ';',
                       .columns = (const char *[]){"d", "a"},
                       .types = (rnn_csv_type[]){RNN_CSV_TEXT, RNN_CSV_AUTO},
                       .column_count = 2};
  assert_ok(s->ctx, rnn_csv_read(s->ctx, path, &o, &csv));
  assert_int_equal(csv.count, 2);
  assert_column(&csv, 0, "d", RNN_CSV_TEXT);
  assert_string_equal(word(&csv, 0, 1), "2001-01-02");
  assert_column(&csv, 1, "a", RNN_CSV_NUMBER);
  assert_reals(&csv, 1, (double[]){1, 3});
  rnn_csv_free(s->ctx, &csv);

  o.others = true;
  assert_ok(s->ctx, rnn_csv_read(s->ctx, path, &o, &csv));
  assert_int_equal(csv.count, 4);
  assert_column(&csv, 0, "a", RNN_CSV_NUMBER);
  assert_column(&csv, 1, "b", RNN_CSV_NUMBER);
  assert_column(&csv, 2, "c", RNN_CSV_TEXT);
  assert_column(&csv, 3, "d", RNN_CSV_TEXT);
  assert_reals(&csv, 1, (double[]){2, 4});
  rnn_csv_free(s->ctx, &csv);

  o = (rnn_csv_options){.separator = ';', .columns = (const char *[]){"a"}};
  assert_ok(s->ctx, rnn_csv_read(s->ctx, path, &o, &csv)); /* none at all: how many rows are there? */
  assert_int_equal(csv.count, 0);
  assert_int_equal(csv.rows, 2);
  rnn_csv_free(s->ctx, &csv);
}

static void header_alone(void **state) {
  scratch *s = *state;
  static const char *const files[] = {"a,b\n", "a,b", "a,b\r\n\r\n"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    rnn_csv csv = read_all(s, put_text(s, files[i], strlen(files[i])));
    assert_int_equal(csv.rows, 0);
    assert_int_equal(csv.count, 2);
    assert_column(&csv, 1, "b", RNN_CSV_NUMBER);
    rnn_csv_free(s->ctx, &csv);
  }
}

/* Cells, quotation marks and ends of rows on every side of the border between two blocks, and cells larger than
   libcsv's buffer: the same table with all sorts of words in front. */
static void blocks_and_buffers(void **state) {
  scratch *s = *state;
  enum { BLOCK = 256 << 10, ROOM = 3 * BLOCK };
  static const char tail[] = "\r\n\"two\r\nlines, \"\"x\"\"\",1\r\n\r\n,2\r\n5\" p,3";
  char *text = malloc(ROOM);
  assert_non_null(text);
  for (size_t length = BLOCK - 60; length < BLOCK + 8; length++) {
    size_t n = (size_t)sprintf(text, "a,b\n");
    memset(text + n, 'w', length - n - 2);
    memcpy(text + length - 2, ",0", 2);
    memcpy(text + length, tail, sizeof tail - 1);
    rnn_csv csv = read_all(s, put_text(s, text, length + sizeof tail - 1));
    assert_int_equal(csv.rows, 4);
    assert_int_equal(strlen(word(&csv, 0, 0)), length - 6);
    assert_string_equal(word(&csv, 0, 1), "two\r\nlines, \"x\"");
    assert_null(word(&csv, 0, 2));
    assert_string_equal(word(&csv, 0, 3), "5\" p");
    assert_reals(&csv, 1, (double[]){0, 1, 2, 3});
    rnn_csv_free(s->ctx, &csv);
  }
  free(text);
}

/* Past every size that a chunk, a table of words or a sample starts with. */
static void many_rows(void **state) {
  scratch *s = *state;
  enum { ROWS = 70000, LATE = 50000 };
  const char *path = in_scratch(s, "a.csv");
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fprintf(f, "n,word,late,dropped\n");
  for (int i = 0; i < ROWS; i++) {
    fprintf(f, "%d.5,w%d,", i, i * 7919 % 30011);
    if (i >= LATE) fprintf(f, "x%d", i & 1);
    fprintf(f, ",\"%d\"\n", i);
  }
  fclose(f);
  rnn_csv csv;
  rnn_csv_options o = {.columns = (const char *[]){"n", "word", "late"}, .column_count = 3};
  assert_ok(s->ctx, rnn_csv_read(s->ctx, path, &o, &csv));
  assert_int_equal(csv.rows, ROWS);
  assert_int_equal(csv.columns[1].word_count, 30011);
  assert_column(&csv, 2, "late", RNN_CSV_TEXT);
  for (int i = 0; i < ROWS; i++) {
    char expected[32];
    snprintf(expected, sizeof expected, "w%d", i * 7919 % 30011);
    assert_true(csv.columns[0].numbers->doubles[i] == (double)i + .5);
    assert_string_equal(word(&csv, 1, i), expected);
    if (i < LATE) assert_null(word(&csv, 2, i));
    else assert_string_equal(word(&csv, 2, i), i & 1 ? "x1" : "x0");
  }
  rnn_csv_free(s->ctx, &csv);
}

static void many_columns(void **state) {
  scratch *s = *state;
  enum { COLUMNS = 3000 };
  const char *path = in_scratch(s, "a.csv");
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  for (int row = 0; row < 3; row++)
    for (int i = 0; i < COLUMNS; i++) fprintf(f, "%s%d%s", row ? "" : "c", i + row, i + 1 < COLUMNS ? "," : "\n");
  fclose(f);
  rnn_csv csv = read_all(s, path);
  assert_int_equal(csv.count, COLUMNS);
  for (int i = 0; i < COLUMNS; i++) assert_reals(&csv, i, (double[]){i + 1, i + 2});
  rnn_csv_free(s->ctx, &csv);
}

static void a_pipe_is_read_as_well(void **state) {
  scratch *s = *state;
  int ends[2];
  char path[32];
  assert_int_equal(pipe(ends), 0);
  snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
  pid_t child = fork();
  if (child == 0) {
    FILE *f = fdopen(ends[1], "w");
    for (int i = 0; f && i < 5000; i++) {
      if (i == 0) fprintf(f, "a,b\n");
      fprintf(f, "%d,%d\n", i, i);
      if (i % 1000 == 0) fflush(f); /* reads come short */
    }
    if (f) fclose(f);
    _exit(0);
  }
  close(ends[1]);
  rnn_csv csv = read_all(s, path);
  close(ends[0]);
  waitpid(child, NULL, 0);
  assert_int_equal(csv.rows, 5000);
  rnn_csv_free(s->ctx, &csv);
}

/* ---- what is refused ---- */

static void no_file_and_no_content(void **state) {
  scratch *s = *state;
  rnn_csv csv;
  const char *path = in_scratch(s, "none.csv");
  assert_failure(s->ctx, rnn_csv_read(s->ctx, path, NULL, &csv), RNN_EIO, "none.csv: No such file or directory");
  assert_failure(s->ctx, rnn_csv_read(s->ctx, s->folder, NULL, &csv), RNN_EIO, "it is a folder");
  assert_failure(s->ctx, rnn_csv_read(s->ctx, "/dev/zero", NULL, &csv), RNN_EIO, "it is a device");
  const char *pipe_path = in_scratch(s, "fifo");
  assert_int_equal(mkfifo(pipe_path, 0600), 0);
  assert_failure(s->ctx, rnn_csv_read(s->ctx, pipe_path, NULL, &csv), RNN_EIO, "it is a FIFO");
  if (geteuid() != 0) {
    path = put(s, "a\n1\n");
    assert_int_equal(chmod(path, 0), 0);
    assert_failure(s->ctx, rnn_csv_read(s->ctx, path, NULL, &csv), RNN_EIO, "Permission denied");
    assert_int_equal(chmod(path, 0600), 0);
  }
  refuse(s, put(s, ""), NULL, "empty; expected a row of column names");
  refuse(s, put(s, "\xEF\xBB\xBF"), NULL, "empty");
  refuse(s, put(s, "\r\n\n  \n"), NULL, "empty");
}

static void ragged_rows(void **state) {
  scratch *s = *state;
  refuse(s, put(s, "a,b,c\n1,2,3\n4,5\n"), NULL, "row 3, column \"c\": expected 3 cells, as in row 1, got 2");
  refuse(s, put(s, "a,b,c\n1,2,3\n4,5"), NULL, "row 3, column \"c\": expected 3 cells, as in row 1, got 2");
  refuse(s, put(s, "a,b,c\n1,2,3,4\n"), NULL, "row 2, column 4: expected 3 cells, as in row 1, got 4");
  /* blank rows count, lines in cells do not */
  refuse(s, put(s, "a,b\n1,2\n\n\"3\n3\",4\n5\n"), NULL, "row 5, column \"b\"");
  refuse(s, put(s, "a,b\r\n1,2\r\n\r\n3,4\r\n5\r\n"), NULL, "row 5, column \"b\"");
  rnn_csv_options o = {.columns = (const char *[]){"a"}, .column_count = 1};
  refuse(s, put(s, "a,b\n1,2\n3\n"), &o, "row 3, column \"b\""); /* also where nobody wants the missing cell */
}

static void wrong_types(void **state) {
  scratch *s = *state;
  rnn_csv_options o = {
      .columns = (const char *[]){"n"}, .types = (rnn_csv_type[]){RNN_CSV_NUMBER}, .column_count = 1};
  refuse(s, put(s, "x,n\na,1\nb,2;5\n"), &o, "row 3, column \"n\": expected a number, got \"2;5\"");
  assert_null(strstr(rnn_message(s->ctx), "types"));
  refuse(s, put(s, "n\n\"a\nb\x01\"\n"), &o, "got \"a\\x0Ab\\x01\"");
  refuse(s, put(s, "n\n0x10\n"), &o, "expected a number");
  refuse(s, put(s, "n\n\"1,000\"\n"), &o, "expected a number");
  refuse(s, put(s, "n\n1e999\n"), &o, "expected a number");
  refuse(s, put(s, "n\n123456789012345678901\n"), &o, "expected a number");
  refuse(s, put(s, "n\n0.5\n9007199254740993\n"), &o, "row 3, column \"n\": expected a number that a double holds");
  refuse(s, put(s, "n\n9007199254740993\n0.5\n"), &o, "row 3, column \"n\": expected a whole number");
  refuse(s, put(s, "n\nA\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3"
                   "\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3"
                   "\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\xC3\xA3\n"),
         &o, "\xC3\xA3...\""); /* cut, but not within a character */
  o.types = (rnn_csv_type[]){RNN_CSV_DATE};
  refuse(s, put(s, "n\n2001-02-29\n"), &o,
         "row 2, column \"n\": expected a date YYYY-MM-DD, MM/DD/YYYY or DD/MM/YYYY, got \"2001-02-29\"");
  refuse(s, put(s, "n\n5\n"), &o, "expected a date");
}

/* The column has been numbers, or dates, for longer than AUTO looks. */
static void auto_errs_after_its_sample(void **state) {
  scratch *s = *state;
  static const char *const cells[] = {"1.5", "2001-01-31"};
  static const char *const expected[] = {"row 900001, column \"x y\": expected a number, as in the cells before, got "
                                         "\"abc\"; types = {[\"x y\"] = \"text\"} reads the column as text",
                                         "row 900001, column \"x y\": expected a date"};
  for (int k = 0; k < 2; k++) {
    const char *path = in_scratch(s, "a.csv");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "i,x y\n");
    for (int i = 2; i <= 900000; i++) fprintf(f, "%d,%s\n", i, cells[k]);
    fprintf(f, "900001,abc\n900002,5\n");
    fclose(f);
    refuse(s, path, NULL, expected[k]);
    rnn_csv csv;
    rnn_csv_options o = {
        .columns = (const char *[]){"x y"}, .types = (rnn_csv_type[]){RNN_CSV_TEXT}, .column_count = 1};
    assert_ok(s->ctx, rnn_csv_read(s->ctx, path, &o, &csv)); /* and the remedy helps */
    assert_int_equal(csv.rows, 900001);
    assert_string_equal(word(&csv, 0, 0), cells[k]);
    assert_string_equal(word(&csv, 0, 899999), "abc");
    rnn_csv_free(s->ctx, &csv);
  }
}

static void bad_quoting(void **state) {
  scratch *s = *state;
  refuse(s, put(s, "a,b\n1,2\n3,\"4\n5,6\n"), NULL,
         "row 3, column \"b\": a quoted cell without its closing quotation mark");
  refuse(s, put(s, "a,\"b\n1,2\n"), NULL, "row 1, column 2: a quoted cell without");
  refuse(s, put(s, "a,b\n1,2\n\"x\"y,4\n"), NULL, "row 3, column \"a\": expected a separator or the end of the row");
  refuse(s, put(s, "a,b\n1,2\n\"x\" \"y\",4\n"), NULL, "row 3, column \"a\": expected a separator");
}

static void a_cell_has_a_limit(void **state) {
  scratch *s = *state;
  enum { SIZE = 20 << 20, MOST = 15 << 20 };
  char *text = malloc(SIZE);
  assert_non_null(text);
  memset(text, 'x', SIZE);
  memcpy(text, "a,b\n1,2\n3,\"", 11);
  const char *path = put_text(s, text, SIZE);
  refuse(s, path, NULL, "row 3, column \"b\": a cell of more than 16 MB");
  rnn_memory m;
  rnn_memory_reset_peak(s->ctx);
  rnn_csv_options o = {.columns = (const char *[]){"a"}, .column_count = 1};
  refuse(s, path, &o, "16 MB"); /* also in a column that nobody wants */
  rnn_memory_read(s->ctx, &m);
  assert_true(m.peak < 40 << 20);

  text[MOST] = '"';
  text[MOST + 1] = '\n';
  rnn_csv csv;
  assert_ok(s->ctx, rnn_csv_read(s->ctx, put_text(s, text, MOST + 2), NULL, &csv));
  assert_int_equal(strlen(word(&csv, 1, 1)), MOST - 11);
  rnn_csv_free(s->ctx, &csv);
  free(text);
}

static void nul_bytes(void **state) {
  scratch *s = *state;
  refuse(s, put(s, "a,b\n1,2\n3,x\0y\n"), NULL, "row 3, column \"b\": a NUL byte");
  refuse(s, put(s, "\xFF\xFE" "a\0,\0b\0\n\0"), NULL, "UTF-16: convert it first");
  refuse(s, put(s, "a\n1\n\0"), NULL, "row 3, column \"a\": a NUL byte");
}

static void names_of_columns(void **state) {
  scratch *s = *state;
  rnn_csv csv;
  rnn_csv_options o = {.columns = (const char *[]){"rail"}, .column_count = 1};
  refuse(s, put(s, "date,bus,\"a,b\"\n1,2,3\n"), &o,
         "no column \"rail\"; its 3 columns are \"date\", \"bus\", \"a,b\"");
  const char *path = put(s, "x,bus,x\n1,2,3\n");
  refuse(s, path, NULL, "several columns are called \"x\"");
  o.columns = (const char *[]){"x"};
  refuse(s, path, &o, "several columns are called \"x\"");
  o.columns = (const char *[]){"bus"};
  assert_ok(s->ctx, rnn_csv_read(s->ctx, path, &o, &csv)); /* nobody asked for x */
  assert_reals(&csv, 0, (double[]){2});
  rnn_csv_free(s->ctx, &csv);
  o.columns = (const char *[]){"bus", "bus"};
  o.column_count = 2;
  assert_failure(s->ctx, rnn_csv_read(s->ctx, path, &o, &csv), RNN_EARG, "\"bus\" is named twice");
  csv = read_all(s, put(s, ",a\n1,2\n")); /* the index that some programs write */
  assert_string_equal(csv.columns[0].name, "");
  rnn_csv_free(s->ctx, &csv);

  char text[4000];
  size_t n = 0;
  for (int i = 0; i < 300; i++) n += (size_t)sprintf(text + n, "%scolumn%d", i ? "," : "", i);
  o = (rnn_csv_options){.columns = (const char *[]){"rail"}, .column_count = 1};
  refuse(s, put_text(s, text, n), &o, "its 300 columns are \"column0\", ");
  assert_string_equal(strrchr(rnn_message(s->ctx), ','), ", ...");
}

static void separators(void **state) {
  scratch *s = *state;
  rnn_csv csv;
  static const char *const texts[] = {"a\tb\n1\tx y\n", "a|b\n1|x y\n", "a b\n1 \"x y\"\n"};
  for (int i = 0; i < 3; i++) {
    rnn_csv_options o = {.separator = "\t| "[i]};
    assert_ok(s->ctx, rnn_csv_read(s->ctx, put_text(s, texts[i], strlen(texts[i])), &o, &csv));
    assert_int_equal(csv.count, 2);
    assert_string_equal(word(&csv, 1, 0), "x y");
    rnn_csv_free(s->ctx, &csv);
  }
  for (const char *c = "\"\r\n"; *c; c++)
    assert_failure(s->ctx, rnn_csv_read(s->ctx, put(s, "a\n1\n"), &(rnn_csv_options){.separator = *c}, &csv), RNN_EARG,
                   "separator");
}

/* A message keeps its end, whatever the names are like. */
static void long_names(void **state) {
  scratch *s = *state;
  char text[3000];
  memset(text, 'n', sizeof text);
  memcpy(text + 1000, "\nx\n", 3);
  rnn_csv_options o = {
      .columns = (const char *[]){"x"}, .types = (rnn_csv_type[]){RNN_CSV_NUMBER}, .column_count = 1, .others = true};
  rnn_csv csv;
  assert_failure(s->ctx, rnn_csv_read(s->ctx, put_text(s, text, 1003), &o, &csv), RNN_EFORMAT, "no column \"x\"");
  char name[1001];
  memset(name, 'n', 1000);
  name[1000] = '\0';
  o.columns = (const char *[]){name};
  refuse(s, put_text(s, text, 1003), &o, "nnn...\": expected a number, got \"x\"");
}

/* ---- what fails from outside ---- */

static const char varied[] = "number,date,text,auto text,dropped\n"
                             "1,2001-01-01,a,1,x\n2,2001-01-02,b,2,\"y\n\"\n,,,,\n4,2001-01-04,\"c\"\"\",q,z\n";

/* The n-th allocation fails, and all after it or only that one: the reader says so and everything is given back. */
static void every_allocation_fails_in_turn(void **state) {
  scratch *s = *state;
  enum { LONG = 40000 };
  char *text = malloc(LONG + sizeof varied);
  assert_non_null(text);
  memcpy(text, varied, sizeof varied - 1);
  memset(text + sizeof varied - 1, 'l', LONG);
  memcpy(text + sizeof varied - 1, "5,2001-01-05,", 13); /* a cell that makes libcsv's buffer grow */
  memcpy(text + sizeof varied - 1 + LONG - 6, ",1,x\n", 5);
  const char *path = put_text(s, text, sizeof varied - 1 + LONG - 1);
  free(text);
  for (int lasting = 0; lasting < 2; lasting++)
    for (uint64_t n = 1;; n++) {
      rnn_csv csv;
      rnn_memory before, after;
      rnn_memory_read(s->ctx, &before);
      rnn_memory_fail(s->ctx, n, lasting ? UINT64_MAX : 1);
      rnn_status status = rnn_csv_read(s->ctx, path, NULL, &csv);
      rnn_memory_fail(s->ctx, 0, 0);
      if (status == RNN_OK) {
        assert_true(n > 30);
        assert_int_equal(csv.rows, 5);
        rnn_csv_free(s->ctx, &csv);
        break;
      }
      assert_failure(s->ctx, status, RNN_ENOMEM, "not enough memory");
      rnn_memory_read(s->ctx, &after);
      assert_int_equal(after.live, before.live);
    }
}

static void a_limit_holds(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.csv");
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fprintf(f, "a,b\n");
  for (int i = 0; i < 500000; i++) fprintf(f, "%d,%d\n", i, i);
  fclose(f);
  rnn_csv csv;
  rnn_csv_options o = {.columns = (const char *[]){"a"}, .column_count = 1};
  rnn_memory_set_limit(s->ctx, 1 << 20);
  assert_failure(s->ctx, rnn_csv_read(s->ctx, path, &o, &csv), RNN_ENOMEM, "limit 1048576");
  rnn_memory_set_limit(s->ctx, 0);
  /* Peak: the values, in a block that is a little larger, and the constant part. */
  rnn_memory_reset_peak(s->ctx);
  assert_ok(s->ctx, rnn_csv_read(s->ctx, path, &o, &csv));
  rnn_memory m;
  rnn_memory_read(s->ctx, &m);
  assert_true(m.peak < 500000 * sizeof(double) * 3 / 2 + (2 << 20));
  rnn_csv_free(s->ctx, &csv);
  /* In parts: those of one. */
  rnn_csv_stream *stream;
  int64_t rows = 0;
  rnn_memory_reset_peak(s->ctx);
  assert_ok(s->ctx, rnn_csv_open(s->ctx, path, &o, &stream));
  do {
    assert_ok(s->ctx, rnn_csv_next(stream, 70000, &csv));
    rows += csv.rows;
    if (csv.rows > 0) assert_true(csv.columns[0].numbers->doubles[csv.rows - 1] == (double)(rows - 1));
    rnn_csv_free(s->ctx, &csv);
  } while (rows < 500000);
  rnn_csv_close(stream);
  rnn_memory_read(s->ctx, &m);
  assert_true(m.peak < 200000 * sizeof(double) + (2 << 20));
}

static void an_interrupt_stops_it(void **state) {
  scratch *s = *state;
  rnn_csv csv;
  rnn_ctx_interrupt(s->ctx);
  assert_failure(s->ctx, rnn_csv_read(s->ctx, put(s, "a\n1\n"), NULL, &csv), RNN_EINTR, "interrupted");
  assert_true(rnn_ctx_clear_interrupt(s->ctx));
}

/* Whatever the bytes: an answer, and nothing left behind. Every prefix of a file, and every byte of it replaced. */
static void broken_files_are_answered(void **state) {
  scratch *s = *state;
  rnn_csv csv;
  for (size_t n = 0; n < sizeof varied; n++)
    if (rnn_csv_read(s->ctx, put_text(s, varied, n), NULL, &csv) == RNN_OK) rnn_csv_free(s->ctx, &csv);
  static const char spoilers[] = "\"\0,\n\r \xFF" "0";
  char text[sizeof varied];
  for (size_t n = 0; n < sizeof varied - 1; n++)
    for (size_t k = 0; k < sizeof spoilers - 1; k++) {
      memcpy(text, varied, sizeof text);
      text[n] = spoilers[k];
      if (rnn_csv_read(s->ctx, put_text(s, text, sizeof varied - 1), NULL, &csv) == RNN_OK) rnn_csv_free(s->ctx, &csv);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(types_are_found),
      TEST(dresses),
      TEST(quoted_cells),
      TEST(missing_cells),
      TEST(auto_takes_what_fits),
      TEST(columns_and_types_are_chosen),
      TEST(header_alone),
      TEST(blocks_and_buffers),
      TEST(many_rows),
      TEST(many_columns),
      TEST(a_pipe_is_read_as_well),
      TEST(no_file_and_no_content),
      TEST(ragged_rows),
      TEST(wrong_types),
      TEST(auto_errs_after_its_sample),
      TEST(bad_quoting),
      TEST(a_cell_has_a_limit),
      TEST(nul_bytes),
      TEST(names_of_columns),
      TEST(separators),
      TEST(long_names),
      TEST(every_allocation_fails_in_turn),
      TEST(a_limit_holds),
      TEST(an_interrupt_stops_it),
      TEST(broken_files_are_answered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
