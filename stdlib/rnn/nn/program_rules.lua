-- program_rules.lua: how an op of a formula is done in the loop over time, and how the gradient of its result becomes
-- those of its inputs, in instructions of a program.

local formula = require "rnn.nn.formula"

local is_constant = formula.is_constant

local rules = { forward = {}, backward = {} }

-- ---- forward: one function for each op that has no instruction of its own name and as many operands ----

local forward = rules.forward

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

-- A matrix of each sample's own, or a vector of many: what a product is then.
local function own_product(v)
  local w = v.inputs[2]
  if v.op == "matmul" and #w.dims == 3 then return "matrix" end
  return formula.vectors(v.inputs[1]) > 1 and "vector"
end

-- x W' + b or x W; b may be a sum that the product goes on from.
function forward.linear(b, v)
  local x, w, bias = v.inputs[1], v.inputs[2], v.inputs[3]
  local own, third = own_product(v), nil
  if own == "matrix" then
    if formula.vectors(x) > 1 then b:refuse("a product of two matrices of each sample") end
    return b:emit("mix", v.width, b:constant(w, w.width), b:own(x))
  elseif own then
    if v.op == "matmul" or w.dims[1] ~= 1 then b:refuse("a product of a sample's matrix with one that all have") end
    return b:emit("dot", v.width, b:own(x), b:constant(w, w.width), bias and b:operand(bias, v.width) or nil)
  end
  if bias and is_constant(bias) then
    third = b:constant(bias.form == "number" and setmetatable({ form = "row", width = 1 }, { __index = bias }) or bias,
      v.width)
  elseif bias then
    third = b:own(bias)
  end
  return b:emit("product", v.width, b:own(x), b:matrix(w, v.op == "matmul"), third, { turned = v.op == "matmul" })
end
forward.matmul = forward.linear

function forward.reshape(b, v) return b:own(v.inputs[1]) end -- its elements lie as they did

function forward.part(b, v) return b:part(b:own(v.inputs[1]), v.from, v.width) end

function forward.concat(b, v)
  if v.integers[1] ~= 1 or v.ndim ~= 2 then b:refuse("concat along another axis than the last") end
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
  if formula.vectors(v) > 1 then b:refuse("layer_norm of several vectors of a sample") end
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
  if v.integers[1] ~= v.ndim - 1 or formula.vectors(v) > 1 then b:refuse("softmax along another axis than the last") end
  return b:emit("softmax", v.width, b:own(v.inputs[1]))
end

-- ---- backward: d is the gradient of v; f(value) the operand that a value of the graph has in the way back ----

local backward = rules.backward

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
  local turned, own = v.op == "matmul", own_product(v)
  if bias and b:wants(bias) then b:give(bias, d, v.width) end
  if own == "matrix" then -- y = x W
    if b:wants(x) then b:give(x, b:emit("dot", x.width, b:constant(w, w.width), d), x.width) end
    if b:wants(w) then b:give(w, b:emit("outer", w.width, b:again(x), d), w.width) end
    return
  elseif own then -- y = X w
    if b:wants(x) then b:give(x, b:emit("outer", x.width, d, b:constant(w, w.width)), x.width) end
    if b:wants(w) then b:give(w, b:emit("mix", w.width, b:again(x), d), w.width) end
    return
  end
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
function backward.reshape(b, v, d) b:give(v.inputs[1], d, v.width) end
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

--- rules.of(value): the function that does it in the loop, of a builder and the value; nil when there is none.
function rules.of(value)
  return forward[value.op] or (value.each and not lacking[value.op] and same) or nil
end

--- rules.takes(value): is there an instruction for it, element by element, and a way back?
function rules.takes(value)
  return value.each and not lacking[value.op] and backward[value.op] ~= nil
end

return rules
