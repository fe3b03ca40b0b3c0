/* test_cell.c: numbers round as strtod rounds them in the C locale, dates agree with gmtime, nothing else passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/cell.h"

static void assert_number(const char *text, double expected) {
  double value;
  if (!rnni_cell_number(text, strlen(text), &value)) fail_msg("%s is no number", text);
  if (memcmp(&value, &expected, sizeof value) != 0) fail_msg("%s: expected %a, got %a", text, expected, value);
}

static void numbers(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double value;
  } cases[] = {
      {"0", 0.0},
      {"-0", -0.0},
      {"-0.0e5", -0.0},
      {"1", 1},
      {"+1", 1},
      {"-1.5", -1.5},
      {".5", .5},
      {"5.", 5},
      {" 12\t", 12},
      {"007", 7},
      {"1e3", 1e3},
      {"1E-3", 1e-3},
      {"1.5e+3", 1500},
      {"123456789012345678", 123456789012345678.},
      {"0.1", 0.1},
      {"0.30000000000000004", 0.30000000000000004},
      {"9007199254740992", 9007199254740992.},
      {"9007199254740993", 9007199254740992.}, /* a tie goes to the even neighbour */
      {"9007199254740995", 9007199254740996.},
      {"9007199254740993.0000000000000000000000001", 9007199254740994.},
      {"1e22", 1e22},
      {"1e23", 1e23},
      {"8.5e-23", 8.5e-23},
      {"18446744073709551615", 18446744073709551615.},
      {"18446744073709551616", 18446744073709551616.},
      {"99999999999999999999999999", 99999999999999999999999999.},
      {"1.7976931348623157e308", 1.7976931348623157e308},
      {"4.9406564584124654e-324", 4.9406564584124654e-324},
      {"2.2250738585072011e-308", 2.2250738585072011e-308}, /* once a famous endless loop */
      {"1e-400", 0},
      {"1e-99999999999999999999", 0},
      {"0e99999999999999999999", 0},
      {"inf", INFINITY},
      {"-Infinity", -INFINITY},
      {"+INF", INFINITY},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_number(cases[i].text, cases[i].value);
}

static void not_numbers(void **state) {
  (void)state;
  static const char *const cases[] = {
      "", " ", "-", "+-1", ".", "-.", "e5", "1e", "1e+", "1e5.", "1.2.3", "1,5", "1 2", "0x1", "0x", "1_000", "1'0",
      "1e400", "nan", "NA", "infin", "--1", "1f", "½", "１", "1e5x", "-1e999", "$1", "1%", "i", "infinityx",
  };
  double value;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (rnni_cell_number(cases[i], strlen(cases[i]), &value)) fail_msg("'%s' gives %g", cases[i], value);
}

static int32_t days_of(const rnni_stamp *s) { return rnni_days(s->year, s->month, s->day); }

/* The size counts, not what stands behind. */
static void text_has_a_size(void **state) {
  (void)state;
  double value;
  assert_true(rnni_cell_number("12345", 2, &value));
  assert_true(value == 12);
  rnni_stamp date;
  assert_int_equal(rnni_cell_stamp("1970-01-02345", 10, &date), RNNI_YMD);
  assert_int_equal(days_of(&date), 1);
  assert_true(rnni_cell_missing("NAME", 2));
  assert_false(rnni_cell_missing("NAME", 4));
}

/* Digits without end: whether anything follows a tie decides, however far away. */
static void long_numbers(void **state) {
  (void)state;
  enum { LONG = 100000 };
  char *text = malloc(LONG + 40);
  assert_non_null(text);
  size_t n = (size_t)sprintf(text, "9007199254740993.");
  memset(text + n, '0', LONG);
  text[n + LONG] = '\0';
  assert_number(text, 9007199254740992.);
  text[n + LONG - 1] = '1';
  assert_number(text, 9007199254740994.);
  memset(text, '0', LONG);
  text[1] = '.';
  sprintf(text + LONG, "15e%d", LONG - 1); /* 0.000...015 times 10^(zeros + 1) */
  assert_number(text, 1.5);
  memset(text, '9', LONG);
  sprintf(text + LONG, "e-%d", LONG);
  assert_number(text, 1);
  free(text);
}

