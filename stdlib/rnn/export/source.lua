-- source.lua: stages as one C99 file: declarations, weights, functions, and a self-test.

local core = require "rnn.core"
local functions = require "rnn.export.functions"
local step = require "rnn.export.step"

local source = {}

local float = step.float

local WIDEST = 96 -- columns of a block of a product: as many as processors have registers for

-- ---- what steps ask of the file ----

local File = {}
File.__index = File

-- A list of constants, 8 a line.
local function listing(values)
  local lines = {}
  for i = 1, #values, 8 do lines[#lines + 1] = "  " .. table.concat(values, ", ", i, math.min(i + 7, #values)) end
  return table.concat(lines, ",\n")
end

function File:constants(kind, values)
  local text = listing(values)
  local key = kind .. text
  if not self.arrays[key] then
    self.array_count = self.array_count + 1
    local name = ("PRE_c%d"):format(self.array_count)
    self.arrays[key] = name
    self.bytes = self.bytes + #values * (kind == "float" and 4 or 1)
    self.weights[#self.weights + 1] = ("static const %s %s[%d] PRE_CONST = {\n%s\n};\n"):format(kind, name, #values, text)
  end
  return self.arrays[key]
end

local function texts(values, bytes)
  for i, x in ipairs(values) do values[i] = bytes and ("%d"):format(x) or float(x) end
  return values
end

--- file:array(constant) -> the name of its numbers as they lie
function File:array(value)
  return self:constants(value.bytes and "int8_t" or "float", texts(value.tensor:reshape(-1):totable(), value.bytes))
end

--- file:matrix(constant, turned) -> name, widths of the blocks of its columns
function File:matrix(value, turned)
  local t = turned and value.tensor or value.tensor:transpose(1, 2) -- (inputs, columns)
  local n = t:size(2)
  local count = (n + WIDEST - 1) // WIDEST
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
static void PRE_productNAME(int32_t k, const float *x, const KIND *w, const float *start, float *y) {
  float sum[WIDTH];
  int32_t i, j;
START
  for (i = 0; i < k; i++)
    for (j = 0; j < WIDTH; j++) sum[j] = PRE_FMA(x[i], VALUE, sum[j]);
  for (j = 0; j < WIDTH; j++) y[j] = sum[j];
}
]]

--- file:product(width, bytes) -> the name of the function for a block of that width
function File:product(width, bytes)
  local name = ("%d%s"):format(width, bytes and "_int8" or "")
  if not self.products[name] then
    self.products[name] = true
    local texts_of = { NAME = name, WIDTH = tostring(width), KIND = bytes and "int8_t" or "float",
      VALUE = (bytes and "(float)" or "") .. ("w[i * %d + j]"):format(width),
      START = ("  if (start)\n    for (j = 0; j < %d; j++) sum[j] = start[j];\n  else\n"
        .. "    for (j = 0; j < %d; j++) sum[j] = 0.0f;"):format(width, width) }
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
#elif defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif
#if defined(__GNUC__)
#define PRE_INLINE static inline __attribute__((always_inline, unused))
#define PRE_RESTRICT __restrict
#elif defined(__cplusplus)
#define PRE_INLINE static inline
#define PRE_RESTRICT
#else
#define PRE_INLINE static inline
#define PRE_RESTRICT restrict
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

