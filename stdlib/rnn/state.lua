-- state.lua: the state of a recurrent layer is a value. Layers take it and give the next one; nothing is hidden.
--
-- The state of a user's own cell may be a tensor or any table of tensors; the functions here go through both, and what
-- they give belongs to the layer that made what they were given.

local core = require "rnn.core"
local split = require "rnn.shapes".split
local class = require "rnn.class"
local check = require "rnn.check"

--- nn.State(tensors)
---
--- An array of tensors (N, H), batch first: the state of nn.RNN, nn.LSTM and nn.GRU. One tensor h for each layer; for
--- the LSTM h and c for each layer: {h1, c1, h2, c2, ...}. Every method gives a new state; what a layer does later
--- changes none.
---
--- A state knows the layer that made it, and every other layer refuses it: b(a(x)) would pass a's state on to b.
--- nn.State(state), of a table or one tensor, hands it over on purpose, with its history: what it gives suits any layer
--- of fitting sizes, as does a table { h, c } of a script's own.
---@class nn.State
---@field [integer] rnn.Tensor
---@overload fun(tensors: rnn.Tensor[]|rnn.Tensor): nn.State
local State = class("nn.State")

-- ---- which layer made a state, so that no other takes it unasked ----
--
-- One that is a table has its layer's own metatable, derived from nn.State; of one that is a tensor a list says it.
-- Tables of a script's own have no owner.

local owner = {}
State._owner = owner

local kinds = setmetatable({}, { __mode = "k" }) -- of a layer, the metatable of its states
local makers = setmetatable({}, { __mode = "k" }) -- of such a metatable, or of a tensor, the layer

--- owner.kind(layer) -> the metatable of its states
function owner.kind(layer)
  local kind = kinds[layer]
  if not kind then
    kind = class("nn.State", State)
    kinds[layer], makers[kind] = kind, layer
  end
  return kind
end

--- owner.of(state) -> the layer that made it, or nil
function owner.of(state)
  return makers[core.is_tensor(state) and state or getmetatable(state)]
end

--- owner.is_of(layer, state) -> whether state is a table that layer made
function owner.is_of(layer, state) return type(state) == "table" and makers[getmetatable(state)] == layer end

--- owner.mark(layer, state) -> state
---
--- The same state, made by layer. What is no table of nn's or the script's own stays as it is.
function owner.mark(layer, state)
  if core.is_tensor(state) then
    makers[state] = layer
    return state
  end
  if type(state) ~= "table" or getmetatable(state) and not class.is_a(state, State) then
    return state
  end
  local marked = {}
  for key, value in pairs(state) do marked[key] = value end
  return setmetatable(marked, owner.kind(layer))
end

--- owner.check_stream(layer, x, state): raises where a step would leave out what a derived class adds in forward, and
--- where, as it records nothing, it would cut a gradient off.
function owner.check_stream(layer, x, state)
  local kind = getmetatable(layer)
  while not rawget(kind, "step") do
    if rawget(kind, "forward") then
      core.fail("%s: step: forward is %s's own, so step would leave out what it adds; write function %s:step(x, state)",
        layer:describe(), kind.__name, kind.__name)
    end
    kind = getmetatable(kind).base
  end
  if not layer.training or not core.recording() then return end
  local needs = x:requires_grad()
  for _, t in next, type(state) == "table" and state or { state } do
    needs = needs or core.is_tensor(t) and t:requires_grad()
  end
  if needs then
    core.fail("%s: step: no gradient goes back through it, but what it is given has a history; to train, call the "
      .. "layer with (N, T, ...) or step a cell, such as nn.GRUCell; a stream runs in rnn.no_grad or after "
      .. "layer:eval()", layer:describe())
  end
end

--- owner.check(layer, state) -> state
---
--- Raises for one that another layer made.
function owner.check(layer, state)
  local maker = makers[core.is_tensor(state) and state or getmetatable(state)]
  if maker and maker ~= layer then
    core.fail("%s: expected a state of its own, got one that %s made (b(a(x)) passes it on, b((a(x))) does not); "
      .. "nn.State(state) hands it over on purpose", layer:describe(), maker:describe())
  end
  return state
end

--- owner.take(layer, state) -> state
---
--- As check; what it gives is of no layer any more, so that the step of a cell can give it to a cell within.
function owner.take(layer, state)
  if owner.of(owner.check(layer, state)) == nil then return state end
  if core.is_tensor(state) then return state:reshape(state:shape()) end
  local bare = {}
  for key, value in pairs(state) do bare[key] = value end
  return bare
end

-- ---- values ----