static uint64_t next_random(uint64_t *s) { /* splitmix64 */
  uint64_t z = *s += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static void random_numbers_round_like_strtod(void **state) {
  (void)state;
  uint64_t s = 42;
  for (int i = 0; i < 300000; i++) {
    char text[64];
    uint64_t bits = next_random(&s);
    double v;
    memcpy(&v, &bits, sizeof v);
    switch (i % 5) {
      case 0: snprintf(text, sizeof text, "%.*e", (int)(next_random(&s) % 25), isfinite(v) ? v : 1.0); break;
      case 1: snprintf(text, sizeof text, "%.*f", (int)(next_random(&s) % 20), (double)(int64_t)bits * 1e-12); break;
      case 2: snprintf(text, sizeof text, "%llue%d", (unsigned long long)bits, (int)(bits % 60) - 30); break;
      case 3: snprintf(text, sizeof text, "%llue%d", (unsigned long long)bits >> 11, (int)(bits % 50) - 25); break;
      default: snprintf(text, sizeof text, "%.17g", (double)(int64_t)bits / 9.223372036854775808e18); break;
    }
    assert_number(text, strtod(text, NULL));
  }
}

static void locale_does_not_matter(void **state) {
  (void)state;
  static const char *const commas[] = {"pt_BR.UTF-8", "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"};
  const char *set = NULL;
  for (size_t i = 0; i < sizeof commas / sizeof *commas && !set; i++) set = setlocale(LC_ALL, commas[i]);
  if (!set) skip(); /* none with a decimal comma is installed */
  assert_number("1.5", 1.5);
  assert_number("0.30000000000000004", 0.30000000000000004);
  assert_number("1234567890123456789012.5", 1234567890123456789012.);
  setlocale(LC_ALL, "C");
}

static void dates(void **state) {
  (void)state;
  for (int64_t day = -719528; day <= 2932896; day += 23) { /* 0000-01-01 to 9999-12-31 */
    time_t seconds = (time_t)(day * 86400);
    struct tm tm;
    assert_non_null(gmtime_r(&seconds, &tm));
    char text[64];
    rnni_stamp got;
    snprintf(text, sizeof text, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    if (rnni_cell_stamp(text, strlen(text), &got) != RNNI_YMD || days_of(&got) != day) fail_msg("%s", text);
    snprintf(text, sizeof text, "%d/%d/%04d", tm.tm_mon + 1, tm.tm_mday, tm.tm_year + 1900);
    if (!(rnni_cell_stamp(text, strlen(text), &got) & RNNI_MDY) || days_of(&got) != day) fail_msg("%s", text);
    snprintf(text, sizeof text, "%02d.%02d.%04d", tm.tm_mday, tm.tm_mon + 1, tm.tm_year + 1900);
    if (!rnni_cell_stamp_as(text, strlen(text), "%d.%m.%Y", &got) || days_of(&got) != day) fail_msg("%s", text);
  }
}

static void forms_of_dates(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int32_t days;
  } good[] = {{"1970-01-01", 0},          {"1969-12-31", -1},          {" 01/31/2001 ", 11353},
              {"2001-1-31", 11353},       {"2000-02-29", 11016},       {"2001-01-31T00:00:00.000", 11353},
              {"2001-01-31 00:00", 11353}, {"01/31/2001 00:00:00", 11353},
              {"2001/01/31", 11353},      {"2001.1.31", 11353},        {"2001-02", 11354},
              {"01/31/01", 11353},        {"01-31-2001", 11353},       {"31 Jan 2001", 11353},
              {"31-Jan-01", 11353},       {"January 31, 2001", 11353}, {"Wed, 31 Jan 2001 00:00:00", 11353},
              {"Feb 2001", 11354},        {"2001-Q2", 11413},          {"2001Q1", 11323},
              {"2001-W05", 11351},        {"2001-W05-3", 11353},       {"2001W053", 11353},
              {"2020-W53-7", 18630},      {"2021-W01", 18631},         {"20010131T00", 11353}};
  static const char *const bad[] = {
      "", "2001", "2001-1", "2001-02-29", "1900-02-29", "2001-13-01", "2001-00-01", "2001-01-00", "2001-01-32",
      "31/31/2001", "30/02/2001", "01-31-01", "2001/01-31", "2001-01-31x", "2001-01-31 25", "20010131", "1.2.34",
      "12001-01-31", "1/1/20011", "01/31/", "01/31", "2001-01-31T", "-2001-01-31", "2001-01-",
      "2001-01-31T01:60:00", "2001-01-31T24:00:01", "2001-01-31 13:00 PM", "2001-01-31 0:00 AM", "2001-01-31 10:00 CET",
      "2001-01-31T10:00+25:00", "2019-W53", "2001-W00", "2001-Q5", "31 Foo 2001", "Jan 2001 x", "Monday", "1:05 PM",
  };
  rnni_stamp date;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (!rnni_cell_stamp(good[i].text, strlen(good[i].text), &date) || days_of(&date) != good[i].days)
      fail_msg("%s", good[i].text);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (rnni_cell_stamp(bad[i], strlen(bad[i]), &date)) fail_msg("'%s' gives %d", bad[i], days_of(&date));
}

static void times_of_day(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t micros; /* of the day, less the offset */
    bool zoned;
  } good[] = {
      {"2001-01-31T13:05", 47100000000, false},          {"2001-01-31 13:05:59", 47159000000, false},
      {"2001-01-31 1:05 PM", 47100000000, false},        {"2001-01-31 1:05:00 pm", 47100000000, false},
      {"2001-01-31 12:05 AM", 300000000, false}, {"2001-01-31 1:05 p.m.", 47100000000, false},
             {"2001-01-31T13", 46800000000, false},
      {"2001-01-31 13:05:59.123456", 47159123456, false}, {"2001-01-31 13:05:59,5", 47159500000, false},
      {"2001-01-31 13:05:59.123456789", 47159123456, false}, {"2001-01-31 24:00", 86400000000, false},
      {"2001-01-31T13:05Z", 47100000000, true},          {"2001-01-31 13:05 UTC", 47100000000, true},
      {"2001-01-31T13:05+02:00", 39900000000, true},     {"2001-01-31T13:05-0330", 59700000000, true},
      {"2001-01-31T13:05 +02", 39900000000, true},       {"2001-01-31T13:05+02:00[Europe/Berlin]", 39900000000, true},
      {"20010131T130559", 47159000000, false},           {"31.01.2001 13:05", 47100000000, false},
      {"Wed, 31 Jan 2001 13:05:00 GMT", 47100000000, true}, {"2001-01-31T00:00:00-23:59", 86340000000, true}};
  rnni_stamp s;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (!rnni_cell_stamp(good[i].text, strlen(good[i].text), &s) || s.zoned != good[i].zoned ||
        s.micros - s.offset * (int64_t)1000000 != good[i].micros)
      fail_msg("%s", good[i].text);
}

