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
  static const char *const words[] = {
      "nan", "-nan", "na", "n/a", "#n/a", "#na", "<na>", "null", "none", "nat",
      "#null!", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#nv", "#wert!", "#bezug!", "#zahl!"}; /* of Excel */
  const char *end = text + size;
  trim(&text, &end);
  if (text == end) return true;
  if (end - text > 7 || !strchr("nN-#<", *text)) return false;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (is_word(text, end, words[i])) return true;
  return false;
}

/* ---- numbers ---- */

/* No more digits than these can decide how a number rounds to a double, but for whether any follows at all. */
#define DECIDING 768
/* So many fit into 64 bits, whatever they are. */
#define EXACT 19

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

bool rnni_cell_minus(const char **text, const char *end) {
  if (end - *text >= 3 && memcmp(*text, "\xE2\x88\x92", 3) == 0) {
    *text += 3;
    return true;
  }
  return *text < end && (**text == '-' || **text == '+') && *(*text)++ == '-';
}

bool rnni_cell_number(const char *text, size_t size, double *value) {
  /* Powers of ten that a double holds exactly. */
  static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const char *end = text + size;
  trim(&text, &end);
  bool negative = rnni_cell_minus(&text, end);

  const char *first = text, *point = NULL;
  uint64_t mantissa = 0;
  unsigned d;
  for (; text < end && (d = (unsigned)(unsigned char)*text - '0') <= 9; text++) mantissa = mantissa * 10 + d;
  if (text < end && *text == '.')
    for (point = text++; text < end && (d = (unsigned)(unsigned char)*text - '0') <= 9; text++)
      mantissa = mantissa * 10 + d;
  const char *last = text;
  if (last - first == (point ? 1 : 0)) { /* no digit */
    if (!is_word(first, end, "inf") && !is_word(first, end, "infinity")) return false;
    *value = negative ? -INFINITY : INFINITY;
    return true;
  }

  int64_t exponent = 0;
  if (text < end && (*text | 32) == 'e') {
    text++;
    bool below = rnni_cell_minus(&text, end);
    if (text == end) return false;
    for (; text < end && digit(*text); text++)
      if (exponent < INT32_MAX) exponent = exponent * 10 + (*text - '0');
    if (below) exponent = -exponent;
  }
  if (text < end) return false;
  if (point) exponent -= last - point - 1;

  /* Clinger 1990, "How to read floating point numbers accurately": both operands are exact, so the one operation
     rounds correctly. */
  double v;
  while (last - first > EXACT && (*first == '0' || *first == '.')) first++;
  bool exact = last - first <= EXACT;
  if (exact && mantissa == 0)
    v = 0;
  else if (exact && mantissa <= (uint64_t)1 << 53 && exponent >= -22 && exponent <= 22)
    v = exponent < 0 ? (double)mantissa / powers[-exponent] : (double)mantissa * powers[exponent];
  else if (isinf(v = convert_long(first, last, exponent)))
    return false;
  *value = negative ? -v : v;
  return true;
}

bool rnni_cell_integer(const char *text, size_t size, int64_t *value) {
  const char *end = text + size;
  trim(&text, &end);
  bool negative = rnni_cell_minus(&text, end);
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
  (void)rnni_cell_minus(&text, end);
  while (text < end && *text == '0') text++;
  for (const char *c = text; c < end; c++)
    if (!digit(*c)) return true;
  int n = snprintf(written, sizeof written, "%.0f", fabs(value));
  return text == end || (end - text == n && memcmp(text, written, (size_t)n) == 0);
}

/* ---- dates ---- */

/* least to most digits into value, and past them. */
static bool integer(const char **at, const char *end, int least, int most, int *value) {
  const char *first = *at;
  int v = 0;
  while (*at < end && *at - first < most && digit(**at)) v = v * 10 + (*(*at)++ - '0');
  *value = v;
  return *at - first >= least;
}

/* Counting years from March, so that the leap day comes last (Hinnant 2013, "chrono-compatible low-level date
   algorithms"). */
int32_t rnni_days(int year, int month, int day) {
  year -= month <= 2;
  int era = (year >= 0 ? year : year - 399) / 400;
  int of_era = year - era * 400;
  int of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int64_t rnni_stamp_micros(const rnni_stamp *s) {
  return rnni_days(s->year, s->month, s->day) * RNNI_DAY + s->micros - (int64_t)s->offset * 1000000;
}

static bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

static bool is_date(int year, int month, int day) {
  static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12 || day < 1) return false;
  return day <= lengths[month - 1] + (month == 2 && is_leap(year));
}

