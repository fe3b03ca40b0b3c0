/* picture.c: core.png_write and core.pdf_write: a display list of rnn.plot, drawn by cairo and written as a file.
 *
 * Built only where cairo's headers are (RNNLUA_CAIRO); otherwise both are absent. cairo itself is opened by the
 * first picture (library.h). The primitives are described in stdlib/rnn/plot/layout.lua. All C memory hangs on one
 * userdata, so an error in the list can raise anywhere. */
#include "../binding.h"

#ifdef RNNLUA_CAIRO
#include <cairo-pdf.h>
#include <cairo.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"

#define PICTURE "rnn.Picture"
#define MAX_SIDE 32767 /* of cairo's image surfaces */
#define MAX_POINTS 14400 /* of a PDF page */
#define MAX_PIXELS (1 << 27)

#define CAIRO(X)                                                                                            \
  X(create) X(destroy) X(status) X(status_to_string) X(image_surface_create) X(surface_destroy)             \
  X(surface_status) X(surface_write_to_png_stream) X(scale) X(set_source_rgb) X(paint) X(new_path)          \
  X(move_to) X(line_to) X(rectangle) X(fill) X(stroke) X(set_line_cap) X(set_line_join) X(set_line_width)   \
  X(select_font_face) X(set_font_size) X(text_extents) X(show_text) X(set_dash) X(save) X(restore)          \
  X(translate) X(rotate) X(surface_finish) X(pdf_surface_create_for_stream) X(pdf_surface_set_metadata)

static struct {
#define FIELD(name) __typeof__(&cairo_##name) name;
  CAIRO(FIELD)
} cairo;

static const rnni_symbol symbols[] = {
#define SYMBOL(name) {"cairo_" #name, (void **)&cairo.name},
    CAIRO(SYMBOL){NULL, NULL}};

static rnni_library library = {"libcairo.so.2", "libcairo2", symbols, false, NULL};