/* text, format, microseconds since 1970 */
static void formats_of_dates(void **state) {
  (void)state;
  static const struct {
    const char *text, *format;
    int64_t seconds;
  } good[] = {
      {"31/01/2001 13:05", "%d/%m/%Y %H:%M", 980946300}, {"1.2.99", "%d.%m.%y", 917827200},
      {"20010131", "%Y%m%d", 980899200},                 {"2001-031", "%Y-%j", 980899200},
      {"2001 05 3", "%G %V %u", 980899200},              {"Jan 31 2001 01:05PM", "%b %d %Y %I:%M%p", 980946300},
      {"2001-01-31T13:05:59+0200", "%Y-%m-%dT%H:%M:%S%z", 980939159}, {"31 January 2001", "%d %B %Y", 980899200},
      {"2001-01-31 13:05:59", "%F %T", 980946359},       {"100%31.01.2001", "100%%%d.%m.%Y", 980899200},
      {"31.01.2001 13:05:59.000", "%d.%m.%Y %H:%M:%S", 980946359}, {"01/2001", "%m/%Y", 978307200},
      {"2001", "%Y", 978307200}, {"200101", "%Y%m", 978307200}};
  rnni_stamp s;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (!rnni_stamp_format(good[i].format) ||
        !rnni_cell_stamp_as(good[i].text, strlen(good[i].text), good[i].format, &s) ||
        rnni_stamp_micros(&s) != good[i].seconds * 1000000)
      fail_msg("%s as %s", good[i].text, good[i].format);
  static const char *const bad[] = {"", "%H:%M", "%Y-%d", "%d/%m", "%Y%Y%m%d", "%Y-%m-%d %", "%Q %Y-%m", "%j", "%G", "%V"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (rnni_stamp_format(bad[i])) fail_msg("%s", bad[i]);
  static const char *const named[][3] = {
      {"01/02/2001", "%d/%m/%Y", "%m/%d/%Y"},
      {"1-2-2001T13:05", "%d-%m-%YT%H:%M", "%m-%d-%YT%H:%M"},
      {"01/02/01 1:05:59.5 PM", "%d/%m/%y %I:%M:%S %p", "%m/%d/%y %I:%M:%S %p"},
      {"01/02/2001 13:05:59+02:00", "%d/%m/%Y %H:%M:%S%z", "%m/%d/%Y %H:%M:%S%z"},
      {"01/02/2001 13:05 UTC", "%d/%m/%Y %H:%M %z", "%m/%d/%Y %H:%M %z"}};
  for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
    char format[64];
    rnni_stamp day_first;
    assert_true(rnni_stamp_format_of(named[i][0], true, format, sizeof format));
    assert_string_equal(format, named[i][1]);
    assert_true(rnni_cell_stamp_as(named[i][0], strlen(named[i][0]), format, &day_first));
    assert_int_equal(day_first.month, 2);
    assert_true(rnni_stamp_format_of(named[i][0], false, format, sizeof format));
    assert_string_equal(format, named[i][2]);
    assert_false(rnni_stamp_format_of(named[i][0], false, format, 6));
  }
  assert_false(rnni_cell_stamp_as("31/02/2001", 10, "%d/%m/%Y", &s));
  assert_false(rnni_cell_stamp_as("31/01/2001 13:05", 16, "%d/%m/%Y", &s));
  assert_false(rnni_cell_stamp_as("31/01/2001", 10, "%d/%m/%Y %H:%M", &s));
}

