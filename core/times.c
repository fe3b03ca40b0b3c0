/* times.c: moments in the zones of people, and the parts of days. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

#define SECOND ((int64_t)1000000)
#define DAY ((int64_t)86400)
#define MOST_CHANGES 4096

typedef struct zone {
  int count;
  int64_t from[MOST_CHANGES]; /* seconds UTC since when the offset holds; the first: for ever before */
  int32_t offset[MOST_CHANGES];
} zone;

/* "+02:00", "-0330", "UTC", "Z" */
static bool fixed_offset(const char *name, int32_t *offset) {
  int hours, minutes = 0, n = 0;
  char sign;
  *offset = 0;
  if (strcmp(name, "UTC") == 0 || strcmp(name, "GMT") == 0 || strcmp(name, "Z") == 0) return true;
  if ((sscanf(name, "%c%2d:%2d%n", &sign, &hours, &minutes, &n) < 3 || name[n]) &&
      (n = 0, sscanf(name, "%c%2d%2d%n", &sign, &hours, &minutes, &n) < 3 || name[n]))
    return false;
  if ((sign != '+' && sign != '-') || hours < 0 || minutes < 0 || hours > 23 || minutes > 59) return false;
  *offset = (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
  return true;
}

static bool in_database(const char *name) {
  char path[512];
  const char *folder = getenv("TZDIR");
  for (const char *c = name; *c; c++)
    if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("_+-/", *c)))
      return false;
  if (!*name || *name == '/') return false;
  int n = snprintf(path, sizeof path, "%s/%s", folder ? folder : "/usr/share/zoneinfo", name);
  return n < (int)sizeof path && access(path, R_OK) == 0;
}

static int32_t offset_at(int64_t seconds) {
  struct tm tm;
  time_t t = (time_t)seconds;
  return localtime_r(&t, &tm) ? (int32_t)tm.tm_gmtoff : 0;
}

/* The offsets between two moments, by halving between days on which they differ. TZ is the zone. */
static void find_changes(zone *z, int64_t first, int64_t last) {
  enum { STEP = 7 * 86400 };
  z->count = 1;
  z->from[0] = INT64_MIN;
  z->offset[0] = offset_at(first);
  for (int64_t t = first; t < last && z->count < MOST_CHANGES; t += STEP) {
    int64_t low = t, high = t + STEP;
    int32_t before = offset_at(low), after = offset_at(high);
    if (before == after) continue;
    while (high - low > 1) {
      int64_t middle = low + (high - low) / 2;
      if (offset_at(middle) == before) low = middle;
      else high = middle;
    }
    z->from[z->count] = high;
    z->offset[z->count++] = after;
  }
}

/* The offsets of a zone while the times of x are, and two days around. */
static rnn_status zone_of(const rnn_numbers *x, const char *name, zone *z) {
  int32_t offset;
  int64_t first = INT64_MAX, last = INT64_MIN;
  if (fixed_offset(name, &offset)) {
    z->count = 1;
    z->from[0] = INT64_MIN;
    z->offset[0] = offset;
    return RNN_OK;
  }
  if (!in_database(name))
    return rnni_fail(x->ctx, RNN_EARG, "there is no time zone '%.60s': expected UTC, an offset like +02:00 or a name like "
                     "Europe/Berlin, of which the package tzdata has a list", name);
  for (int64_t i = 0; i < x->count; i++) {
    if (x->integers[i] == RNN_MISSING) continue;
    first = RNNI_MIN(first, x->integers[i]);
    last = RNNI_MAX(last, x->integers[i]);
  }
  if (first > last) first = last = 0;
  first = first / SECOND - 2 * DAY;
  last = last / SECOND + 2 * DAY;
  if (last - first > 2000 * 366 * DAY)
    return rnni_fail(x->ctx, RNN_EARG, "the times lie more than 2000 years apart; zones are for fewer");
  const char *before = getenv("TZ");
  char *kept = NULL;
  if (before) RNNI_TRY(rnni_strdup(x->ctx, before, &kept));
  setenv("TZ", name, 1);
  tzset();
  find_changes(z, first, last);
  if (kept) setenv("TZ", kept, 1);
  else unsetenv("TZ");
  tzset();
  rnni_free(x->ctx, kept);
  return RNN_OK;
}

/* The one of the changes that holds at a moment; near: a guess. */
static int change_at(const zone *z, int64_t micros, int near) {
  int64_t seconds = micros / SECOND - (micros % SECOND < 0);
  while (near > 0 && seconds < z->from[near]) near--;
  while (near + 1 < z->count && seconds >= z->from[near + 1]) near++;
  return near;
}

static rnn_status made(rnn_status status, rnn_numbers *y, zone *z, rnn_numbers **out) {
  rnni_free(y->ctx, z);
  if (status == RNN_OK) *out = y;
  else rnn_numbers_free(y);
  return status;
}

static rnn_status start(const rnn_numbers *x, const char *name, zone **z, rnn_numbers **y) {
  if (!x->whole) return rnni_fail(x->ctx, RNN_EARG, "expected times, which are whole numbers of microseconds");
  RNNI_TRY(rnn_numbers_new(x->ctx, true, x->count, y));
  rnn_status status = rnni_alloc(x->ctx, sizeof **z, z);
  if (status == RNN_OK) status = zone_of(x, name, *z);
  if (status == RNN_OK) return RNN_OK;
  rnni_free(x->ctx, *z);
  rnn_numbers_free(*y);
  return status;
}

