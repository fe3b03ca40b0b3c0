/* cell.h: what the text of one cell of a CSV file means. No locale, no allocation. */
#ifndef RNN_CELL_H
#define RNN_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Blanks (space, tab) around the text never count. text need not end with a NUL. */

/* Past a sign, + or - or U+2212; is it a minus? */
bool rnni_cell_minus(const char **text, const char *end);

/* An empty cell, or nan, -nan, nat, na, n/a, #n/a, #na, <na>, null, none in letters of either case, or an error of a
   spreadsheet: #DIV/0!, #VALUE!, #REF!, #NAME?, #NUM!, #NULL!, #NV, #WERT!, #BEZUG!, #ZAHL!. */
bool rnni_cell_missing(const char *text, size_t size);

/* A decimal number with a point, as in C, or U+2212 for its minus: -1, +.5, 12., 1.5e-3; or inf, infinity, with or without a sign.
   Rounded to the nearest double, always. No hexadecimal, no thousands separators, nothing beyond a double's range. */
bool rnni_cell_number(const char *text, size_t size, double *value);

/* A whole number written with digits alone, as a 64-bit integer above INT64_MIN. */
bool rnni_cell_integer(const char *text, size_t size, int64_t *value);

/* Does value, which rnni_cell_number made of text, say all digits of a whole number? True for other numbers. */
bool rnni_cell_exact(const char *text, size_t size, double value);

/* The order of a date's parts, as a set of bits. */
enum { RNNI_YMD = 1, RNNI_MDY = 2, RNNI_DMY = 4 };

#define RNNI_DAY ((int64_t)86400000000) /* microseconds */

/* A day, or a moment of it. Where the order of the parts is open, the first number stands in month. */
typedef struct rnni_stamp {
  int year, month, day;
  int64_t micros; /* of the day; 24:00 is a whole day */
  bool zoned;     /* with an offset from UTC: */
  int32_t offset; /* seconds to the east */
} rnni_stamp;

/* In which orders the text is a date, 0 for none:
     YYYY-MM-DD, also with / or . for -; YYYY-MM; 2024-W05, 2024-W05-1 (ISO 8601 weeks: the Monday); 2024-Q1
     MM/DD/YYYY or DD/MM/YYYY, also with -; years may have two digits, as POSIX reads them: 69 to 99 are 1969 to 1999
     DD.MM.YYYY; 31-Dec-2014, 31 December 2014, Dec 31, 2014, Dec 2014; a day of the week may come first
   Month and day may have one digit. A time of day may follow after T or blanks: 13, 13:05, 1:05 PM, 13:05:59.123456,
   and then Z, UTC, GMT, +02:00, +0200 or +02. 20141231T130559 is one as well. What is finer than a microsecond is cut
   off. */
int rnni_cell_stamp(const char *text, size_t size, rnni_stamp *stamp);

/* A date as format has it: %Y %y %m %d %e %b %B %j %H %I %p %M %S (with a fraction, if there is one) %f %z %a %A %F %T %R
   %D, %G with %V and %u; a blank stands for any number of them, other characters for themselves. A midnight may follow
   a format without time of day. */
bool rnni_cell_stamp_as(const char *text, size_t size, const char *format, rnni_stamp *stamp);

/* The format of which a date with slashes or hyphens is one, its first two numbers being day and month or month and day;
   false when it does not fit into room bytes. */
bool rnni_stamp_format_of(const char *text, bool day_first, char *out, size_t room);

/* Does it name a day: a year, alone or with month, with month and day, with the day of the year, or with the week? */
bool rnni_stamp_format(const char *format);

/* Days since 1970-01-01 in the Gregorian calendar. */
int32_t rnni_days(int year, int month, int day);

/* Microseconds since 1970-01-01 UTC, or of the wall clock where there is no offset. */
int64_t rnni_stamp_micros(const rnni_stamp *stamp);

#endif
