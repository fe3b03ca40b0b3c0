-- ops.lua: what nodes compute, in ordinary ops: ops[name](a, x, ...) -> results. a has the attributes, and opset. Axes,
-- places and ids count from 0 there and from 1 here; integers of all sizes are int32, truth is a float of 0 and 1.

local core = require "rnn.core"

local ops = {}

local MOST = 1 << 28 -- elements that a file may ask for without having them

-- ---- integers ----

-- The numbers of a tensor as a list.
local function numbers(t)
  local list = t:reshape(-1):totable()
  if t:type() == "int32" then return list end
  for i, x in ipairs(list) do list[i] = math.tointeger(x) or core.fail("%g where an integer is needed", x) end
  return list
end

local function int_tensor(list)
  return #list == 0 and core.zeros { 0, type = "int32" } or core.tensor(list, "int32")
end

local function is_int(t) return t:type() == "int32" end

-- An axis counted from 0, or from -1 backwards, among n of them, from 1 on.
local function axis_of(axis, n)
  if axis < -n or axis >= n then core.fail("axis %d of %d axes", axis, n) end
  return axis < 0 and axis + n + 1 or axis + 1
end

-- Axes given as an attribute by earlier opsets and as an input by later ones; nil: none are given.
local function axes_of(a, given, n)
  local list = given and numbers(given) or a.axes
  if not list then return nil end
  local axes = {}
  for i, axis in ipairs(list) do axes[i] = axis_of(axis, n) end
  table.sort(axes)
  return axes
end

local function check_size(dims)
  local count = 1.0
  for _, size in ipairs(dims) do
    if size < 0 then core.fail("a size of %d", size) end
    count = count * size
  end
  if count > MOST then core.fail("a tensor of %.0f elements", count) end
  return dims
end

-- ---- element by element ----

for name, op in pairs { Abs = "abs", Neg = "neg", Exp = "exp", Log = "log", Sqrt = "sqrt", Reciprocal = "reciprocal",
  Sigmoid = "sigmoid", Tanh = "tanh", Relu = "relu", Softplus = "softplus", Softsign = "softsign", Erf = "erf",
  Floor = "floor", Ceil = "ceil", Round = "round", Sign = "sign", Sin = "sin", Cos = "cos", Tan = "tan", Asin = "asin",
  Acos = "acos", Atan = "atan", Sinh = "sinh", Cosh = "cosh", Not = "logical_not" } do
  ops[name] = function(_, x) return core[op](x) end
end
for name, op in pairs { Add = "add", Sub = "sub", Mul = "mul", Equal = "eq", Less = "lt", LessOrEqual = "le",
  Greater = "gt", GreaterOrEqual = "ge", And = "logical_and", Or = "logical_or", Xor = "logical_xor", Pow = "pow" } do
  ops[name] = function(_, x, y) return core[op](x, y) end
end
for name, op in pairs { Min = "minimum", Max = "maximum", Sum = "add" } do
  ops[name] = function(_, x, ...)
    for _, y in ipairs { ... } do x = core[op](x, y) end
    return x
  end
end
function ops.Mean(a, ...) return ops.Sum(a, ...) / select("#", ...) end

function ops.Div(_, x, y)
  if not (is_int(x) and is_int(y)) then return x / y end
  local whole = x:abs():floor_div(y:abs()) -- towards 0
  return core.where((x:lt(0)):ne(y:lt(0)), -whole, whole)
end
function ops.Mod(a, x, y)
  if (a.fmod or 0) == 0 then return x % y end
  local whole = x:abs() % y:abs()
  return core.where(x:lt(0), -whole, whole)
end
function ops.Where(_, mask, x, y) return core.where(mask, x, y) end
function ops.LeakyRelu(a, x) return core.leaky_relu(x, a.alpha or 0.01) end
function ops.Elu(a, x)
  local alpha = a.alpha or 1
  return alpha == 1 and core.elu(x) or core.where(x:gt(0), x, core.minimum(x, 0):expm1() * alpha)
end
local SELU = { alpha = 1.6732632, gamma = 1.050701 } -- as floats
function ops.Selu(a, x)
  local alpha, gamma = a.alpha or SELU.alpha, a.gamma or SELU.gamma
  if alpha == SELU.alpha and gamma == SELU.gamma then return core.selu(x) end
  return core.where(x:gt(0), x, core.minimum(x, 0):expm1() * alpha) * gamma