/* Day number n of the year, from 1. */
static bool set_day_of_year(rnni_stamp *s, int n) {
  if (n < 1 || n > 365 + is_leap(s->year)) return false;
  for (s->month = 1; s->month < 12 && rnni_days(s->year, s->month + 1, 1) - rnni_days(s->year, 1, 1) < n;) s->month++;
  s->day = n - (rnni_days(s->year, s->month, 1) - rnni_days(s->year, 1, 1));
  return true;
}

/* Day 1 (Monday) to 7 of an ISO 8601 week: week 1 has the year's first Thursday. */
static bool set_week(rnni_stamp *s, int week, int day) {
  int32_t fourth = rnni_days(s->year, 1, 4), next = rnni_days(s->year + 1, 1, 4);
  int32_t monday = fourth - ((fourth + 3) % 7 + 7) % 7, end = next - ((next + 3) % 7 + 7) % 7;
  int32_t days = monday + (week - 1) * 7 + day - 1;
  if (week < 1 || day < 1 || day > 7 || days >= end) return false;
  if (days < rnni_days(s->year, 1, 1)) s->year--;
  else if (days >= rnni_days(s->year + 1, 1, 1)) s->year++;
  return set_day_of_year(s, days - rnni_days(s->year, 1, 1) + 1);
}

static const char *const months[] = {"january", "february", "march",     "april",   "may",      "june",
                                     "july",    "august",   "september", "october", "november", "december"};
static const char *const weekdays[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};

/* Which of the names, whole or its first three letters, stands there, from 1; past it and a point. 0 for none. */
static int name(const char **at, const char *end, const char *const *names, int count) {
  const char *stop = *at;
  while (stop < end && ((*stop | 32) >= 'a' && (*stop | 32) <= 'z')) stop++;
  for (int i = 0; i < count; i++) {
    char cut[4] = {names[i][0], names[i][1], names[i][2], '\0'};
    if (!is_word(*at, stop, names[i]) && !is_word(*at, stop, cut)) continue;
    *at = stop < end && *stop == '.' ? stop + 1 : stop;
    return i + 1;
  }
  return 0;
}

static void skip(const char **at, const char *end, const char *any) {
  while (*at < end && strchr(any, **at) && **at) ++*at;
}

static bool year_of(const char **at, const char *end, int *year) {
  const char *first = *at;
  if (!integer(at, end, 2, 4, year) || *at - first == 3) return false;
  if (*at - first == 2) *year += *year < 69 ? 2000 : 1900;
  return *at == end || !digit(**at);
}

static bool zone(const char **at, const char *end, rnni_stamp *s) {
  int hours, minutes = 0;
  s->zoned = true;
  if (*at < end && (**at | 32) == 'z') {
    ++*at;
    return true;
  }
  bool named = end - *at >= 3 && (is_word(*at, *at + 3, "utc") || is_word(*at, *at + 3, "gmt"));
  if (named) *at += 3;
  if (*at == end || (**at != '+' && **at != '-')) return named;
  int sign = *(*at)++ == '-' ? -1 : 1;
  if (!integer(at, end, 2, 2, &hours)) return false;
  if (*at < end && **at == ':') ++*at;
  if (*at < end && digit(**at) && !integer(at, end, 2, 2, &minutes)) return false;
  if (hours > 23 || minutes > 59) return false;
  s->offset = sign * (hours * 3600 + minutes * 60);
  return true;
}

/* .123456 after the seconds, if it is there */
static bool fraction(const char **at, const char *end, int64_t *micros) {
  if (*at + 1 >= end || (**at != '.' && **at != ',') || !digit((*at)[1])) return true;
  ++*at;
  for (int64_t unit = 100000; *at < end && digit(**at); unit /= 10) *micros += (*(*at)++ - '0') * unit;
  return true;
}

static bool half_of_day(const char **at, const char *end, int *hour) {
  bool afternoon = (**at | 32) == 'p', points = end - *at >= 4 && (*at)[1] == '.' && (*at)[3] == '.'; /* p.m. */
  if (end - *at < 2 || ((**at | 32) != 'a' && !afternoon) || ((*at)[1 + points] | 32) != 'm') return false;
  if (*hour < 1 || *hour > 12) return false;
  *at += points ? 4 : 2;
  *hour = *hour % 12 + (afternoon ? 12 : 0);
  return true;
}

