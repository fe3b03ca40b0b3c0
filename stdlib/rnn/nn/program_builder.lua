-- program_builder.lua: a program under construction: its values, its instructions, and the gradients that add up.

local formula = require "rnn.nn.formula"

local is_constant = formula.is_constant

local Builder = {}
Builder.__index = Builder

-- Instructions of whole rows; the others go element by element.
Builder.of_rows = { product = true, dot = true, mix = true, outer = true, expand = true, row_sum = true,
  row_mean = true, row_max = true, row_min = true, softmax = true, softmax_back = true, norm = true, norm_back = true }

-- ---- instructions ----

-- A program under construction: values, the code at hand, and what they stand for. Fields become what they are of.
function Builder.new()
  return setmetatable({ values = {}, code = {}, inputs = {}, constants = {}, matrices = {}, made = {}, wide = {},
    hats = {}, kept = {}, sums = {}, from_products = {}, parts = {}, products = {}, replaced = {}, streams = {},
    slot = {}, zero = { kind = "number", value = 0, form = "number", width = 1 },
    one = { kind = "number", value = 1, form = "number", width = 1 } }, Builder)
end

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
  local made
  if value.op == "part" then made = self:part(self:own(value.inputs[1]), value.from, value.width)
  else made = self:value("stream", value.width, { index = self:input(value), source = value }) end
  self.made[value] = made
  return made
end

-- The same beside values of width.
function Builder:operand(value, width)
  if is_constant(value) then
    local row = value.form == "row" and value.width ~= width
    local constant = self:constant(value, row and value.width or width)
    return constant.width == width and constant or self:expanded(value, constant, width)
  end
  local own = self:own(value)
  return own.width == width and own or self:expanded(value, own, width)
end

-- Which axes of the value at hand one of its inputs does not have: "first" or "last", those before or behind its own.
function Builder:lacks(value)
  local whole, inner = formula.inner(self.at), formula.inner(value)
  local from, to -- the axes that it has
  for i = 1, #whole do
    local size = inner[i - #whole + #inner] or 1
    if whole[i] ~= 1 and size == whole[i] then from, to = from or i, i end
  end
  for i = from or 1, to or 0 do
    if whole[i] ~= (inner[i - #whole + #inner] or 1) then self:refuse "a tensor without an axis between two others" end
  end
  local width = 1
  for i = from or 1, #whole do width = width * whole[i] end
  if width == value.width then return "first" end
  width = 1
  for i = 1, to or 0 do width = width * whole[i] end
  return width == value.width and "last" or self:refuse "a tensor without axes on both sides of its own"
end

-- A value that is the same along the axes that it does not have.
function Builder:expanded(value, own, width)
  local known = self.wide[value]
  if not known then known = {} self.wide[value] = known end
  local where = value.width == 1 and "expand" or self:lacks(value)
  local key = where .. width
  if not known[key] then
    local ones = where ~= "expand" and self:constant(self.one, width // value.width)
    known[key] = where == "expand" and self:emit("expand", width, own)
      or where == "first" and self:emit("outer", width, ones, own) or self:emit("outer", width, own, ones)
  end
  return known[key]
end

-- A gradient beside values of width, summed to the value's own.
function Builder:narrowed(value, d, width)
  if value.width == width then return d end
  if value.width == 1 then return self:emit("row_sum", 1, d) end
  local ones = self:constant(self.one, width // value.width)
  return self:emit(self:lacks(value) == "first" and "mix" or "dot", value.width, d, ones)
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
    local constant = self:constant(value, value.form == "row" and value.width or width)
    if constant.width ~= width then d = self:narrowed(value, d, width) end
    self:emit("accumulate", 0, d, nil, nil, { to = constant })
    return
  end
  d = self:narrowed(value, d, width)
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
  elseif is_constant(value) and (value.width == width or value.form == "number") then
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
        if d.kind == "temporary" and not (d.by and Builder.of_rows[d.by.op]) then move(d, whole, p.from)
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

return Builder
