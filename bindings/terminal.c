/* terminal.c: what the terminal behind a stream is and can show. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "binding.h"

/*--- rnn.isatty(stream) -> boolean
---
--- Whether standard input (0), output (1) or error (2) is a terminal. Errors: a stream that is no integer.
---@param stream integer
---@return boolean */
static int lrnn_isatty(lua_State *L) {
  lua_Integer fd = lrnn_check_integer(L, "isatty", 1, "stream");
  lua_pushboolean(L, fd >= 0 && fd <= 2 && isatty((int)fd));
  return 1;
}

/* Only what is a terminal has a size. */
static struct winsize size_of(int fd) {
  struct winsize w = {0};
  if (ioctl(fd, TIOCGWINSZ, &w) != 0) w = (struct winsize){0};
  return w;
}

/*--- rnn.terminal_width([stream = 1]) -> integer
---
--- The columns of the terminal behind standard output (1) or error (2); else of the variable COLUMNS, else 80. Errors: a
--- stream that is no integer.
---@param stream? integer
---@return integer */
static int lrnn_terminal_width(lua_State *L) {
  lua_Integer fd = lua_isnoneornil(L, 1) ? 1 : lrnn_check_integer(L, "terminal_width", 1, "stream");
  const char *columns = getenv("COLUMNS");
  long n = fd == 1 || fd == 2 ? size_of((int)fd).ws_col : 0;
  if (n == 0 && columns) n = strtol(columns, NULL, 10);
  lua_pushinteger(L, n > 0 && n < 10000 ? n : 80);
  return 1;
}

/*--- rnn.terminal_rows() -> integer
---
--- The rows of the terminal behind standard output; 24 where there is none. Never an error.
---@return integer */
static int lrnn_terminal_rows(lua_State *L) {
  int rows = size_of(1).ws_row;
  lua_pushinteger(L, rows > 0 ? rows : 24);
  return 1;
}

bool lrnn_unicode(int fd) {
  if (!isatty(fd)) return !getenv("RNNLUA_ASCII"); /* of a sandbox, whose output goes to a terminal in the end */
  const char *term = getenv("TERM"), *locale = NULL;
  static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  for (int i = 0; i < 3 && !(locale && *locale); i++) locale = getenv(names[i]);
  return term && *term && strcmp(term, "dumb") != 0 && locale && (strcasestr(locale, "utf-8") || strcasestr(locale, "utf8"));
}

/*--- rnn.unicode(stream) -> boolean
---
--- Whether standard output (1) or error (2) can show more than ASCII, by TERM and the locale. What is no terminal gets
--- the same bytes everywhere, in UTF-8. Errors: a stream that is no integer.
---@param stream integer
---@return boolean */
static int lrnn_unicode_of(lua_State *L) {
  lua_pushboolean(L, lrnn_unicode((int)lrnn_check_integer(L, "unicode", 1, "stream")));
  return 1;
}

const lrnn_function lrnn_terminal_functions[] = {{"isatty", lrnn_isatty, 1},
                                                 {"terminal_width", lrnn_terminal_width, 1},
                                                 {"terminal_rows", lrnn_terminal_rows, 0},
                                                 {"unicode", lrnn_unicode_of, 1},
                                                 {NULL, NULL, 0}};