static bool set_clock(rnni_stamp *s, int hour, int minute, int second, int64_t micros) {
  if (hour > 24 || minute > 59 || second > 60 || (hour == 24 && (minute || second || micros))) return false;
  s->micros = ((hour * 60 + minute) * 60 + second) * (int64_t)1000000 + micros;
  return true;
}

/* What may follow the day, up to the end. */
static bool clock_after(const char *at, const char *end, bool compact, rnni_stamp *s) {
  int hour, minute = 0, second = 0;
  int64_t micros = 0;
  if (at == end) return true;
  if ((*at | 32) == 't') at++;
  else if (*at == ' ' || *at == ',') skip(&at, end, " ,");
  else return false;
  if (!integer(&at, end, 1, 2, &hour)) return false;
  char mark = at < end && *at == '.' ? '.' : ':'; /* 18.00.00 */
  if (at < end && (*at == mark || (compact && digit(*at)))) {
    at += *at == mark;
    if (!integer(&at, end, 2, 2, &minute)) return false;
    if (at < end && (*at == mark || (compact && digit(*at)))) {
      at += *at == mark;
      if (!integer(&at, end, 2, 2, &second) || !fraction(&at, end, &micros)) return false;
    }
  }
  if (at == end) return set_clock(s, hour, minute, second, micros);
  skip(&at, end, " ");
  if (at < end && ((*at | 32) == 'a' || (*at | 32) == 'p')) {
    if (!half_of_day(&at, end, &hour)) return false;
    skip(&at, end, " ");
  }
  if (at < end && !zone(&at, end, s)) return false;
  if (at < end && *at == '[' && end[-1] == ']') at = end; /* +02:00[Europe/Berlin], as Java has it */
  return at == end && set_clock(s, hour, minute, second, micros);
}

/* Behind YYYY; the separator must be the same twice. */
static bool after_year(const char *at, const char *end, rnni_stamp *s) {
  int week, day = 1;
  char separator = *at;
  if (separator == '-') at++;
  if (at < end && (*at | 32) == 'w') {
    at++;
    if (!integer(&at, end, 2, 2, &week)) return false;
    if (at < end && *at == '-') at++;
    if (at < end && digit(*at) && !integer(&at, end, 1, 1, &day)) return false;
    return set_week(s, week, day) && at == end;
  }
  if (at < end && (*at | 32) == 'q') {
    at++;
    s->day = 1;
    s->month = at < end && *at >= '1' && *at <= '4' ? (*at - '1') * 3 + 1 : 0;
    return at + 1 == end && s->month;
  }
  if (separator != '-' && separator != '/' && separator != '.') return false;
  at += separator != '-';
  const char *first = at;
  if (!(s->month = name(&at, end, months, 12)) && !integer(&at, end, 1, 2, &s->month)) return false;
  s->day = 1;
  if (at == end) return separator == '-' && at - first >= 2;
  return *at++ == separator && integer(&at, end, 1, 2, &s->day) && clock_after(at, end, false, s);
}

/* A month's name stands there; a day before it was day, 0: none. */
static bool after_name(const char *at, const char *end, int day, rnni_stamp *s) {
  s->day = day;
  if (!(s->month = name(&at, end, months, 12))) return false;
  skip(&at, end, " ,-/.");
  const char *first = at;
  int number;
  if (!day && integer(&at, end, 1, 2, &number) && at < end && !digit(*at)) { /* Dec 31, 2014 */
    s->day = number;
    skip(&at, end, " ,");
  } else {
    at = first;
  }
  if (!year_of(&at, end, &s->year)) return false;
  if (!s->day) s->day = 1;
  return clock_after(at, end, false, s);
}

/* count digits as a number, or negative. */
static int digits_at(const char *text, int count) {
  int v = 0;
  for (int i = 0; i < count; i++) {
    unsigned d = (unsigned)(unsigned char)text[i] - '0';
    if (d > 9) return -1;
    v = v * 10 + (int)d;
  }
  return v;
}

/* Most dates: YYYY-MM-DD, and MM/DD/YYYY or DD/MM/YYYY, of ten characters. False: the long way decides. */
static bool usual_date(const char *t, rnni_stamp *s, int *orders) {
  bool iso = t[4] == '-' && t[7] == '-', slashes = t[2] == '/' && t[5] == '/';
  if (!iso && !slashes) return false;
  s->year = digits_at(iso ? t : t + 6, 4);
  s->month = digits_at(iso ? t + 5 : t, 2);
  s->day = digits_at(iso ? t + 8 : t + 3, 2);
  if (s->year < 0 || s->month < 0 || s->day < 0) return false;
  *orders = is_date(s->year, s->month, s->day) ? iso ? RNNI_YMD : RNNI_MDY : 0;
  if (slashes && is_date(s->year, s->day, s->month)) *orders |= RNNI_DMY;
  return true;
}

