/* cell.h: what the text of one cell of a CSV file means. No locale, no allocation. */
#ifndef RNN_CELL_H
#define RNN_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Blanks (space, tab) around the text never count. text need not end with a NUL. */

/* An empty cell, or nan, -nan, na, n/a, null, none in letters of either case. */
bool rnni_cell_missing(const char *text, size_t size);

/* A decimal number with a point, as in C: -1, +.5, 12., 1.5e-3; or inf, infinity, with or without a sign.
   Rounded to the nearest double, always. No hexadecimal, no thousands separators, nothing beyond a double's range. */
bool rnni_cell_number(const char *text, size_t size, double *value);

/* A whole number written with digits alone, as a 64-bit integer above INT64_MIN. */
bool rnni_cell_integer(const char *text, size_t size, int64_t *value);

/* Does value, which rnni_cell_number made of text, say all digits of a whole number? True for other numbers. */
bool rnni_cell_exact(const char *text, size_t size, double value);

/* The order of a date's parts, as a set of bits. */
enum { RNNI_YMD = 1, RNNI_MDY = 2, RNNI_DMY = 4 };

typedef struct rnni_date {
  int year, month, day; /* of a date with slashes: the first number is the month */
} rnni_date;

/* YYYY-MM-DD, MM/DD/YYYY or DD/MM/YYYY (Gregorian; month and day may have one digit): in which orders it is a date, 0
   for none. A time of day may follow when it is midnight, as exports of pure dates have it: 2001-01-31T00:00:00.000. */
int rnni_cell_date(const char *text, size_t size, rnni_date *date);

/* A date as format has it, of %Y, %m, %d and characters that stand for themselves; a midnight may follow. */
bool rnni_cell_date_as(const char *text, size_t size, const char *format, rnni_date *date);

/* Days since 1970-01-01. */
int32_t rnni_days(rnni_date date);

#endif
