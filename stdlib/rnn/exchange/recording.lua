-- recording.lua: a PyTorch model at work, as the recipe (recipes.lua) has written it down: which modules and functions
-- ran, on what. Where they are a chain, it is the steps of torch.lua.
--
-- A recording is { x = "0", y = "7", calls = { { id = "3", module = "lstm" or function = "relu", class, options,
-- args, shapes } } }: args are values as JSON, where { t = "3.1" } is the second result of call 3, and x is "0";
-- shapes has the shape of each result.

local core = require "rnn.core"

local recording = {}

local function is_value(arg) return type(arg) == "table" and arg.t ~= nil end

-- The values among the arguments, also in lists.
local function values(args, list)
  for _, arg in ipairs(args) do
    if is_value(arg) then list[#list + 1] = arg.t
    elseif type(arg) == "table" and not arg.slice then values(arg, list) end
  end
  return list
end

local function shape_of(calls, value, input)
  if value == "0" then return input end
  local id, n = value:match "^(%d+)%.(%d+)$"
  return calls[id] and calls[id].shapes[tonumber(n) + 1]
end

-- ---- axes ----

-- Where axes go: "ntc" is batch, time, features. A function gives the axes behind it, or nil where it does not fit, and
-- what step it is, if any.

local function axis_of(axes, n)
  if math.type(n) ~= "integer" then return nil end
  return n < 0 and #axes + n + 1 or n + 1
end

local function permuted(axes, order)
  local made = ""
  for _, n in ipairs(order) do
    local at = axis_of(axes, n)
    made = made .. axes:sub(at, at)
  end
  return #made == #axes and made or nil
end

local function numbers(args)
  local list = {}
  for i = 2, #args do
    if type(args[i]) == "table" and not is_value(args[i]) then return args[i] end
    list[#list + 1] = args[i]
  end
  return list
end

local FUNCTIONS = {}

function FUNCTIONS.permute(axes, call) return permuted(axes, numbers(call.args)) end

function FUNCTIONS.transpose(axes, call)
  local a, b = axis_of(axes, call.args[2]), axis_of(axes, call.args[3])
  if not a or not b then return nil end
  local order = {}
  for i = 1, #axes do order[i] = i - 1 end
  order[a], order[b] = b - 1, a - 1
  return permuted(axes, order)
end
FUNCTIONS.swapaxes = FUNCTIONS.transpose

-- A part along axes: y[:, -1] of steps.
function FUNCTIONS.__getitem__(axes, call)
  local index = call.args[2]
  if type(index) ~= "table" or index.slice then index = { index } end
  local made, picked = "", nil
  for i = 1, #axes do
    local at = index[i]
    if at == nil or type(at) == "table" and at.slice and #at.slice == 0 then
      made = made .. axes:sub(i, i)
    elseif at == "..." then
      return nil
    elseif axes:sub(i, i) == "t" and (at == -1 or call.steps and at == call.steps - 1) and not picked then
      picked = true
    else
      return nil
    end
  end
  return made, picked and { name = "last" } or nil
end

function FUNCTIONS.select(axes, call)
  local at = axis_of(axes, call.args[2])
  if not at or axes:sub(at, at) ~= "t" or call.args[3] ~= -1 then return nil end
  return axes:gsub("t", ""), { name = "last" }
end

-- A shape anew: the same one; all of a sample in one row; all steps of a batch in one axis, m, and back; with or
-- without an axis of one element at the end.
local function reshaped(axes, _, before, after)
  local function same(a, b)
    if #a ~= #b then return false end
    for i = 1, #a do
      if a[i] ~= b[i] then return false end
    end
    return true
  end
  if same(before, after) then return axes end
  local count = 1
  for i = 2, #before do count = count * before[i] end
  local n, t, c = table.unpack(before)
  if axes == "ntc" and same(after, { n, count }) then return "nc", { name = "flatten" } end
  if axes == "nct" and same(after, { n, count }) then return "nc", { name = "flatten", channels = t, steps = c } end
  if axes == "ntc" and same(after, { n * t, c }) then return "mc" end
  if axes == "mc" and #after == 3 and after[1] * after[2] == n and after[3] == t then return "ntc" end
  if axes:sub(-1) == "c" and before[#before] == 1 and same(after, { table.unpack(before, 1, #before - 1) }) then
    return axes:sub(1, -2)
  end
  if axes:sub(-1) ~= "c" and after[#after] == 1 and same(before, { table.unpack(after, 1, #after - 1) }) then
    return axes .. "c"
  end
  return nil
end
for _, name in ipairs { "reshape", "view", "flatten", "squeeze", "unsqueeze" } do FUNCTIONS[name] = reshaped end

-- Zeros in front of a convolution.
function FUNCTIONS.pad(axes, call)
  local function said(place, name, usual)
    local value = call.args[place] == nil and call.options[name] or call.args[place]
    return value == nil or value == core.null or value == usual
  end
  local pad = call.args[2] or call.options.pad
  local zeros = said(3, "mode", "constant") and said(4, "value", 0)
  if axes ~= "nct" or not zeros or type(pad) ~= "table" or #pad ~= 2 or pad[2] ~= 0 then return nil end
  return axes, { name = "pad", steps = pad[1] }
end

local SOFTMAX = { softmax = true, log_softmax = true, Softmax = true, LogSoftmax = true }

local function features_last(axes) return axes:sub(-1) == "c" and axes end

-- Modules: the axes that they take, and those that they give.
local MODULES = {
  Embedding = function(axes) return not axes:find "c" and axes .. "c" end,
  Conv1d = function(axes) return axes == "nct" and axes end,
  BatchNorm1d = function(axes) return (axes == "nct" or axes == "nc") and axes end,
  Linear = features_last, LayerNorm = features_last,
  Flatten = function(axes, call, before, after)
    if call.options.start_dim ~= 1 then return nil end
    return reshaped(axes, call, before, after)
  end,
}
local function sequence(axes, call) return axes == (call.options.batch_first and "ntc" or "tnc") and axes end
MODULES.RNN, MODULES.GRU, MODULES.LSTM = sequence, sequence, sequence

-- ---- the way from x to y ----

local ZEROS = { zeros = true, zeros_like = true, new_zeros = true }
local THROUGH = { to = true, float = true, contiguous = true, clone = true, detach = true, requires_grad_ = true,
  __getitem__ = true, cpu = true, type = true, unsqueeze = true, repeat_interleave = true, expand = true }

local function name_of(call) return call.module and ("module '%s'"):format(call.module) or call["function"] end

-- Is it a tensor of zeros, as a first state is?
local function is_zero(calls, value)
  for _ = 1, 8 do
    local call = calls[value:match "^%d+"]
    if not call then return false end
    if ZEROS[call["function"]] then return true end
    local from = THROUGH[call["function"]] and values(call.args, {})[1]
    if not from then return false end
    value = from
  end
  return false
end

-- h[-1], or torch.cat((h[-2], h[-1]), 1), of the state h of a recurrent module: that call's value.
local function final_of(calls, call)
  local function of_state(value)
    local from = calls[value:match "^%d+"]
    if not from or from["function"] ~= "__getitem__" then return nil end
    local source = values(from.args, {})[1]
    local maker = source and calls[source:match "^%d+"]
    local index = from.args[2]
    if maker and maker.module and source:find "%.1$" and math.type(index) == "integer" then
      return maker, index - (index >= 0 and shape_of(calls, source)[1] or 0)
    end
  end
  if call["function"] == "__getitem__" then
    local maker, index = of_state(call.id .. ".0")
    return maker and index == -1 and not maker.options.bidirectional and maker
  elseif call["function"] == "squeeze" or call["function"] == "view" or call["function"] == "reshape" then
    local source = values(call.args, {})[1]
    local maker = calls[source:match "^%d+"]
    local one = maker and source:find "%.1$" and shape_of(calls, source)[1] == 1
    local shape = shape_of(calls, call.id .. ".0")
    return one and maker.module and #shape == 2 and shape[2] == shape_of(calls, source)[3] and maker
  elseif call["function"] == "cat" or call["function"] == "concat" then
    local list = values(call.args, {})
    if #list ~= 2 or #shape_of(calls, call.id .. ".0") ~= 2 then return nil end
    local a, i = of_state(list[1])
    local b, j = of_state(list[2])
    return a and a == b and i == -2 and j == -1 and a.options.bidirectional and a
  end
end

-- The calls between x and y, from x on.
local function path(calls, recorded)
  local list, value = {}, recorded.y
  while value ~= "0" do
    local call = type(value) == "string" and calls[value:match "^%d+"]
    if not call or #list > 1000 then
      core.fail("the recording has no way from x to y: y is computed of something that is no module and no function "
        .. "of PyTorch on its tensors")
    end
    local final = final_of(calls, call)
    if final then
      list[#list + 1] = { final = true, call = final }
      value = final.id .. ".0"
      call = final
    end
    if call.module and not final and not value:find "%.0$" then
      core.fail("%s: what is used is its state, other than as h[-1]", name_of(call))
    end
    local from = {}
    for _, each in ipairs(values(call.args, {})) do
      if not is_zero(calls, each) then from[#from + 1] = each end
    end
    if #from ~= 1 then
      core.fail("no chain of layers: %s takes %d values", name_of(call), #from)
    end
    list[#list + 1] = { call = call, from = from[1], value = value }
    value = from[1]
  end
  local forwards = {}
  for i = #list, 1, -1 do forwards[#forwards + 1] = list[i] end
  return forwards
end

-- The steps with the axes of x as supposed: steps, axes of y; or nil and where they do not fit.
local function walk(calls, way, input, axes)
  local steps = {}
  for _, each in ipairs(way) do
    local call, made, step = each.call, axes, nil
    if each.final then
      made, step = "nc", { name = "final" }
    else
      local before, after = shape_of(calls, each.from, input), shape_of(calls, each.value, input)
      if type(before) ~= "table" or type(after) ~= "table" then core.fail "the recording has a call without shapes" end
      local options = call.options or {}
      if call.module then
        local rule = MODULES[call.class]
        if rule then made, step = rule(axes, { options = options }, before, after) end
        if SOFTMAX[call.class] and axis_of(axes, options.dim) ~= #axes then made = nil end
        step = step or { name = call.module, class = call.class, options = options }
      elseif FUNCTIONS[call["function"]] then
        made, step = FUNCTIONS[call["function"]](axes, { args = call.args, options = options,
          steps = before[axes:find "t" or 1] }, before, after)
      else
        local given = { table.unpack(call.args, 2) }
        for key, value in pairs(options) do given[key] = value end
        step = { name = call["function"], options = given }
        made = #before == #after and axes or nil
        if SOFTMAX[call["function"]] then
          made = axis_of(axes, given.dim or given[1]) == #axes and features_last(axes)
        end
      end
    end
    if not made then
      return nil, ("%s on (%s), with axes %s"):format(name_of(call), table.concat(shape_of(calls, each.from, input)
        or {}, ", "), axes), #steps
    end
    steps[#steps + 1], axes = step, made
  end
  return steps, axes
end

--- recording.read(recorded, x) -> steps, axes of x, axes of y
---
--- x is the recorded input. Raises for what is no chain, and names the call where it ends.
function recording.read(recorded, x)
  if type(recorded) ~= "table" or type(recorded.calls) ~= "table" then core.fail "the recording is none" end
  local calls = {}
  for _, call in ipairs(recorded.calls) do
    call.args, call.shapes = call.args or {}, call.shapes or {}
    calls[call.id] = call
  end
  local input = { x:shape() }
  local supposed = ({ { "n" }, { "nc", "nt" }, { "ntc", "tnc", "nct" } })[#input]
  if x:type() == "int32" then supposed = ({ { "n" }, { "nt", "tn" } })[#input] end
  if not supposed then core.fail("an input of %d axes has no counterpart here", #input) end
  local way, why, furthest = path(calls, recorded), nil, -1
  for _, axes in ipairs(supposed) do
    local steps, behind, far = walk(calls, way, input, axes)
    if steps then return steps, axes, behind end
    if far > furthest then why, furthest = behind, far end
  end
  core.fail("no counterpart here: %s", why)
end

return recording