end
function ops.HardSigmoid(a, x)
  local alpha, beta = a.alpha or 0.2, a.beta or 0.5
  if math.abs(alpha - 1 / 6) < 1e-7 and beta == 0.5 then return core.hard_sigmoid(x) end
  return (x * alpha + beta):clamp(0, 1)
end
function ops.HardSwish(_, x) return x * core.hard_sigmoid(x) end
function ops.ThresholdedRelu(a, x) return x * x:gt(a.alpha or 1) end
function ops.PRelu(_, x, slope) return core.where(x:lt(0), x * slope, x) end
function ops.Celu(a, x)
  local alpha = a.alpha or 1
  return core.where(x:gt(0), x, (core.minimum(x, 0) / alpha):expm1() * alpha)
end
function ops.Mish(_, x) return x * core.softplus(x):tanh() end
function ops.Shrink(a, x)
  local bias, edge = a.bias or 0, a.lambd or 0.5
  return core.where(x:lt(-edge), x + bias, core.where(x:gt(edge), x - bias, 0))
end
function ops.Gelu(a, x)
  if a.approximate == "tanh" then
    return 0.5 * x * (1 + (0.7978845608028654 * (x + 0.044715 * x * x * x)):tanh())
  end
  return core.gelu(x)
end
function ops.Clip(a, x, low, high)
  low, high = low and low:item() or a.min or -math.huge, high and high:item() or a.max or math.huge
  if low > high then return core.full_like(x, high) end
  return x:clamp(low, high)
end
function ops.IsNaN(_, x) return x:ne(x) end
function ops.IsInf(a, x)
  local above = (a.detect_positive or 1) ~= 0 and x:eq(math.huge) or core.full_like(x, 0)
  return (a.detect_negative or 1) ~= 0 and core.logical_or(above, x:eq(-math.huge)) or above
end

-- x with as many bits less as split, 2^n + 1, says (Veltkamp).
local function shorter(x, split)
  local c = x * split
  return c - (c - x)
end

-- As a float of 16 bits holds it: 11 bits, or in bfloat16 8.
local HALF <const>, LEAST <const> = 65519.996, 2.0 ^ -14
local function rounded(x, kind)
  local finite = x:abs():lt(kind == 10 and HALF or 3.3e38)
  local y = core.where(finite, x, 0)
  if kind == 16 then return core.where(finite, shorter(y * 2.0 ^ -20, 65537) * 2.0 ^ 20, x) end
  y = core.where(y:abs():lt(LEAST), (y + 0.75) - 0.75, shorter(y, 8193)) -- below it steps are of 2^-24
  return core.where(finite, y, x * math.huge)
end

-- To a type of ONNX: truth, floats of any size, integers of 32 and 64 bits.
local FLOATS, INTEGERS = { [1] = true, [10] = true, [11] = true, [16] = true }, { [6] = true, [7] = true }
function ops.Cast(a, x)
  if a.to == 9 then return x:ne(0) end
  if FLOATS[a.to] then
    if is_int(x) then x = x:to_float() end
    return (a.to == 10 or a.to == 16) and rounded(x, a.to) or x
  end
  if not INTEGERS[a.to] then core.fail("a cast to type %s of ONNX", tostring(a.to)) end
  return is_int(x) and x or x:to_int()
end

-- ---- shapes ----