int rnni_cell_stamp(const char *text, size_t size, rnni_stamp *s) {
  const char *end = text + size, *at;
  int orders;
  *s = (rnni_stamp){0};
  if (size == 10 && usual_date(text, s, &orders)) return orders;
  trim(&text, &end);
  *s = (rnni_stamp){0};
  if (end - text < 6 || end - text > 80) return 0;
  at = text;
  if (!digit(*at)) {
    if ((*at | 32) < 'a' || (*at | 32) > 'z') return 0;
    if (name(&at, end, weekdays, 7)) skip(&at, end, " ,");
    if (at == end) return 0;
    if (!digit(*at)) return after_name(at, end, 0, s) && is_date(s->year, s->month, s->day) ? RNNI_YMD : 0;
    text = at;
  }
  while (at < end && at - text < 9 && digit(*at)) at++;
  int first = 0;
  for (const char *c = text; c < at; c++) first = first * 10 + (*c - '0');
  if (at == end) return 0;
  if (at - text == 4) {
    s->year = first;
    return after_year(at, end, s) && is_date(s->year, s->month, s->day) ? RNNI_YMD : 0;
  }
  if (at - text == 8) {
    s->year = first / 10000, s->month = first / 100 % 100, s->day = first % 100;
    return *at == 'T' && is_date(s->year, s->month, s->day) && clock_after(at, end, true, s) ? RNNI_YMD : 0;
  }
  if (at - text > 2) return 0;
  char separator = *at++;
  if (separator == ' ' || ((*at | 32) >= 'a' && (*at | 32) <= 'z')) {
    if (!strchr(" -/.", separator)) return 0;
    skip(&at, end, " ");
    return after_name(at, end, first, s) && is_date(s->year, s->month, s->day) ? RNNI_YMD : 0;
  }
  const char *second = at;
  if (separator != '/' && separator != '.' && separator != '-') return 0;
  if (!integer(&at, end, 1, 2, &s->day) || at == end || *at++ != separator) return 0;
  const char *third = at;
  if (!year_of(&at, end, &s->year)) return 0;
  if (at - third == 2 && (separator == '-' || (separator == '.' && third - text < 6))) return 0; /* 1.2.34: a version */
  if (second == third || !clock_after(at, end, false, s)) return 0;
  s->month = first;
  orders = is_date(s->year, s->day, first) ? RNNI_DMY : 0;
  return separator != '.' && is_date(s->year, first, s->day) ? orders | RNNI_MDY : orders;
}

bool rnni_stamp_format_of(const char *text, bool day_first, char *out, size_t room) {
  const char *parts[] = {day_first ? "%d" : "%m", day_first ? "%m" : "%d", "%Y", "%H", "%M", "%S"};
  size_t n = 0;
  int part = 0;
  bool half = strpbrk(text, "aApP") != NULL;
  while (*text) {
    const char *insert = NULL;
    if (n + 3 > room) return false;
    if (digit(*text)) {
      const char *first = text;
      while (digit(*text)) text++;
      if (part == 6) return false;
      insert = part == 2 && text - first == 2 ? "%y" : part == 3 && half ? "%I" : parts[part];
      if (++part == 6 && (*text == '.' || *text == ',')) /* a fraction, which %S takes, too */
        for (text++; digit(*text);) text++;
    } else if (part > 3 && strchr("aApP", *text) && (text[1] | 32) == 'm') {
      insert = "%p";
      text += 2;
    } else if (part > 3 && strchr("+-zZuUgG", *text)) {
      insert = "%z";
      text += strlen(text);
    } else {
      out[n++] = *text++;
    }
    if (insert) out[n++] = insert[0], out[n++] = insert[1];
  }
  out[n] = '\0';
  return part > 2;
}

