/* filter.c: what a sandboxed script may send to the terminal (sandbox.h). */
#include <string.h>

#include "sandbox.h"

#define ESCAPE 0x1b

/* Does text (UTF-8, one whole character) move or hide what is around it? */
static bool is_hidden(unsigned code) {
  return (code >= 0x80 && code < 0xa0) || code == 0x61c || code == 0x200e || code == 0x200f ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || (code >= 0xd800 && code < 0xe000) ||
         code > 0x10ffff;
}

/* Has a sequence of colours the parameter 8, which hides text, and not as a part of a colour, 38;5;8 or 38;2;8;8;8? */
static bool conceals(const unsigned char *s, int end) {
  int now = 0, parts = 0; /* parts: of a colour that are still to come */
  bool colour = false;
  for (int i = 2; i <= end; i++) {
    if (i < end && s[i] != ';') {
      now = now * 10 + s[i] - '0';
      if (now > 999) return true;
      continue;
    }
    if (parts > 0) parts--;
    else if (colour && now != 5 && now != 2) return true;
    else if (colour) parts = now == 5 ? 1 : 3, colour = false;
    else if (now == 8) return true;
    else colour = now == 38 || now == 48;
    now = 0;
  }
  return false;
}

/* The sequence that begins in held: how many bytes it has, 0 while it is not whole; *pass says whether it may go on. A
 * sequence that is none has one byte, which is dropped. */
static int sequence(const unsigned char *s, int n, bool *pass) {
  *pass = false;
  if (s[0] == ESCAPE) {
    if (n == 1) return 0;
    if (s[1] != '[') return 1;
    int i = 2;
    while (i < n && s[i] >= 0x20 && s[i] < 0x40) i++; /* parameters and intermediates */
    if (i == n) return n == LRNN_FILTER_HELD; /* too long to be one */
    int digits = 2;
    while (digits < i && (s[digits] == ';' || (s[digits] >= '0' && s[digits] <= '9'))) digits++;
    *pass = digits == i && (s[i] == 'm' ? !conceals(s, i) : s[i] == 'K' && i <= 3);
    return s[i] >= 0x40 && s[i] < 0x7f ? i + 1 : 1;
  }
  if (s[0] < 0x80) {
    *pass = (s[0] >= 0x20 && s[0] != 0x7f) || s[0] == '\n' || s[0] == '\r' || s[0] == '\t';
    return 1;
  }
  int length = s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 1;
  if (length == 1 || s[0] >= 0xf5) return 1;
  unsigned code = s[0] & (0xffu >> (length + 1));
  for (int i = 1; i < length; i++) {
    if (i == n) return 0;
    if ((s[i] & 0xc0) != 0x80) return 1;
    code = code << 6 | (s[i] & 0x3f);
  }
  static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
  *pass = code >= least[length] && !is_hidden(code);
  return length;
}

size_t lrnn_filter_pass(lrnn_filter *f, const char *bytes, size_t size, char *out) {
  size_t made = 0;
  for (size_t i = 0; i < size; i++) {
    if (f->count == 0 && bytes[i] >= 0x20 && bytes[i] < 0x7f) { /* most are such */
      out[made++] = bytes[i];
      continue;
    }
    f->held[f->count++] = (unsigned char)bytes[i];
    bool pass;
    for (int n; f->count > 0 && (n = sequence(f->held, f->count, &pass)) > 0;) {
      if (pass) memcpy(out + made, f->held, (size_t)n);
      if (pass) made += (size_t)n;
      f->coloured |= pass && *f->held == ESCAPE;
      f->count -= n;
      memmove(f->held, f->held + n, (size_t)f->count);
    }
  }
  return made;
}
