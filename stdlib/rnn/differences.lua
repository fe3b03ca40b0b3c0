-- differences.lua: what differences of a function say of its derivatives: whether its gradients are right, and products
-- with its Hessian, for backward has no second derivatives.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"

local double = core.precision == "double"

local differences = {}

-- Models are called as well.
local function check_callable(fname, f)
  local meta = getmetatable(f)
  if type(meta) ~= "table" or not meta.__call then check.callback(fname, "argument 1 (f)", f) end
end

-- What f is called with, from inputs, a tensor or a table of values: parameters as they are, copies of other float
-- tensors, which require a gradient; and both of them as a list, with their keys.
local function leaves_of(fname, inputs)
  if core.is_tensor(inputs) then inputs = { inputs } end
  if type(inputs) ~= "table" then
    check.expected(fname, "argument 2 (inputs)", "a tensor or a table of tensors", inputs)
  end
  local given, list, keys = {}, {}, {}
  for key, value in pairs(inputs) do
    given[key] = value
    if core.is_tensor(value) and value:type() == "float" then keys[#keys + 1] = key end
  end
  if #keys == 0 then core.fail("%s: there is no float tensor among the inputs", fname) end
  table.sort(keys, function(a, b)
    if math.type(a) and math.type(b) then return a < b end
    return tostring(a) < tostring(b)
  end)
  for i, key in ipairs(keys) do
    local t = given[key]
    local parameter = t:is_leaf() and t:requires_grad()
    list[i] = parameter and t or t:copy():requires_grad(true)
    given[key] = list[i]
  end
  return given, list, keys
end

-- The elements of t in a row, in its own memory.
local function bare(t)
  return (t:lengths() and t:without_lengths() or t):reshape(t:count())
end

-- f, called each time from the same random numbers.
local function repeatable(f, inputs)
  local random = core.random_state()
  return function()
    core.random_state(random)
    return f(table.unpack(inputs))
  end
end

-- ---- gradcheck ----

-- The tensors among the results of f, and in tables among them.
local function tensors_of(...)
  local found = {}
  for i = 1, select("#", ...) do
    local result = select(i, ...)
    if core.is_tensor(result) then
      found[#found + 1] = result
    elseif type(result) == "table" then
      for _, t in ipairs(result) do found[#found + 1] = core.is_tensor(t) and t or nil end
    end
  end
  local floats = {}
  for _, t in ipairs(found) do floats[#floats + 1] = t:type() == "float" and t or nil end
  return floats
end

-- Every element of the results counts, none by the same factor; a single one as it is.
local function factors(results)
  local n, all = 0, {}
  for i, y in ipairs(results) do
    local values = {}
    for k = 1, y:count() do
      n = n + 1
      values[k] = math.cos(1.7 * (n - 1))
    end
    all[i] = core.tensor(values)
  end
  return all
end

local function loss_of(results, weights)
  local loss = core.tensor(0)
  for i, y in ipairs(results) do
    if y:requires_grad() then loss = loss + (bare(y) * weights[i]):sum() end
  end
  return loss
end

-- The same in Lua's numbers, for differences.
local function value_of(results, weights)
  local sum = 0
  for i, y in ipairs(results) do
    local values, factor = bare(y):totable(), weights[i]:totable()
    for k = 1, #values do sum = sum + values[k] * factor[k] end
  end
  return sum
end

-- "(2, 3)": the place of element i of t.
local function place(t, i) return "(" .. table.concat(check.index({ t:shape() }, i), ", ") .. ")" end

local CHECK = option.of("rnn.gradcheck", {
  { "eps", double and 1e-5 or 1e-2, check.positive, "by how much elements are moved" },
  { "atol", double and 1e-7 or 1e-2, option.number(0), "how much gradients may differ" },
  { "rtol", double and 1e-5 or 1e-2, option.number(0), "how much more, as a share of the difference" },
})

--- rnn.gradcheck(f, inputs [, options]) -> true
---
--- Compares the gradients of f(inputs ...) by backward with central differences, at every element of every float
--- tensor among the inputs, of any shape: they may differ by atol + rtol times the difference. f may return several
--- tensors, of any shapes, or tables of them: all their elements count. It is called often, each time from the same
--- random numbers. Inputs may also be parameters that f uses without being given them. Meant for --double, where the
--- tolerances are tighter than PyTorch's; in float they are wide. Errors: gradients that differ, with the worst place
--- and both values; an f without a tensor as result, or one that gives other numbers when it is called again.
---@param f fun(...): any a function or a model
---@param inputs rnn.Tensor|any[] what f is called with
---@param options? rnn.gradcheck.Options
---@return boolean true
function differences.gradcheck(f, inputs, options)
  check_callable("gradcheck", f)
  options = CHECK:read(options, "gradcheck")
  if not core.recording() then core.fail("gradcheck: there are no gradients under no_grad") end
  local given, list, keys = leaves_of("gradcheck", inputs)
  local run = repeatable(f, given)
  local moved, index, number -- the element that is away from its place
  local function put_back()
    if moved then moved:set(index, number) end
  end
  core.finally("gradcheck", put_back, function()
    local results = tensors_of(run())
    if #results == 0 then core.fail("gradcheck: expected f to return float tensors") end
    local weights = factors(results)
    local first, loss = value_of(results, weights), loss_of(results, weights)
    local function value()
      return value_of(core.no_grad(function() return tensors_of(run()) end), weights)
    end
    local again = value()
    if again ~= first and (again == again or first == first) then
      core.fail("gradcheck: f gives %.10g and then %.10g for the same inputs", first, again)
    end
    local gradients = {}
    if loss:requires_grad() then
      gradients = core.grad(loss, list, { allow_unused = true })
    else
      for i, t in ipairs(list) do gradients[i] = core.zeros { t:shape() } end
    end
    local wrong, count, worst, most = 0, 0, nil, -1
    for i, key in ipairs(keys) do
      local t, got, flat = list[i], bare(gradients[i]):totable(), bare(list[i]:detach())
      for k = 1, t:count() do
        local at = flat:get(k)
        moved, index, number = flat, k, at
        flat:set(k, at + options.eps)
        local high, above = flat:get(k), value()
        flat:set(k, at - options.eps)
        local low, below = flat:get(k), value()
        flat:set(k, at)
        local want = (above - below) / (high - low)
        local off = math.abs(got[k] - want) / (options.atol + options.rtol * math.abs(want))
        count = count + 1
        if off ~= off then off = math.huge end
        if off > 1 then wrong = wrong + 1 end
        if off > most then
          most = off
          worst = ("input %s, element %s: backward %.10g, differences %.10g"):format(key, place(t, k), got[k], want)
        end
      end
    end
    moved = nil
    if wrong > 0 then core.fail("gradcheck: %d of %d elements are wrong; the worst: %s", wrong, count, worst) end
  end)
  return true
end

-- ---- hvp ----

--- rnn.hvp(f, inputs, v) -> products
---
--- The product of the Hessian of f(inputs ...), a scalar, with v, by a central difference of two gradients along v:
--- about 10 digits are right in double and 3 or 4 in float (Pearlmutter 1994 has them exactly, which would want second
--- derivatives of every op). Inputs may also be parameters that f uses without being given them; they are moved and put
--- back, so that values which backward has saved of them count as changed. f is called twice, from the same random
--- numbers. Errors: an f that does not give one element that depends on the inputs; shapes of v that are not those of
--- the float tensors among the inputs.
---@param f fun(...): rnn.Tensor
---@param inputs rnn.Tensor|rnn.Tensor[] what f is called with
---@param v rnn.Tensor|rnn.Tensor[] of the shapes of inputs
---@return rnn.Tensor|rnn.Tensor[] products of the shapes of inputs; one for one tensor
function differences.hvp(f, inputs, v)
  check_callable("hvp", f)
  if not core.recording() then core.fail("hvp: there are no gradients under no_grad") end
  local single = core.is_tensor(inputs)
  if single ~= core.is_tensor(v) or not single and type(v) ~= "table" then
    check.expected("hvp", "argument 3 (v)", single and "a tensor" or "a table of tensors", v)
  end
  local vectors = single and { v } or v
  local given, list, keys = leaves_of("hvp", inputs)
  local kept, along, size, length = {}, {}, 0, 0
  for i, key in ipairs(keys) do
    local t, d = list[i], vectors[key]
    local fits = core.is_tensor(d) and d:type() == "float" and check.shape(d) == check.shape(t)
    if not fits then check.expected("hvp", ("vector %s"):format(key), "a float tensor " .. check.shape(t), d) end
    kept[i], along[i] = bare(t:detach()):copy(), bare(d:detach())
    size = math.max(size, t:count() > 0 and kept[i]:abs():max():item() or 0)
    length = math.max(length, t:count() > 0 and along[i]:abs():max():item() or 0)
  end
  local step = (double and 6e-6 or 5e-3) * math.max(size, 1) / (length > 0 and length or 1)
  local run = repeatable(f, given)
  local function put_back()
    for i, t in ipairs(list) do bare(t:detach()):assign(kept[i]) end
  end
  local function gradients_at(distance)
    for i, t in ipairs(list) do bare(t:detach()):assign(kept[i] + along[i] * distance) end
    return core.grad(run(), list, { allow_unused = true })
  end
  local products = {}
  core.finally("hvp", put_back, function()
    local above, below = gradients_at(step), gradients_at(-step)
    for i, key in ipairs(keys) do products[key] = (above[i] - below[i]) / (2 * step) end
  end)
  return single and products[1] or products
end

return differences
