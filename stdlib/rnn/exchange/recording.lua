-- recording.lua: a PyTorch model at work, as the recipe (recipes.lua) has written it down: which modules and functions
-- ran, on what. Where they are a chain, it is the steps of torch.lua.
--
-- A recording is { x = "0", y = "7", calls = { { id = "3", module = "lstm" or function = "relu", class, options,
-- args, shapes } } }: args are values as JSON, where { t = "3.1" } is the second result of call 3, and x is "0", and
-- { slice = { null, -1, null } } is [:-1]; shapes has the shape of each result.

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

-- Where axes go: "ntc" is batch, time, features; "1" is one of size 1 that stands for nothing, as that of time in
-- y[:, -1:]. A function gives the axes behind it, or nil where it does not fit, and what step it is, if any.

local function axis_of(axes, n)
  if math.type(n) ~= "integer" or n < -#axes or n >= #axes then return nil end
  return n < 0 and #axes + n + 1 or n + 1
end

local function permuted(axes, order)
  local made = ""
  for _, n in ipairs(order) do
    local at = axis_of(axes, n)
    made = made .. (at and axes:sub(at, at) or "")
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

-- What an index takes of each axis, counted from 0: a place, or { from, count }; nil where it does more than that.
local function places_of(index, sizes)
  if type(index) ~= "table" or #index == 0 then index = { index } end
  local list = {}
  for i, at in ipairs(index) do
    if type(at) == "table" and at.ellipsis then
      for _ = 1, #sizes - #index + 1 do list[#list + 1] = { slice = {} } end
    else
      list[#list + 1] = index[i]
    end
  end
  if #list > #sizes then return nil end
  for i, size in ipairs(sizes) do
    local at = list[i] or { slice = {} }
    if math.type(at) == "integer" and at >= -size and at < size then list[i] = at % size
    elseif type(at) == "table" and at.slice then
      local function end_of(n, usual)
        if n == nil or n == core.null then return usual end
        return math.type(n) == "integer" and math.max(math.min(n < 0 and n + size or n, size), 0)
      end
      local from, to, step = end_of(at.slice[1], 0), end_of(at.slice[2], size), at.slice[3] or 1
      if not from or not to or from >= to or step ~= 1 and step ~= core.null then return nil end
      list[i] = { from, to - from }
    else
      return nil
    end
  end
  return list
end

-- x[...], x.select(axis, place), x.narrow(axis, from, count), each as what it takes of each axis.
local PARTS = {}

function PARTS.__getitem__(call, sizes) return places_of(call.args[2], sizes) end

local function along(sizes, axis, index)
  local list = {}
  for i = 1, #sizes do list[i] = i == axis and index or { slice = {} } end
  return axis and sizes[axis] and places_of(list, sizes)
end

function PARTS.select(call, sizes) return along(sizes, axis_of(sizes, call.args[2]), call.args[3]) end

function PARTS.narrow(call, sizes)
  local from, count = call.args[3], call.args[4]
  if math.type(from) ~= "integer" or math.type(count) ~= "integer" then return nil end
  from = from < 0 and from + sizes[axis_of(sizes, call.args[2])] or from
  return along(sizes, axis_of(sizes, call.args[2]), { slice = { from, from + count } })
end

-- A part along axes: y[:, -1] of steps.
local function part(name)
  return function(axes, call, before, after)
    local places, made, picked = PARTS[name](call, before), "", nil
    for i, at in ipairs(places or {}) do
      local axis, one = axes:sub(i, i), math.type(at) == "integer"
      local all = one and before[i] == 1 and axis == "1" or not one and at[2] == before[i]
      local last = axis == "t" and (at == before[i] - 1 or not one and at[2] == 1 and at[1] == before[i] - 1)
      if last and not all then picked = true elseif not all then return nil end
      made = made .. (one and "" or all and axis or "1")
    end
    return #made == #after and made, picked and { name = "last" } or nil
  end
end
for name in pairs(PARTS) do FUNCTIONS[name] = part(name) end

local function same(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do
    if a[i] ~= b[i] then return false end
  end
  return true
end

-- A shape anew: the same one; without "1"; all of a sample in one row; all steps of a batch in one axis, m, and back;
-- with or without an axis of one element at the end.
local function reshaped(axes, _, before, after)
  if same(before, after) then return axes end
  local one, count = axes:find("1", 1, true), 1
  if one then
    axes, before = axes:gsub("1", "", 1), { table.unpack(before) }
    table.remove(before, one)
    if same(before, after) then return axes end
  end
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
local RESHAPES = { reshape = true, view = true, flatten = true, unflatten = true, squeeze = true, unsqueeze = true }
for name in pairs(RESHAPES) do FUNCTIONS[name] = reshaped end

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

--- recording.single(value) -> a number, which may stand alone in a tuple
local function single(value) return type(value) == "table" and #value == 1 and value[1] or value end
recording.single = single

-- The mean or the largest of all steps: x.mean(2) of (N, C, T), nn.AdaptiveAvgPool1d(1).
local function over_time(name, adaptive)
  return function(axes, call)
    local dim = single(adaptive and 2 or call.args[2] or call.options.dim)
    local keep = adaptive or call.options.keepdim or call.args[3]
    local size = single(adaptive and (call.options.output_size or call.args[2]))
    local at = axis_of(axes, dim)
    if not at or axes:sub(at, at) ~= "t" or #axes ~= 3 or axes:find "1" or adaptive and size ~= 1 then return nil end
    return axes:sub(1, at - 1) .. (keep and "1" or "") .. axes:sub(at + 1), { name = name }
  end
end
FUNCTIONS.mean, FUNCTIONS.adaptive_avg_pool1d = over_time "global_mean", over_time("global_mean", true)
FUNCTIONS.amax, FUNCTIONS.adaptive_max_pool1d = over_time "global_max", over_time("global_max", true)
FUNCTIONS.max = FUNCTIONS.amax

-- A function that is a layer here, with what it is given beside its input.
local function step_of(call)
  local given = { table.unpack(call.args, 2) }
  for key, value in pairs(call.options) do given[key] = value end
  return { name = call["function"], options = given }
end

-- Windows over time.
local function pooled(axes, call) return axes == "nct" and axes, step_of(call) end
FUNCTIONS.max_pool1d, FUNCTIONS.avg_pool1d = pooled, pooled

local SOFTMAX = { softmax = true, log_softmax = true, Softmax = true, LogSoftmax = true }

local function features_last(axes) return axes:sub(-1) == "c" and axes end
local function features_before_time(axes) return axes == "nct" and axes end

-- Modules: the axes that they take, and those that they give.
local MODULES = {
  Embedding = function(axes) return not axes:find "c" and axes .. "c" end,
  Conv1d = features_before_time, MaxPool1d = features_before_time, AvgPool1d = features_before_time,
  BatchNorm1d = function(axes) return (axes == "nct" or axes == "nc") and axes end,
  AdaptiveAvgPool1d = FUNCTIONS.adaptive_avg_pool1d, AdaptiveMaxPool1d = FUNCTIONS.adaptive_max_pool1d,
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
local THROUGH = { to = true, float = true, contiguous = true, clone = true, detach = true, requires_grad = true,
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

-- Values that are parts of the state h of a recurrent module, of axes "snc": which of its rows, of layers and
-- directions, they have. Where h.view(layers, directions, N, C) has told these apart its axes are "lsnc"; "nc" are rows
-- one behind the other.
local States = {}
States.__index = States

local SAME = { contiguous = true, clone = true, detach = true }
local CAT = { cat = true, concat = true, concatenate = true, hstack = true }
local TURNS = { permute = true, transpose = true, swapaxes = true }

local function state(source, axes, rows) return axes and { maker = source.maker, axes = axes, rows = rows } end

-- A part of it: of rows by the axes l and s, of others all.
local function part_of_state(source, places, sizes, after)
  local axes, rows, whole = "", source.rows, true
  for i, at in ipairs(places or {}) do
    local axis, one = source.axes:sub(i, i), math.type(at) == "integer"
    local from, count = one and at or at[1], one and 1 or at[2]
    if count ~= sizes[i] then
      if axis ~= "l" and axis ~= "s" or not whole then return nil end
      local size = #rows // sizes[i]
      rows = { table.unpack(rows, from * size + 1, (from + count) * size) }
    end
    if axis == "l" then whole = count == 1 end
    axes = axes .. (one and "" or axis)
  end
  return #axes == #after and state(source, axes, rows) or nil
end

function States:made(call, n)
  local after = call.shapes[n + 1]
  if call.module then
    local rows = {}
    if n ~= 1 or #after ~= 3 or call.class ~= "RNN" and call.class ~= "GRU" and call.class ~= "LSTM" then return nil end
    for i = 1, after[1] do rows[i] = i end
    return { maker = call, axes = "snc", rows = rows }
  end
  local name, list = call["function"], values(call.args, {})
  if CAT[name] then
    local rows, first, sizes = {}, self:of(list[1]), shape_of(self.calls, list[1] or "")
    for _, value in ipairs(list) do
      local each = self:of(value)
      if not first or not each or each.maker ~= first.maker or each.axes ~= "nc" then return nil end
      table.move(each.rows, 1, #each.rows, #rows + 1, rows)
    end
    return #after == 2 and after[1] == sizes[1] and first and state(first, "nc", rows) or nil
  end
  local source, before = #list == 1 and self:of(list[1]), shape_of(self.calls, list[1] or "")
  if not source then return nil end
  if SAME[name] then return source end
  if TURNS[name] then return state(source, FUNCTIONS[name](source.axes, call), source.rows) end
  if PARTS[name] then return part_of_state(source, PARTS[name](call, before), before, after) end
  local at = source.axes:find("s", 1, true)
  if name == "unbind" or name == "chunk" or name == "split" then
    local dim = call.args[name == "unbind" and 2 or 3] or call.options.dim or 0
    if not at or axis_of(source.axes, dim) ~= at then return nil end
    local from = 0
    for i = 1, n do from = from + (name == "unbind" and 1 or call.shapes[i][at]) end
    local index = name == "unbind" and from or { slice = { from, from + after[at] } }
    return part_of_state(source, along(before, at, index), before, after)
  end
  if not RESHAPES[name] then return nil end
  if same(before, after) then return source end
  if at and #source.rows == 1 then
    local less = { table.unpack(before) }
    table.remove(less, at)
    if same(less, after) then return state(source, (source.axes:gsub("s", "")), source.rows) end
  end
  if source.axes == "nsc" and same(after, { before[1], before[2] * before[3] }) then
    return state(source, "nc", source.rows)
  end
  if source.axes == "snc" and #after == 4 and after[2] == (source.maker.options.bidirectional and 2 or 1)
    and same({ after[1] * after[2], after[3], after[4] }, before) then
    return state(source, "lsnc", source.rows)
  end
end

--- states:of(value) -> its maker, axes, rows; nil: it is no state
function States:of(value)
  if not value or self.known[value] ~= nil then return self.known[value] or nil end
  self.known[value] = false -- one that is made of itself is none
  local id, n = value:match "^(%d+)%.(%d+)$"
  local call = self.calls[id]
  if call and call.shapes[n + 1] then self.known[value] = self:made(call, n + 0) or false end
  return self.known[value] or nil
end

-- The state that the last layer has behind the last step, of two directions one behind the other, as h[-1] and
-- torch.cat((h[-2], h[-1]), 1) are: who made it, and its axes; or nil.
function States:final(value)
  local found = self:of(value)
  if not found then return nil end
  local maker, rows = found.maker, found.rows
  local count, wanted = maker.shapes[2][1], maker.options.bidirectional and 2 or 1
  if #rows ~= wanted or rows[1] ~= count - wanted + 1 or rows[#rows] ~= count then return nil end
  local axes = wanted == 1 and found.axes:gsub("[ls]", "1") or found.axes
  return not axes:find "[ls]" and maker, axes
end

-- The calls between x and y, from x on.
local function path(calls, recorded)
  local list, value = {}, recorded.y
  local states = setmetatable({ calls = calls, known = {} }, States)
  while value ~= "0" do
    local call = type(value) == "string" and calls[value:match "^%d+"]
    if not call or #list > 1000 then
      core.fail("the recording has no way from x to y: y is computed of something that is no module and no function "
        .. "of PyTorch on its tensors")
    end
    local final, axes = states:final(value)
    if final then
      list[#list + 1] = { final = axes, call = final }
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
      made, step = each.final, { name = "final" }
    else
      local before, after = shape_of(calls, each.from, input), shape_of(calls, each.value, input)
      if type(before) ~= "table" or type(after) ~= "table" then core.fail "the recording has a call without shapes" end
      local options = call.options
      if call.module then
        local rule = MODULES[call.class]
        if rule then made, step = rule(axes, call, before, after) end
        if SOFTMAX[call.class] and axis_of(axes, options.dim) ~= #axes then made = nil end
        step = step or { name = call.module, class = call.class, options = options }
      elseif FUNCTIONS[call["function"]] then
        made, step = FUNCTIONS[call["function"]](axes, call, before, after)
      else
        step = step_of(call)
        made = #before == #after and axes or nil
        if SOFTMAX[call["function"]] then
          made = axis_of(axes, step.options.dim or step.options[1]) == #axes and features_last(axes)
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
    call.args, call.shapes, call.options = call.args or {}, call.shapes or {}, call.options or {}
    local name = call["function"]
    call["function"] = name and (name:match "^(.*[^_])_$" or name) -- relu_ is relu
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
