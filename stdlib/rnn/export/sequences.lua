-- sequences.lua: what is around the steps: functions of the C file for models that run step by step, for those that
-- need a whole sequence, and for encoders with decoders. Each writes into the file and says its declarations there.

local constants = require "rnn.export.constants"
local step = require "rnn.export.step"

local sequences = {}

local texts = constants.texts

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
  local counts = body:find "%f[%w_]i%f[^%w_]"
  return ("static void %s(PRE_state *s) {\n%s%s\n}\n"):format(name, counts and "  int32_t i;\n" or "",
    #lines > 0 and body or "  (void)s;")
end

-- ---- models that run step by step ----

--- sequences.stream(file, made): one stage, step by step.
function sequences.stream(file, made)
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
]]):format(ids and "id from 1 on" or "x has PRE_INPUTS numbers",
    made.last and ", the model's output if this were the last step" or "", x,
    ids and "ids from 1 on" or "x (steps, PRE_INPUTS)", made.last and "" or "steps, ",
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
  if (rows < 1) return -1;
]]

local POOL = [[
  /* left: how many steps of the first window precede the sequence */
  made = PADDED ? (rows + STRIDE - 1) / STRIDE : rows >= SIZE ? (rows - SIZE) / STRIDE + 1 : 0;
  left = PADDED ? (made - 1) * STRIDE + SIZE - rows : 0;
  left = left > 0 ? left / 2 : 0;
  for (t = 0; t < made; t++) PRE_pool_HOW(WIDTH, rows, t * STRIDE - left, SIZE, IN, OUT + t * WIDTH);
  rows = made;
  if (rows < 1) return -1;
]]

local POOL_ALL = [[
  PRE_pool_all_HOW(WIDTH, rows, IN, OUT);
  rows = 1;
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
    TIME
    PRE_stageK_back(s, IN + t * WIDTH, s->row);
    MERGE
  }
]]

local MERGES = {
  concat = "for (j = 0; j < OWN; j++) to[OWN + j] = s->row[j];",
  sum = "for (j = 0; j < OWN; j++) to[j] = to[j] + s->row[j];",
  mean = "for (j = 0; j < OWN; j++) to[j] = (to[j] + s->row[j]) * 0.5f;",
}

--- sequences.whole(file, made, most [, name]) -> buffers: all stages over sequences of at most so many steps. The
--- function is static where it has another name than PRE_run.
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
      texts_of.MERGE = (stage.last and "if (t == 0)\n      " or "") .. MERGES[stage.merge]:gsub("OWN", own)
      if file.timed[("q%d_"):format(k)] then texts_of.TIME = ("s->q%d_t = t;"):format(k) end
      texts_of.TIME = texts_of.TIME or ""
      texts_of.TO = stage.last and "0" or "t"
      text = BOTH
      if stage.residual then
        text = text .. "  for (t = 0; t < rows * OUTPUTS; t++) OUT[t] = OUT[t] + IN[t];\n"
      end
      if stage.last then text = text .. "  rows = 1;\n" end
    elseif stage.layer then
      local layer = stage.layer
      text = stage.kind == "pool" and POOL or POOL_ALL
      file.wanted[(stage.kind .. " " .. stage.how):gsub(" ", "_")] = true
      text = text:gsub("HOW", stage.how)
      texts_of.SIZE, texts_of.STRIDE = tostring(layer.size), tostring(layer.stride)
      texts_of.PADDED = layer.padding ~= "valid" and "1" or "0"
    elseif stage.kind == "last" then
      text = "  for (j = 0; j < WIDTH; j++) OUT[j] = IN[(rows - 1) * WIDTH + j];\n  rows = 1;\n"
    else
      text = ("  for (t = 0; t < %d; t++)\n    for (j = 0; j < WIDTH; j++) OUT[t * WIDTH + j] = IN[j];\n  rows = %d;\n")
        :format(stage.steps, stage.steps)
      rows_most = math.max(rows_most, stage.steps)
    end
    text = text:gsub("%u+", texts_of):gsub("\n +\n", "\n")
    if ids then text = text:gsub("%f[%w_]x %+ t %* %d+", "x[t]") end
    lines[#lines + 1] = text
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
   not within 1 to PRE_STEPS, or too few. s is room to work in. */
int32_t PRE_run(PRE_state *s, const %s *x, int32_t steps, float *y);
]]):format(most, first.ids and "ids from 1 on" or "x (steps, PRE_INPUTS)", made.last and "1"
    or "at most steps where nothing repeats a row", first.ids and "int32_t" or "float")
  return buffers
end

sequences.whole = whole

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

--- sequences.translator(file, made, most) -> buffers: made of graph.translator.
function sequences.translator(file, made, most)
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
  local begin = { "  PRE_reset_decoder(s);" }
  local next_lines = "  PRE_decoder(s, id, s->seen);\n  PRE_head(s, s->seen, logits);"
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
    begin[#begin + 1] = ("  for (t = 0; t < steps; t++) PRE_key(s, s->memory + t * %d, s->keys + t * %d);")
      :format(d.memory, keys)
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
      texts_of.ENERGY = ("PRE_FMA(PRE_tanh(%s + s->keys[i * %d + j]), %s[j], sum)"):format(ask, keys,
        file:array(d.energy))
    end
    file.wanted.softmax = true
    next_lines = ATTENTION:gsub("%f[%w_]%u+%f[^%w_]", texts_of)
    if d.feeds then
      next_lines = next_lines .. ("\n  for (j = 0; j < %d; j++) s->d_h1[j] = s->o_h1[j];"):format(d.units)
    end
    next_lines = next_lines:gsub("\n\n", "\n")
  else
    add("seen", d.units)
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

return sequences
