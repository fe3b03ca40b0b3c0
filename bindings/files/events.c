/* events.c: event files, histograms and pictures for logs, from Lua. rnn.logs makes the records. */
#include "../binding.h"

#define NAME "rnn.Events"

/* The box of an open file; after close it holds NULL. */
static rnn_events **check_box(lua_State *L, const char *fname) {
  rnn_events **box = lrnn_test(L, 1, NAME);
  if (!box) lrnn_argument_error(L, fname, 1, NULL, "an event file");
  return box;
}

static int events_gc(lua_State *L) {
  rnn_events **box = check_box(L, "__gc"), *e = *box;
  *box = NULL;
  (void)!rnn_events_close(e);
  return 0;
}

static rnn_events *check_events(lua_State *L, const char *fname) {
  rnn_events *e = *check_box(L, fname);
  if (!e) lrnn_error(L, "%s: the event file is closed", fname);
  return e;
}

static int result(lua_State *L, rnn_status status) {
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_pushboolean(L, 1);
  return 1;
}

/*--- rnn.events_open(folder) -> file | nil, message, code
---
--- A new event file for TensorBoard: what rnn.logs.writer is made of. Errors: a folder that is no string; one that
--- cannot be written gives nil and a message.
---@param folder string
---@return userdata?
---@return string? message
---@return string? code */
static int lrnn_events_open(lua_State *L) {
  const char *folder = lrnn_check_path(L, "events_open", 1);
  rnn_events **box = lrnn_new(L, NAME, sizeof *box, 0, events_gc);
  rnn_status status = rnn_events_open(lrnn_context(L), folder, box);
  return status == RNN_OK ? 1 : lrnn_fail(L, status);
}

/* file:record(bytes) -> true | nil, message, code */
static int events_record(lua_State *L) {
  rnn_events *e = check_events(L, "record");
  lrnn_check_string(L, "record", 2, "bytes");
  size_t size;
  const char *bytes = lua_tolstring(L, 2, &size);
  return result(L, rnn_events_record(e, bytes, size));
}

/* file:flush() -> true | nil, message, code */
static int events_flush(lua_State *L) { return result(L, rnn_events_flush(check_events(L, "flush"))); }

/* file:close() -> true | nil, message, code. Closing twice is allowed. */
static int events_close(lua_State *L) {
  rnn_events **box = check_box(L, "close"), *e = *box;
  *box = NULL;
  return result(L, rnn_events_close(e));
}

/* file:path() -> string */
static int events_path(lua_State *L) {
  lua_pushstring(L, rnn_events_path(check_events(L, "path")));
  return 1;
}

void lrnn_events_open_class(lua_State *L) {
  static const lrnn_function methods[] = {{"record", events_record, 2},
                                          {"flush", events_flush, 1},
                                          {"close", events_close, 1},
                                          {"path", events_path, 1},
                                          {NULL, NULL, 0}};
  lrnn_class(L, NAME, events_gc);
  lua_newtable(L);
  lrnn_set_functions(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

static void set_number(lua_State *L, const char *key, double value) {
  lua_pushnumber(L, value);
  lua_setfield(L, -2, key);
}

static void set_numbers(lua_State *L, const char *key, const double *values, int n) {
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_pushnumber(L, values[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, key);
}

/*--- rnn.histogram(x) -> table
---
--- How the elements of x are distributed, in TensorBoard's classes, which grow by a tenth: { count =, not_finite =,
--- min =, max =, sum =, sum_squares =, limits = {...}, counts = {...} }. Errors: a value that is no tensor.
---@param x rnn.Tensor of any shape
---@return table */
static int lrnn_histogram(lua_State *L) {
  const rnn_tensor *t = lrnn_check_rows(L, "histogram", 1);
  rnn_histogram *h = lua_newuserdatauv(L, sizeof *h, 0);
  rnn_histogram_count(t, h);
  lua_createtable(L, 0, 8);
  lua_pushinteger(L, h->count);
  lua_setfield(L, -2, "count");
  lua_pushinteger(L, h->not_finite);
  lua_setfield(L, -2, "not_finite");
  set_number(L, "min", h->min);
  set_number(L, "max", h->max);
  set_number(L, "sum", h->sum);
  set_number(L, "sum_squares", h->sum_squares);
  set_numbers(L, "limits", h->limits, h->buckets);
  set_numbers(L, "counts", h->counts, h->buckets);
  return 1;
}

/*--- rnn.png_encode(picture) -> string
---
--- A picture as the bytes of a PNG file: grey, grey and alpha, RGB or RGBA. Errors: another shape.
---@param picture rnn.Tensor (H, W) or (H, W, 1 to 4): floats from 0 to 1, or int32 from 0 to 255
---@return string */
static int lrnn_png_encode(lua_State *L) {
  const rnn_tensor *t = lrnn_check_rows(L, "png_encode", 1);
  luaL_Buffer b;
  char *bytes = luaL_buffinitsize(L, &b, rnn_png_bound(t));
  size_t size;
  rnn_status status = rnn_png_encode(lrnn_context(L), t, bytes, &size);
  if (status != RNN_OK) return lrnn_error(L, "png_encode: %s", rnn_message(lrnn_context(L)));
  luaL_pushresultsize(&b, size);
  return 1;
}

const lrnn_function lrnn_events_functions[] = {{"events_open", lrnn_events_open, 1},
                                               {"histogram", lrnn_histogram, 1},
                                               {"png_encode", lrnn_png_encode, 1},
                                               {NULL, NULL, 0}};