bool rnni_stamp_format(const char *format) {
  bool year = false, month = false, day = false, day_of_year = false, iso_year = false, week = false;
  for (; *format; format++) {
    if (*format != '%') continue;
    bool *part = NULL;
    switch (*++format) {
      case 'Y': case 'y': part = &year; break;
      case 'm': case 'b': case 'B': part = &month; break;
      case 'd': case 'e': part = &day; break;
      case 'j': part = &day_of_year; break;
      case 'G': part = &iso_year; break;
      case 'V': part = &week; break;
      case 'F': case 'D':
        if (year || month) return false;
        year = month = day = true;
        break;
      case '\0': return false;
      default:
        if (!strchr("HIpMSfzaATRu%", *format)) return false;
    }
    if (part && *part) return false;
    if (part) *part = true;
  }
  if (day_of_year) return year && !month && !day;
  return week || iso_year ? week && iso_year && !year : year && (month || !day);
}

bool rnni_cell_stamp_as(const char *text, size_t size, const char *format, rnni_stamp *s) {
  static const char *const wholes[] = {"F%Y-%m-%d", "T%H:%M:%S", "R%H:%M", "D%m/%d/%y"};
  char longer[256];
  const char *end = text + size;
  trim(&text, &end);
  for (size_t n = 0, i = 0;; i++) { /* %F and its like, written out */
    const char *insert = NULL;
    for (size_t k = 0; format[i] == '%' && k < 4; k++)
      if (format[i + 1] == wholes[k][0]) insert = wholes[k] + 1;
    if (n + 12 > sizeof longer) return false;
    if (insert) {
      n += (size_t)snprintf(longer + n, sizeof longer - n, "%s", insert);
      i++;
    } else if (!(longer[n++] = format[i])) {
      break;
    } else if (format[i] == '%' && format[i + 1] == '%') {
      longer[n++] = format[++i];
    }
  }
  int hour = 0, minute = 0, second = 0, day_of_year = 0, week = 0, weekday = 1;
  int64_t micros = 0;
  bool clock = false, half = false, afternoon = false;
  *s = (rnni_stamp){.month = 1, .day = 1};
  for (const char *f = longer; *f; f++) {
    if (*f == ' ') {
      skip(&text, end, " \t");
      continue;
    }
    if (*f != '%') {
      if (text == end || *text++ != *f) return false;
      continue;
    }
    switch (*++f) {
      case 'Y': case 'G': if (!integer(&text, end, 4, 4, &s->year)) return false; break;
      case 'y': if (!integer(&text, end, 2, 2, &s->year)) return false; s->year += s->year < 69 ? 2000 : 1900; break;
      case 'm': if (!integer(&text, end, 1, 2, &s->month)) return false; break;
      case 'd': case 'e': skip(&text, end, " "); if (!integer(&text, end, 1, 2, &s->day)) return false; break;
      case 'j': if (!integer(&text, end, 1, 3, &day_of_year)) return false; break;
      case 'V': if (!integer(&text, end, 1, 2, &week)) return false; break;
      case 'u': if (!integer(&text, end, 1, 1, &weekday)) return false; break;
      case 'b': case 'B': if (!(s->month = name(&text, end, months, 12))) return false; break;
      case 'a': case 'A': if (!name(&text, end, weekdays, 7)) return false; break;
      case 'H': case 'I': if (!integer(&text, end, 1, 2, &hour)) return false; clock = true; break;
      case 'M': if (!integer(&text, end, 1, 2, &minute)) return false; break;
      case 'S': if (!integer(&text, end, 1, 2, &second) || (f[1] != '.' && !fraction(&text, end, &micros))) return false;
        break;
      case 'f': {
        const char *first = text;
        for (int64_t unit = 100000; text < end && digit(*text); unit /= 10) micros += (*text++ - '0') * unit;
        if (text == first) return false;
        break;
      }
      case 'p':
        if (end - text < 2 || (text[1] | 32) != 'm' || ((*text | 32) != 'a' && (*text | 32) != 'p')) return false;
        half = true;
        afternoon = (*text | 32) == 'p';
        text += 2;
        break;
      case 'z': if (text == end || !zone(&text, end, s)) return false; break;
      default: if (text == end || *text++ != *f) return false;
    }
  }
  if (half && (hour < 1 || hour > 12)) return false;
  if (half) hour = hour % 12 + (afternoon ? 12 : 0);
  if (!set_clock(s, hour, minute, second, micros)) return false;
  if (day_of_year ? !set_day_of_year(s, day_of_year) : week && !set_week(s, week, weekday)) return false;
  if (!clock && text < end && (!clock_after(text, end, false, s) || s->micros || s->zoned)) return false;
  return (clock ? text == end : true) && is_date(s->year, s->month, s->day);
}
