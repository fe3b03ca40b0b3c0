/* cell.c: see cell.h. */
#include "cell.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool blank(char c) { return c == ' ' || c == '\t'; }
static bool digit(char c) { return c >= '0' && c <= '9'; }

static void trim(const char **text, const char **end) {
  while (*text < *end && blank(**text)) ++*text;
  while (*text < *end && blank((*end)[-1])) --*end;
}

/* word in small letters */
static bool is_word(const char *text, const char *end, const char *word) {
  for (; text < end && *word; text++, word++)
    if ((*text >= 'A' && *text <= 'Z' ? *text | 32 : *text) != *word) return false;
  return text == end && !*word;
}

bool rnni_cell_missing(const char *text, size_t size) {
  static const char *const words[] = {"nan", "-nan", "na", "n/a", "null", "none"};
  const char *end = text + size;
  trim(&text, &end);
  if (text == end) return true;
  if (end - text > 4) return false;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (is_word(text, end, words[i])) return true;
  return false;
}

/* ---- numbers ---- */

/* No more digits than these can decide how a number rounds to a double, but for whether any follows at all. */
#define DECIDING 768

/* The slow way, for any number of digits: strtod on DIGITSeEXPONENT. Without a decimal point in it the text means
   the same in every locale. digits: decimal digits with at most one point among them. */
static double convert_long(const char *digits, const char *end, int64_t exponent) {
  char buffer[DECIDING + 32];
  size_t n = 0;
  bool lost = false;
  for (; digits < end; digits++) {
    if (*digits == '.' || (n == 0 && *digits == '0')) continue;
    if (n < DECIDING) {
      buffer[n++] = *digits;
    } else {
      exponent++;
      lost |= *digits != '0';
    }
  }
  if (lost) {
    buffer[n++] = '1';
    exponent--;
  }
  exponent = exponent < -99999 ? -99999 : exponent > 99999 ? 99999 : exponent;
  buffer[n++] = 'e';
  if (exponent < 0) buffer[n++] = '-';
  uint32_t rest = (uint32_t)llabs((long long)exponent), unit = 10000;
  for (; unit; unit /= 10) buffer[n++] = (char)('0' + rest / unit % 10);
  buffer[n] = '\0';
  return strtod(buffer, NULL);
}

bool rnni_cell_number(const char *text, size_t size, double *value) {
  /* Powers of ten that a double holds exactly. */
  static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const char *end = text + size;
  trim(&text, &end);
  bool negative = false;
  if (text < end && (*text == '-' || *text == '+')) negative = *text++ == '-';

  const char *first = text, *point = NULL;
  uint64_t mantissa = 0;
  int digits = 0; /* from the first one that is not 0; 20 and more: mantissa has overflowed */
  for (; text < end; text++) {
    unsigned d = (unsigned)(unsigned char)*text - '0';
    if (d > 9) {
      if (*text != '.' || point) break;
      point = text;
      continue;
    }
    mantissa = mantissa * 10 + d;
    if (digits || d) digits++;
  }
  const char *last = text;
  if (last - first == (point ? 1 : 0)) { /* no digit */
    if (!is_word(first, end, "inf") && !is_word(first, end, "infinity")) return false;
    *value = negative ? -INFINITY : INFINITY;
    return true;
  }

  int64_t exponent = 0;
  if (text < end && (*text | 32) == 'e') {
    bool minus = false;
    if (++text < end && (*text == '-' || *text == '+')) minus = *text++ == '-';
    if (text == end) return false;
    for (; text < end && digit(*text); text++)
      if (exponent < INT32_MAX) exponent = exponent * 10 + (*text - '0');
    if (minus) exponent = -exponent;
  }
  if (text < end) return false;
  if (point) exponent -= last - point - 1;

  /* Clinger 1990, "How to read floating point numbers accurately": both operands are exact, so the one operation
     rounds correctly. */
  double v;
  if (digits == 0)
    v = 0;
  else if (digits <= 19 && mantissa <= (uint64_t)1 << 53 && exponent >= -22 && exponent <= 22)
    v = exponent < 0 ? (double)mantissa / powers[-exponent] : (double)mantissa * powers[exponent];
  else if (isinf(v = convert_long(first, last, exponent)))
    return false;
  *value = negative ? -v : v;
  return true;
}

