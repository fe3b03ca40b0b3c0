-- source.lua: stages as one C99 file: declarations, weights, functions, and a self-test.

local functions = require "rnn.export.functions"
local constants = require "rnn.export.constants"
local sequences = require "rnn.export.sequences"
local selftest = require "rnn.export.selftest"

local source = {}

local listing, texts = constants.listing, constants.texts

-- Columns of a block of a product: as many as processors have registers for. Those of 128 go in two halves where there
-- are 16 registers (PRE_HALF), which costs memory's order: only what lies in the first cache does so.
local WIDEST <const>, WIDEST_OF_LARGE <const>, LARGE <const> = 128, 96, 8192

-- ---- what steps ask of the file ----

local File = {}
File.__index = File

function File:constants(kind, values)
  local text = listing(values)
  local key = kind .. text
  if not self.arrays[key] then
    self.array_count = self.array_count + 1
    local name = ("PRE_c%d"):format(self.array_count)
    self.arrays[key] = name
    self.bytes = self.bytes + #values * (kind == "float" and 4 or 1)
    local line = "static const %s %s[%d] PRE_ALIGNED PRE_CONST = {\n%s\n};\n"
    self.weights[#self.weights + 1] = line:format(kind, name, #values, text)
  end
  return self.arrays[key]
end

--- file:array(constant) -> the name of its numbers as they lie
function File:array(value)
  return self:constants(value.bytes and "int8_t" or "float", texts(value.tensor:reshape(-1):totable(), value.bytes))
end

--- file:matrix(constant, turned) -> name, widths of the blocks of its columns
function File:matrix(value, turned)
  local t = turned and value.tensor or value.tensor:transpose(1, 2) -- (inputs, columns)
  local n = t:size(2)
  local widest = t:count() > LARGE and WIDEST_OF_LARGE or WIDEST
  local count = (n + widest - 1) // widest
  local width = count == 1 and n or (n + count * 16 - 1) // (count * 16) * 16
  local blocks, values, at = {}, {}, 0
  while at < n do
    local w = math.min(width, n - at)
    local block = t:slice(2, at + 1, at + w):reshape(-1):totable()
    table.move(block, 1, #block, #values + 1, values)
    blocks[#blocks + 1], at = w, at + w
  end
  return self:constants(value.bytes and "int8_t" or "float", texts(values, value.bytes)), blocks
end

local PRODUCT = [[
/* y = start + x W, W (k, WIDTH): each a chain of multiply-adds over k in order. */
PRE_APART void PRE_productNAME(int32_t k, const float *PRE_RESTRICT x, const KIND *PRE_RESTRICT w,
                               const float *PRE_RESTRICT start, float *PRE_RESTRICT y) {
  float sum[PART];
  int32_t from, i, j;
  for (from = 0; from < WIDTH; from += PART) {
    for (j = 0; j < PART; j++) sum[j] = start ? start[from + j] : 0.0f;
    for (i = 0; i < k; i++)
      for (j = 0; j < PART; j++) sum[j] = PRE_FMA(x[i], VALUE, sum[j]);
    for (j = 0; j < PART; j++) y[from + j] = sum[j];
  }
}
]]

--- file:product(width, bytes) -> the name of the function for a block of that width
function File:product(width, bytes)
  local name = ("%d%s"):format(width, bytes and "_int8" or "")
  if not self.products[name] then
    self.products[name] = true
    local halved = width > WIDEST_OF_LARGE and width % 16 == 0
    local texts_of = { NAME = name, WIDTH = tostring(width), KIND = bytes and "int8_t" or "float",
      PART = halved and ("PRE_HALF(%d)"):format(width) or tostring(width),
      VALUE = (bytes and "(float)" or "") .. ("w[i * %d + from + j]"):format(width) }
    self.product_code[#self.product_code + 1] = PRODUCT:gsub("%u+", texts_of)
  end
  return "PRE_product" .. name
end

-- ---- the parts of the text ----

local MATHS = [[
/* Every a b + c that is meant to be rounded once is written PRE_FMA, and nothing else may be: then all results are, bit
   for bit, those of rnnlua. Without an instruction for it PRE_FMA rounds twice and results differ by some units in the
   last place; -DPRE_EXACT rounds once in software there, slowly. */
#if defined(__GNUC__) && !defined(__clang__)
#if defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#pragma GCC optimize("O3")
#endif
#pragma GCC optimize("fp-contract=off", "no-fast-math")
#pragma GCC optimize("no-tree-loop-distribute-patterns") /* no memcpy for a few floats */
#if defined(__AVX512F__) && __GNUC__ >= 8
#pragma GCC target("prefer-vector-width=512")
#endif
#elif defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif
#if defined(__GNUC__)
#define PRE_INLINE static inline __attribute__((always_inline, unused))
#if defined(__clang__)
#define PRE_APART static __attribute__((noinline)) /* it makes no vectors of the loops behind it otherwise */
#else
#define PRE_APART static __attribute__((noinline, noclone)) /* its copies keep sums in memory */
#endif
#define PRE_RESTRICT __restrict
#elif defined(__cplusplus)
#define PRE_INLINE static inline
#define PRE_APART static
#define PRE_RESTRICT
#else
#define PRE_INLINE static inline
#define PRE_APART static
#define PRE_RESTRICT restrict
#endif
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))
#define PRE_ALIGNED __attribute__((aligned(64))) /* no vector of weights lies in two lines of the cache */
#else
#define PRE_ALIGNED
#endif
#if defined(__AVX512F__)
#define PRE_HALF(width) (width)
#else
#define PRE_HALF(width) ((width) / 2)
#endif
#if defined(__GNUC__) && (defined(__FP_FAST_FMAF) || defined(__FMA__) || defined(__AVX512F__) || \
                          defined(__ARM_FEATURE_FMA))
#define PRE_FUSES 1
#define PRE_FMA(a, b, c) __builtin_fmaf(a, b, c)
#elif defined(PRE_EXACT)
#define PRE_FUSES 1
/* The product is exact in double; the sum is made odd where it is not exact, so that rounding it again is right. */
PRE_INLINE float PRE_fma(float a, float b, float c) {
  union { uint64_t bits; double number; } u;
  double p = (double)a * (double)b, part, rest;
  u.number = p + (double)c;
  part = u.number - p;
  rest = (p - (u.number - part)) + ((double)c - part);
  if ((rest > 0.0 || rest < 0.0) && !(u.bits & 1u)) {
    if ((rest > 0.0) == (u.number > 0.0)) u.bits++;
    else u.bits--;
  }
  return (float)u.number;
}
#define PRE_FMA(a, b, c) PRE_fma(a, b, c)
#else
#define PRE_FUSES 0
#define PRE_FMA(a, b, c) ((a) * (b) + (c))
#endif

]]

-- Fields of the state with more than one place; bytes.
local function struct_of(file, buffers)
  local lines, bytes = {}, 0
  local function add(kind, name, count)
    lines[#lines + 1] = ("  %s %s[%d];"):format(kind, name, count)
    bytes = bytes + 4 * count
  end
  for _, f in ipairs(file.fields) do add("float", f.name, f.width) end
  for _, b in ipairs(buffers) do add("float", b.name, b.count) end
  local timed = {}
  for prefix in pairs(file.timed) do timed[#timed + 1] = prefix end
  table.sort(timed)
  for _, prefix in ipairs(timed) do
    lines[#lines + 1] = ("  int32_t %st;"):format(prefix)
    bytes = bytes + 4
  end
  if file.counts then
    lines[#lines + 1] = "  int32_t count;"
    bytes = bytes + 4
  end
  if #lines == 0 then
    lines[1] = "  float none;"
    bytes = 4
  end
  return table.concat(lines, "\n"), bytes
end

-- ---- words ----

local function quoted(word)
  return '"' .. word:gsub('[%c"\\?\128-\255]', function(c) return ("\\%03o"):format(c:byte()) end) .. '"'
end

local function words(name, list)
  local lines = {}
  for i, word in ipairs(list) do lines[i] = quoted(word) end
  return ("const char *const PRE_%s[%d] = {\n%s\n};\n\n"):format(name, #list, listing(lines))
end

-- ---- the whole ----

local function comment(text) return (text:gsub("%*/", "* /")) end

--- source.write(made, about) -> text of the C file, text of the header, sizes
---
--- about: name, vectors { x, y, steps }, steps (of whole sequences), words { labels = list, ... }, title, notes
--- (lines).
function source.write(made, about)
  local file = setmetatable({ arrays = {}, array_count = 0, bytes = 0, weights = {}, products = {},
    product_code = {}, code = {}, wanted = {}, fields = {}, timed = {}, prefix_of = {}, macs = 0 }, File)
  local buffers = {}
  if made.decoder then buffers = sequences.translator(file, made, about.steps)
  elseif made.streams then sequences.stream(file, made)
  else buffers = sequences.whole(file, made, about.steps) end
  local struct, ram = struct_of(file, buffers)
  local more, outside = {}, {}
  for _, name in ipairs { "labels", "vocab" } do
    local list = about.words[name]
    if list then
      more[#more + 1] = words(name, list)
      outside[#outside + 1] = ("#define PRE_%s %d\nextern const char *const PRE_%s[%d];\n"):format(name:upper(), #list,
        name, #list)
    end
  end
  local sizes = { const = file.bytes, ram = ram, macs = file.macs }
  local head = { "/* " .. comment(about.title), "",
    ("   const %d bytes (weights), RAM %d bytes (PRE_state), %d multiply-adds a step."):format(file.bytes, ram,
      file.macs) }
  for _, line in ipairs(about.notes) do head[#head + 1] = "   " .. comment(line) end
  head = table.concat(head, "\n")
  local declarations = ([[
#ifndef PRE_H
#define PRE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PRE_INPUTS %d
#define PRE_OUTPUTS %d

/* What a sequence leaves from step to step, and room to work in: the caller's, one for each sequence. */
typedef struct PRE_state {
%s
} PRE_state;

%s%s
#ifdef __cplusplus
}
#endif
#endif
]]):format(made.x.width, made.width, struct, file.declarations, table.concat(outside))
  local body = ("%s\n\n   The test in it: cc -O3 -march=native -DPRE_MAIN PRE.c && ./a.out */\n\n%s\n%s"):format(head,
    declarations, "#ifndef PRE_CONST\n#define PRE_CONST /* a section of memory for the weights */\n#endif\n\n")
  body = body .. MATHS .. functions.text(file.wanted) .. "\n" .. table.concat(file.weights) .. "\n"
    .. table.concat(more) .. table.concat(file.product_code, "\n") .. "\n" .. table.concat(file.code, "\n")
    .. selftest(file, made, about.vectors)
  local function named(text) return (text:gsub("PRE(%f[^%w])", about.name .. "%1"):gsub("PRE_", about.name .. "_")) end
  return named(body), named(head .. " */\n\n" .. declarations), sizes
end

return source
