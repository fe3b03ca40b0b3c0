-- program_texts.lua: prints program_texts.h, the programs of some cells as text for tests in C:
--
--   build/rnnlua tests/c/program_texts.lua > tests/c/program_texts.h

local rnn = require "rnn"
local core = require "rnn.core"
local cells = require "rnn.cells"
local program = require "rnn.nn.program"
local nn = rnn.nn

-- What no cell of the zoo has: reductions, softmax, comparisons, constants of every form.
local Mixed = nn.cell("Mixed", function(self)
  self.w = core.randn(3, 4)
  self.u = core.randn(4, 3)
  self.v = core.randn(3, 7)
  self.row = core.randn(3)
  self.number = core.randn(1)
  self.beside = core.randn(3, 3) -- a row for each of 3 samples
  for _, name in ipairs { "w", "u", "v", "row", "number", "beside" } do self[name]:requires_grad(true) end
  self.initial_state = function(_, n) return { a = core.zeros(n, 3), b = core.zeros(n, 4) } end
end)
function Mixed:step(x, state)
  local a, b = state.a, state.b
  local s = core.softmax(core.matmul(a, self.w) + b, 2)
  local steps = core.floor(b * 4) -- no gradient goes through them
  local top, low, mean, sum = steps:max(2, true), steps:min(2, true), s:mean(2, true), (s * b):sum(2, true)
  local joined = core.linear(core.concat({ a, s }, 2), self.v)
  local q = core.maximum(joined * self.row, a) / (2 + self.number * self.number) - core.minimum(joined, x) * mean
  q = core.where(core.lt(q, sum), q, q * self.beside) + core.clamp(q, -1, 1):softplus() % 3
  q = q + (top + low:eq(top)) * 0.01
  return q:tanh() + core.linear(b, self.u:transpose(1, 2)):gelu(), { a = q:sin(), b = s * core.linear(q, self.u) }
end

local compile, build = core.program, program.build
local last, numbers -- the text of the last program, and what its inputs are
function core.program(text)
  last = text
  return compile(text)
end
function program.build(...)
  local made, why = build(...)
  if made then numbers = made.inputs end
  return made, why
end

local function entry(text)
  local lines = {}
  local function put(...) lines[#lines + 1] = table.concat({ ... }, " ") end
  put("inputs", text.inputs)
  put("states", text.states)
  put("flow", text.flow or 0)
  for _, v in ipairs(text.values) do
    put("value", v.kind, v.index or 0, v.width, v.rows or 0, v.form or "number", v.from or 0)
  end
  for _, name in ipairs { "forward", "backward" } do
    for _, i in ipairs(text[name]) do
      put(name, i.op, i.to, i.a or 0, i.b or 0, i.c or 0, i.p or 0, i.q or 0, i.add and 1 or 0,
        i.turned and 1 or 0)
    end
  end
  for _, p in ipairs(text.products) do put("product", p.left, p.matrix, p.gradient, p.turned and 1 or 0) end
  for _, r in ipairs(text.results) do put("result", r.value, r.batch and 1 or 0) end
  for k, source in ipairs(numbers) do
    if source.kind == "number" then put("number", k, source.value) end
  end
  for _, w in ipairs(text.watched) do put("watched", w.value, w.activation, w.gate and 1 or 0) end
  return lines
end

local list = {
  { "Elman", function() return cells.Elman(3, 3) end },
  { "LSTM", function() return cells.LSTM(3, 3) end },
  { "GRU", function() return cells.GRU(3, 3) end },
  { "GRU, reset before", function() return cells.GRU(3, 3, { reset = "before" }) end },
  { "minGRU", function() return cells.minGRU(3, 3) end },
  { "IndRNN", function() return cells.IndRNN(3, 3) end },
  { "LSTM with layer norm", function() return cells.LSTM(3, 3, { layer_norm = true }) end },
  { "LSTM with peepholes and projection", function()
    return cells.LSTM(3, 4, { peepholes = true, projection = 2 })
  end },
  { "Mixed", function() return Mixed() end },
  { "Attention", function() return cells.Attention(3, 3):attend(core.randn(3, 2, 3):requires_grad(true)) end },
}

io.write [[
/* program_texts.h: programs of cells as text, one item a line, for test_program.c and test_interrupt.c. Printed by
 * program_texts.lua. */
static const struct {
  const char *name, *text;
} program_texts[] = {
]]
for _, item in ipairs(list) do
  rnn.seed(1)
  last = nil
  local x = core.randn(3, 4, 3):requires_grad(true)
  local cell = item[2]()
  local layer = nn.Recurrent(cell, { compile = true, returns = "both", initial_state = "trained" })
  layer(x)
  if not last then error(item[1] .. " has no program") end
  io.write(('    {"%s",\n'):format(item[1]))
  for _, text in ipairs(entry(last)) do
    io.write(('     "%s\\n"\n'):format(text))
  end
  io.write("    },\n")
end
io.write "};\n"
