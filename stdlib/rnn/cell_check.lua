-- cell_check.lua: the test that every author of a cell can run.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local guard = require "rnn.guard"
local nest = require "rnn.nest"
local Cell = require("rnn.nn.cell").Cell
local Recurrent = require "rnn.nn.recurrent"

local DOUBLE = core.precision == "double"
local STEPS <const> = 5

-- ---- tensors of results ----

-- The tensors of a nest of them, in order.
local function flat(value, list)
  list = list or {}
  if core.is_tensor(value) then
    list[#list + 1] = value
  elseif type(value) == "table" then
    for _, key in ipairs(nest.keys(value)) do flat(value[key], list) end
  end
  return list
end

local function map(f, value)
  if core.is_tensor(value) then return f(value) end
  local result = {}
  for key, item in next, value do result[key] = map(f, item) end
  return result
end

local function shapes(list)
  local texts = {}
  for i, t in ipairs(list) do texts[i] = check.shape(t):gsub("^tensor ", "") end
  return table.concat(texts, ", ")
end

-- Plain values: (N, T, ...) without lengths.
local function bare(t) return (t:lengths() and t:without_lengths() or t):detach() end

-- Where a differs from b by more than share times the larger of 1 and b's largest value; NaN equals NaN.
local function difference(a, b, share)
  a, b = bare(a), bare(b)
  if check.shape(a) ~= check.shape(b) then return ("%s and %s"):format(check.shape(a), check.shape(b)) end
  if a:count() == 0 then return nil end
  local scale = math.max(1, core.where(b:is_finite(), b, 0):abs():max():item()) * share
  local off = core.where(a:eq(b), 0, (a - b):abs()):reshape(-1)
  local worst = off:argmax(1):item()
  for i = 1, off:count() do
    local x, y = a:reshape(-1):get(i), b:reshape(-1):get(i)
    if (x ~= x) ~= (y ~= y) then worst = i break end
  end
  local x, y = a:reshape(-1):get(worst), b:reshape(-1):get(worst)
  if x == y or x ~= x and y ~= y or math.abs(x - y) <= scale then return nil end
  local at, rest = {}, worst - 1
  for axis = a:ndim(), 1, -1 do
    at[axis] = rest % a:size(axis) + 1
    rest = rest // a:size(axis)
  end
  return ("%.9g and %.9g at (%s)"):format(x, y, table.concat(at, ", "))
end

-- Raises where results differ: names[i] says what they are.
local function need_same(what, got, want, names, share)
  for i = 1, math.max(#got, #want) do
    local text = "missing"
    if got[i] and want[i] then text = difference(got[i], want[i], share or 0) end
    if text then core.fail("%s: %s: %s", what, names[i] or "state " .. i - 1, text) end
  end
end

-- ---- running it ----

-- f() with nn.Recurrent going step by step in Lua.
local function by_loop(f)
  local before = core.check_finite(true)
  return core.finally("cell_check", function() core.check_finite(before) end, f)
end

-- y and states of a layer from a state, and the gradients of a sum of them by x, states and parameters, with the names
-- of all. lengths may be nil.
local function results_of(layer, x, state, lengths)
  x = x:copy():requires_grad(true)
  local start = state and map(function(t) return t:copy():requires_grad(true) end, state)
  core.seed(5)
  local y, new = layer(lengths and x:with_lengths(lengths) or x, start)
  local results, names, leaves = flat(new, { y }), { "y" }, { x }
  for i = 2, #results do names[i] = "state " .. i - 1 end
  local loss = core.tensor(0)
  for _, t in ipairs(results) do
    local own = t:lengths() and t:without_lengths() or t
    loss = loss + (own * core.randn { own:shape() }):sum()
  end
  for i, t in ipairs(results) do results[i] = t:detach() end
  if not loss:requires_grad() then return results, names, {}, {} end
  local grad_names = { "gradient of x" }
  for i, t in ipairs(flat(start)) do
    leaves[#leaves + 1], grad_names[#grad_names + 1] = t, "gradient of state " .. i
  end
  for _, pair in ipairs(layer:named_parameters()) do
    leaves[#leaves + 1], grad_names[#grad_names + 1] = pair[2], "gradient of " .. pair[1]
  end
  return results, names, core.grad(loss, leaves, { allow_unused = true }), grad_names
end

-- What the checks have in common: a cell and its input.
local Case = {}
Case.__index = Case

function Case:layer(options) return Recurrent(self.cell, options) end

-- A state of other values, all positive, as sums of weights have to be.
function Case:state()
  return map(function(t) return core.rand { t:shape() } * 0.8 + 0.2 end, self.cell:initial_state(self.samples))
end

function Case:x(t) return core.select(self.input, 2, t):copy() end

function Case:step(x, state, t)
  return guard.inner(self.cell.step)(self.cell, x, state, core.full({ self.samples, 1 }, t))
end

local checks = {}
local function add(name, f) checks[#checks + 1] = { name = name, run = f } end

add("state", function(case)
  local zero, state, kept = case.cell:initial_state(case.samples), case:state(), {}
  for i, t in ipairs(flat(state)) do kept[i] = t:copy() end
  local x = case:x(1)
  local before = x:copy()
  local y, new = case:step(x, state, 1)
  if not core.is_tensor(y) or y:ndim() ~= 2 or y:size(1) ~= case.samples then
    core.fail("step gives %s as output, not a tensor (%d, width)", check.describe(y), case.samples)
  end
  if shapes(flat(new)) ~= shapes(flat(zero)) or core.is_tensor(new) ~= core.is_tensor(zero) then
    core.fail("step makes %s of a state %s", shapes(flat(new)), shapes(flat(zero)))
  end
  need_same("step changes what it is given in place", flat(state, { x }), { before, table.unpack(kept) }, { "x" })
  local other = case:step(case:x(1), state, 1)
  need_same("the same step gives other values when it is called again", { other }, { y }, { "y" })
  return shapes(flat(new))
end)

add("samples", function(case)
  local state = case:state()
  local function first(list)
    local rows = {}
    for i, t in ipairs(list) do rows[i] = t:detach():rows(1, 1) end
    return rows
  end
  local function others(t) return core.concat({ t:rows(1, 1), t:rows(2, case.samples) * 0.5 }, 1) end
  local y, new = case:step(case:x(1), state, 1)
  local y2, new2 = case:step(others(case:x(1)), map(others, state), 1)
  need_same("a sample depends on the others of its batch", first(flat(new2, { y2 })), first(flat(new, { y })), { "y" })
  return "do not mix"
end)

add("formula", function(case)
  core.no_grad(function() case:layer { compile = true }(case.input) end)
  return "runs in one pass"
end)

add("plan", function(case)
  local state, none = case:state(), nil
  for _, lengths in ipairs { false, case.lengths } do
    for _, options in ipairs { {}, { bidirectional = true } } do
      local layer, own = case:layer(options), lengths or nil
      local start = not options.bidirectional and state or nil
      local got, names, gradients, grad_names = results_of(layer, case.input, start, own)
      none = none or layer.parts[1].why
      local want, _, loop_gradients = by_loop(function() return results_of(layer, case.input, start, own) end)
      need_same("step by step gives other bits", got, want, names)
      need_same("step by step gives others", gradients, loop_gradients, grad_names, DOUBLE and 1e-12 or 1e-4)
    end
  end
  return none and "there is none to compare" or "equals step by step"
end)

add("gradients", function(case)
  if not DOUBLE then return "are compared with differences by rnnlua --double" end
  local layer, state, inputs = case:layer(), case:state(), { x = case.input }
  for i, t in ipairs(flat(state)) do inputs["state " .. i] = t:requires_grad(true) end
  for _, pair in ipairs(case.cell:named_parameters()) do inputs[pair[1]] = pair[2] end
  local x = case.input:copy():requires_grad(true)
  inputs.x = x
  require("rnn.differences").gradcheck(function()
    local y, new = layer(x, state)
    return y, flat(new)
  end, inputs, { atol = 1e-8, rtol = 1e-6 })
  return "equal differences"
end)

add("padding", function(case)
  local layer, state, lengths = case:layer(), case:state(), case.lengths
  local junk = case.input:copy()
  for i, length in ipairs(lengths) do
    for t = length + 1, STEPS do junk[i][t]:fill_(0 / 0) end
  end
  local got, names, gradients, grad_names = results_of(layer, junk, state, lengths)
  local clean, _, clean_gradients = results_of(layer, case.input, state, lengths)
  need_same("NaN behind the end of a sequence changes it", got, clean, names)
  need_same("NaN behind the end of a sequence changes it", gradients, clean_gradients, grad_names)
  for i, length in ipairs(lengths) do
    local short, ends = nil, flat(state)
    if length > 0 then
      local new
      short, new = layer(core.slice(case.input, 2, 1, length), state)
      ends = flat(new)
    end
    for t = 1, STEPS do
      local want = t <= length and short[i][t] or core.zeros { got[1][i][t]:shape() }
      need_same(("a sequence of %d steps in a padded batch, step %d"):format(length, t), { bare(got[1])[i][t] },
        { want }, { "y" })
    end
    for k, t in ipairs(ends) do
      need_same(("a sequence of %d steps in a padded batch"):format(length), { got[1 + k][i] }, { t[i] },
        { "state " .. k })
    end
  end
  return "leaves no trace; lengths " .. table.concat(lengths, ", ")
end)

add("directions", function(case)
  local layer = case:layer { bidirectional = true }
  local back = layer.cell_l0_reverse
  local y, all = layer(case.input)
  local state, outputs = back:initial_state(case.samples), {}
  for t = STEPS, 1, -1 do
    outputs[t], state = guard.inner(back.step)(back, case:x(t), state, core.full({ case.samples, 1 }, t))
    outputs[t] = outputs[t]:reshape(case.samples, 1, -1)
  end
  local own = core.slice(y, 3, -outputs[1]:size(3), -1)
  need_same("backwards", flat(all[2], { own }), flat(state, { core.concat(outputs, 2) }), { "y" })
  return "backwards is the step from the end"
end)

add("streams", function(case)
  local layer = case:layer()
  local whole, last = layer(case.input)
  local _, state = layer(core.slice(case.input, 2, 1, 2))
  local rest, final = layer(core.slice(case.input, 2, 3, STEPS), state)
  need_same("pieces of a sequence", flat(final, { rest }), flat(last, { core.slice(whole, 2, 3, STEPS) }), { "y" })
  return "pieces equal the whole"
end)

add("steps", function(case)
  local layer = case:layer()
  local whole, last = layer(case.input)
  local outputs, state = {}, nil
  for t = 1, STEPS do
    outputs[t], state = layer:step(case:x(t), state)
    outputs[t] = outputs[t]:reshape(case.samples, 1, -1)
  end
  need_same("layer:step", flat(state, { core.concat(outputs, 2) }), flat(last, { whole }), { "y" })
  return "layer:step equals the whole"
end)

add("files", function(case)
  local path = os.tmpname()
  local layer = case:layer()
  local want, last = layer(case.input)
  core.finally("cell_check", function() os.remove(path) end, function()
    local save = require "rnn.save"
    assert(save.save(path, layer))
    local again, message = save.load(path, { classes = { getmetatable(case.cell) } })
    if not again then core.fail("%s", message:gsub("^rnn.load: '[^']*': ", "")) end
    local got, new = again(case.input)
    need_same("what rnn.load gives", flat(new, { got }), flat(last, { want }), { "y" })
  end)
  return "saved and loaded"
end)

local names = {}
for i, each in ipairs(checks) do names[i] = each.name end

local OPTIONS = option.of("rnn.cell_check", {
  { "inputs", 3, option.int(1), "inputs of the cell that a class makes" },
  { "units", 4, option.int(1), "units of that cell" },
  { "arguments", nil, check.table, "further arguments of the constructor" },
  { "samples", 3, option.int(2), "sequences of a batch, at least 2" },
  { "skip", nil, option.kind("string[]", function(fname, argname, value)
    for i, name in ipairs(check.table(fname, argname, value)) do
      check.one_of(fname, ("%s[%d]"):format(argname, i), name, names)
    end
    return value
  end), "names of checks that are left out" },
  { "quiet", false, check.boolean, "prints nothing" },
})

--- rnn.cell_check(cell [, options]) -> true
---
--- What every cell should pass; a class is made with (inputs, units, arguments ...). One line is printed for each
--- check:
---   state       the step keeps shapes, changes nothing in place, gives the same values when it is called again
---   samples     rows of a batch do not mix
---   formula     the step is a formula, so that nn.Recurrent runs it in one pass
---   plan        that pass equals the step in a loop bit for bit, gradients to 1e-12 in double
---   gradients   of x, states and parameters equal differences (rnn.gradcheck), in --double
---   padding     lengths down to 0; NaN behind the end leaves no trace
---   directions  backwards is the step from the end
---   streams     pieces of a sequence equal the whole
---   steps       layer:step equals the whole
---   files       saved and loaded, the same bits
--- Random numbers go on as if nothing had been. Errors: all that is wrong.
---@param cell nn.Cell|table a cell or a class of nn.cell
---@param options? rnn.cell_check.Options
---@return boolean true
local function cell_check(cell, options)
  local fname = "cell_check"
  options = OPTIONS:read(options, fname)
  local inputs, samples = options.inputs, options.samples
  local skip, wrong, random = {}, {}, core.random_state()
  local here = select(2, pcall(core.fail, "")) -- the position that begins messages
  for _, name in ipairs(options.skip or {}) do skip[name] = true end
  local is_class = type(cell) == "table" and class.derives(cell, Cell)
  if not is_class and not class.is_a(cell, Cell) then
    check.expected(fname, "argument 1 (cell)", "a cell, or a class of nn.cell", cell)
  end
  local function say(...)
    if not options.quiet then io.write(("  %-6s %-11s %s\n"):format(...)) end
  end
  core.finally(fname, function() core.random_state(random) end, function()
    core.seed(3)
    if is_class then cell = cell(inputs, options.units, table.unpack(options.arguments or {})) end
    if math.type(cell.inputs) == "integer" then inputs = cell.inputs end
    local case = setmetatable({ cell = cell, samples = samples, input = core.randn(samples, STEPS, inputs),
      lengths = { STEPS, 0 } }, Case)
    for i = 3, samples do case.lengths[i] = 1 + i % STEPS end
    if not options.quiet then io.write(("%s: %s\n"):format(fname, cell:describe())) end
    for i, each in ipairs(checks) do
      if skip[each.name] then
        say("-", each.name, "skipped")
      else
        core.seed(100 + i)
        local ok, text = pcall(each.run, case)
        text = tostring(text or "")
        if text:sub(1, #here) == here then text = text:sub(#here + 1) end
        say(ok and "ok" or "WRONG", each.name, text)
        if not ok then wrong[#wrong + 1] = ("  %s: %s"):format(each.name, text) end
      end
    end
  end)
  if #wrong > 0 then
    core.fail("%s: %s: %d of %d checks failed:\n%s", fname, cell:describe(), #wrong, #checks, table.concat(wrong, "\n"))
  end
  return true
end

return { cell_check = cell_check }