function ops.Shape(a, x)
  local dims = { x:shape() }
  local from, to = a.start or 0, a["end"] or #dims
  from, to = from < 0 and from + #dims or from, to < 0 and to + #dims or to
  return int_tensor({ table.unpack(dims, math.max(from, 0) + 1, math.min(to, #dims)) })
end
function ops.Size(_, x) return core.tensor(x:count(), "int32") end

function ops.Reshape(a, x, shape)
  local sizes = numbers(shape)
  for i, size in ipairs(sizes) do
    if size == 0 and (a.allowzero or 0) == 0 then
      if i > x:ndim() then core.fail("size 0 of axis %d, where there are %d", i - 1, x:ndim()) end
      sizes[i] = x:size(i)
    end
  end
  return x:reshape(sizes)
end
function ops.Transpose(a, x)
  local axes, n = {}, x:ndim()
  for i = 1, n do axes[i] = a.perm and a.perm[i] and a.perm[i] + 1 or n + 1 - i end
  return n > 1 and x:permute(axes) or x
end
function ops.Squeeze(a, x, given)
  local axes = axes_of(a, given, x:ndim())
  if not axes then return x:squeeze() end
  for i = #axes, 1, -1 do x = x:squeeze(axes[i]) end
  return x
end
function ops.Unsqueeze(a, x, given)
  local n = x:ndim() + (given and given:count() or #(a.axes or {}))
  for _, axis in ipairs(axes_of(a, given, n) or core.fail "no axes") do x = x:unsqueeze(axis) end
  return x
end
function ops.Flatten(a, x)
  local rows, axis = 1, a.axis or 1
  if axis < 0 then axis = axis + x:ndim() end
  for i = 1, axis do rows = rows * x:size(i) end
  return x:reshape(rows, rows == 0 and 0 or x:count() // rows)
end
function ops.Concat(a, ...)
  local list = { ... }
  return core.concat(list, axis_of(a.axis or 0, list[1]:ndim()))
end

-- Places from, and so on by step, n of them, along axis; from counted from 1.
local function take(x, axis, from, step, n)
  if n > 0 then return x:slice(axis, from, from + (n - 1) * step, step) end
  local dims = { x:shape() }
  dims[axis], dims.type = 0, x:type()
  return core.zeros(dims)
end
function ops.Slice(a, x, starts, ends, axes, steps)
  local from, to = starts and numbers(starts) or a.starts, ends and numbers(ends) or a.ends
  local along = axes and numbers(axes) or a.axes
  steps = steps and numbers(steps) or {}
  for i, first in ipairs(from) do
    local axis, step, last = axis_of(along and along[i] or i - 1, x:ndim()), steps[i] or 1, to[i]
    local size = x:size(axis)
    if step == 0 then core.fail("a step of 0") end
    first, last = first < 0 and first + size or first, last < 0 and last + size or last
    if step > 0 then first, last = math.max(math.min(first, size), 0), math.max(math.min(last, size), 0)
    else first, last = math.max(math.min(first, size - 1), 0), math.max(math.min(last, size - 1), -1) end
    local n = (last - first + step - (step > 0 and 1 or -1)) // step
    x = take(x, axis, first + 1, step, size == 0 and 0 or n)
  end
  return x
end
function ops.Split(a, x, given)
  local axis = axis_of(a.axis or 0, x:ndim())
  local sizes, size, list, at = given and numbers(given) or a.split, x:size(axis), {}, 0
  local count = a.num_outputs or a.outputs
  for i = 1, sizes and #sizes or count do
    local n = sizes and sizes[i] or math.max(math.min((size + count - 1) // count, size - at), 0)
    list[i], at = take(x, axis, at + 1, 1, n), at + n
  end
  if at ~= size then core.fail("parts of %d in all, of %d", at, size) end
  return table.unpack(list)
end

-- Ids counted from 0, or from -1 backwards among n, from 1 on.
local function places(ids, n)
  if not is_int(ids) then ids = ids:to_int() end
  return ids + 1 + ids:lt(0):to_int() * n
end
function ops.Gather(a, x, ids)
  local axis, dims = axis_of(a.axis or 0, x:ndim()), {}
  for i = 1, axis - 1 do dims[i] = x:size(i) end
  for i = 1, ids:ndim() do dims[#dims + 1] = ids:size(i) end
  for i = axis + 1, x:ndim() do dims[#dims + 1] = x:size(i) end
  return x:gather(axis, places(ids, x:size(axis)):reshape(-1)):reshape(dims)
end
function ops.GatherElements(a, x, ids)
  local axis = axis_of(a.axis or 0, x:ndim())
  for i = 1, x:ndim() do
    if i ~= axis and ids:size(i) < x:size(i) then x = take(x, i, 1, 1, ids:size(i)) end
  end
  return core.take_along_axis(x, places(ids, x:size(axis)), axis)
end
function ops.GatherND(a, x, ids)
  local batch, n = a.batch_dims or 0, ids:ndim()
  local depth, dims, rows = ids:size(n), {}, {}
  for i = 1, n - 1 do dims[i] = ids:size(i) end
  for i = batch + depth + 1, x:ndim() do dims[#dims + 1], rows[#rows + 1] = x:size(i), x:size(i) end
  -- One number for the first axes: those of the batch, and those that ids give.
  local at
  for i = 1, batch do
    local shape = {}
    for k = 1, n - 1 do shape[k] = k == i and x:size(i) or 1 end
    local own = (core.arange(x:size(i)) - 1):reshape(shape)
    at = at and at * x:size(i) + own or own
  end
  for k = 1, depth do
    local size = x:size(batch + k)
    local own = places(ids:select(n, k), size) - 1
    at = at and at * size + own or own
  end
  at = at:broadcast_to({ table.unpack(dims, 1, n - 1) })
  return x:reshape(-1, table.unpack(rows)):gather(1, at:reshape(-1) + 1):reshape(dims)
end

-- The shape that two shapes are broadcast to.
local function joint(x, sizes)
  local dims, n = {}, math.max(x:ndim(), #sizes)
  for i = 1, n do
    local own = i > n - x:ndim() and x:size(i - n + x:ndim()) or 1
    local other = i > n - #sizes and sizes[i - n + #sizes] or 1
    dims[i] = own == 1 and other or own
  end
  return check_size(dims)
end
function ops.Expand(_, x, shape) return x:broadcast_to(joint(x, numbers(shape))) end
function ops.Tile(_, x, counts)
  local list, dims = numbers(counts), {}
  for i, count in ipairs(list) do dims[i] = count * x:size(i) end
  check_size(dims)
  return x:tile(list)
end
function ops.Range(_, start, limit, step)
  local from, to, by = start:item(), limit:item(), step:item()
  local list, n = {}, math.max(math.ceil((to - from) / by), 0)
  check_size { n * 64 } -- a list of Lua's comes first
  for i = 1, n do list[i] = from + (i - 1) * by end
  if is_int(start) then return int_tensor(list) end
  return n == 0 and core.zeros(0) or core.tensor(list)
end
function ops.ConstantOfShape(a, shape)
  local sizes = check_size(numbers(shape))
  sizes.type = a.value and a.value:type() or "float"
  return core.full(sizes, a.value and a.value:reshape(1):select(1, 1):item() or 0)
end
function ops.Pad(a, x, pads, value, axes)
  local list, modes = pads and numbers(pads) or a.pads, { edge = "replicate", reflect = "reflect", wrap = "circular" }
  local mode = a.mode or "constant"
  axes = axes and numbers(axes)
  local n = #list // 2
  for i = 1, n do
    if list[i] ~= 0 or list[n + i] ~= 0 then
      local axis = axis_of(axes and axes[i] or i - 1, x:ndim())
      check_size { x:count() // math.max(x:size(axis), 1), x:size(axis) + list[i] + list[n + i] }
      x = x:pad(axis, list[i], list[n + i], modes[mode] or mode, value and value:item() or a.value or 0)
    end
  end
  return x
end
function ops.ReverseSequence(a, x, lengths)
  local time = a.time_axis == 0 or a.time_axis == nil
  if time then x = x:transpose(1, 2) end
  x = x:with_lengths(lengths):reverse_steps():without_lengths()
  return time and x:transpose(1, 2) or x
end
function ops.CumSum(a, x, axis)
  axis = axis_of(axis:item(), x:ndim())
  local reverse, n = (a.reverse or 0) ~= 0, x:size(axis)
  if reverse then x = x:flip(axis) end
  if (a.exclusive or 0) ~= 0 and n > 0 then -- a step later
    x = core.concat({ take(x, axis, 1, 1, 1):zeros_like(), take(x, axis, 1, 1, n - 1) }, axis)
  end
  x = x:cumsum(axis)
  return reverse and x:flip(axis) or x
end

-- ---- along axes ----

local function reduce(f)
  return function(a, x, given)
    local axes, keep = axes_of(a, given, x:ndim()), (a.keepdims or 1) ~= 0
    if axes and #axes == 0 or not axes and (a.noop_with_empty_axes or 0) ~= 0 then
      if (a.noop_with_empty_axes or 0) ~= 0 then return x end
      axes = nil
    end
    if not axes then
      axes = {}
      for i = 1, x:ndim() do axes[i] = i end
    end
    return #axes == 0 and x or f(x, axes, keep)
  end
end
-- Of ops that take one axis.
local function one_by_one(name)
  return reduce(function(x, axes, keep)
    for i = #axes, 1, -1 do x = core[name](x, axes[i], keep) end
    return x
  end)
end
ops.ReduceSum = reduce(function(x, axes, keep) return x:sum(axes, keep) end)
ops.ReduceMean = reduce(function(x, axes, keep) return x:mean(axes, keep) end)
ops.ReduceMax, ops.ReduceMin, ops.ReduceProd = one_by_one "max", one_by_one "min", one_by_one "prod"
ops.ReduceLogSumExp = one_by_one "logsumexp"
ops.ReduceL1 = reduce(function(x, axes, keep) return x:abs():sum(axes, keep) end)
ops.ReduceL2 = reduce(function(x, axes, keep) return x:square():sum(axes, keep):sqrt() end)
ops.ReduceSumSquare = reduce(function(x, axes, keep) return x:square():sum(axes, keep) end)

local function arg(name)
  return function(a, x)
    local axis, keep = axis_of(a.axis or 0, x:ndim()), (a.keepdims or 1) ~= 0
    if (a.select_last_index or 0) ~= 0 then return x:size(axis) - core[name](x:flip(axis), axis, keep) end
    return core[name](x, axis, keep) - 1
  end
end
ops.ArgMax, ops.ArgMin = arg "argmax", arg "argmin"

local function softmax(f)
  return function(a, x)
    if a.opset >= 13 then return f(x, axis_of(a.axis or -1, x:ndim())) end
    return f(ops.Flatten({ axis = a.axis or 1 }, x), 2):reshape { x:shape() } -- all axes from that one on
  end
end
ops.Softmax, ops.LogSoftmax = softmax(core.softmax), softmax(core.log_softmax)
ops.Hardmax = softmax(function(x, axis)
  local shape = {}
  for i = 1, x:ndim() do shape[i] = i == axis and x:size(i) or 1 end
  return core.arange(x:size(axis)):reshape(shape):eq(x:argmax(axis, true))
end)

function ops.LayerNormalization(a, x, gain, bias)
  local axis, epsilon = axis_of(a.axis or -1, x:ndim()), a.epsilon or 1e-5
  local dims, ones = { table.unpack({ x:shape() }, 1, axis - 1) }, { table.unpack({ x:shape() }, 1, axis - 1) }
  dims[axis] = -1
  for i = axis, x:ndim() do ones[i] = 1 end
  local rows, own = x:reshape(dims), { table.unpack({ x:shape() }, axis) }
  gain, bias = gain:broadcast_to(own):reshape(-1), bias and bias:broadcast_to(own):reshape(-1)
  local y = core.layer_norm(rows, gain, bias, epsilon):reshape { x:shape() }
  if a.outputs == 1 then return y end
  return y, rows:mean(axis):reshape(ones), (rows:var(axis, false, 0) + epsilon):rsqrt():reshape(ones)
end
function ops.BatchNormalization(a, x, gain, bias, mean, variance)
  local shape = { 1, -1 }
  for i = 3, x:ndim() do shape[i] = 1 end
  local scale = gain / (variance + (a.epsilon or 1e-5)):sqrt()
  return (x - mean:reshape(shape)) * scale:reshape(shape) + bias:reshape(shape)
end
function ops.GlobalAveragePool(_, x)
  for axis = 3, x:ndim() do x = x:mean(axis, true) end
  return x
end
function ops.GlobalMaxPool(_, x)
  for axis = 3, x:ndim() do x = x:max(axis, true) end
  return x
end

-- ---- products ----

function ops.MatMul(_, x, y) return core.matmul(x, y) end
function ops.Gemm(a, x, y, z)
  if (a.transA or 0) ~= 0 then x = x:transpose(1, 2) end
  local alpha, beta = a.alpha or 1, a.beta or 1
  if alpha == 1 and z and beta == 1 then
    local weight = (a.transB or 0) ~= 0 and y or y:transpose(1, 2)
    local units = weight:size(1)
    if z:ndim() == 1 and z:size(1) == units or z:ndim() == 2 and z:size(1) == x:size(1) and z:size(2) == units then
      return core.linear(x, weight, z)
    end
  end
  local product = x:matmul((a.transB or 0) ~= 0 and y:transpose(1, 2) or y)
  if alpha ~= 1 then product = product * alpha end
  if z then product = product + (beta == 1 and z or z * beta) end
  return product
end

-- What lies before and behind T steps of x (N, C, T), of windows that reach so far.
local function pads_of(a, steps, stride, reach)
  local auto = a.auto_pad or "NOTSET"
  if auto ~= "SAME_UPPER" and auto ~= "SAME_LOWER" then return table.unpack(a.pads or { 0, 0 }) end
  local missing = math.max((math.ceil(steps / stride) - 1) * stride + reach + 1 - steps, 0)
  local before = auto == "SAME_UPPER" and missing // 2 or missing - missing // 2
  return before, missing - before
end

-- Windows of x (N, C, T), whose steps come as a new last axis; what is not there is value, or outside, which is where
-- the last window reaches behind all padding (ceil_mode).
local function windows_of(a, x, value, outside)
  if x:ndim() ~= 3 then core.fail("windows over %d axes; they can be over one", x:ndim() - 2) end
  local size, steps = (a.kernel_shape or core.fail "attribute 'kernel_shape' is missing")[1], x:size(3)
  local stride, dilation = a.strides and a.strides[1] or 1, a.dilations and a.dilations[1] or 1
  if size < 1 or stride < 1 or dilation < 1 then core.fail "sizes that do not fit" end
  local reach = (size - 1) * dilation
  local before, behind = pads_of(a, steps, stride, reach)
  local range = steps + before + behind - reach - 1 -- where the last window can begin
  local last = range // stride
  if (a.ceil_mode or 0) ~= 0 and last * stride < range and (last + 1) * stride < steps + before then last = last + 1 end
  if range < 0 then core.fail("windows of %d steps, and there are %d", reach + 1, steps + before + behind) end
  check_size { x:size(1), x:size(2), (last + 1) * size }
  if before > 0 or behind > 0 then x = x:pad(3, before, behind, "constant", value) end
  local missing = last * stride + reach + 1 - x:size(3)
  if missing > 0 then x = x:pad(3, 0, missing, "constant", outside) end
  local list = {}
  for k = 1, size do list[k] = take(x, 3, (k - 1) * dilation + 1, stride, last + 1) end
  return core.stack(list, 4)
end
function ops.MaxPool(a, x) return windows_of(a, x, -math.huge, -math.huge):max(-1) end
function ops.AveragePool(a, x)
  local sums = windows_of(a, x, 0, 0):sum(-1)
  return sums / windows_of(a, core.ones(1, 1, x:size(3)), a.count_include_pad or 0, 0):sum(-1)
end

-- Of one axis: x (N, C, T), weight (F, C, K).
function ops.Conv(a, x, weight, bias)
  if x:ndim() ~= 3 then core.fail("a convolution over %d axes; it can be over one", x:ndim() - 2) end
  local groups = a.group or 1
  if groups ~= 1 then -- channels in parts, each with its own filters
    local width, filters, parts = weight:size(2), weight:size(1) // math.max(groups, 1), {}
    if groups < 1 or filters * groups ~= weight:size(1) or width * groups ~= x:size(2) then
      core.fail("attribute 'group' = %d, of %d channels and %d filters", groups, x:size(2), weight:size(1))
    end
    for i = 1, groups do
      parts[i] = ops.Conv(setmetatable({ group = 1 }, { __index = a }), take(x, 2, (i - 1) * width + 1, 1, width),
        take(weight, 1, (i - 1) * filters + 1, 1, filters), bias and take(bias, 1, (i - 1) * filters + 1, 1, filters))
    end
    return core.concat(parts, 2)
  end
  local stride, dilation = a.strides and a.strides[1] or 1, a.dilations and a.dilations[1] or 1
  local before, behind = pads_of(a, x:size(3), stride, (weight:size(3) - 1) * dilation)
  check_size { x:size(1), x:size(2), x:size(3) + before + behind }
  if before ~= 0 or behind ~= 0 then x = x:pad(3, before, behind) end
  return core.conv1d(x:permute(1, 3, 2), weight, bias, stride, dilation, 0):permute(1, 3, 2)
end

-- ---- attributes ----

-- Those that each op may have; one that is not here changes what the op means in a way that is not known.
local attributes = {}
for line in ([[
Cast: to saturate round_mode
LeakyRelu Elu Celu ThresholdedRelu: alpha
Shrink: bias lambd
Selu: alpha gamma
HardSigmoid: alpha beta
Gelu: approximate
Clip: min max
IsInf: detect_positive detect_negative
Mod: fmod
Shape: start end
Reshape: allowzero
Transpose: perm
Squeeze Unsqueeze: axes
Flatten Concat Gather GatherElements: axis
GatherND: batch_dims
Slice: starts ends axes
Split: axis split num_outputs
ConstantOfShape: value
Pad: mode pads value
ReverseSequence: batch_axis time_axis
CumSum: exclusive reverse
ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceLogSumExp: axes keepdims noop_with_empty_axes
ReduceL1 ReduceL2 ReduceSumSquare: axes keepdims noop_with_empty_axes
ArgMax ArgMin: axis keepdims select_last_index
Softmax LogSoftmax Hardmax: axis
LayerNormalization: axis epsilon stash_type
BatchNormalization: epsilon momentum training_mode
Gemm: alpha beta transA transB
Conv: auto_pad dilations group kernel_shape pads strides
MaxPool: auto_pad ceil_mode dilations kernel_shape pads storage_order strides
AveragePool: auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides
Constant: value value_float value_int value_floats value_ints
Dropout: ratio seed
Scan: body num_scan_inputs scan_input_axes scan_input_directions scan_output_axes scan_output_directions
]]):gmatch "[^\n]+" do
  local names, list = line:match "^(.-): (.*)$"
  for name in names:gmatch "%S+" do
    attributes[name] = {}
    for key in list:gmatch "%S+" do attributes[name][key] = true end
  end
end

-- Those of which only some values have a meaning here. Of lists: how long they are.
local values = {}
for line in ([[
Cast to: 1 6 7 9 10 11 16
Gelu approximate: none tanh
Pad mode: constant edge reflect wrap
ReverseSequence batch_axis: 0 1
ReverseSequence time_axis: 0 1
LayerNormalization stash_type: 1
BatchNormalization training_mode: 0
Conv MaxPool AveragePool auto_pad: NOTSET VALID SAME_UPPER SAME_LOWER
Conv MaxPool AveragePool kernel_shape: 1
Conv MaxPool AveragePool strides: 1
Conv MaxPool AveragePool dilations: 1
Conv MaxPool AveragePool pads: 2
]]):gmatch "[^\n]+" do
  local names, list = line:match "^(.-): (.*)$"
  local attribute = names:match "%S+$"
  for name in names:gmatch "(%S+) " do values[name .. " " .. attribute] = " " .. list .. " " end
end

local kinds = { ["Pad value"] = "f" }
for key, names in pairs {
  f = "alpha beta gamma epsilon momentum ratio value_float min max clip bias lambd",
  s = "approximate mode auto_pad direction round_mode",
  t = "value",
  g = "body",
  ints = "axes perm starts ends split pads kernel_shape strides dilations value_ints scan_input_axes scan_output_axes "
    .. "scan_input_directions scan_output_directions",
  floats = "value_floats activation_alpha activation_beta",
  strings = "activations",
} do
  for name in names:gmatch "%S+" do kinds[name] = key end
end

local needed = { Constant = 0, Where = 3, Range = 3, BatchNormalization = 5, RNN = 3, LSTM = 3, GRU = 3 }
for name in ([[Add Sub Mul Div Mod Pow Equal Less LessOrEqual Greater GreaterOrEqual And Or Xor PRelu MatMul Gemm Conv
  Gather GatherElements GatherND Expand Tile Reshape CumSum ReverseSequence LayerNormalization]]):gmatch "%S+" do
  needed[name] = 2
end

--- ops.needs(op) -> how many of its first inputs must be there
function ops.needs(op) return needed[op] or 1 end

--- ops.kind(op, attribute) -> the field that it lies in
function ops.kind(op, attribute) return kinds[op .. " " .. attribute] or kinds[attribute] or "i" end

--- ops.knows(op, attribute) -> boolean
function ops.knows(op, attribute) return attributes[op] and attributes[op][attribute] or false end

--- ops.takes(op, attribute, value) -> boolean: may it be that?
function ops.takes(op, attribute, value)
  local list = values[op .. " " .. attribute]
  return not list or list:find((" %s "):format(type(value) == "table" and #value or value), 1, true) ~= nil
end

return ops
