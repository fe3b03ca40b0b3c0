-- program.lua: what a formula leaves in the loop over time, as instructions for core.scan, and the way back through
-- them.
--
-- A rule of the table below says how the gradient d of an op's result becomes those of its inputs, in instructions on
-- values. What the way back needs is kept for all steps, unless it is cheap to compute again from what is kept anyway.

local core = require "rnn.core"
local formula = require "rnn.nn.formula"

local program = {}

-- ---- instructions ----

-- A program under construction: values, the code at hand, and what they stand for. Fields become what they are of.
local Builder = {}
Builder.__index = Builder

function Builder:value(kind, width, fields)
  local value = fields or {}
  value.kind, value.width = kind, width
  self.values[#self.values + 1] = value
  value.id = #self.values
  return value
end

-- Appends an instruction whose result has that width; a, b, c are values. Gives the result.
function Builder:emit(op, width, a, b, c, fields)
  local instruction = fields or {}
  instruction.op, instruction.a, instruction.b, instruction.c = op, a, b, c
  instruction.to = instruction.to or self:value("temporary", width)
  instruction.to.by = instruction
  self.code[#self.code + 1] = instruction
  return instruction.to
end

-- The place of an input of the op among its tensors.
function Builder:input(source)
  self.inputs[#self.inputs + 1] = source
  return #self.inputs
end

-- ---- values of the graph as operands ----

-- What stands beside values of width: a constant.
function Builder:constant(value, width)
  local known = self.constants[value]
  if not known then known = {} self.constants[value] = known end
  if known[width] then return known[width] end
  local form = value.kind == "number" and "number" or value.form
  if form == "other" or form == "matrix" then self:refuse(("a tensor of %d axes stands in it"):format(#value.dims)) end
  local own = form == "samples" and value.width or width
  if form == "row" and value.width ~= width then self:refuse("a row of another width stands in it") end
  known.input = known.input or self:input(value)
  known[width] = self:value("constant", own, { index = known.input, form = form, source = value })
  return known[width]
end

function Builder:matrix(value, turned)
  local known = self.matrices[value]
  if not known then
    known = { input = self:input(value) }
    self.matrices[value] = known
  end
  local key = turned and "turned" or "plain"
  if not known[key] then
    known[key] = self:value("matrix", value.dims[2], { index = known.input, rows = value.dims[1], source = value })
  end
  return known[key]
end

function Builder:refuse(why)
  local line = self.at and self.at.line or ""
  error({ refused = line ~= "" and line .. ": " .. why or why }, 0)
end

-- Columns from .. of a value, where they lie. whole: what they are a part of.
function Builder:part(value, from, width)
  local whole = value.whole or value
  local part = self:value("part", width, { index = whole.id, from = from + (value.from or 0), whole = whole })
  whole.parts = whole.parts or {}
  table.insert(whole.parts, part)
  return part
end

-- A temporary value, with its parts, lies in the columns from .. of whole from now on.
local function move(value, whole, from)
  for _, part in ipairs { value, table.unpack(value.parts or {}) } do
    part.kind, part.index, part.from, part.whole = "part", whole.id, from + (part.from or 0), whole
    table.insert(whole.parts, part)
  end
end

-- The operand that a value of the graph is in forward, in its own width.
function Builder:own(value)
  if self.made[value] then return self.made[value] end
  if value.class == "loop" then return self:refuse("its order is circular") end
  if value.ndim ~= 2 then self:refuse("a tensor of more than two axes enters the loop") end
  local made
  if value.op == "part" then made = self:part(self:own(value.inputs[1]), value.from, value.width)
  else made = self:value("stream", value.width, { index = self:input(value), source = value }) end
  self.made[value] = made
  return made
end

local is_constant = formula.is_constant

-- The same beside values of width.
function Builder:operand(value, width)
  if is_constant(value) then
    local constant = self:constant(value, width)
    return constant.width == width and constant or self:expanded(value, constant, width)
  end
  local own = self:own(value)
  return own.width == width and own or self:expanded(value, own, width)
end

function Builder:expanded(value, own, width)
  local known = self.wide[value]
  if not known then known = {} self.wide[value] = known end
  if not known[width] then known[width] = self:emit("expand", width, own) end
  return known[width]
end

-- ---- forward: one function for each op that has no instruction of its own name and as many operands ----

local forward = {}

local lacking = { pow = true, atan2 = true, logical_not = true } -- element by element, but without an instruction

local function same(b, v)
  local operands = {}
  for i, input in ipairs(v.inputs) do operands[i] = input and b:operand(input, v.width) end
  return b:emit(v.op, v.width, operands[1], operands[2], operands[3], { p = v.numbers[1], q = v.numbers[2] })
end

-- As another instruction, of these operands.
local function as(instruction, first, second)
  return function(b, v)
    return b:emit(instruction, v.width, b:operand(v.inputs[first], v.width), b:operand(v.inputs[second], v.width))
  end
end
forward.gt, forward.ge = as("lt", 2, 1), as("le", 2, 1)
forward.logical_and, forward.logical_or, forward.logical_xor = as("mul", 1, 2), as("maximum", 1, 2), as("ne", 1, 2)

-- x W' + b or x W; b may be a sum that the product goes on from.
function forward.linear(b, v)
  local x, w, bias = v.inputs[1], v.inputs[2], v.inputs[3]
  local third
  if bias and is_constant(bias) then
    third = b:constant(bias.form == "number" and setmetatable({ form = "row", width = 1 }, { __index = bias }) or bias,
      v.width)
  elseif bias then
    third = b:own(bias)
  end
  return b:emit("product", v.width, b:own(x), b:matrix(w, v.op == "matmul"), third, { turned = v.op == "matmul" })
end
forward.matmul = forward.linear

function forward.part(b, v) return b:part(b:own(v.inputs[1]), v.from, v.width) end

function forward.concat(b, v)
  if v.integers[1] ~= 1 then b:refuse("concat along another axis than the last") end
  local whole, at = b:value("temporary", v.width), 0
  for _, input in ipairs(v.inputs) do
    if is_constant(input) then b:refuse("concat with a tensor of the cell's own") end
    b:emit("copy", input.width, b:own(input), nil, nil, { to = b:part(whole, at, input.width) })
    at = at + input.width
  end
  return whole
end

-- The gain and the bias are ordinary instructions.
function forward.layer_norm(b, v)
  local scale = b:value("temporary", 1)
  local hat = b:emit("norm", v.width, b:own(v.inputs[1]), scale, nil, { p = v.numbers[1] })
  b.hats[v] = { hat = hat, scale = scale }
  local scaled = b:emit("mul", v.width, b:operand(v.inputs[2], v.width), hat)
  local bias = v.inputs[3]
  return bias and b:emit("add", v.width, scaled, b:operand(bias, v.width)) or scaled
end

local function over_features(b, v)
  local axes = v.shape
  if #axes ~= 1 or axes[1] ~= 1 or v.ndim ~= 2 then
    b:refuse(v.op .. " over other axes than the last, or without keepdim")
  end
end

local reductions = { sum = "row_sum", mean = "row_mean", max = "row_max", min = "row_min" }
for name, instruction in pairs(reductions) do
  forward[name] = function(b, v)
    over_features(b, v)
    return b:emit(instruction, 1, b:own(v.inputs[1]))
  end
end

function forward.softmax(b, v)
  if v.integers[1] ~= 1 then b:refuse("softmax along another axis than the last") end
  return b:emit("softmax", v.width, b:own(v.inputs[1]))
end

-- ---- backward: d is the gradient of v; f(value) the operand that a value of the graph has in the way back ----

local backward = {}

function backward.add(b, v, d) for i = 1, 2 do b:give(v.inputs[i], d, v.width) end end
function backward.sub(b, v, d)
  local y = v.inputs[2]
  b:give(v.inputs[1], d, v.width)
  if b:wants(y) then
    if b:goes_on(y, v.width) then b.sums[y] = b:emit("sub", v.width, b.sums[y], d)
    else b:give(y, b:emit("neg", v.width, d), v.width) end
  end
end
function backward.mul(b, v, d)
  for i = 1, 2 do b:give_product(v.inputs[i], d, v.inputs[3 - i], v.width) end
end
function backward.fma(b, v, d)
  backward.mul(b, v, d)
  b:give(v.inputs[3], d, v.width)
end
function backward.div(b, v, d)
  local x, y, w = v.inputs[1], v.inputs[2], v.width
  if b:wants(x) then b:give(x, b:emit("div", w, d, b:again(y, w)), w) end
  if b:wants(y) then
    local by = b:again(y, w)
    local quotient = b:emit("div", w, b:emit("div", w, b:again(x, w), by), by)
    b:give(y, b:emit("neg", w, b:emit("mul", w, d, quotient)), w)
  end
end
function backward.mod(b, v, d)
  local x, y, w = v.inputs[1], v.inputs[2], v.width
  b:give(x, d, w)
  if b:wants(y) then
    local quotient = b:emit("floor_div", w, b:again(x, w), b:again(y, w))
    b:give(y, b:emit("neg", w, b:emit("mul", w, d, quotient)), w)
  end
end

-- The gradient goes to the first where the mask is 1, else to the second.
local function choose(b, first, second, mask, d, w)
  local zero = b:constant(b.zero, w)
  if b:wants(first) then b:give(first, b:emit("where", w, mask, d, zero), w) end
  if b:wants(second) then b:give(second, b:emit("where", w, mask, zero, d), w) end
end
function backward.maximum(b, v, d)
  local x, y, w = v.inputs[1], v.inputs[2], v.width
  choose(b, x, y, b:emit("le", w, b:again(y, w), b:again(x, w)), d, w)
end
function backward.minimum(b, v, d)
  local x, y, w = v.inputs[1], v.inputs[2], v.width
  choose(b, x, y, b:emit("le", w, b:again(x, w), b:again(y, w)), d, w)
end
function backward.where(b, v, d) choose(b, v.inputs[2], v.inputs[3], b:again(v.inputs[1], v.width), d, v.width) end

function backward.neg(b, v, d) b:give(v.inputs[1], b:emit("neg", v.width, d), v.width) end
function backward.tanh(b, v, d) b:give(v.inputs[1], b:emit("tanh_back", v.width, b:again(v), d), v.width) end
function backward.sigmoid(b, v, d) b:give(v.inputs[1], b:emit("sigmoid_back", v.width, b:again(v), d), v.width) end
function backward.exp(b, v, d) b:give(v.inputs[1], b:emit("mul", v.width, d, b:again(v)), v.width) end
function backward.round(b, v, d) if v.integers[1] ~= 0 then b:give(v.inputs[1], d, v.width) end end

-- Those whose slope is a function of the argument (x) or of the result (y).
local slopes = { x = "abs square log log1p sin cos asin acos atan sinh cosh erf softplus leaky_relu elu selu softsign "
  .. "hard_sigmoid clamp gelu silu log_sigmoid", y = "sqrt rsqrt reciprocal expm1 tan relu" }
for of, names in pairs(slopes) do
  for name in names:gmatch("%S+") do
    backward[name] = function(b, v, d)
      local seen = of == "x" and b:again(v.inputs[1], v.width) or b:again(v)
      b:give(v.inputs[1], b:emit(name .. "_slope", v.width, seen, seen, d, { p = v.numbers[1], q = v.numbers[2] }),
        v.width)
    end
  end
end

function backward.linear(b, v, d)
  local x, w, bias = v.inputs[1], v.inputs[2], v.inputs[3]
  local turned = v.op == "matmul"
  if bias and b:wants(bias) then b:give(bias, d, v.width) end
  if b:wants(x) then -- goes on from what there is of the gradient, in place where that is a product
    local sum, again = b.sums[x], b.sums[x] and b.sums[x] == b.from_products[x]
    local dx = b:emit("product", x.width, d, b:matrix(w, not turned), not again and sum or nil,
      { turned = not turned, to = again and sum or nil, add = again })
    b.from_products[x] = dx
    if sum then b.sums[x] = dx else b:give(x, dx, x.width) end
  end
  if w.needs then b.products[#b.products + 1] = { left = x, matrix = w, gradient = d, turned = turned } end
end
backward.matmul = backward.linear

function backward.part() end -- give does it
function backward.concat(b, v, d)
  local at = 0
  for _, input in ipairs(v.inputs) do
    if b:wants(input) then b:give(input, b:part(d, at, input.width), input.width) end
    at = at + input.width
  end
end
function backward.layer_norm(b, v, d)
  local x, gain, w = v.inputs[1], v.inputs[2], v.width
  local hat, scale = b.hats[v].hat, b.hats[v].scale
  hat.kind, scale.kind = "saved", "saved"
  b:give(v.inputs[3], d, w)
  if b:wants(gain) then b:emit("accumulate", 0, d, hat, nil, { to = b:constant(gain, w) }) end
  if b:wants(x) then
    local dhat = b:emit("mul", w, d, b:again(gain, w))
    b:give(x, b:emit("norm_back", w, hat, scale, dhat), w)
  end
end
function backward.sum(b, v, d)
  local x = v.inputs[1]
  b:give(x, b:emit("expand", x.width, d), x.width)
end
function backward.mean(b, v, d)
  local x = v.inputs[1]
  local share = b:constant({ kind = "number", value = 1 / x.width, form = "number" }, x.width)
  b:give(x, b:emit("mul", x.width, b:emit("expand", x.width, d), share), x.width)
end
function backward.softmax(b, v, d) b:give(v.inputs[1], b:emit("softmax_back", v.width, b:again(v), d), v.width) end

-- Piecewise constant: nothing flows through them.
for name in ([[eq ne lt le gt ge logical_and logical_or logical_xor logical_not floor ceil sign floor_div
    is_finite]]):gmatch("%S+") do
  backward[name] = false
end

--- program.takes(value): is there an instruction for it, element by element, and a way back?
function program.takes(value)
  return value.each and not lacking[value.op] and backward[value.op] ~= nil
end

-- ---- gradients: who wants one, and adding up ----

function Builder:wants(value) return value and self.needs[value] end

-- The way back needs a value of the graph, as it stands beside others of width.
function Builder:again(value, width)
  if is_constant(value) then return self:operand(value, width) end
  local own = self:own(value)
  self.kept[value] = true
  return (not width or own.width == width) and own or self:expanded(value, own, width)
end

-- d, of width, is a part of the gradient of a value; it is summed to the value's own width.
function Builder:give(value, d, width)
  if not self:wants(value) then return end
  if is_constant(value) then
    local constant = self:constant(value, width)
    if constant.form == "samples" and constant.width ~= width then d = self:emit("row_sum", 1, d) end
    self:emit("accumulate", 0, d, nil, nil, { to = constant })
    return
  end
  if value.width ~= width then d = self:emit("row_sum", 1, d) end
  if value.op == "part" then return self:give_part(value, d) end
  local sum = self.sums[value]
  self.sums[value] = sum and self:emit("add", value.width, sum, d) or d
end

-- Is there a sum of value's gradient that what comes in that width can go on from?
function Builder:goes_on(value, width) return self.sums[value] and value.width == width end

-- The same with d times another value of the graph.
function Builder:give_product(value, d, other, width)
  if not self:wants(value) then return end
  other = self:again(other, width)
  if self:goes_on(value, width) then
    self.sums[value] = self:emit("fma", width, d, other, self.sums[value])
  elseif is_constant(value) and self:constant(value, width).width == width then
    self:emit("accumulate", 0, d, other, nil, { to = self:constant(value, width) })
  else
    self:give(value, self:emit("mul", width, d, other), width)
  end
end

-- d is a part of the gradient of a part; what there is of each waits until the whole takes its turn.
function Builder:give_part(value, d)
  local from, width = 0, value.width
  while value.op == "part" do from, value = from + value.from, value.inputs[1] end
  local parts = self.parts[value] or {}
  self.parts[value] = parts
  for _, p in ipairs(parts) do
    if p.from == from and p.width == width then
      p.d = self:emit("add", width, p.d, d)
      return
    end
  end
  parts[#parts + 1] = { from = from, width = width, d = d }
end

-- The gradients of a value's parts become one of the value, written where they belong.
function Builder:join(value)
  local parts = self.parts[value]
  while parts and #parts > 0 do
    table.sort(parts, function(x, y) return x.from < y.from or (x.from == y.from and x.width < y.width) end)
    local whole, at, others = self:value("temporary", value.width, { parts = {} }), 0, {}
    local function fill(to)
      if to == at then return end
      self:emit("copy", to - at, self:constant(self.zero, to - at), nil, nil, { to = self:part(whole, at, to - at) })
    end
    for _, p in ipairs(parts) do
      if p.from < at then
        others[#others + 1] = p
      else
        fill(p.from)
        at = p.from + p.width
        local d = p.d
        if d.kind == "temporary" and not (d.by and program.of_rows[d.by.op]) then move(d, whole, p.from)
        else
          self:emit("copy", p.width, d, nil, nil, { to = self:part(whole, p.from, p.width) })
        end
      end
    end
    fill(value.width)
    local sum = self.sums[value]
    self.sums[value] = sum and self:emit("add", value.width, sum, whole) or whole
    parts = others
  end
  self.parts[value] = nil
end

-- ---- the order of instructions ----

local of_rows = { product = true, expand = true, row_sum = true, row_mean = true, row_max = true, row_min = true,
  softmax = true, softmax_back = true, norm = true, norm_back = true }
program.of_rows = of_rows

-- The width of what an instruction goes through element by element, or 0.
local function width_of(i)
  if of_rows[i.op] then return 0 end
  return i.op == "accumulate" and i.a.width or i.to.width
end

-- The same instructions, those that go element by element as often behind each other as they can.
local function group(code)
  local writers, left, result = {}, {}, {} -- of a value, those of itself and its parts
  local function writers_of(value)
    local whole = value.whole or value
    writers[whole] = writers[whole] or {}
    return writers[whole]
  end
  local function add_after(i, value)
    local from = value.from or 0
    for _, w in ipairs(writers_of(value)) do
      if w.from < from + value.width and from < w.to then
        i.waits = i.waits + 1
        table.insert(w.by.awaited, i)
      end
    end
  end
  local function add_writer(i, value)
    local list, from = writers_of(value), value.from or 0
    list[#list + 1] = { by = i, from = from, to = from + value.width }
  end
  for k, i in ipairs(code) do
    left[k], i.waits, i.awaited, i.columns = i, 0, {}, width_of(i)
    for _, name in ipairs { "a", "b", "c" } do
      if i[name] then add_after(i, i[name]) end
    end
    if i.add then add_after(i, i.to) end
    if i.op ~= "accumulate" then add_writer(i, i.to) end
    if i.op == "norm" then add_writer(i, i.b) end
  end
  local width
  while #left > 0 do
    local found
    for k, i in ipairs(left) do -- of the width at hand; else of whole rows; else the first
      if i.waits == 0 and (i.columns == width or not found) then
        found = k
        if i.columns == width then break end
      end
    end
    local i = table.remove(left, found)
    width = i.columns
    for _, later in ipairs(i.awaited) do later.waits = later.waits - 1 end
    result[#result + 1] = i
  end
  return result
end

local function numbered(code)
  local list = {}
  for k, i in ipairs(group(code)) do
    list[k] = { op = i.op, to = i.to.id, a = i.a and i.a.id, b = i.b and i.b.id, c = i.c and i.c.id, p = i.p, q = i.q,
      add = i.add, turned = i.turned }
  end
  return list
end

-- ---- the whole ----

-- Which values depend on something whose gradient is wanted.
local function find_needs(graph, list, about)
  local needs = {}
  local states = {}
  repeat
    local changed = false
    for _, value in ipairs(list) do
      local need = value.needs or (value.kind == "x" and about.x_needs) or (value.kind == "state" and states[value])
        or (value.kind == "shift" and needs[value.of]) or false
      if value.kind == "state" and about.state_needs[value.index] then need = true end
      if value.kind == "shift" and about.state_needs[value.index] then need = true end
      if value.kind == "op" and backward[value.op] ~= false then
        for _, input in ipairs(value.inputs) do need = need or (input and needs[input]) or false end
      end
      if need and not needs[value] then
        needs[value] = true
        changed = true
      end
    end
    for k, state in ipairs(graph.states) do
      if needs[graph.new[k]] and not states[state] then
        states[state] = true
        changed = true
      end
    end
  until not changed
  return needs
end

-- Cheap enough to be computed twice.
local cheap = { add = true, sub = true, mul = true, neg = true, square = true, eq = true, ne = true, lt = true,
  le = true, gt = true, ge = true, where = true, fma = true, maximum = true, minimum = true }

-- Values of the loop that the way back reads: saved, or computed again at its head from others that are there.
local function settle(b, list, forward_code)
  local there, first, head, code, columns = {}, {}, {}, b.code, {}
  for _, value in ipairs(list) do -- of which all columns are kept, part by part, is kept as it is
    local whole = value.class == "loop" and value.op == "part" and b.kept[value] and value.inputs[1]
    if whole then
      columns[whole] = (columns[whole] or 0) + value.width
      b.kept[whole] = b.kept[whole] or columns[whole] >= whole.width
    end
  end
  b.code, b.wide = head, {} -- what stands wide further on is not there yet
  for _, value in ipairs(list) do
    local made = b.made[value]
    if value.kind == "state" then there[value] = true
    elseif value.op == "part" and value.class == "loop" then
      there[value] = there[value.inputs[1]] or b.kept[value]
      if b.replaced[made.whole] then
        b.replaced[made] = forward.part(b, value)
        b.made[value], first[value] = b.replaced[made], made
      elseif b.kept[value] and not there[value.inputs[1]] then
        b.replaced[made] = b:value("saved", value.width)
        b.code = forward_code
        b.made[value] = b:emit("copy", value.width, made, nil, nil, { to = b.replaced[made] })
        b.code = head
      end
    elseif value.class == "loop" and b.kept[value] and made.kind == "temporary" then
      local again = cheap[value.op]
      for _, input in ipairs(value.inputs) do
        again = again and (not input or is_constant(input) or input.class ~= "loop" or there[input])
      end
      if again then
        b.replaced[made] = (forward[value.op] or same)(b, value)
        b.made[value] = b.replaced[made]
        first[value] = made
      else
        made.kind = "saved"
      end
      there[value] = true
    elseif made and made.kind ~= "temporary" then there[value] = true
    end
  end
  for value, made in pairs(first) do b.made[value] = made end
  for _, i in ipairs(code) do
    for _, name in ipairs { "a", "b", "c" } do i[name] = b.replaced[i[name]] or i[name] end
    head[#head + 1] = i
  end
end

-- What the way back leaves: gradients of first states, streams and products.
local function finish(b, graph, about)
  local taken = {}
  local function put(kind, width, d, index)
    if d and d.kind == "temporary" and not taken[d] and d.width == width then
      d.kind, d.index = kind, index
      taken[d] = d
      return d
    end
    local to = b:value(kind, width, { index = index })
    b:emit("copy", width, d or b:constant(b.zero, width), nil, nil, { to = to })
    if d then taken[d] = to end
    return to
  end
  for value, made in pairs(b.made) do
    if made.kind == "stream" and b.needs[value] then b.streams[#b.streams + 1] = { value = value, made = made } end
  end
  table.sort(b.streams, function(x, y) return x.made.index < y.made.index end)
  for _, s in ipairs(b.streams) do put("d_stream", s.made.width, b.sums[s.value], s.made.index) end
  local function kept(gradient) -- for all steps
    local d = taken[gradient] or gradient
    local whole = d.whole or d
    if d.whole and whole.kind == "temporary" then whole.kind, whole.index = "d_product", 1 end
    if whole.kind == "d_stream" or whole.kind == "d_product" then return d end
    return put("d_product", gradient.width, gradient, 1)
  end
  for _, p in ipairs(b.products) do p.d = kept(p.gradient) end
  for k, value in ipairs(graph.new) do
    if about.watched and b.slot[k] == 1 and b.sums[value] then
      b.flow = kept(b.sums[value])
      if b.flow.whole then b.flow = put("d_product", value.width, b.flow, 1) end
    end
  end
  for k, state in ipairs(graph.states) do
    if not graph.shifted[k] then put("d_before", state.width, b.sums[state], b.slot[k]) end
  end
end

local activations = { tanh = false, relu = false, softsign = false, sigmoid = true, hard_sigmoid = true }

--- program.build(graph, about) -> { program, inputs, slots, states, results, ... } | nil, reason
---
--- about: { records, x_needs, state_needs, watched }. inputs are values of the graph whose tensors the program takes;
--- slots[k] is the place of state k among its states, nil for one that has left the loop; results are { value, batch }.
--- For explain: saved, the numbers kept of a sample and step; text, the program; made, its value of each of the
--- graph's; backward, whether there is a way back.
function program.build(graph, about)
  local list = formula.order(formula.roots_of(graph))
  local b = setmetatable({ values = {}, code = {}, inputs = {}, constants = {}, matrices = {}, made = {}, wide = {},
    hats = {}, kept = {}, sums = {}, from_products = {}, parts = {}, products = {}, replaced = {},
    streams = {}, slot = {},
    zero = { kind = "number", value = 0, form = "number" } }, Builder)
  local states = 0
  for k in ipairs(graph.new) do
    if not graph.shifted[k] then
      states = states + 1
      b.slot[k] = states
    end
  end
  local function build()
    b.needs = about.records and find_needs(graph, list, about) or {}
    for k, state in ipairs(graph.states) do
      if b.slot[k] then b.made[state] = b:value("before", state.width, { index = b.slot[k] }) end
    end
    for _, value in ipairs(list) do
      b.at = value
      if value.class == "loop" and value.kind == "op" then
        local make = forward[value.op] or (value.each and not lacking[value.op] and same)
        if not make then b:refuse(value.op .. " has no rule for the loop") end
        if b.needs[value] and backward[value.op] == nil then
          b:refuse(value.op .. " has no gradient rule for the loop")
        end
        b.made[value] = make(b, value)
      end
    end
    -- New states, and what is wanted behind the loop.
    for k, value in ipairs(graph.new) do
      if b.slot[k] then
        local made = not is_constant(value) and b:own(value)
        if made and made.kind == "temporary" then
          made.kind, made.index = "after", b.slot[k]
        else
          local to = b:value("after", graph.states[k].width, { index = b.slot[k] })
          b:emit("copy", to.width, made or b:constant(value, to.width), nil, nil, { to = to })
        end
      end
    end
    -- Of the values of the loop, those that are needed at all steps.
    local results = {}
    local kept = { [true] = {}, [false] = {} } -- as a batch, and as steps
    local function keep(value, batch)
      if kept[batch][value] then return end
      kept[batch][value] = true
      local made = b:own(value)
      if made.whole then made = b:emit("copy", value.width, made) end
      if made.kind == "temporary" then made.kind = "saved" end
      results[#results + 1] = { value = value, made = made, batch = batch }
    end
    for _, value in ipairs(list) do
      for _, input in ipairs(value.class == "behind" and value.inputs or {}) do
        if input and input.class == "loop" then keep(input, false) end
      end
    end
    if graph.y.class == "loop" then keep(graph.y, true) end
    for _, value in ipairs(graph.recorded) do
      if value.class == "loop" then keep(value, false) end
    end
    b.results = results
    local forward_code = b.code
    -- The way back.
    b.code, b.wide = {}, {}
    local any = false
    for _, value in ipairs(list) do any = any or (b.needs[value] and value.class == "loop") end
    for k, value in ipairs(graph.new) do any = any or b.slot[k] and (b.needs[value] or about.state_needs[k]) end
    if any then
      for k, value in ipairs(graph.new) do
        if b.slot[k] and b.needs[graph.states[k]] or b.slot[k] and b.needs[value] then
          b:give(value, b:value("d_after", graph.states[k].width, { index = b.slot[k] }), value.width)
        end
      end
      for j, r in ipairs(results) do
        if b.needs[r.value] and r.made.kind ~= "after" then
          b:give(r.value, b:value("d_result", r.value.width, { index = j }), r.value.width)
        end
      end
      for i = #list, 1, -1 do
        local value = list[i]
        b:join(value)
        if value.class == "loop" and value.kind == "op" and b.sums[value] and backward[value.op] then
          backward[value.op](b, value, b.sums[value])
        end
      end
      settle(b, list, forward_code)
      finish(b, graph, about)
    end
    -- The first factors of products: kept for all steps.
    for _, p in ipairs(b.products) do
      local left = b:own(p.left)
      left = left.whole or left
      if left.kind == "temporary" then left.kind = "saved" end
    end
    local text = { flow = b.flow and b.flow.id, states = states, results = {}, products = {}, watched = {},
      values = {} }
    for j, r in ipairs(results) do text.results[j] = { value = r.made.id, batch = r.batch } end
    for _, value in ipairs(list) do
      local made = b.made[value]
      if any and value.class == "loop" and activations[value.op] ~= nil and made.kind == "saved" then
        text.watched[#text.watched + 1] = { value = made.id, activation = value.op, gate = activations[value.op] }
      end
    end
    for k, p in ipairs(b.products) do
      text.products[k] = { left = b:own(p.left).id, matrix = b:matrix(p.matrix, p.turned).id, gradient = p.d.id,
        turned = p.turned }
    end
    text.forward, text.backward = numbered(forward_code), numbered(b.code)
    for i, value in ipairs(b.values) do
      text.values[i] = { kind = value.kind, index = value.index, width = value.width, rows = value.rows,
        form = value.form, from = value.from }
    end
    text.inputs = #b.inputs
    return text
  end
  local ok, text = pcall(build)
  if not ok then
    if type(text) == "table" and text.refused then return nil, text.refused end
    error(text, 0)
  end
  local saved = 0
  for _, value in ipairs(b.values) do
    if value.kind == "saved" then saved = saved + value.width end
  end
  return { program = core.program(text), inputs = b.inputs, slots = b.slot, states = states, results = b.results,
    saved = saved, text = text, made = b.made, backward = #text.backward > 0 }
end

return program