/* Born empty; __gc frees whatever it came to own. */
typedef struct picture {
  const char *fname; /* of the function that draws, for messages */
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

static void check_cairo(lua_State *L, const picture *p, cairo_status_t status) {
  if (status != CAIRO_STATUS_SUCCESS) lrnn_error(L, "%s: cairo: %s", p->fname, cairo.status_to_string(status));
}

/* The fields of the primitive on top of the stack, which is number index of the list. */

static double number(lua_State *L, const picture *p, lua_Integer index, const char *name) {
  int is_number;
  lua_getfield(L, -1, name);
  double v = lua_tonumberx(L, -1, &is_number);
  if (!is_number)
    lrnn_error(L, "%s: list[%lld].%s: expected a number, got %s", p->fname, (long long)index, name, luaL_typename(L, -1));
  lua_pop(L, 1);
  return v;
}

/* Valid until the primitive is popped. */
static const char *string(lua_State *L, const picture *p, lua_Integer index, const char *name) {
  if (lua_getfield(L, -1, name) != LUA_TSTRING)
    lrnn_error(L, "%s: list[%lld].%s: expected a string, got %s", p->fname, (long long)index, name, luaL_typename(L, -1));
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

static void set_color(lua_State *L, const picture *p, lua_Integer index) {
  const char *s = string(L, p, index, "color");
  char *end = NULL;
  unsigned long rgb = s[0] == '#' && strlen(s) == 7 ? strtoul(s + 1, &end, 16) : 0;
  if (!end || *end) lrnn_error(L, "%s: list[%lld].color: expected '#rrggbb', got '%s'", p->fname, (long long)index, s);
  cairo.set_source_rgb(p->cr, (double)(rgb >> 16 & 255) / 255, (double)(rgb >> 8 & 255) / 255, (double)(rgb & 255) / 255);
}

/* f for every `step` numbers of the primitive's array name. */
static void each(lua_State *L, const picture *p, lua_Integer index, const char *name, int step,
                 void (*f)(cairo_t *cr, const double *v)) {
  if (lua_getfield(L, -1, name) != LUA_TTABLE)
    lrnn_error(L, "%s: list[%lld].%s: expected a table, got %s", p->fname, (long long)index, name,
               luaL_typename(L, -1));
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i + step - 1 <= count; i += step) {
    double v[4];
    for (int k = 0; k < step; k++) {
      lua_rawgeti(L, -1, i + k);
      v[k] = lua_tonumber(L, -1);
      lua_pop(L, 1);
    }
    f(p->cr, v);
  }
  lua_pop(L, 1);
}

static void corner(cairo_t *cr, const double *v) { cairo.line_to(cr, v[0], v[1]); } /* the first one moves */

static void box(cairo_t *cr, const double *v) { cairo.rectangle(cr, v[0], v[1], v[2], v[3]); }

static void point(cairo_t *cr, const double *v) {
  cairo.move_to(cr, v[0], v[1]);
  cairo.line_to(cr, v[0], v[1]);
}

static void set_dash(lua_State *L, const picture *p, double width) {
  double lengths[8];
  int count = 0, top = lua_gettop(L);
  if (lua_getfield(L, -1, "dash") == LUA_TTABLE)
    for (; count < 8 && lua_rawgeti(L, -1, count + 1) == LUA_TNUMBER; lua_pop(L, 1))
      lengths[count++] = lua_tonumber(L, -1) * width;
  lua_settop(L, top);
  cairo.set_dash(p->cr, lengths, count, 0);
  if (count > 0) cairo.set_line_cap(p->cr, CAIRO_LINE_CAP_BUTT); /* round ends would fill the gaps */
}

static void draw_text(lua_State *L, const picture *p, lua_Integer index) {
  cairo_t *cr = p->cr;
  const char *s = string(L, p, index, "text"), *anchor = string(L, p, index, "anchor");
  cairo.select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                         flag(L, "bold") ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo.set_font_size(cr, number(L, p, index, "size"));
  cairo_text_extents_t extents;
  cairo.text_extents(cr, s, &extents);
  double shift = anchor[0] == 'e' ? extents.x_advance : anchor[0] == 'm' ? extents.x_advance / 2 : 0;
  cairo.save(cr);
  cairo.translate(cr, number(L, p, index, "x"), number(L, p, index, "y"));
  if (flag(L, "turned")) cairo.rotate(cr, -1.5707963267948966);
  cairo.move_to(cr, -shift, 0);
  cairo.show_text(cr, s);
  cairo.restore(cr);
}

static void draw_line(lua_State *L, const picture *p, lua_Integer index, bool round, const char *width) {
  double w = number(L, p, index, width);
  cairo.set_line_cap(p->cr, round ? CAIRO_LINE_CAP_ROUND : CAIRO_LINE_CAP_BUTT);
  cairo.set_line_width(p->cr, w);
  set_dash(L, p, w);
  cairo.stroke(p->cr);
}

static void draw(lua_State *L, const picture *p, lua_Integer index) {
  cairo_t *cr = p->cr;
  const char *op = string(L, p, index, "op");
  set_color(L, p, index);
  cairo.new_path(cr);
  if (strcmp(op, "rect") == 0) {
    box(cr, (double[]){number(L, p, index, "x"), number(L, p, index, "y"), number(L, p, index, "w"),
                       number(L, p, index, "h")});
    cairo.fill(cr);
  } else if (strcmp(op, "boxes") == 0) {
    each(L, p, index, "boxes", 4, box);
    cairo.fill(cr);
  } else if (strcmp(op, "polygon") == 0) {
    each(L, p, index, "points", 2, corner);
    cairo.fill(cr);
  } else if (strcmp(op, "points") == 0) {
    each(L, p, index, "points", 2, point);
    draw_line(L, p, index, !flag(L, "square"), "size");
  } else if (strcmp(op, "text") == 0) {
    draw_text(L, p, index);
  } else if (strcmp(op, "polyline") == 0) {
    each(L, p, index, "points", 2, corner);
    draw_line(L, p, index, true, "width");
  } else if (strcmp(op, "line") == 0) {
    cairo.move_to(cr, number(L, p, index, "x1"), number(L, p, index, "y1"));
    cairo.line_to(cr, number(L, p, index, "x2"), number(L, p, index, "y2"));
    draw_line(L, p, index, flag(L, "round"), "width");
  } else {
    lrnn_error(L, "%s: list[%lld].op: there is no primitive '%s'", p->fname, (long long)index, op);
  }
}

/* Draws the list at index 4 onto a surface, on white. */
static void draw_list(lua_State *L, picture *p, cairo_surface_t *surface, double scale) {
  p->surface = surface;
  check_cairo(L, p, cairo.surface_status(surface));
  p->cr = cairo.create(surface);
  check_cairo(L, p, cairo.status(p->cr));
  cairo.set_source_rgb(p->cr, 1, 1, 1);
  cairo.paint(p->cr);
  cairo.scale(p->cr, scale, scale);
  cairo.set_line_join(p->cr, CAIRO_LINE_JOIN_ROUND);
  for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, 4); i <= n; i++) {
    if (lua_rawgeti(L, 4, i) != LUA_TTABLE)
      lrnn_error(L, "%s: list[%lld]: expected a table, got %s", p->fname, (long long)i, luaL_typename(L, -1));
    draw(L, p, i);
    lua_pop(L, 1);
  }
  check_cairo(L, p, cairo.status(p->cr));
}