static void orders_of_dates(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int orders;
  } cases[] = {{"01/12/2014", RNNI_MDY | RNNI_DMY}, {"31/12/2014", RNNI_DMY}, {"12/31/2014", RNNI_MDY},
               {"2/30/2014", 0}, {"30/2/2014", 0}, {"29/2/2016", RNNI_DMY}, {"2014-12-01", RNNI_YMD}};
  rnni_stamp date;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (rnni_cell_stamp(cases[i].text, strlen(cases[i].text), &date) != cases[i].orders) fail_msg("%s", cases[i].text);
}

static void whole_numbers(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t value; /* 0: no int64 */
    bool exact;    /* as a double */
  } cases[] = {{"9007199254740993", 9007199254740993, false}, {"-9223372036854775807", -INT64_MAX, false},
               {"9223372036854775808", 0, true},               {"9223372036854775809", 0, false},
               {"+12", 12, true},                              {" 0012 ", 12, true},
               {"9007199254740993.0", 0, true},                {"1e30", 0, true},
               {"100000000000000000000", 0, true},             {"100000000000000000001", 0, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t value;
    double number;
    size_t size = strlen(cases[i].text);
    bool whole = rnni_cell_integer(cases[i].text, size, &value);
    if (whole != (cases[i].value != 0) || (whole && value != cases[i].value)) fail_msg("%s", cases[i].text);
    assert_true(rnni_cell_number(cases[i].text, size, &number));
    if (rnni_cell_exact(cases[i].text, size, number) != cases[i].exact) fail_msg("%s", cases[i].text);
  }
}

static void missing(void **state) {
  (void)state;
  static const char *const yes[] = {"",    "  ",  "nan",  "NaN",  "-nan", "NA",
                                    "n/a", "N/A", "null", "NULL", "None", " NA\t"};
  static const char *const no[] = {"0", "-", "?", "missing", "nano", "N", "Nonee", "."};
  for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
    if (!rnni_cell_missing(yes[i], strlen(yes[i]))) fail_msg("'%s' should be missing", yes[i]);
  for (size_t i = 0; i < sizeof no / sizeof *no; i++)
    if (rnni_cell_missing(no[i], strlen(no[i]))) fail_msg("'%s' is something", no[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers),
      cmocka_unit_test(not_numbers),
      cmocka_unit_test(text_has_a_size),
      cmocka_unit_test(long_numbers),
      cmocka_unit_test(random_numbers_round_like_strtod),
      cmocka_unit_test(locale_does_not_matter),
      cmocka_unit_test(dates),
      cmocka_unit_test(forms_of_dates),
      cmocka_unit_test(times_of_day),
      cmocka_unit_test(formats_of_dates), cmocka_unit_test(orders_of_dates),
      cmocka_unit_test(whole_numbers),
      cmocka_unit_test(missing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