-- The lines that put a stage's states to where they begin.
local function resets(file, prefix)
  local lines = {}
  for _, f in ipairs(file.fields) do
    if f.start and f.name:sub(1, #prefix) == prefix then
      if f.start:abs():max():item() == 0 then
        lines[#lines + 1] = ("  for (i = 0; i < %d; i++) s->%s[i] = 0.0f;"):format(f.width, f.name)
      else
        local name = file:constants("float", texts(f.start:reshape(-1):totable()))
        lines[#lines + 1] = ("  for (i = 0; i < %d; i++) s->%s[i] = %s[i];"):format(f.width, f.name, name)
      end
    end
  end
  if file.timed[prefix] then lines[#lines + 1] = ("  s->%st = 0;"):format(prefix) end
  return lines
end

local function reset_function(file, prefix, name)
  local lines = resets(file, prefix)
  local body = table.concat(lines, "\n")
  return ("static void %s(PRE_state *s) {\n%s%s\n}\n"):format(name, body:find "%f[%w_]i%f[^%w_]" and "  int32_t i;\n" or "",
    #lines > 0 and body or "  (void)s;")
end

-- ---- models that run step by step ----

local function stream(file, made)
  local g = made.stages[1].graph
  local ids, n, m = g.x.ids, g.x.width, made.width
  file.code[#file.code + 1] = step.write(file, g, "PRE_one_step", "")
  file.code[#file.code + 1] = reset_function(file, "", "PRE_reset")
  local x = ids and "int32_t id" or "const float *x"
  local y_of = made.last and "y" or ("y + t * %d"):format(m)
  file.code[#file.code + 1] = ([[
void PRE_init(PRE_state *s) { PRE_reset(s); }

void PRE_step(PRE_state *s, %s, float *y) { PRE_one_step(s, %s, y); }

void PRE_run(PRE_state *s, const %s *x, int32_t steps, float *y) {
  int32_t t;
  for (t = 0; t < steps; t++) PRE_one_step(s, %s, %s);
}
]]):format(x, ids and "id" or "x", ids and "int32_t" or "float", ids and "x[t]" or ("x + t * %d"):format(n), y_of)
  file.declarations = ([[
/* Begins a sequence. */
void PRE_init(PRE_state *s);
/* One step: %s; y has PRE_OUTPUTS numbers%s. */
void PRE_step(PRE_state *s, %s, float *y);
/* steps of them, one after the other, from where s is: %s; y (%sPRE_OUTPUTS)%s. */
void PRE_run(PRE_state *s, const %s *x, int32_t steps, float *y);
]]):format(ids and "id from 1 on" or "x has PRE_INPUTS numbers", made.last and ", the model's output if this were the last step"
    or "", x, ids and "ids from 1 on" or "x (steps, PRE_INPUTS)", made.last and "" or "steps, ",
    made.last and ", that of the last step" or "", ids and "int32_t" or "float")
end

-- ---- models that need the whole sequence ----

local FORWARD = [[
  PRE_resetK(s);
  for (t = 0; t < rows; t++) PRE_stageK(s, IN + t * WIDTH, OUT + t * OUTPUTS);
]]

local CONV = [[
  /* left: how many zeros precede the sequence */
  PRE_resetK(s);
  made = PADDED ? (rows + STRIDE - 1) / STRIDE : rows > REACH ? (rows - REACH - 1) / STRIDE + 1 : 0;
  left = PADDED ? (made - 1) * STRIDE + REACH + 1 - rows : 0;
  left = CAUSAL ? REACH : left > 0 ? left / 2 : 0;
  for (t = 0; t < REACH - left + (made - 1) * STRIDE + 1 && made > 0; t++) {
    const float *from = t < rows ? IN + t * WIDTH : PRE_zeros;
    PRE_stageK(s, from, s->row);
    if (t >= REACH - left && (t - (REACH - left)) % STRIDE == 0)
      for (j = 0; j < OUTPUTS; j++) OUT[(t - (REACH - left)) / STRIDE * OUTPUTS + j] = s->row[j];
  }
  rows = made;
]]

local BOTH = [[
  PRE_resetK(s);
  for (t = 0; t < rows; t++) {
    float *to = OUT + TO * OUTPUTS;
    PRE_stageK(s, IN + t * WIDTH, to);
  }
  PRE_resetK_back(s);
  for (t = rows - 1; t >= 0; t--) {
    float *to = OUT + TO * OUTPUTS;
    PRE_stageK_back(s, IN + t * WIDTH, s->row);
    MERGE
  }
]]

local MERGES = {
  concat = "for (j = 0; j < OWN; j++) to[OWN + j] = s->row[j];",
  sum = "for (j = 0; j < OWN; j++) to[j] = to[j] + s->row[j];",
  mean = "for (j = 0; j < OWN; j++) to[j] = (to[j] + s->row[j]) * 0.5f;",
}

-- The last function of it is static where it has another name than PRE_run.
local function whole(file, made, most, name)
  name = name or "PRE_run"
  local first = made.x
  local lines, widest, row, rows_most, zeros = {}, 1, 1, most, 0
  local width = first.width
  local places, at = { "s->a", "s->b" }, 0
  local input = "x"
  local count = #made.stages
  for k, stage in ipairs(made.stages) do
    local out = stage.graph and stage.graph.y.width or width
    if stage.kind == "both" and stage.merge == "concat" then out = 2 * out end
    local to = k == count and "y" or places[at % 2 + 1]
    local texts_of = { K = tostring(k), IN = input, OUT = to, WIDTH = tostring(width), OUTPUTS = tostring(out) }
    local ids = stage.graph and stage.graph.x.ids
    local text
    if stage.kind == "forward" then
      text = stage.reach and CONV or FORWARD
      if stage.reach then
        zeros, row = math.max(zeros, width), math.max(row, out)
        texts_of.REACH, texts_of.STRIDE = tostring(stage.reach), tostring(stage.stride)
        texts_of.PADDED = stage.padding ~= "valid" and "1" or "0"
        texts_of.CAUSAL = stage.padding == "causal" and "1" or "0"
      end
    elseif stage.kind == "both" then
      local own = tostring(stage.graph.y.width)
      row = math.max(row, stage.graph.y.width)
      texts_of.MERGE = MERGES[stage.merge]:gsub("OWN", own)
      texts_of.TO = stage.last and "0" or "t"
      text = BOTH
      if stage.residual then
        text = text .. "  for (t = 0; t < rows * OUTPUTS; t++) OUT[t] = OUT[t] + IN[t];\n"
      end
      if stage.last then text = text .. "  rows = 1;\n" end
    elseif stage.kind == "last" then
      text = "  for (j = 0; j < WIDTH; j++) OUT[j] = IN[(rows - 1) * WIDTH + j];\n  rows = 1;\n"
    else
      text = ("  for (t = 0; t < %d; t++)\n    for (j = 0; j < WIDTH; j++) OUT[t * WIDTH + j] = IN[j];\n  rows = %d;\n")
        :format(stage.steps, stage.steps)
      rows_most = math.max(rows_most, stage.steps)
    end
    text = text:gsub("%u+", texts_of)
    if ids then text = text:gsub("%f[%w_]x %+ t %* %d+", "x[t]") end
    lines[#lines + 1] = text
    if stage.graph then
      local prefix = ("p%d_"):format(k)
      file.code[#file.code + 1] = step.write(file, stage.graph, ("PRE_stage%d"):format(k), prefix)
      file.prefix_of[stage.graph] = prefix
      file.code[#file.code + 1] = reset_function(file, prefix, ("PRE_reset%d"):format(k))
    end
    if stage.backward then
      local prefix = ("q%d_"):format(k)
      file.code[#file.code + 1] = step.write(file, stage.backward, ("PRE_stage%d_back"):format(k), prefix)
      file.prefix_of[stage.backward] = prefix
      file.code[#file.code + 1] = reset_function(file, prefix, ("PRE_reset%d_back"):format(k))
    end
    if k < count then
      widest = math.max(widest, out)
      input, at = to, at + 1
    end
    width = out
  end
  local body = table.concat(lines)
  local buffers = {}
  for _, buffer in ipairs { "a", "b" } do
    if body:find("s%->" .. buffer .. "%f[^%w_]") then
      buffers[#buffers + 1] = { name = buffer, count = rows_most * widest }
    end
  end
  if body:find "s%->row" then buffers[#buffers + 1] = { name = "row", count = row } end
  local locals = "  int32_t rows = steps, t"
  for _, variable in ipairs { "j", "made", "left" } do
    if body:find("%f[%w_]" .. variable .. "%f[^%w_]") then locals = locals .. ", " .. variable end
  end
  if zeros > 0 then
    file.code[#file.code + 1] = ("static const float PRE_zeros[%d] PRE_CONST = {0.0f};\n"):format(zeros)
  end
  file.code[#file.code + 1] = ([[
%sint32_t %s(PRE_state *s, const %s *x, int32_t steps, float *y) {
%s;
  if (steps < 1 || steps > PRE_STEPS) return -1;
%s  return rows;
}
]]):format(name == "PRE_run" and "" or "static ", name, first.ids and "int32_t" or "float", locals, body)
  file.declarations = ([[
#define PRE_STEPS %d /* the longest sequence */
/* A whole sequence: %s; y (rows, PRE_OUTPUTS). Gives rows, %s, or -1 where steps is
   not within 1 to PRE_STEPS. s is room to work in. */
int32_t PRE_run(PRE_state *s, const %s *x, int32_t steps, float *y);
]]):format(most, first.ids and "ids from 1 on" or "x (steps, PRE_INPUTS)", made.last and "1"
    or "at most steps where nothing repeats a row", first.ids and "int32_t" or "float")
  return buffers
end

-- ---- encoders and decoders ----

local TRANSLATOR = [[
/* Reads a sequence: false where steps is not within 1 to PRE_STEPS. */
int32_t PRE_encode(PRE_state *s, const KIND *x, int32_t steps) {
  int32_t LOCALS;
  if (PRE_memory(s, x, steps, s->memory) < 0) return 0;
  s->count = steps;
BEGIN
  return 1;
}

void PRE_next(PRE_state *s, int32_t id, float *logits) {
NEXT
}

int32_t PRE_decode(PRE_state *s, const KIND *x, int32_t steps, int32_t *ids, int32_t most) {
  int32_t id = PRE_START, count = 0, j;
  if (!PRE_encode(s, x, steps)) return -1;
  while (count < most) {
    PRE_next(s, id, s->logits);
    for (j = 1, id = 0; j < PRE_OUTPUTS; j++)
      if (s->logits[j] > s->logits[id]) id = j;
    id++;
    if (id == PRE_STOP) break;
    ids[count++] = id;
  }
  return count;
}
]]

local ATTENTION = [[
  int32_t i, j;
  PRE_decoder(s, id, s->seen + MEMORY);
QUERY
  for (i = 0; i < s->count; i++) {
    float sum = 0.0f;
    for (j = 0; j < KEYS; j++) sum = ENERGY;
    s->energy[i] = sum;
  }
  PRE_softmax(s->count, s->energy, s->share);
  for (j = 0; j < MEMORY; j++) s->seen[j] = 0.0f;
  for (i = 0; i < s->count; i++)
    for (j = 0; j < MEMORY; j++) s->seen[j] = PRE_FMA(s->share[i], s->memory[i * MEMORY + j], s->seen[j]);
  PRE_head(s, s->seen, logits);]]

-- made of graph.translator. Gives the buffers.
local function translator(file, made, most, whole)
  local d = made.decoder
  file.counts = true
  local buffers = whole(file, made, most, "PRE_memory")
  local prefix_of = file.prefix_of
  local function add(name, count) buffers[#buffers + 1] = { name = name, count = count } end
  local function write(g, name, prefix)
    file.code[#file.code + 1] = step.write(file, g, name, prefix)
    prefix_of[g] = prefix
  end
  add("memory", most * d.memory)
  add("logits", d.vocab)
  write(d.step, "PRE_decoder", "d_")
  write(d.head, "PRE_head", "o_")
  file.code[#file.code + 1] = reset_function(file, "d_", "PRE_reset_decoder")
  local begin, next_lines = { "  PRE_reset_decoder(s);" }, nil
  local widest = 1
  for i, b in ipairs(d.bridges) do
    local to = ("s->d_h%d"):format(b.to)
    local target = b.graph and "s->joined" or to
    local at = 0
    for _, from in ipairs(b.from) do
      local width = from.graph.states[from.index].width
      begin[#begin + 1] = ("  for (j = 0; j < %d; j++) %s[%d + j] = s->%sh%d[j];"):format(width, target, at,
        prefix_of[from.graph], from.index)
      at = at + width
    end
    if b.graph then
      write(b.graph, ("PRE_bridge%d"):format(i), ("b%d_"):format(i))
      begin[#begin + 1] = ("  PRE_bridge%d(s, s->joined, %s);"):format(i, to)
      widest = math.max(widest, at)
    end
  end
  add("joined", widest)
  if d.keys then
    local keys = d.keys.y.width
    write(d.keys, "PRE_key", "k_")
    add("keys", most * keys)
    add("seen", d.memory + d.units)
    add("energy", most)
    add("share", most)
    begin[#begin + 1] = ("  for (t = 0; t < steps; t++) PRE_key(s, s->memory + t * %d, s->keys + t * %d);"):format(d.memory,
      keys)
    local ask = ("s->seen[%d + j]"):format(d.memory)
    local texts_of = { MEMORY = tostring(d.memory), KEYS = tostring(keys), QUERY = "" }
    if d.query then
      write(d.query, "PRE_query", "q_")
      add("asked", keys)
      texts_of.QUERY, ask = ("  PRE_query(s, s->seen + %d, s->asked);"):format(d.memory), "s->asked[j]"
    end
    texts_of.ENERGY = ("PRE_FMA(%s, s->keys[i * %d + j], sum)"):format(ask, keys)
    if d.energy then
      file.wanted.tanh = true
      texts_of.ENERGY = ("PRE_FMA(PRE_tanh(%s + s->keys[i * %d + j]), %s[j], sum)"):format(ask, keys, file:array(d.energy))
    end
    file.wanted.softmax = true
    next_lines = ATTENTION:gsub("%f[%w_]%u+%f[^%w_]", texts_of)
    if d.feeds then
      next_lines = next_lines .. ("\n  for (j = 0; j < %d; j++) s->d_h1[j] = s->o_h1[j];"):format(d.units)
    end
    next_lines = next_lines:gsub("\n\n", "\n")
  else
    add("seen", d.units)
    next_lines = "  PRE_decoder(s, id, s->seen);\n  PRE_head(s, s->seen, logits);"
  end
  local kind = made.x.ids and "int32_t" or "float"
  file.code[#file.code + 1] = TRANSLATOR:gsub("%f[%w_]%u+%f[^%w_]", { KIND = kind, BEGIN = table.concat(begin, "\n"),
    NEXT = next_lines, LOCALS = d.keys and "j, t" or "j" })
  file.declarations = ([[
#define PRE_STEPS %d /* the longest sequence */
#define PRE_START %d /* the id before every answer, and that behind it */
#define PRE_STOP %d
/* Reads %s of 1 to PRE_STEPS steps; gives 0 for another number of them. */
int32_t PRE_encode(PRE_state *s, const %s *x, int32_t steps);
/* One step of the answer: the id before it goes in, PRE_OUTPUTS logits come out, of the ids from 1 on. */
void PRE_next(PRE_state *s, int32_t id, float *logits);
/* Both, and each time the likeliest id: gives how many ids there are, without PRE_STOP and at most most; -1: steps. */
int32_t PRE_decode(PRE_state *s, const %s *x, int32_t steps, int32_t *ids, int32_t most);
]]):format(most, d.start, d.stop, made.x.ids and "ids from 1 on" or "x (steps, PRE_INPUTS)", kind, kind)
  return buffers
end

-- ---- the self-test ----

local MAIN = [[

#ifdef PRE_MAIN
#include <stdio.h>

static const KIND test_x[] = {
INPUT
};
static const float test_y[] = {
OUTPUT
};

/* Does the compiler fuse a product and a sum by itself, or compute otherwise than IEEE 754 says? Then bits differ. */
static int is_plain(void) {
#if defined(__FAST_MATH__)
  return 0;
#else
  volatile float a = 1.000244140625f, b = 1.000244140625f, c = -1.00048828125f; /* the product is 2^-24 more */
  float r = a * b + c;
  return r == 0.0f;
#endif
}

static PRE_state state;
static float result[COUNT];

/* Both ways through the vectors; the largest error, of numbers as large as 1 or larger. */
static double compare(int32_t *different) {
  double worst = 0.0;
  int32_t i;
  for (i = 0; i < COUNT; i++) {
    union { float number; uint32_t bits; } a, b;
    double size = test_y[i] < 0.0f ? -(double)test_y[i] : (double)test_y[i];
    double error = (double)result[i] - (double)test_y[i];
    a.number = result[i];
    b.number = test_y[i];
    if (a.bits != b.bits) ++*different;
    error = error < 0.0 ? -error : error;
    if (size > 1.0) error /= size;
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

int main(void) {
  int exact = PRE_FUSES && is_plain(), ok;
  int32_t different = 0;
  double worst, again;
RUN
  ok = exact ? different == 0 : worst < 1e-3;
  printf("PRE: STEPS steps, %ld of %ld numbers differ, worst %.2g of 1 (%s), %ld bytes RAM, BYTES bytes const, MACS MAC a step: %s\n",
         (long)different, (long)(2 * COUNT), worst, exact ? "bits are compared" : "bits may differ: nothing rounds a b + c once here, or all is fused",
         (long)sizeof(PRE_state), ok ? "ok" : "WRONG");
  return ok ? 0 : 1;
}
#endif
]]

local RUN_STREAM = [[
  int32_t t;
  PRE_init(&state);
  PRE_run(&state, test_x, STEPS, result);
  worst = compare(&different);
  PRE_init(&state); /* once more, step by step */
  for (t = 0; t < STEPS; t++) PRE_step(&state, AT, TO);
  again = compare(&different);
  worst = again > worst ? again : worst;]]

local RUN_WHOLE = [[
  if (PRE_run(&state, test_x, STEPS, result) * PRE_OUTPUTS != COUNT) different = COUNT;
  worst = compare(&different);
  if (PRE_run(&state, test_x, STEPS, result) * PRE_OUTPUTS != COUNT) different = COUNT;
  again = compare(&different);
  worst = again > worst ? again : worst;]]

-- The ids that go in are those that came out likeliest.
local RUN_TRANSLATOR = [[
  static const int32_t ids[] = {IDS};
  int32_t t;
  if (!PRE_encode(&state, test_x, STEPS)) different = COUNT;
  for (t = 0; t < COUNT / PRE_OUTPUTS; t++) PRE_next(&state, ids[t], result + t * PRE_OUTPUTS);
  worst = compare(&different);
  if (!PRE_encode(&state, test_x, STEPS)) different = COUNT;
  for (t = 0; t < COUNT / PRE_OUTPUTS; t++) PRE_next(&state, ids[t], result + t * PRE_OUTPUTS);
  again = compare(&different);
  worst = again > worst ? again : worst;]]

local function self_test(file, made, vectors)
  local x, y = vectors.x:reshape(-1):totable(), vectors.y:reshape(-1):totable()
  local ids = made.x.ids
  for i, v in ipairs(x) do x[i] = ids and ("%d"):format(v) or float(v) end
  for i, v in ipairs(y) do y[i] = float(v) end
  local fields = { KIND = ids and "int32_t" or "float", INPUT = listing(x), OUTPUT = listing(y), COUNT = tostring(#y),
    STEPS = tostring(vectors.steps), BYTES = tostring(file.bytes), MACS = tostring(file.macs),
    AT = ids and "test_x[t]" or ("test_x + t * %d"):format(made.x.width),
    TO = made.last and "result" or ("result + t * %d"):format(made.width) }
  fields.IDS = vectors.ids and table.concat(vectors.ids, ", ")
  fields.RUN = (made.decoder and RUN_TRANSLATOR or made.streams and RUN_STREAM or RUN_WHOLE):gsub("%f[%w_]%u+%f[^%w_]", fields)
  return (MAIN:gsub("%f[%w_]%u+%f[^%w_]", fields))
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
--- about: name, vectors { x, y, steps }, steps (of whole sequences), words { labels = list, ... }, title, notes (lines).
function source.write(made, about)
  local file = setmetatable({ arrays = {}, array_count = 0, bytes = 0, weights = {}, products = {}, product_code = {}, code = {},
    wanted = {}, fields = {}, timed = {}, prefix_of = {}, macs = 0 }, File)
  local buffers = {}
  if made.decoder then buffers = translator(file, made, about.steps, whole)
  elseif made.streams then stream(file, made) else buffers = whole(file, made, about.steps) end
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
    ("   const %d bytes (weights), RAM %d bytes (PRE_state), %d multiply-adds a step."):format(file.bytes, ram, file.macs) }
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
  local body = ("%s\n\n   The test in it: cc -O3 -march=native -DPRE_MAIN PRE.c && ./a.out */\n\n%s\n%s"):format(head, declarations,
    "#ifndef PRE_CONST\n#define PRE_CONST /* a section of memory for the weights */\n#endif\n\n")
  body = body .. MATHS .. functions.text(file.wanted) .. "\n" .. table.concat(file.weights) .. "\n"
    .. table.concat(more) .. table.concat(file.product_code, "\n") .. "\n" .. table.concat(file.code, "\n") .. self_test(file, made, about.vectors)
  local function named(text) return (text:gsub("PRE(%f[^%w])", about.name .. "%1"):gsub("PRE_", about.name .. "_")) end
  return named(body), named(head .. " */\n\n" .. declarations), sizes
end

return source