bool rnni_cell_integer(const char *text, size_t size, int64_t *value) {
  const char *end = text + size;
  trim(&text, &end);
  bool negative = text < end && *text == '-';
  if (text < end && (*text == '-' || *text == '+')) text++;
  if (text == end) return false;
  for (*value = 0; text < end; text++)
    if (!digit(*text) || __builtin_mul_overflow(*value, 10, value) ||
        __builtin_add_overflow(*value, *text - '0', value))
      return false;
  if (negative) *value = -*value;
  return true;
}

bool rnni_cell_exact(const char *text, size_t size, double value) {
  char written[400];
  const char *end = text + size;
  trim(&text, &end);
  if (text < end && (*text == '-' || *text == '+')) text++;
  while (text < end && *text == '0') text++;
  for (const char *c = text; c < end; c++)
    if (!digit(*c)) return true;
  int n = snprintf(written, sizeof written, "%.0f", fabs(value));
  return text == end || (end - text == n && memcmp(text, written, (size_t)n) == 0);
}

/* ---- dates ---- */

/* One to most digits into value; the text after them, or NULL. */
static const char *integer(const char *text, const char *end, int most, int *value) {
  const char *first = text;
  *value = 0;
  while (text < end && text - first < most && digit(*text)) *value = *value * 10 + (*text++ - '0');
  return text == first ? NULL : text;
}

/* Days from 1970-01-01 in the Gregorian calendar, counting years from March, so that the leap day comes last
   (Hinnant 2013, "chrono-compatible low-level date algorithms"). */
int32_t rnni_days(rnni_date date) {
  int year = date.year, month = date.month, day = date.day;
  year -= month <= 2;
  int era = (year >= 0 ? year : year - 399) / 400;
  int of_era = year - era * 400;
  int of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool midnight(const char *text, const char *end) {
  static const char clock[] = "00:00:00.";
  if (text == end) return true;
  if (*text != 'T' && *text != ' ') return false;
  size_t i = 0;
  for (text++; text < end && clock[i]; text++, i++)
    if (*text != clock[i]) return false;
  if (i != 5 && i != 8 && i != 9) return false;
  while (text < end && *text == '0') text++;
  return text == end;
}

static bool is_date(int year, int month, int day) {
  static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12 || day < 1) return false;
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return day <= lengths[month - 1] + (month == 2 && leap);
}

bool rnni_cell_date_as(const char *text, size_t size, const char *format, rnni_date *date) {
  const char *end = text + size;
  trim(&text, &end);
  for (; text && *format; format++) {
    if (*format != '%') {
      text = text < end && *text == *format ? text + 1 : NULL;
      continue;
    }
    const char *first = text;
    if (*++format == 'Y') text = (text = integer(text, end, 4, &date->year)) && text - first == 4 ? text : NULL;
    else text = integer(text, end, 2, *format == 'm' ? &date->month : &date->day);
  }
  return text && midnight(text, end) && is_date(date->year, date->month, date->day);
}

int rnni_cell_date(const char *text, size_t size, rnni_date *date) {
  const char *end = text + size;
  trim(&text, &end);
  int first, month, day;
  const char *at = integer(text, end, 4, &first);
  if (!at || at == end) return 0;
  if (*at == '-') {
    if (at - text != 4 || !(at = integer(at + 1, end, 2, &month)) || at == end || *at != '-') return 0;
    if (!(at = integer(at + 1, end, 2, &day)) || !midnight(at, end)) return 0;
    *date = (rnni_date){first, month, day};
    return is_date(first, month, day) ? RNNI_YMD : 0;
  }
  if (at - text > 2 || *at != '/' || !(at = integer(at + 1, end, 2, &day)) || at == end || *at != '/') return 0;
  text = at + 1;
  if (!(at = integer(text, end, 4, &date->year)) || at - text != 4 || !midnight(at, end)) return 0;
  date->month = first;
  date->day = day;
  return (is_date(date->year, first, day) ? RNNI_MDY : 0) | (is_date(date->year, day, first) ? RNNI_DMY : 0);
}
