/* png.c: core.png_write: a display list of rnn.plot, drawn by cairo and written as a PNG file.
 *
 * Built only where cairo's headers are (RNNLUA_CAIRO); otherwise core.png_write is absent. cairo itself is opened by the
 * first picture (library.h). The primitives are described in stdlib/rnn/plot/layout.lua. All C memory hangs on one
 * userdata, so an error in the list can raise anywhere. */
#include "../binding.h"

#ifdef RNNLUA_CAIRO
#include <cairo.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"

#define FNAME "png_write"
#define PICTURE "rnn.Picture"
#define MAX_SIDE 32767 /* of cairo's image surfaces */
#define MAX_PIXELS (1 << 27)

#define CAIRO(X)                                                                                            \
  X(create) X(destroy) X(status) X(status_to_string) X(image_surface_create) X(surface_destroy)             \
  X(surface_status) X(surface_write_to_png_stream) X(scale) X(set_source_rgb) X(paint) X(new_path)          \
  X(move_to) X(line_to) X(rectangle) X(fill) X(stroke) X(set_line_cap) X(set_line_join) X(set_line_width)   \
  X(select_font_face) X(set_font_size) X(text_extents) X(show_text)

static struct {
#define FIELD(name) __typeof__(&cairo_##name) name;
  CAIRO(FIELD)
} cairo;

static const rnni_symbol symbols[] = {
#define SYMBOL(name) {"cairo_" #name, (void **)&cairo.name},
    CAIRO(SYMBOL){NULL, NULL}};

static rnni_library library = {"libcairo.so.2", "libcairo2", symbols, false};

/* Born empty; __gc frees whatever it came to own. */
typedef struct picture {
  cairo_surface_t *surface;
  cairo_t *cr;
  unsigned char *bytes; /* the encoded file */
  size_t size, capacity;
} picture;

static int picture_free(lua_State *L) {
  picture *p = lrnn_check_class(L, "__gc", PICTURE);
  if (p->cr) cairo.destroy(p->cr);
  if (p->surface) cairo.surface_destroy(p->surface);
  free(p->bytes);
  memset(p, 0, sizeof *p);
  return 0;
}

/* cairo's write function: no Lua in here, errors are statuses. */
static cairo_status_t append(void *closure, const unsigned char *data, unsigned int length) {
  picture *p = closure;
  if (p->capacity - p->size < length) {
    size_t capacity = p->capacity * 2 + length + 4096;
    unsigned char *bytes = realloc(p->bytes, capacity);
    if (!bytes) return CAIRO_STATUS_NO_MEMORY;
    p->bytes = bytes;
    p->capacity = capacity;
  }
  memcpy(p->bytes + p->size, data, length);
  p->size += length;
  return CAIRO_STATUS_SUCCESS;
}

static void check_cairo(lua_State *L, cairo_status_t status) {
  if (status != CAIRO_STATUS_SUCCESS) lrnn_error(L, FNAME ": cairo: %s", cairo.status_to_string(status));
}

/* The fields of the primitive on top of the stack, which is number index of the list. */

static double number(lua_State *L, lua_Integer index, const char *name) {
  int is_number;
  lua_getfield(L, -1, name);
  double v = lua_tonumberx(L, -1, &is_number);
  if (!is_number)
    lrnn_error(L, FNAME ": list[%lld].%s: expected a number, got %s", (long long)index, name, luaL_typename(L, -1));
  lua_pop(L, 1);
  return v;
}

/* Valid until the primitive is popped. */
static const char *string(lua_State *L, lua_Integer index, const char *name) {
  if (lua_getfield(L, -1, name) != LUA_TSTRING)
    lrnn_error(L, FNAME ": list[%lld].%s: expected a string, got %s", (long long)index, name, luaL_typename(L, -1));
  const char *s = lua_tostring(L, -1);
  lua_pop(L, 1);
  return s;
}

static bool flag(lua_State *L, const char *name) {
  lua_getfield(L, -1, name);
  bool on = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return on;
}

static void set_color(lua_State *L, lua_Integer index, cairo_t *cr) {
  const char *s = string(L, index, "color");
  char *end = NULL;
  unsigned long rgb = s[0] == '#' && strlen(s) == 7 ? strtoul(s + 1, &end, 16) : 0;
  if (!end || *end) lrnn_error(L, FNAME ": list[%lld].color: expected '#rrggbb', got '%s'", (long long)index, s);
  cairo.set_source_rgb(cr, (double)(rgb >> 16 & 255) / 255, (double)(rgb >> 8 & 255) / 255, (double)(rgb & 255) / 255);
}

static void draw_points(lua_State *L, lua_Integer index, cairo_t *cr) {
  if (lua_getfield(L, -1, "points") != LUA_TTABLE)
    lrnn_error(L, FNAME ": list[%lld].points: expected a table, got %s", (long long)index, luaL_typename(L, -1));
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i < count; i += 2) {
    lua_rawgeti(L, -1, i);
    lua_rawgeti(L, -2, i + 1);
    cairo.line_to(cr, lua_tonumber(L, -2), lua_tonumber(L, -1)); /* the first one moves */
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
}

