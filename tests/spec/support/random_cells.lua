-- random_cells.lua: cells whose steps are random formulas, for formula_spec.lua. A cell is made from a seed, always the
-- same one.

local rnn = require "rnn"
local core = require "rnn.core"

local random_cells = {}

local function chance(p) return math.random() < p end
local function pick(list) return list[math.random(#list)] end

-- ---- a formula: variables of known widths, each with the text and the function that gives it ----

local Formula = {}
Formula.__index = Formula

-- f(env, cell) gives the value; env has those before.
function Formula:add(width, text, f)
  self.vars[#self.vars + 1] = { width = width, text = text, f = f }
  return #self.vars
end

function Formula:width(v) return self.vars[v].width end

-- A tensor of the cell's own: (sizes), or of a row for each sample.
function Formula:own(scale, ...)
  local list, name = self.tensors, "p" .. #self.tensors + 1
  list[#list + 1] = { name = name, scale = scale, needs = not chance(0.15), ... }
  return name
end

function Formula:beside(...)
  local name = "s" .. #self.samples + 1
  self.samples[#self.samples + 1] = { name = name, needs = chance(0.3), ... }
  return name
end

function Formula:any() return math.random(#self.vars) end

-- A variable of that width.
function Formula:of(width, fresh)
  local fitting = {}
  for v, var in ipairs(self.vars) do
    if var.width == width then fitting[#fitting + 1] = v end
  end
  if #fitting > 0 and not (fresh or chance(0.1)) then return pick(fitting) end
  local from = self:any()
  local given = self:width(from)
  local w = self:own(0.7 / math.sqrt(given), width, given)
  return self:add(width, ("linear(v%d, %s)"):format(from, w), function(env, cell) return core.linear(env[from],
    cell[w]) end)
end

-- What may stand beside a value of width: a function of (env, cell), and its text.
function Formula:operand(width)
  local kind = math.random(12)
  if kind <= 5 then
    local v = self:of(width)
    return function(env) return env[v] end, "v" .. v
  elseif kind == 6 then
    local v = self:of(1)
    return function(env) return env[v] end, "v" .. v
  elseif kind == 7 then
    local number = pick { 0, 1, 2, -0.5, 0.25, 3 }
    return function() return number end, tostring(number)
  elseif kind == 8 then
    local p = self:own(0.8, table.unpack(pick { { width }, { 1, width }, { 1 }, {}, { 1, 1 } }))
    return function(_, cell) return cell[p] end, p
  elseif kind == 9 then -- a function of a parameter
    local p = self:own(0.8, width)
    return function(_, cell) return -core.exp(cell[p]) * 0.5 end, ("-exp(%s) / 2"):format(p)
  elseif kind == 10 then
    local s = self:beside(pick { width, width, 1 })
    return function(_, cell) return cell[s] end, s
  elseif kind == 11 then
    return function(env) return env.t * 0.125 end, "t / 8"
  end
  local p = self:own(0.8, 2 * width)
  return function(_, cell) return core.slice(cell[p], 1, width + 1, -1) end, ("%s[%d ..]"):format(p, width + 1)
end

-- Functions of one value that stay small.
local unary = {}
for name in ([[neg abs sign tanh sigmoid relu elu selu softplus gelu silu log_sigmoid softsign hard_sigmoid sin
    cos atan erf floor ceil is_finite]]):gmatch "%S+" do
  unary[name] = function(x) return core[name](x) end
end
for name in ("exp expm1 square sinh cosh tan asin acos"):gmatch "%S+" do
  unary[name] = function(x) return core[name](core.tanh(x) * 0.75) end
end
for name in ("log log1p sqrt rsqrt reciprocal"):gmatch "%S+" do
  unary[name] = function(x) return core[name](core.sigmoid(x) + 0.5) end
end
function unary.leaky_relu(x) return core.leaky_relu(x, 0.2) end
function unary.clamp(x) return core.clamp(x, -0.5, 0.25) end
function unary.round(x) return core.round(x * 2) end
function unary.logical_not(x) return core.logical_not(core.gt(x, 0.1)) end

local binary = {}
for name in ("add sub mul maximum minimum eq ne lt le gt ge atan2"):gmatch "%S+" do
  binary[name] = function(a, b) return core[name](a, b) end
end
for name in ("div floor_div mod"):gmatch "%S+" do
  binary[name] = function(a, b) return core[name](a, core.add(core.abs(core.add(b, 0.0)), 0.5)) end
end
function binary.pow(a, b) return core.pow(core.sigmoid(a) + 0.5, b) end
for name in ("logical_and logical_or logical_xor"):gmatch "%S+" do
  binary[name] = function(a, b) return core[name](core.gt(a, 0), core.lt(b, 0.5)) end
end

local function names_of(list)
  local names = {}
  for name in pairs(list) do names[#names + 1] = name end
  table.sort(names)
  return names
end
local UNARY, BINARY = names_of(unary), names_of(binary)

-- ---- one more variable ----

local grow = {}

function grow.unary(f)
  local x, name = f:any(), pick(UNARY)
  return f:add(f:width(x), ("%s(v%d)"):format(name, x), function(env) return unary[name](env[x]) end)
end

function grow.binary(f)
  local x, name = f:any(), pick(BINARY)
  local width = f:width(x)
  local other, text = f:operand(width)
  local turned = chance(0.4)
  local function value(env, cell)
    if turned and name ~= "pow" then return binary[name](other(env, cell), env[x]) end
    return binary[name](env[x], other(env, cell))
  end
  -- A value of one column becomes as wide as its partner may be.
  return f:add(width, turned and ("%s(%s, v%d)"):format(name, text, x) or ("%s(v%d, %s)"):format(name, x, text), value)
end

function grow.gated(f) -- z n + (1 - z) h
  local z = f:any()
  local width = f:width(z)
  local n, h = f:of(width), f:of(width)
  return f:add(width, ("mix(v%d, v%d, v%d)"):format(z, n, h), function(env)
    local gate = core.sigmoid(env[z])
    return gate * env[n] + (1 - gate) * env[h]
  end)
end

function grow.where(f)
  local c = f:any()
  local width = f:width(c)
  local a, atext = f:operand(width)
  local b, btext = f:operand(width)
  return f:add(width, ("where(v%d > 0, %s, %s)"):format(c, atext, btext), function(env, cell)
    return core.where(core.gt(env[c], 0), a(env, cell), b(env, cell)) + 0 * env[c]
  end)
end

function grow.broadcast(f) -- one column with many
  local one, x = f:of(1), f:any()
  local name = pick { "add", "sub", "mul", "maximum", "lt" }
  return f:add(f:width(x), ("%s(v%d, v%d)"):format(name, one, x), function(env) return core[name](env[one], env[x]) end)
end

function grow.outer(f) -- one column and a row of the cell's
  local one, width = f:of(1), pick(f.widths)
  local p = f:own(0.8, width)
  return f:add(width, ("v%d * %s"):format(one, p), function(env, cell) return env[one] * cell[p] end)
end

function grow.linear(f)
  local x, width = f:any(), pick(f.widths)
  local given = f:width(x)
  local w
  local scale = 0.8 / math.sqrt(given)
  local matrix, wtext
  local kind = math.random(6)
  if kind == 1 then
    w = f:own(scale, given, width)
    matrix, wtext = function(cell) return core.transpose(cell[w], 1, 2) end, "transpose(%s)"
  elseif kind == 2 then
    w = f:own(scale, 2 * width, given)
    matrix, wtext = function(cell) return core.slice(cell[w], 1, width + 1, 2 * width) end, "rows(%s)"
  elseif kind == 3 then
    w = f:own(scale, width, given)
    matrix, wtext = function(cell) return core.tanh(cell[w]) end, "tanh(%s)"
  else
    w = f:own(scale, width, given)
    matrix, wtext = function(cell) return cell[w] end, "%s"
  end
  wtext = wtext:format(w)
  local bias = math.random(6)
  if bias == 1 then
    local b = f:own(0.5, width)
    return f:add(width, ("linear(v%d, %s, %s)"):format(x, wtext, b), function(env, cell)
      return core.linear(env[x], matrix(cell), cell[b])
    end)
  elseif bias == 2 then
    local b = f:of(width)
    return f:add(width, ("linear(v%d, %s, v%d)"):format(x, wtext, b), function(env, cell)
      return core.linear(env[x], matrix(cell), env[b])
    end)
  elseif bias == 3 then
    local b = f:beside(width)
    return f:add(width, ("linear(v%d, %s, %s)"):format(x, wtext, b), function(env, cell)
      return core.linear(env[x], matrix(cell), cell[b])
    end)
  elseif bias == 4 then
    return f:add(width, ("matmul(v%d, transpose(%s))"):format(x, wtext), function(env, cell)
      return core.matmul(env[x], core.transpose(matrix(cell), 1, 2))
    end)
  end
  return f:add(width, ("linear(v%d, %s)"):format(x, wtext), function(env, cell) return core.linear(env[x],
    matrix(cell)) end)
end

function grow.again(f) -- two products with the same matrix, one as it is and one turned
  local x = f:any()
  local given = f:width(x)
  if given > 64 then return grow.unary(f) end
  local w = f:own(0.5 / math.sqrt(given), given, given)
  local turned = chance(0.5)
  return f:add(given, ("twice(v%d, %s)"):format(x, w), function(env, cell)
    local first = core.tanh(core.linear(env[x], cell[w]))
    return turned and core.matmul(first, cell[w]) or core.linear(first, cell[w])
  end)
end

function grow.gates(f) -- split(linear)
  local x, width, count = f:any(), pick(f.widths), pick { 2, 3, 4 }
  local given, whole = f:width(x), chance(0.15)
  local w, b = f:own(0.8 / math.sqrt(given), count * width, given), chance(0.5) and f:own(0.5, count * width)
  local u, h = nil, f:any()
  if chance(0.5) then u = f:own(0.8 / math.sqrt(f:width(h)), count * width, f:width(h)) end
  local sums = f:add(count * width, ("linear(v%d, %s, %s)%s"):format(x, w, b or "nil", u
    and (" + linear(v%d, %s)"):format(h, u)
    or ""), function(env, cell)
    local s = core.linear(env[x], cell[w], b and cell[b] or nil)
    return u and s + core.linear(env[h], cell[u]) or s
  end)
  local last
  for k = 1, count do
    local axis = pick { 2, -1 }
    last = f:add(width, ("part %d of %d of v%d"):format(k, count, sums), function(env)
      return core.slice(env[sums], axis, (k - 1) * width + 1, k * width)
    end)
  end
  if not whole then f.vars[sums].hidden = true end
  return last
end

function grow.slice(f)
  local x = f:any()
  local width = f:width(x)
  local from = math.random(width)
  local to = math.random(from, width)
  return f:add(to - from + 1, ("v%d[%d..%d]"):format(x, from, to), function(env) return core.slice(env[x], 2, from,
    to) end)
end

function grow.concat(f)
  local list, texts, width = {}, {}, 0
  for i = 1, pick { 1, 2, 2, 3 } do
    list[i] = f:any()
    texts[i], width = "v" .. list[i], width + f:width(list[i])
  end
  if width > 700 then return grow.unary(f) end
  local s = chance(0.1) and f:beside(3)
  if s then texts[#texts + 1], width = s, width + 3 end
  return f:add(width, ("concat { %s }"):format(table.concat(texts, ", ")), function(env, cell)
    local parts = {}
    for i, v in ipairs(list) do parts[i] = env[v] end
    if s then parts[#parts + 1] = cell[s] end
    return core.concat(parts, 2)
  end)
end

function grow.reduce(f)
  local x, name = f:any(), pick { "sum", "mean", "max", "min", "logsumexp", "norm", "prod", "any", "all" }
  return f:add(1, ("%s(v%d)"):format(name, x), function(env)
    local value = env[x]
    if name == "any" or name == "all" then value = core.gt(value, 0) end
    if name == "prod" then value = core.sigmoid(value) + 0.5 end
    if name == "norm" then return core.norm(value, 2, 2, true) end
    local result = core[name](value, 2, true)
    if name == "prod" then result = core.tanh(result) end
    return name == "sum" and result / f:width(x) or result
  end)
end

function grow.rows(f)
  local x, name = f:any(), pick { "softmax", "log_softmax", "cumsum", "layer_norm" }
  local width = f:width(x)
  if name == "layer_norm" then
    local g, b = f:own(1, width), f:own(1, width)
    return f:add(width, ("layer_norm(v%d, %s, %s)"):format(x, g, b), function(env, cell)
      return core.layer_norm(env[x], cell[g], cell[b], 1e-3)
    end)
  end
  return f:add(width, ("%s(v%d)"):format(name, x), function(env)
    local y = core[name](env[x], 2)
    return name == "cumsum" and y / width or y
  end)
end

function grow.heads(f) -- (N, heads d) to (N, heads, d) and back
  local x = f:any()
  local width = f:width(x)
  if width % 2 == 1 then return grow.unary(f) end
  return f:add(width, ("heads(v%d)"):format(x), function(env)
    local parts = core.reshape(env[x], -1, 2, width // 2)
    return core.reshape(core.softmax(parts, -1) * parts, -1, width)
  end)
end

-- Looks at a matrix (places, width) of each sample: scores of its rows, or their mean by weights.
function grow.look(f)
  local x, places = f:any(), pick { 1, 2, 3, 5, 17 }
  local width = f:width(x)
  if width * places > 700 then return grow.unary(f) end
  local m, kind = f:beside(places, width), math.random(6)
  if kind == 1 then -- x . M_j, and the mean of M
    local softmax = chance(0.7)
    return f:add(width, ("mean of %s by v%d"):format(m, x), function(env, cell)
      local scores = core.matmul(core.reshape(env[x], -1, 1, width), core.transpose(cell[m], 2, 3))
      if softmax then scores = core.softmax(scores, -1) end
      return core.reshape(core.matmul(scores, cell[m]), -1, width) * (1 / places)
    end)
  elseif kind == 2 then -- v . f(x + M_j)
    local v, b = f:own(0.7, 1, width), chance(0.3) and f:own(0.5, 1)
    local name, op = pick { "tanh", "sigmoid", "sin" }, pick { "add", "mul", "sub", "maximum" }
    return f:add(places, ("%s . %s(%s(v%d, %s))"):format(v, name, op, x, m), function(env, cell)
      local sums = core[op](core.reshape(env[x], -1, 1, width), cell[m])
      return core.reshape(core.linear(core[name](sums), cell[v], b and cell[b] or nil), -1, places)
    end)
  elseif kind == 3 then -- with an axis of one more, and what the cell has for all
    local p, v = f:own(0.7, table.unpack(pick { { places, width }, { width }, { 1, 1, width }, { places, 1 }, { 1 } })),
      f:own(0.7, 1, width)
    return f:add(places, ("%s . (v%d %s + %s)"):format(v, x, m, p), function(env, cell)
      local sums = core.reshape(env[x], -1, 1, width) * cell[m] + cell[p]
      return core.reshape(core.linear(core.tanh(sums), cell[v]), -1, places)
    end)
  elseif kind == 4 then -- a number for each place
    local weights = f:of(places)
    return f:add(places * width, ("v%d by places of %s"):format(weights, m), function(env, cell)
      return core.reshape(core.reshape(env[weights], -1, places, 1) * cell[m], -1, places * width)
    end)
  elseif kind == 5 then -- of two values of the step
    local weights, v = f:of(places), f:own(0.7, 1, width)
    return f:add(places, ("%s . (v%d v%d)"):format(v, weights, x), function(env, cell)
      local outer = core.reshape(env[weights], -1, places, 1) * core.reshape(env[x], -1, 1, width)
      return core.reshape(core.linear(outer, cell[v]), -1, places)
    end)
  end
  return f:add(places * width, ("softmax of v%d + %s"):format(x, m), function(env, cell) -- of many vectors
    return core.reshape(core.softmax(core.reshape(env[x], -1, 1, width) + cell[m], -1), -1, places * width)
  end)
end

local KINDS = {}
for kind, weight in pairs { unary = 5, binary = 7, gated = 3, where = 2, broadcast = 2, outer = 1, linear = 6,
  again = 1,
  gates = 3, slice = 2, concat = 3, reduce = 2, rows = 2, heads = 0.4, look = 1.6 } do
  for _ = 1, weight * 5 do KINDS[#KINDS + 1] = kind end
end
table.sort(KINDS)

-- ---- states ----

-- Keys of the tensors of a state, in order: nil for a state that is one tensor.
local SHAPES = {
  { false }, { false }, { { 1 } }, { { 1 }, { 2 } }, { { "c" }, { "h" } }, { { "a", "x" }, { "a", "y" }, { "b" } },
  { { 1 }, { 2 }, { 3 } }, { { 1, "p" }, { "q" }, { "z", 1 }, { "z", 2 } },
}

local function nest(shape, list)
  if not shape[1] then return list[1] end
  local state = {}
  for k, path in ipairs(shape) do
    local at = state
    for i = 1, #path - 1 do
      at[path[i]] = at[path[i]] or {}
      at = at[path[i]]
    end
    at[path[#path]] = list[k]
  end
  return state
end

local function flat(shape, state)
  if not shape[1] then return { state } end
  local list = {}
  for k, path in ipairs(shape) do
    local at = state
    for _, key in ipairs(path) do at = at[key] end
    list[k] = at
  end
  return list
end

-- ---- a cell ----

local Cell = rnn.nn.cell("RandomCell", function(self, _, _, seed)
  local f = random_cells.formula(seed)
  self.formula, self.inputs, self.units = f, f.inputs, nil
  for _, t in ipairs(f.tensors) do
    self[t.name] = core.randn(table.unpack(t)) * t.scale
    if #t == 0 then self[t.name] = core.tensor(0.3) end
    self[t.name] = self[t.name]:detach():copy():requires_grad(t.needs)
  end
end)

function Cell:step(x, state, t)
  local f = self.formula
  local env, list = { t = t }, flat(f.shape, state)
  for v, var in ipairs(f.vars) do
    if var.f == "x" then env[v] = x
    elseif var.f == "t" then env[v] = t
    elseif math.type(var.f) then env[v] = list[var.f]
    else env[v] = var.f(env, self) end
  end
  local new = {}
  for k, v in ipairs(f.new) do new[k] = env[v] end
  return env[f.y], nest(f.shape, new)
end

function Cell:initial_state(batch)
  local list = {}
  for k, width in ipairs(self.formula.state_widths) do list[k] = core.zeros(batch, width) end
  return nest(self.formula.shape, list)
end

-- What has a row for each sample is made for a batch.
function Cell:prepare(samples)
  for _, t in ipairs(self.formula.samples) do
    self[t.name] = (core.randn(samples, table.unpack(t)) * 0.7):detach():requires_grad(t.needs)
  end
end

--- random_cells.formula(seed) -> the formula as data
function random_cells.formula(seed)
  math.randomseed(seed)
  local f = setmetatable({ vars = {}, tensors = {}, samples = {}, new = {}, state_widths = {} }, Formula)
  f.widths = pick { { 1, 3 }, { 4 }, { 5, 8 }, { 31, 32, 33 }, { 32 }, { 1, 33 }, { 2, 6, 1 }, { 7, 512 }, { 600, 3 } }
  f.inputs = pick { 1, 3, 8, 33, f.widths[1] }
  f.shape = pick(SHAPES)
  f:add(f.inputs, "x", "x")
  for k = 1, #f.shape do
    f.state_widths[k] = pick(f.widths)
    f:add(f.state_widths[k], "state " .. k, k)
  end
  if chance(0.2) then f:add(1, "t", "t") end
  for _ = 1, math.random(2, pick { 4, 8, 16, 24 }) do
    if chance(0.5) and #f.vars > 4 then -- deeper
      local real, from = f.any, math.max(1, #f.vars - 4)
      f.any = function(self) return math.random(from, #self.vars) end
      grow[pick(KINDS)](f)
      f.any = real
    else
      grow[pick(KINDS)](f)
    end
  end
  for k, width in ipairs(f.state_widths) do
    local fitting = {}
    for v, var in ipairs(f.vars) do
      if var.width == width then fitting[#fitting + 1] = v end
    end
    local last = fitting[#fitting]
    f.new[k] = chance(0.15) and pick(fitting) or chance(0.5) and last or f:of(width)
    if not chance(0.2) and f.vars[f.new[k]].f ~= k then
      local v, s = f.new[k], k + 1
      f.new[k] = chance(0.5) and f:add(width, ("tanh(v%d)"):format(v), function(env) return core.tanh(env[v]) end)
        or f:add(width, ("0.5 v%d + 0.25 v%d"):format(v, s), function(env) return 0.5 * env[v] + 0.25 * env[s] end)
    end
  end
  local behind = chance(0.5) and grow[pick(KINDS)](f)
  f.y = behind or (chance(0.5) and pick(f.new) or f:any())
  return f
end

--- random_cells.describe(formula) -> its text, for a failure's message
function random_cells.describe(f)
  local lines = {}
  for v, var in ipairs(f.vars) do lines[v] = ("v%d (%d) = %s"):format(v, var.width, var.text) end
  lines[#lines + 1] = ("y = v%d; states %s"):format(f.y, table.concat(f.new, ", "))
  return table.concat(lines, "\n")
end

random_cells.Cell, random_cells.flat, random_cells.nest = Cell, flat, nest

return random_cells
