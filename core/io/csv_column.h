/* csv_column.h: one kept column of a CSV file while it is read: its type, its values, its words. */
#ifndef RNN_CSV_COLUMN_H
#define RNN_CSV_COLUMN_H

#include "words.h"

/* A column of type AUTO keeps the text of its first cells that are not empty, up to this many, before it settles. */
#define RNNI_CSV_SAMPLE 1000

typedef struct rnni_column {
  const char *path;                /* for messages; borrowed */
  const rnn_csv_options *dialect;  /* how numbers and missing cells are written; borrowed */
  bool plain;                      /* as we write them */
  char *name;
  bool guessed;      /* was AUTO */
  bool goes_on;      /* more parts come, with the same words */
  rnn_csv_type type; /* AUTO until settled */
  const char *format; /* of dates, or NULL: the orders tell; borrowed */
  int64_t epoch;      /* of dates written as numbers since 1970: microseconds of a unit, or -1000: nanoseconds; or 0 */
  int orders;         /* of dates: RNNI_MDY and so on, those that every cell so far allows; 0 before the first */
  int64_t open_row;   /* of dates: the row of the first cell that means different days in different orders, or 0, */
  char open_text[48]; /* and how it begins */
  bool clock;         /* of dates: some have a time of day, or an offset */
  int zones;          /* of dates, bits: RNNI_BARE, RNNI_ZONED */
  int32_t offset;     /* of dates with one: that of the first */
  bool offsets_differ;
  bool whole;         /* of numbers: 64-bit integers, no longer doubles */
  bool counts_points; /* of numbers: the next two are kept */
  int64_t point_row;  /* the row of the first cell as 1.299, where a point may stand between thousands; 0: none */
  char point_text[16];
  enum { RNNI_POINT_OPEN, RNNI_POINT_DECIMAL, RNNI_POINT_UNGROUPED } points; /* what all cells so far say of points */
  int64_t odd_row;    /* see rnn_csv_column */
  int32_t odd_id;
  int64_t rows;      /* values that are there; while AUTO: none */
  int64_t room;
  void *values;        /* int32_t of words, else 64 bits each */
  const double *share; /* of the file that these rows are, about; 0: not known; borrowed */
  rnni_words words;
  struct rnni_sample *sample; /* while AUTO */
} rnni_column;

/* Cell number index (from 0) of the column, in row number row (from 1) of the file. Cells come in order and none is
   left out. text ends with a NUL at text[size] and has none before. */
RNN_MUST_USE rnn_status rnni_column_put(rnn_ctx *ctx, rnni_column *c, int64_t index, int64_t row, const char *text,
                                        size_t size);
/* Moves what is there into out; c is ready for the cells of the next part. */
RNN_MUST_USE rnn_status rnni_column_finish(rnn_ctx *ctx, rnni_column *c, int64_t rows, rnn_csv_column *out);
/* What the text of a cell can be alone. */
rnn_csv_type rnni_csv_type_of(const char *text, size_t size);
/* Is it a number in this dialect? */
bool rnni_csv_is_number(const char *text, size_t size, char decimal, const char *thousands);
void rnni_column_free(rnn_ctx *ctx, rnni_column *c);

/* NULL for UTF-8; else what is wrong with the text, written to what. */
const char *rnni_csv_check_text(const char *text, size_t size, char *what, size_t room);

/* text between quotation marks for a message, cut to what a line can bear, control characters as \xNN; returns buf,
   of at least 64 bytes. */
const char *rnni_csv_quote(const char *text, char *buf);

#endif