static void draw_text(lua_State *L, lua_Integer index, cairo_t *cr) {
  const char *s = string(L, index, "text"), *anchor = string(L, index, "anchor");
  cairo.select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                         flag(L, "bold") ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo.set_font_size(cr, number(L, index, "size"));
  cairo_text_extents_t extents;
  cairo.text_extents(cr, s, &extents);
  double shift = anchor[0] == 'e' ? extents.x_advance : anchor[0] == 'm' ? extents.x_advance / 2 : 0;
  cairo.move_to(cr, number(L, index, "x") - shift, number(L, index, "y"));
  cairo.show_text(cr, s);
}

static void draw(lua_State *L, lua_Integer index, cairo_t *cr) {
  const char *op = string(L, index, "op");
  set_color(L, index, cr);
  cairo.new_path(cr);
  if (strcmp(op, "rect") == 0) {
    cairo.rectangle(cr, number(L, index, "x"), number(L, index, "y"), number(L, index, "w"), number(L, index, "h"));
    cairo.fill(cr);
  } else if (strcmp(op, "polygon") == 0) {
    draw_points(L, index, cr);
    cairo.fill(cr);
  } else if (strcmp(op, "text") == 0) {
    draw_text(L, index, cr);
  } else {
    bool polyline = strcmp(op, "polyline") == 0;
    if (polyline) {
      draw_points(L, index, cr);
    } else if (strcmp(op, "line") == 0) {
      cairo.move_to(cr, number(L, index, "x1"), number(L, index, "y1"));
      cairo.line_to(cr, number(L, index, "x2"), number(L, index, "y2"));
    } else {
      lrnn_error(L, FNAME ": list[%lld].op: there is no primitive '%s'", (long long)index, op);
    }
    cairo.set_line_cap(cr, polyline || flag(L, "round") ? CAIRO_LINE_CAP_ROUND : CAIRO_LINE_CAP_BUTT);
    cairo.set_line_width(cr, number(L, index, "width"));
    cairo.stroke(cr);
  }
}

static int check_side(lua_State *L, int arg, const char *what) {
  lua_Integer side = lrnn_check_integer(L, FNAME, arg, what);
  if (side < 1 || side > MAX_SIDE) lrnn_argument_error(L, FNAME, arg, what, "1 to 32767 pixels");
  return (int)side;
}

/*--- rnn.png_write(path, width, height, list) -> true | nil, message, code
---
--- Draws the display list of a plot into a PNG file: what figure:save is made of; list.scale (1) is pixels for each
--- unit of the list. There only when rnnlua was built with cairo. Errors: a list that is none; a file that cannot be
--- written, or a cairo that is not there, gives nil and a message.
---@param path string
---@param width integer pixels
---@param height integer pixels
---@param list table
---@return true?
---@return string? message
---@return string? code */
static int lrnn_png_write(lua_State *L) {
  const char *path = lrnn_check_string(L, FNAME, 1, "path");
  int width = check_side(L, 2, "width"), height = check_side(L, 3, "height");
  if ((int64_t)width * height > MAX_PIXELS)
    lrnn_error(L, FNAME ": %d x %d pixels are too many; the limit is %d in all", width, height, MAX_PIXELS);
  lrnn_check_table(L, FNAME, 4, "list");
  double scale = lrnn_option_number(L, FNAME, 4, "scale", 1);
  lua_settop(L, 4);

  rnn_ctx *ctx = lrnn_context(L);
  rnn_status status = rnni_library_need(ctx, FNAME, &library);
  if (status != RNN_OK) return lrnn_fail(L, status);
  picture *p = lrnn_new(L, PICTURE, sizeof *p, 0, picture_free);
  p->surface = cairo.image_surface_create(CAIRO_FORMAT_RGB24, width, height);
  check_cairo(L, cairo.surface_status(p->surface));
  p->cr = cairo.create(p->surface);
  check_cairo(L, cairo.status(p->cr));
  cairo.set_source_rgb(p->cr, 1, 1, 1);
  cairo.paint(p->cr);
  cairo.scale(p->cr, scale, scale);
  cairo.set_line_join(p->cr, CAIRO_LINE_JOIN_ROUND);
  for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, 4); i <= n; i++) {
    if (lua_rawgeti(L, 4, i) != LUA_TTABLE)
      lrnn_error(L, FNAME ": list[%lld]: expected a table, got %s", (long long)i, luaL_typename(L, -1));
    draw(L, i, p->cr);
    lua_pop(L, 1);
  }
  check_cairo(L, cairo.status(p->cr));
  check_cairo(L, cairo.surface_write_to_png_stream(p->surface, append, p));
  status = rnn_file_write(ctx, path, p->bytes, p->size);
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_pushboolean(L, true);
  return 1;
}

const lrnn_function lrnn_png_functions[] = {{"png_write", lrnn_png_write, 4}, {NULL, NULL, 0}};
#endif
