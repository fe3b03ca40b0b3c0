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

/* YYYY-MM-DD or MM/DD/YYYY (Gregorian; month and day may have one digit), as days since 1970-01-01. A time of day
   may follow when it is midnight, as exports of pure dates have it: 2001-01-31T00:00:00.000. */
bool rnni_cell_date(const char *text, size_t size, int32_t *days);

#endif