rnn_status rnn_times_to_wall(const rnn_numbers *x, const char *name, rnn_numbers **out) {
  RNNI_NEED(x ? x->ctx : NULL, name && out, "name or out is NULL");
  zone *z = NULL;
  rnn_numbers *y;
  int64_t done = 0;
  int near = 0;
  RNNI_TRY(start(x, name, &z, &y));
  rnn_status status = RNN_OK;
  for (int64_t i = 0; i < x->count && status == RNN_OK; i++) {
    status = rnni_pace(x->ctx, &done, 1);
    int64_t t = x->integers[i];
    if (t != RNN_MISSING) near = change_at(z, t, near);
    y->integers[i] = t == RNN_MISSING ? t : t + z->offset[near] * SECOND;
  }
  return made(status, y, z, out);
}

/* The moments at which the wall clock shows this, at most two, the earlier one first. */
static int moments_of(const zone *z, int64_t wall, int *near, int64_t moments[2]) {
  int n = 0;
  int at = *near = change_at(z, wall - z->offset[*near] * SECOND, *near);
  for (int k = RNNI_MAX(at - 1, 0); k <= at + 1 && k < z->count; k++) {
    int64_t moment = wall - z->offset[k] * SECOND;
    if (change_at(z, moment, k) == k && n < 2) moments[n++] = moment;
  }
  return n;
}

static rnn_status no_such_time(const rnn_numbers *x, int64_t i, const char *name, const char *why) {
  time_t seconds = (time_t)(x->integers[i] / SECOND);
  struct tm tm;
  char text[64] = "the time";
  if (gmtime_r(&seconds, &tm)) strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
  return rnni_fail(x->ctx, RNN_EARG, "row %lld: %s %s in the zone %.60s", (long long)i + 1, text, why, name);
}

rnn_status rnn_times_to_utc(const rnn_numbers *x, const char *name, rnn_numbers **out) {
  RNNI_NEED(x ? x->ctx : NULL, name && out, "name or out is NULL");
  zone *z = NULL;
  rnn_numbers *y;
  int64_t done = 0, moments[2], before = RNN_MISSING, first = RNN_MISSING, last = RNN_MISSING;
  int near = 0;
  RNNI_TRY(start(x, name, &z, &y));
  rnn_status status = RNN_OK;
  for (int64_t i = 0; i < x->count; i++) {
    if (x->integers[i] == RNN_MISSING) continue;
    if (first == RNN_MISSING) first = x->integers[i];
    last = x->integers[i];
  }
  bool descends = first > last;
  for (int64_t k = 0; k < x->count && status == RNN_OK; k++) {
    int64_t i = descends ? x->count - 1 - k : k, wall = x->integers[i];
    status = rnni_pace(x->ctx, &done, 1);
    y->integers[i] = wall;
    if (status != RNN_OK || wall == RNN_MISSING) continue;
    int n = moments_of(z, wall, &near, moments);
    if (n == 0) {
      status = no_such_time(x, i, name, "does not exist: clocks went forward over it");
    } else {
      bool later = n == 2 && before != RNN_MISSING && moments[0] <= before && before < moments[1];
      if (n == 2 && before == moments[1])
        status = no_such_time(x, i, name, "is there more often than the two times that clocks showed it; are these several "
                              "series? Times with offsets from UTC would tell");
      y->integers[i] = before = moments[later];
    }
  }
  return made(status, y, z, out);
}

/* ---- days ---- */

/* Hinnant 2013, "chrono-compatible low-level date algorithms" */
static void civil(int64_t days, int64_t *year, int *month, int *day) {
  int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
  int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int of_year = (int)(of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100)), m = (5 * of_year + 2) / 153;
  *day = of_year - (153 * m + 2) / 5 + 1;
  *month = m < 10 ? m + 3 : m - 9;
  *year = year_of_era + era * 400 + (*month <= 2);
}

static int64_t january_first(int64_t year) {
  int64_t y = year - 1;
  return y * 365 + (y >= 0 ? y / 4 - y / 100 + y / 400 : (y - 3) / 4 - (y - 99) / 100 + (y - 399) / 400) - 719162;
}

static int64_t part_of(int64_t days, rnn_date_part part) {
  int64_t year;
  int month, day;
  if (part == RNN_WEEK) days += 3 - ((days + 3) % 7 + 7) % 7; /* the Thursday of the week is in its year */
  civil(days, &year, &month, &day);
  switch (part) {
    case RNN_YEAR: return year;
    case RNN_MONTH: return month;
    case RNN_DAY: return day;
    case RNN_DAY_OF_YEAR: return days - january_first(year) + 1;
    default: return (days - january_first(year)) / 7 + 1;
  }
}

rnn_status rnn_days_part(const rnn_numbers *days, rnn_date_part part, rnn_numbers **out) {
  RNNI_NEED(days ? days->ctx : NULL, out, "out is NULL");
  rnn_numbers *y;
  int64_t done = 0;
  rnn_status status = RNN_OK;
  if (!days->whole) return rnni_fail(days->ctx, RNN_EARG, "expected days, which are whole numbers");
  RNNI_TRY(rnn_numbers_new(days->ctx, true, days->count, &y));
  for (int64_t i = 0; i < days->count && status == RNN_OK; i++) {
    status = rnni_pace(days->ctx, &done, RNNI_ROW);
    y->integers[i] = days->integers[i] == RNN_MISSING ? RNN_MISSING : part_of(days->integers[i], part);
  }
  if (status == RNN_OK) *out = y;
  else rnn_numbers_free(y);
  return status;
}