function State:init(tensors)
  if core.is_tensor(tensors) then tensors = { tensors } end
  check.table("nn.State", "argument 1 (tensors)", tensors)
  for key, value in pairs(tensors) do -- states within it are handed over as well
    if type(value) == "table" then value = State(value) end
    if core.is_tensor(value) and makers[value] then value = value:reshape(value:shape()) end
    self[key] = value
  end
end

-- f(tensor, tensors of the same place in the other states ...) over a tensor or a table of them.
local function map(f, state, ...)
  if core.is_tensor(state) then return f(state, ...) end
  if type(state) ~= "table" then
    core.fail("nn.State: expected a tensor or a table of tensors, got %s", check.describe(state))
  end
  local others, result = { ... }, setmetatable({}, class.is_a(state, State) and getmetatable(state) or State)
  for key, value in pairs(state) do
    local at = {}
    for i, other in ipairs(others) do
      at[i] = type(other) == "table" and other[key] or nil
      if at[i] == nil then core.fail("nn.State: states differ: one has no entry '%s'", tostring(key)) end
    end
    result[key] = map(f, value, table.unpack(at))
  end
  return result
end

--- nn.State.map(f, state, ...) -> state
---
--- Applies f to each tensor of a state, along with the tensors at the same place in further states of equal structure.
--- Tensors are (N, H). Errors: states of different structure.
---@param f fun(t: rnn.Tensor, ...: rnn.Tensor): rnn.Tensor
---@param state rnn.Tensor|table
---@return rnn.Tensor|nn.State
function State.map(f, state, ...)
  return map(check.callback("nn.State.map", "argument 1 (f)", f), state, ...)
end

--- nn.detach(state), nn.State.detach(state) -> state
---
--- The same values without history, so that backward stops here: what truncated back-propagation does between two
--- windows. Takes a state, a tensor or nil (the zero state, which it returns).
---@param state rnn.Tensor|table|nil
---@return rnn.Tensor|nn.State|nil
function State.detach(state)
  if state == nil then return nil end
  return map(function(t) return t:detach() end, state)
end

--- state:copy() -> state
---
--- Values of its own, without history.
---@return nn.State
function State:copy()
  return map(function(t) return t:copy() end, self)
end

--- state:rows(from, to) -> state
---
--- The states of the batch rows from .. to, inclusive.
---@param from integer
---@param to integer
---@return nn.State
function State:rows(from, to)
  check.int("nn.State:rows", "argument 1 (from)", from, 1)
  check.int("nn.State:rows", "argument 2 (to)", to, from - 1)
  return map(function(t) return core.slice(t, 1, from, to) end, self)
end

--- state:gather(ids) -> state
---
--- The states of the batch rows in ids, in that order and as often: beams, reordered batches, one state for many.
---@param ids rnn.Tensor int32 (B)
---@return nn.State
function State:gather(ids)
  return State._gather(self, ids)
end

-- The same of any state, a tensor or a table of tensors.
function State._gather(state, ids)
  return map(function(t) return core.gather(t, 1, ids) end, state)
end

--- state:split(sizes) -> array of states
---
--- Cuts the batch into parts of the given sizes, or, with a number, into that many equal parts.
---@param sizes integer|integer[]
---@return nn.State[]
function State:split(sizes)
  local count
  local cut = map(function(t)
    local pieces = split(t, 1, sizes)
    count = #pieces
    return pieces
  end, self)
  local parts = {}
  for i = 1, count do
    parts[i] = map(function(_, pieces) return pieces[i] end, self, cut)
  end
  return parts
end

--- nn.State.join(states) -> state
---
--- One state for the joined batches, in order. Errors: states of different structure or layers, or none.
---@param states nn.State[]
---@return nn.State
function State.join(states)
  if type(states) ~= "table" or #states == 0 then
    check.expected("nn.State.join", "argument 1 (states)", "a table of states", states)
  end
  for i = 2, #states do
    if owner.of(states[i]) ~= owner.of(states[1]) then
      core.fail("nn.State.join: states 1 and %d were not made by the same layer; nn.State(state) is one of no layer", i)
    end
  end
  return map(function(...) return core.concat({ ... }, 1) end, table.unpack(states))
end

function State.__tostring(self)
  local parts = {}
  for key, value in pairs(self) do
    local text = core.is_tensor(value) and check.shape(value) or tostring(value)
    parts[#parts + 1] = type(key) == "number" and text or ("%s = %s"):format(key, text)
  end
  table.sort(parts)
  return "nn.State { " .. table.concat(parts, ", ") .. " }"
end

return State