static int write_bytes(lua_State *L, const char *path, const picture *p) {
  rnn_status status = rnn_file_write(lrnn_context(L), path, p->bytes, p->size);
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_pushboolean(L, true);
  return 1;
}

static int check_side(lua_State *L, const char *fname, int arg, const char *what, int most, const char *expected) {
  lua_Integer side = lrnn_check_integer(L, fname, arg, what);
  if (side < 1 || side > most) lrnn_argument_error(L, fname, arg, what, expected);
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
  static const char fname[] = "png_write", sides[] = "1 to 32767 pixels";
  const char *path = lrnn_check_string(L, fname, 1, "path");
  int width = check_side(L, fname, 2, "width", MAX_SIDE, sides);
  int height = check_side(L, fname, 3, "height", MAX_SIDE, sides);
  if ((int64_t)width * height > MAX_PIXELS)
    lrnn_error(L, "%s: %d x %d pixels are too many; the limit is %d in all", fname, width, height, MAX_PIXELS);
  lrnn_check_table(L, fname, 4, "list");
  double scale = lrnn_option_number(L, fname, 4, "scale", 1);
  lua_settop(L, 4);

  rnn_status status = rnni_library_need(lrnn_context(L), fname, &library);
  if (status != RNN_OK) return lrnn_fail(L, status);
  picture *p = lrnn_new(L, PICTURE, sizeof *p, 0, picture_free);
  p->fname = fname;
  draw_list(L, p, cairo.image_surface_create(CAIRO_FORMAT_RGB24, width, height), scale);
  check_cairo(L, p, cairo.surface_write_to_png_stream(p->surface, append, p));
  return write_bytes(L, path, p);
}

/*--- rnn.pdf_write(path, width, height, list) -> true | nil, message, code
---
--- Draws the display list of a plot onto the one page of a PDF file, with its fonts; a unit of the list is a point. Equal
--- lists give equal files, as no date is kept. There only when rnnlua was built with cairo. Errors: as rnn.png_write.
---@param path string
---@param width integer points
---@param height integer points
---@param list table
---@return true?
---@return string? message
---@return string? code */
static int lrnn_pdf_write(lua_State *L) {
  static const char fname[] = "pdf_write", sides[] = "1 to 14400 points";
  const char *path = lrnn_check_string(L, fname, 1, "path");
  int width = check_side(L, fname, 2, "width", MAX_POINTS, sides);
  int height = check_side(L, fname, 3, "height", MAX_POINTS, sides);
  lrnn_check_table(L, fname, 4, "list");
  lua_settop(L, 4);

  rnn_status status = rnni_library_need(lrnn_context(L), fname, &library);
  if (status != RNN_OK) return lrnn_fail(L, status);
  picture *p = lrnn_new(L, PICTURE, sizeof *p, 0, picture_free);
  p->fname = fname;
  cairo_surface_t *surface = cairo.pdf_surface_create_for_stream(append, p, width, height);
  cairo.pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, "");
  draw_list(L, p, surface, 1);
  cairo.surface_finish(surface);
  check_cairo(L, p, cairo.surface_status(surface));
  return write_bytes(L, path, p);
}

const lrnn_function lrnn_picture_functions[] = {
    {"png_write", lrnn_png_write, 4}, {"pdf_write", lrnn_pdf_write, 4}, {NULL, NULL, 0}};
#endif
